"""What a job will take, estimated from its plan: bytes of memory for a worker, bytes on disk."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genpas_cli.augment.engines.work import PairForm, PairShard, Shard
from genpas_cli.pairs.shards import ROW_GROUP_ROWS
from genpas_cli.sampling.input_sampling import cut_start, draw_starts
from genpas_cli.sampling.shard_plan import SamplingPlan
from genpas_cli.sampling.target_sampling import draw_targets
from genpas_cli.store.store import Store

FIXED_MEMORY = 160 * 2**20
"""Bytes that the interpreter, the libraries and DuckDB's buffers take whatever is done."""

_STORE_MEMORY = 64 * 2**20

_FIGURES_MEMORY = 300 * 2**20
"""Bytes that `stats` and `tune` take whatever the store: `FIXED_MEMORY`, and what is computed of a run of sequences."""

LEAST_ROOM = 8 * 2**20
"""Bytes for the held-out inputs of a group of targets at least: each group is two passes."""

WORKER_MEMORY = 24 * 2**20
"""Bytes that a worker takes whatever the size of its shard."""

_ITEM_BYTES, _TARGET_BYTES = 80, 50
"""Of an item in `stats` and `tune`: what is counted once, and for each strategy that differs in its targets."""

_CUT_BYTES = 5
"""Of a pair on disk in the form `cuts`, in random order."""

_SORTED_BYTES, _SPILLED_BYTES, _KEPT_BYTES, _STORED_BYTES = 32, 50, 16, 6
"""Of an interaction in a sort in memory, and in one that spills, in memory and on disk; of a kept value in either; of
an interaction in a store. Measured at 150 million."""

_MOST_SORTS = 8
"""Each reads all that is staged: more of them would take longer than sorts that spill."""

_ESTIMATED_CUTS = 1 << 14
_R2 = (0.7548776662466927, 0.5698402909980532)


def store_memory(memory: int) -> int:
    """Return the bytes that DuckDB may take of a limit to read a store; `FIXED_MEMORY` has its least."""
    return max(memory // 4, _STORE_MEMORY)


def figures_memory(items: int, strategies: int, memory: int) -> int:
    """Return the bytes that figures of so many strategies' targets take, of a limit."""
    return _FIGURES_MEMORY + store_memory(memory) - _STORE_MEMORY + items * (_ITEM_BYTES + strategies * _TARGET_BYTES)


def limit_for_figures(items: int, strategies: int) -> int:
    """Return the least memory limit under which they leave `LEAST_ROOM`: three quarters of what is more are theirs."""
    return math.ceil((figures_memory(items, strategies, 0) + LEAST_ROOM - _STORE_MEMORY) * 4 / 3)


def strategies_at_once(items: int, memory: int) -> int:
    """Return how many strategies' targets half of the memory holds the figures of; 1 at least."""
    return max((memory - figures_memory(items, 0, memory)) // 2 // (items * _TARGET_BYTES), 1)


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


def row_bytes_of(input_length: float, form: PairForm) -> float:
    """Return the mean bytes of a training pair in memory."""
    return input_length * 4 * (1 + 2 * len(form.kept)) + 20 + 8 * len(form.kept)


def mean_input_length(
    sampling: SamplingPlan, histogram: NDArray[np.int64], max_input: int | None, spread: float
) -> float:
    """Estimate the mean length of an input, to about 1%, by cuts at levels that fill the cube of three steps evenly.

    The levels are those of the R2 sequence, multiples of powers of the plastic number's inverse.
    """
    point = np.arange(0.5, _ESTIMATED_CUTS, dtype=np.float64)
    of_sequence, of_target, of_start = point / _ESTIMATED_CUTS, point * _R2[0] % 1, point * _R2[1] % 1
    mass = np.cumsum(sampling.weights * histogram)
    length = np.searchsorted(mass, of_sequence * mass[-1], side="right") + 1
    number = draw_targets(sampling.strategy.target, of_target, length) - 1
    target = np.ceil(number * spread).astype(np.int64) + 1
    start = draw_starts(sampling.strategy.input, of_start, target)
    return float(np.mean(target - cut_start(start, target, max_input)))


def disk_bytes(shards: Sequence[Shard], row_bytes: float, store: Store, form: PairForm) -> int:
    """Return the bytes of shards on disk: item numbers in random order shrink to about their entropy."""
    packed = min((max(store.items, 2).bit_length() + 4) / 32, 1.0)
    a_pair = (_CUT_BYTES if form.as_cuts else row_bytes * packed) * (0.35 if form.order == "user" else 1.0)
    a_user = 4 * (1 + 2 * len(form.kept)) * packed * store.meta["interactions"] / max(store.users, 1)
    return int(sum(shard.rows * (a_pair if isinstance(shard, PairShard) else a_user) for shard in shards))


def shard_memory(sampling: SamplingPlan, form: PairForm, row_bytes: float, longest: int, spread: float) -> int:
    """Return the bytes one worker needs for the largest shard: its cuts, the items they reach, two row groups."""
    rows = max(part.stop - part.start for part in sampling.slices)
    values = max(min(part.interactions * spread, (part.stop - part.start) * longest) for part in sampling.slices)
    return int(
        rows * 110 + values * 12 * (1 + len(form.kept)) + 4 * min(rows, ROW_GROUP_ROWS) * row_bytes + WORKER_MEMORY
    )
