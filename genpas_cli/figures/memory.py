"""What figures take of a memory limit, and which limit they need."""

from __future__ import annotations

import math

from genpas_cli.store.opening import LEAST_STORE_MEMORY, store_memory

_FIGURES_MEMORY = 300 * 2**20
"""Bytes that `stats` and `tune` take whatever the store: `FIXED_MEMORY`, and what is computed of a run of sequences."""

LEAST_ROOM = 8 * 2**20
"""Bytes for the held-out inputs of a group of targets at least: each group is two passes."""

_ITEM_BYTES, _TARGET_BYTES = 80, 50
"""Of an item in `stats` and `tune`: what is counted once, and for each strategy that differs in its targets."""


def figures_memory(items: int, strategies: int, memory: int) -> int:
    """Return the bytes that figures of so many strategies' targets take, of a limit."""
    duckdb = store_memory(memory) - LEAST_STORE_MEMORY
    return _FIGURES_MEMORY + duckdb + items * (_ITEM_BYTES + strategies * _TARGET_BYTES)


def limit_for_figures(items: int, strategies: int) -> int:
    """Return the least memory limit under which they leave `LEAST_ROOM`: three quarters of what is more are theirs."""
    return math.ceil((figures_memory(items, strategies, 0) + LEAST_ROOM - LEAST_STORE_MEMORY) * 4 / 3)


def strategies_at_once(items: int, memory: int) -> int:
    """Return how many strategies' targets half of the memory holds the figures of; 1 at least."""
    return max((memory - figures_memory(items, 0, memory)) // 2 // (items * _TARGET_BYTES), 1)
