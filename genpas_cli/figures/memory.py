"""Memory that figures take, and the smallest memory limit that they need."""

from __future__ import annotations

import math

from genpas_cli.store.access import LEAST_STORE_MEMORY, store_memory

_FIGURES_MEMORY = 300 * 2**20
"""Bytes that `stats` and `tune` take for any store: the interpreter, the libraries, and one run of sequences."""

LEAST_ROOM = 8 * 2**20
"""Smallest number of bytes for the held-out inputs of one group of targets; each group takes two passes."""

THREAD_BYTES = 116 * 2**20
"""Bytes that each further thread takes: one run of sequences, with weights for every input kernel. `tune` over 7 input
kernels took 112 MiB."""

_ITEM_BYTES, _TARGET_BYTES = 96, 50
"""Bytes per item: once, and per strategy with its own target distribution."""


def figures_memory(items: int, strategies: int, memory: int) -> int:
    """Return the bytes that the figures of this many strategies take under a memory limit in bytes."""
    duckdb = store_memory(memory) - LEAST_STORE_MEMORY
    return _FIGURES_MEMORY + duckdb + items * (_ITEM_BYTES + strategies * _TARGET_BYTES)


def limit_for_figures(items: int, strategies: int) -> int:
    """Return the smallest memory limit that leaves `LEAST_ROOM`; DuckDB takes a quarter of every further byte."""
    return math.ceil((figures_memory(items, strategies, 0) + LEAST_ROOM - LEAST_STORE_MEMORY) * 4 / 3)


def strategies_at_once(items: int, memory: int) -> int:
    """Return the number of strategies whose figures fit into half of the memory; at least 1."""
    return max((memory - figures_memory(items, 0, memory)) // 2 // (items * _TARGET_BYTES), 1)
