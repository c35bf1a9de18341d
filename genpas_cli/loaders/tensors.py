"""Batches as PyTorch tensors: views of the arrays of a packed batch, in this process or sent to another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genpas_cli.loaders.batches import Field, Packed

Batch = dict[str, torch.Tensor]
"""Tensors by name. The first dimension is the pair, except in values and offsets of inputs that are not padded."""

_SLOTS = 4
"""Maximum number of batches of one worker in transit; a DataLoader prefetches two per worker."""

_HEAD = 64
"""Bytes before the slots; the first `_SLOTS` bytes are 1 if the slot is taken."""


def as_tensors(packed: Packed) -> Batch:
    """Return a batch as tensors that are views of its buffer."""
    return {field.name: torch.from_numpy(packed.array(field)) for field in packed.fields}


class SentBatch(Batch):
    """A batch that a worker sends; it arrives as an ordinary dictionary with memory of its own.

    A DataLoader would send each tensor in a new file in shared memory. Making the file, handing it over and touching
    its pages takes several times as long as filling a batch, so batches are sent through memory that is reused.
    """

    def __init__(self, packed: Packed) -> None:
        self._packed, self._tensors = packed, as_tensors(packed)
        super().__init__(self._tensors)

    def __copy__(self) -> SentBatch:
        """Return a `SentBatch` of the same memory; a DataLoader copies each batch, which would give a plain dict."""
        copied = SentBatch.__new__(SentBatch)
        vars(copied).update(vars(self))
        copied.update(self)
        return copied

    def __reduce__(self) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
        """Put the batch into shared memory, and return how to unpickle it; runs on the sending thread."""
        if self.keys() != self._tensors.keys() or any(self[name] is not self._tensors[name] for name in self):
            return dict, (dict(self),)  # the user has replaced tensors
        return _posted(self._packed)


class _Slots:
    """One process's view of shared memory with slots for batches."""

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
"""Slots of this process if it is a worker; all its datasets share them, because they share one queue."""

_incoming: dict[int, _Slots] = {}
"""Slots of the workers of this process, by process id."""


def _posted(packed: Packed) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
    global _outgoing  # noqa: PLW0603  # a process has one queue for sending
    size = packed.buffer.nbytes
    memory = None
    if _outgoing is None or _outgoing.size < size:
        # With 25% spare room, because batches differ in size.
        memory = torch.zeros(_HEAD + _SLOTS * (size + size // 4), dtype=torch.uint8).share_memory_()  # type: ignore[no-untyped-call]  # torch
        _outgoing = _Slots(memory)
    free = np.flatnonzero(_outgoing.taken == 0)
    if len(free) == 0:
        return _unpacked, (torch.from_numpy(packed.buffer), packed.fields)
    _outgoing.put(int(free[0]), packed.buffer)
    return _collected, (os.getpid(), memory, int(free[0]), size, packed.fields)


def _collected(sender: int, memory: torch.Tensor | None, slot: int, size: int, fields: tuple[Field, ...]) -> Batch:
    """Return a batch from a worker's slot; `memory` is given with the first batch that uses it, else None."""
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
