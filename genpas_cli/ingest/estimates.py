"""Estimates of the memory and disk bytes that sorting a log and storing it need."""

from __future__ import annotations

import math

_SORTED_BYTES, _SPILLED_BYTES, _KEPT_BYTES, _STORED_BYTES = 32, 50, 16, 6
"""Bytes per interaction in a sort in memory; per interaction in a sort that spills, memory and disk together; per kept
value in either sort; per interaction in a store. Measured at 150 million interactions."""

_HELD_BYTES, _HELD_ID_BYTES = 20, 64
"""Bytes per interaction, and per user or item, of a store in memory."""

_MOST_SORTS = 8
"""Each sort reads all staged rows, so more sorts than this take longer than fewer that spill."""


def sorts(rows: int, kept: int, memory: int) -> int:
    """Return the number of parts to sort a log in, 1 to 8: the smallest at which no part spills, if there is one.

    Args:
        rows: rows of the log.
        kept: number of kept columns.
        memory: bytes available to a sort.
    """
    return min(math.ceil(rows * (_SORTED_BYTES + _KEPT_BYTES * kept) / max(memory, 1)), _MOST_SORTS) or 1


def sort_bytes(rows: int, kept: int, memory: int) -> int:
    """Return the bytes that sorting one of the `sorts` parts takes if it does not spill."""
    return math.ceil(rows / sorts(rows, kept, memory) * (_SORTED_BYTES + _KEPT_BYTES * kept))


def spilled_bytes(rows: int, kept: int, memory: int) -> int:
    """Return the bytes that sorting one of the `sorts` parts spills to disk."""
    part = rows / sorts(rows, kept, memory)
    spilling = sort_bytes(rows, kept, memory) > memory
    return math.ceil(part * (_SPILLED_BYTES + _KEPT_BYTES * kept)) - memory if spilling else 0


def store_bytes_in_memory(rows: int, kept: int, ids: int) -> int:
    """Return the bytes of a store in memory, where nothing is compressed."""
    return rows * (_HELD_BYTES + _KEPT_BYTES * kept) + ids * _HELD_ID_BYTES


def store_bytes(rows: int, kept: int) -> int:
    """Return the bytes of a store's interactions, assuming the minimum of 1 byte per kept value."""
    return rows * (_STORED_BYTES + kept)
