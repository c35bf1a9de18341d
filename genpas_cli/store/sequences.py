"""Sequences as ragged arrays (CSR): one array of values and offsets, with no object per user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sequences:
    """One contiguous span of the sequence of each of some users."""

    user: NDArray[np.int32]
    """0-based users, ascending."""
    offsets: NDArray[np.int64]
    """(users + 1,): where each user's values start and end."""
    skipped: NDArray[np.int64]
    """Number of positions before each user's span."""
    items: NDArray[np.int32]
    """Item numbers, oldest first."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """Further columns by name: Arrow arrays as long as `items`."""

    def index_of(self, user: NDArray[np.int32], position: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the index in `items` of each user's 1-based `position`; users ascending, all contained here."""
        if len(user) == 0:
            return np.zeros(0, np.int64)
        # A lookup table by user takes a third of the time of a binary search for a million pairs.
        before = np.zeros(self.user[-1] - self.user[0] + 1, np.int64)
        before[self.user - self.user[0]] = self.offsets[:-1] - self.skipped - 1
        index: NDArray[np.int64] = before[user - self.user[0]] + position
        return index


class Spans(NamedTuple):
    """The positions to read: int32 arrays, users from 0, ascending and distinct."""

    user: NDArray[np.int32]
    first: NDArray[np.int32]
    """First position, 1-based."""
    last: NDArray[np.int32]
    """Last position, inclusive."""


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return starts[0], starts[0] + 1, ... for lengths[0] numbers, then the same for each further range.

    No length may be 0.
    """
    ends = np.cumsum(lengths)
    numbers = np.ones(ends[-1] if len(ends) else 0, np.int64)
    numbers[:1] = starts[:1]
    numbers[ends[:-1]] = starts[1:] - starts[:-1] - lengths[:-1] + 1
    return np.cumsum(numbers, out=numbers)


def longest_run(edges: NDArray[np.int64], begin: int, most: int) -> int:
    """Return the end of the longest run of ranges from `begin` with at most `most` values; it has at least one range.

    Args:
        edges: int64 (ranges + 1,), where each range begins, and the end.
        begin: the first range.
        most: values.
    """
    return max(int(np.searchsorted(edges, edges[begin] + most, side="right")) - 1, begin + 1)


def copy_ranges(values: NDArray[Any], starts: NDArray[np.int64], lengths: NDArray[np.int64], out: NDArray[Any]) -> None:
    """Fill `out` with values[starts[0]:][: lengths[0]], then the same for each further range. No length may be 0.

    Both have the same dtype. All ranges of equal length are copied at once, as elements of that size: an index array of
    single values takes 1.5 times as long, and holds the GIL.
    """
    at = np.cumsum(lengths) - lengths
    by_length = np.argsort(lengths.astype(np.min_scalar_type(np.max(lengths, initial=1))), kind="stable")
    first = np.flatnonzero(np.diff(lengths[by_length], prepend=0))
    for rows in np.split(by_length, first)[1:]:
        length = int(lengths[rows[0]])
        windows(out, length)[at[rows]] = windows(values, length)[starts[rows]]


def windows(values: NDArray[Any], length: int) -> NDArray[np.void]:
    """Return a view whose element i is the values i, ..., i + length − 1 as one."""
    size = values.itemsize
    return np.ndarray((len(values) - length + 1,), f"V{size * length}", values, 0, (size,))
