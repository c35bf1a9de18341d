"""Random choices that depend on a seed and the id of a user alone.

A user's key is the first 16 hexadecimal digits of the MD5 of `SEED:ID`, as a 64-bit number. Every choice is made from
the key, so that it depends neither on other users nor on threads, on the order of files, or on the length of the log.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Ints

Keys = NDArray[np.uint64]

_STEP, _FIRST, _SECOND = (np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_HALF = np.uint64(32)


def key_sql(seed: int, column: str) -> str:
    """Return the SQL expression of a user's key (UBIGINT).

    Args:
        seed: the seed.
        column: SQL of the user's id, a text.
    """
    return f"('0x' || left(md5('{seed}:' || {column}), 16))::ubigint"


def hashed(keys: Keys, stream: Ints | int) -> Keys:
    """Return a hash of keys, uint64; different streams give independent hashes (SplitMix64).

    Args:
        keys: uint64, keys of users.
        stream: number of the choice that the hash is for, or one per key.
    """
    with np.errstate(over="ignore"):
        mixed = keys + _STEP * np.asarray(stream, np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def chosen_number(keys: Keys, stream: Ints | int, counts: Ints) -> Ints:
    """Return one of the numbers 0 .. count − 1 for each key, uniformly at random, int64; 0 if the count is 0.

    Args:
        keys: uint64, keys of users.
        stream: see `hashed`.
        counts: int64 counts, one per key, below 2^31.
    """
    return ((hashed(keys, stream) >> _HALF) * counts.astype(np.uint64) >> _HALF).astype(np.int64)
