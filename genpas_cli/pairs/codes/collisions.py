"""Items with equal codes: one number per combination of codes, and how many equal ones come before each item."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ITEMS_AT_ONCE = 1 << 24
"""Items whose keys are sorted together: 16 million take about 400 MB."""

_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: spreads consecutive keys over all parts
_KEYS_AT_ONCE = 1 << 20


def keys_of(codes: NDArray[np.integer[Any]], sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Return one number per item, equal for items with equal codes: int64 (items,).

    Raises:
        OverflowError: there are more combinations of codes than numbers.
    """
    if np.prod([float(size) for size in sizes]) >= 2.0**63:
        raise OverflowError(f"codes of sizes {sizes} have more combinations than 2^63")
    keys = np.zeros(len(codes), np.int64)
    for level, size in enumerate(sizes):
        keys *= size
        keys += codes[:, level]
    return keys


class CodeKeys:
    """One number per item, equal exactly for items with equal codes, for codes of any size and number.

    Args:
        codes: (items, levels), 0 or more.
    """

    def __init__(self, codes: NDArray[np.integer[Any]]) -> None:
        self._levels: list[tuple[int, NDArray[np.int64] | None]] = []
        """Of each level: its size, and the prefixes that its keys count, or None if they are the keys of before."""
        keys, combinations = np.zeros(len(codes), np.int64), 1
        for level in range(codes.shape[1]):
            size, prefixes = int(codes[:, level].max(initial=0)) + 1, None
            if combinations * size >= 1 << 63:
                prefixes, keys = np.unique(keys, return_inverse=True)
                keys, combinations = keys.reshape(-1).astype(np.int64), len(prefixes)
            keys *= size
            keys += codes[:, level]
            combinations *= size
            self._levels.append((size, prefixes))
        self.keys: NDArray[np.int64] = keys
        """The numbers, 0 or more: int64 (items,)."""

    def of(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the numbers of any codes, (rows, levels); a negative one or one of no item if no item has them."""
        keys, inside = np.zeros(len(codes), np.int64), np.ones(len(codes), bool)
        for level, (size, prefixes) in enumerate(self._levels):
            here = codes[:, level]
            inside &= (here >= 0) & (here < size)
            if prefixes is not None:
                at = np.minimum(np.searchsorted(prefixes, keys), len(prefixes) - 1)
                inside &= prefixes[at] == keys
                keys = at.astype(np.int64)
            keys *= size
            keys += np.where(inside, here, 0)
        return np.where(inside, keys, -1)


def equality_keys(codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return one number per item, equal exactly for items with equal codes (see `CodeKeys`)."""
    return CodeKeys(codes).keys


def twins(keys: NDArray[np.int64], at_once: int = _ITEMS_AT_ONCE) -> NDArray[np.int64]:
    """Return, for each item, how many items before it have the same key: 0 for the first of them.

    Memory: the keys are sorted in parts, so 100 million items take 0.8 GB for the result and 0.7 GB for a part.

    Args:
        keys: int64 (items,).
        at_once: items that are sorted together.
    """
    parts = -(-len(keys) // at_once)
    if parts <= 1:
        return _twins_in_memory(keys)
    twin = np.empty(len(keys), np.int64)
    for part in range(parts):
        inside = np.concatenate([
            begin + np.flatnonzero(_parts_of(keys[begin : begin + _KEYS_AT_ONCE], parts) == part)
            for begin in range(0, len(keys), _KEYS_AT_ONCE)
        ])  # fmt: skip
        twin[inside] = _twins_in_memory(keys[inside])
    return twin


def _parts_of(keys: NDArray[np.int64], parts: int) -> NDArray[np.uint64]:
    mixed = keys.astype(np.uint64) * _MIXER
    return (mixed >> np.uint64(32)) % np.uint64(parts)


def _twins_in_memory(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begin = np.flatnonzero(np.concatenate((ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1])))
    twin = np.empty(len(keys), np.int64)
    twin[order] = np.arange(len(keys)) - np.repeat(begin, np.diff(np.append(begin, len(keys))))
    return twin
