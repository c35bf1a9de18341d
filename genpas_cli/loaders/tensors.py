"""Batches as PyTorch has them: tensors over the arrays of a packed batch, in this process or sent to another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genpas_cli.loaders.batches import Field, Packed

Batch = dict[str, torch.Tensor]
"""Tensors by name. All have an entry a pair, in one order, but for the values of inputs that are not padded."""

_SLOTS = 4
"""Batches of one worker that can be on their way at a time; a DataLoader asks each for two ahead."""

_HEAD = 64
"""Bytes before the slots; the first `_SLOTS` say which of them are taken."""


def as_tensors(packed: Packed) -> Batch:
    """Return a batch as tensors over its arrays; no copy."""
    return {field.name: torch.from_numpy(packed.array(field)) for field in packed.fields}


class SentBatch(Batch):
    """A batch on its way out of a worker; it arrives as an ordinary dictionary with memory of its own.

    A DataLoader moves each tensor by a new file in shared memory. To make one, hand it over and touch its pages for
    the first time takes several times as long as to fill a batch; so it goes through memory that is used again.
    """

    def __init__(self, packed: Packed) -> None:
        self._packed, self._tensors = packed, as_tensors(packed)
        super().__init__(self._tensors)

    def __copy__(self) -> SentBatch:
        """Return another of the same memory: a DataLoader copies each batch, and would make a dictionary of it."""
        copied = SentBatch.__new__(SentBatch)
        vars(copied).update(vars(self))
        copied.update(self)
        return copied

    def __reduce__(self) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
        """Say how it is taken out of shared memory; called when it is sent, on the thread that sends."""
        if self.keys() != self._tensors.keys() or any(self[name] is not self._tensors[name] for name in self):
            return dict, (dict(self),)  # somebody has put other tensors into it
        return _posted(self._packed)


class _Slots:
    """A piece of shared memory with room for some batches, as one of the two processes sees it."""

    def __init__(self, memory: torch.Tensor) -> None:
        self.memory = memory
        array: NDArray[np.uint8] = memory.numpy()
        self.taken = array[:_SLOTS]
        self._slots = array[_HEAD:].reshape(_SLOTS, -1)

    @property
    def size(self) -> int:
        return self._slots.shape[1]

    def put(self, slot: int, buffer: NDArray[np.uint8]) -> None:
        self.taken[slot] = 1
        self._slots[slot, : len(buffer)] = buffer

    def take(self, slot: int, size: int) -> NDArray[np.uint8]:
        buffer = self._slots[slot, :size].copy()
        self.taken[slot] = 0
        return buffer


_outgoing: _Slots | None = None
"""Of this process, if it is a worker: one for all its datasets, as all their batches leave by one queue."""

_incoming: dict[int, _Slots] = {}
"""Those of the workers of this process, by process id."""


def _posted(packed: Packed) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
    global _outgoing  # noqa: PLW0603  # a process has one queue to send by
    size = packed.buffer.nbytes
    memory = None
    if _outgoing is None or _outgoing.size < size:
        # With some room to spare, as batches differ in size.
        memory = torch.zeros(_HEAD + _SLOTS * (size + size // 4), dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]  # torch
        _outgoing = _Slots(memory)
    free = np.flatnonzero(_outgoing.taken == 0)
    if len(free) == 0:
        return _unpacked, (torch.from_numpy(packed.buffer), packed.fields)
    _outgoing.put(int(free[0]), packed.buffer)
    return _collected, (os.getpid(), memory, int(free[0]), size, packed.fields)


def _collected(sender: int, memory: torch.Tensor | None, slot: int, size: int, fields: tuple[Field, ...]) -> Batch:
    """Return a batch that a worker has put into a slot; `memory` comes with the first batch that uses it."""
    if memory is not None:
        for process in [process for process in _incoming if not _lives(process)]:
            del _incoming[process]
        _incoming[sender] = _Slots(memory)
    return as_tensors(Packed(_incoming[sender].take(slot, size), fields))


def _unpacked(buffer: torch.Tensor, fields: tuple[Field, ...]) -> Batch:
    return as_tensors(Packed(np.asarray(buffer.numpy()), fields))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
