"""The codes of all items by item number, in memory or in a file."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WINDOW = 1 << 25
"""Bytes of a file that are mapped at a time: pages of a mapped file count as memory of the process."""
BLOCK_ROWS = 1 << 17


class CodeTable:
    """The codes of all items by item number; those of number 0, and of items without codes, are zeros.

    Args:
        codes: (items + 1, levels).
        file: the open file that `codes` is a map of; None if `codes` is in memory.
    """

    def __init__(self, codes: NDArray[np.integer], file: mmap.mmap | None = None) -> None:
        self._codes, self._file = codes, file

    @property
    def is_in_file(self) -> bool:
        """Whether the codes are in a file, because they would take too much memory."""
        return self._file is not None

    @property
    def levels(self) -> int:
        """Number of codes of an item."""
        return int(self._codes.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the codes take for good."""
        return 0 if self.is_in_file else self._codes.nbytes

    def __len__(self) -> int:
        """Return the number of items plus 1."""
        return len(self._codes)

    def of(self, numbers: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the codes of item numbers: (numbers, levels)."""
        if self._file is None:
            held: NDArray[np.int32] = self._codes[numbers].astype(np.int32, copy=False)
            return held
        found = np.empty((len(numbers), self.levels), np.int32)
        # In the order of the file, so that no more than a window of it is in memory.
        order = np.argsort(numbers)
        ordered = numbers[order]
        rows = self._window_rows
        bounds = np.searchsorted(ordered, np.arange(0, len(self) + rows, rows))
        for begin, end in pairwise(bounds.tolist()):
            if end > begin:
                found[order[begin:end]] = self._codes[ordered[begin:end]]
                self._drop()
        return found

    def blocks(self) -> Iterator[tuple[int, NDArray[np.int32]]]:
        """Yield the first item number of a block, from 1, and the codes of consecutive numbers from there on."""
        for begin in range(1, len(self), BLOCK_ROWS):
            yield begin, self._codes[begin : begin + BLOCK_ROWS].astype(np.int32, copy=False)
            self._drop()

    def whole(self) -> NDArray[np.int32]:
        """Return all codes in memory, by item number from 0: (items + 1, levels)."""
        return self._codes.astype(np.int32, copy=False)

    @property
    def _window_rows(self) -> int:
        return max(_WINDOW // (self.levels * self._codes.itemsize), 1)

    def _drop(self) -> None:
        """Give back the memory of the mapped pages; the system still has them, as long as it has memory for that."""
        if self._file is not None:
            self._file.madvise(mmap.MADV_DONTNEED)


def table_of(blocks: Iterable[NDArray[np.int32]], items: int, levels: int) -> CodeTable:
    """Return a table in memory, of the codes of consecutive item numbers from 1."""
    codes = np.zeros((items + 1, levels), np.int32)
    at = 1
    for block in blocks:
        codes[at : at + len(block)] = block
        at += len(block)
    return CodeTable(codes)


def table_in_file(blocks: Iterable[NDArray[np.int32]], levels: int, largest: int, path: Path) -> CodeTable:
    """Write a table to a file, and return it.

    Args:
        blocks: the codes of consecutive item numbers from 1, (items, levels).
        levels: number of codes of an item.
        largest: largest code, which decides about the bytes of each.
        path: the file.
    """
    kind = np.dtype(np.uint16 if largest <= np.iinfo(np.uint16).max else np.int32)
    with path.open("w+b") as file:
        np.zeros((1, levels), kind).tofile(file)
        for block in blocks:
            block.astype(kind).tofile(file)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return CodeTable(np.frombuffer(mapped, kind).reshape(-1, levels), mapped)
