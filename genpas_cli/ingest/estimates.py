"""What a sort of a log and its store will take: bytes of memory and of disk."""

from __future__ import annotations

import math

_SORTED_BYTES, _SPILLED_BYTES, _KEPT_BYTES, _STORED_BYTES = 32, 50, 16, 6
"""Of an interaction in a sort in memory, and in one that spills, in memory and on disk; of a kept value in either; of
an interaction in a store. Measured at 150 million."""

_MOST_SORTS = 8
"""Each reads all that is staged: more of them would take longer than sorts that spill."""


def sorts(rows: int, kept: int, memory: int) -> int:
    """Return in how many parts to sort a log, so that none spills, or as few as possible do.

    Args:
        rows: of the log.
        kept: kept columns.
        memory: bytes for a sort.
    """
    return min(math.ceil(rows * (_SORTED_BYTES + _KEPT_BYTES * kept) / max(memory, 1)), _MOST_SORTS) or 1


def sort_bytes(rows: int, kept: int, memory: int) -> int:
    """Return the bytes that sorting a log in these parts takes, in memory that is not spared."""
    return math.ceil(rows / sorts(rows, kept, memory) * (_SORTED_BYTES + _KEPT_BYTES * kept))


def spilled_bytes(rows: int, kept: int, memory: int) -> int:
    """Return the bytes that sorting a log in these parts spills."""
    part = rows / sorts(rows, kept, memory)
    spilling = sort_bytes(rows, kept, memory) > memory
    return math.ceil(part * (_SPILLED_BYTES + _KEPT_BYTES * kept)) - memory if spilling else 0


def store_bytes(rows: int, kept: int) -> int:
    """Return the bytes of a store's interactions, kept values at their least."""
    return rows * (_STORED_BYTES + kept)
