"""A hash table in NumPy arrays that finds many keys at once, in half the time of a binary search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Ints

_LEAST_BITS = 4
_AT_ONCE = 1 << 20


class KeyTable:
    """Maps keys to their indices, by open addressing with linear probing; the load factor is between 1/4 and 1/2.

    Args:
        keys: int64 (n,), distinct numbers from 0 to 2^63 − 1, fewer than 2^31.
    """

    def __init__(self, keys: Ints) -> None:
        self._keys = keys
        self._bits = max((2 * len(keys)).bit_length(), _LEAST_BITS)
        self._index = np.full(1 << self._bits, -1, np.int32)
        for begin in range(0, len(keys), _AT_ONCE):
            self._insert(np.arange(begin, min(begin + _AT_ONCE, len(keys))))

    def find(self, keys: Ints) -> NDArray[np.int32]:
        """Return int32 (n,): the index of each key, -1 if it is not in the table."""
        place = self._places(keys)
        index = self._index[place]
        if len(self._keys) == 0:
            return index
        left = np.flatnonzero(self._others(index, keys))
        place = place[left]
        while len(left):
            place = self._next(place)
            index[left] = found = self._index[place]
            going_on = self._others(found, keys[left])
            left, place = left[going_on], place[going_on]
        return index

    def _insert(self, left: Ints) -> None:
        place = self._places(self._keys[left])
        while len(left):
            free = self._index[place] < 0
            # If several keys write to the same slot, one of them remains; the others go on to the next slot.
            self._index[place[free]] = left[free]
            lost = self._index[place] != left
            left, place = left[lost], self._next(place[lost])

    def _others(self, index: NDArray[np.int32], keys: Ints) -> NDArray[np.bool_]:
        """Return which slots hold another key; at an empty slot the search for a key ends."""
        return np.asarray((index >= 0) & (self._keys[index] != keys))

    def _places(self, keys: Ints) -> Ints:
        """Return the first slot of each key, by Knuth's multiplicative hash with the golden ratio."""
        hashes = (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - self._bits)
        return hashes.astype(np.int64)

    def _next(self, place: Ints) -> Ints:
        return (place + 1) & (len(self._index) - 1)
