"""The position in an epoch: shared by all processes of a DataLoader, saved as a state, and resumed from once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genpas_cli.loaders.arguments import at_least
from genpas_cli.runtime.errors import UsageError

_EPOCH, _BATCHES, _WORKERS, _RESUMED_BY, _READ_BY, _READERS, _BEGUN = range(7)
"""Indices of the shared numbers; from `_BEGUN` on, one per worker: whether it has begun the resumed pass."""

_NOBODY, _A_LATER_PASS = -1, -2
_MOST_WORKERS = 1024
_LARGEST_PASS = 2**62

Pass = int
"""Number of one iteration over the dataset (a pass), the same in all workers that share it."""


def pass_of_workers(base_seed: int, iterations: int) -> Pass:
    """Return the pass of a worker.

    Args:
        base_seed: seed that a DataLoader draws for all workers of an iteration.
        iterations: iterations of the dataset in this worker; persistent workers keep the same base seed in all.
    """
    return (base_seed + iterations) % _LARGEST_PASS


def pass_of_one(iterations: int) -> Pass:
    """Return the pass of an iteration without workers."""
    return -1 - _LARGEST_PASS - iterations


class Position:
    """The epoch, and the position of a loaded state in it, in memory shared with the workers of a DataLoader.

    It tells persistent workers of a new epoch, and workers that start later of a loaded state. One pass resumes from a
    state; later passes are whole.

    Args:
        epoch: the first epoch.
    """

    def __init__(self, epoch: int) -> None:
        self._shared = torch.zeros(_BEGUN + _MOST_WORKERS, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]  # torch
        self.move(epoch, 0, 1)

    @property
    def epoch(self) -> int:
        """The epoch of the next pass."""
        return int(self._shared[_EPOCH])

    @property
    def readers(self) -> int | None:
        """Number of workers of the last pass (0: none); None if there was no pass since the last `move`."""
        return None if self._shared[_READ_BY] == _NOBODY else int(self._shared[_READERS])

    def move(self, epoch: int, batches: int, workers: int) -> None:
        """Make the next pass begin after `batches` batches of an epoch, taken in turn from `workers` workers."""
        self._shared.zero_()
        self._shared[_RESUMED_BY] = self._shared[_READ_BY] = _NOBODY
        self._shared[_EPOCH], self._shared[_BATCHES], self._shared[_WORKERS] = epoch, batches, workers

    def before(self) -> tuple[int, int]:
        """Return the batches before the current or next pass, and the number of workers they were taken from."""
        is_later = int(self._shared[_READ_BY]) not in (_NOBODY, int(self._shared[_RESUMED_BY]))
        return (0, 1) if is_later else (int(self._shared[_BATCHES]), int(self._shared[_WORKERS]))

    def enter(self, number: Pass, worker: int, workers: int) -> tuple[int, int]:
        """Begin a pass in this process.

        Args:
            number: number of the pass.
            worker: number of this worker, from 0.
            workers: number of workers that share the pass; 0: the pass runs in this process alone.

        Returns:
            The batches before the pass, and the number of workers they were taken from.
        """
        if worker >= _MOST_WORKERS:
            raise UsageError(f"num_workers is {workers}; the maximum is {_MOST_WORKERS}")
        shared, begun = self._shared, _BEGUN + worker
        shared[_READERS], shared[_READ_BY] = workers, number
        # The worker's flag is needed too: passes have equal numbers if PyTorch is seeded equally before each.
        if int(shared[_RESUMED_BY]) not in (_NOBODY, number) or shared[begun]:
            shared[_READ_BY] = _A_LATER_PASS
            return 0, 1
        shared[_RESUMED_BY], shared[begun] = number, 1
        return int(shared[_BATCHES]), int(shared[_WORKERS])


def check_state(state: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Check that a state returned by `state_dict` fits a dataset.

    Args:
        state: the loaded state.
        mine: the settings of the dataset; `epoch` is not compared.

    Raises:
        UsageError: it is not a state, or it belongs to other pairs or other settings.
    """
    if not isinstance(state, Mapping):
        raise UsageError(f"the state is {state!r}; it must be the dictionary that state_dict returned")
    missing = sorted({*mine, "batches", "workers"} - set(state))
    if missing == ["pairs"]:
        raise UsageError(
            "the state was saved by an older version of genpas, which did not record to which pairs it belongs",
            tip="Start the epoch again with dataset.set_epoch(epoch), without load_state_dict.",
        )
    if missing:
        raise UsageError(f"the state is not a state of a PairDataset: the keys {', '.join(missing)} are missing")
    for name, low in (("epoch", 0), ("batches", 0), ("workers", 1), ("worker", 0)):
        if name in state:
            at_least(f"{name} of the state", state[name], low)
    if state["pairs"] != mine["pairs"]:
        raise UsageError(
            "the state belongs to other pairs than this dataset: their manifests differ",
            tip="Load the state into a dataset of the pairs that it was saved with.",
        )
    for name in sorted(set(mine) - {"epoch"}):
        if mine[name] != state[name]:
            raise UsageError(
                f"the state was saved with {name} = {state[name]!r}, but this dataset has {name} = {mine[name]!r}",
                tip="Create the dataset with the same arguments to continue with the same batches.",
            )
