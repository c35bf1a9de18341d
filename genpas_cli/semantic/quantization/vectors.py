"""Vectors of items, read in blocks of rows: the interface of every source, and vectors in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 8192
"""Rows of a block. Sums are added block by block, so it affects the last digits of the codebooks."""

Vectors = NDArray[np.float32]


class VectorSource(Protocol):
    """Vectors that may be larger than memory.

    Attributes:
        rows: number of vectors.
        width: number of dimensions.
    """

    rows: int
    width: int

    def blocks(self) -> Iterator[Vectors]:
        """Yield all vectors in their order, float32 (`BLOCK_ROWS`, width) each (the last: fewer rows)."""
        ...


class VectorsInMemory:
    """Vectors in an array.

    Args:
        values: float32 (rows, width).
    """

    def __init__(self, values: Vectors) -> None:
        self.values = values
        self.rows, self.width = values.shape

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        for begin in range(0, self.rows, BLOCK_ROWS):
            yield self.values[begin : begin + BLOCK_ROWS]


def sample(source: VectorSource, size: int, stream: np.random.Generator) -> Vectors:
    """Return a random sample of the vectors without replacement, in their order; all if there are not more."""
    if source.rows <= size:
        return np.concatenate(list(source.blocks()))
    chosen = np.sort(stream.choice(source.rows, size, replace=False, shuffle=False))
    found, begin = [], 0
    for block in source.blocks():
        low, high = np.searchsorted(chosen, (begin, begin + len(block)))
        found.append(block[chosen[low:high] - begin])
        begin += len(block)
    return np.concatenate(found)
