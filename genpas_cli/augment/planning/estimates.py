"""Estimates of a job's memory per worker and of its size on disk, in bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genpas_cli.augment.engines.work import PairShard, Shard, ShardForm
from genpas_cli.pairs.shards import ROW_GROUP_ROWS
from genpas_cli.sampling.input_sampling import cut_start, draw_starts
from genpas_cli.sampling.shard_plan import SamplingPlan
from genpas_cli.store.store import Store

WORKER_MEMORY = 24 * 2**20
"""Bytes that a worker takes in addition to its shard."""


_CUT_BYTES = 5
"""Bytes per pair on disk in the form `cuts`, in shuffled order."""


_ESTIMATED_CUTS = 1 << 14
_R2 = (0.7548776662466927, 0.5698402909980532)


def row_bytes_of(input_length: float, form: ShardForm) -> float:
    """Return the mean bytes of a training pair in memory, for a mean input length."""
    return input_length * 4 * (1 + 2 * len(form.kept)) + 20 + 8 * len(form.kept)


def mean_input_length(sampling: SamplingPlan, max_input: int | None, spread: float) -> float:
    """Estimate the mean length of an input, to about 1%, from cuts at quasi-random quantiles of the three steps.

    The quantiles are an even grid with the R2 sequence, which uses powers of the plastic number's inverse.
    """
    point = np.arange(0.5, _ESTIMATED_CUTS, dtype=np.float64)
    of_sequence, of_target, of_start = point / _ESTIMATED_CUTS, point * _R2[0] % 1, point * _R2[1] % 1
    mass = np.cumsum(sampling.mass_by_targets)
    count = np.searchsorted(mass, of_sequence * mass[-1], side="right")
    number = sampling.strategy.target.quantile(of_target, count)
    target = np.ceil(number * spread).astype(np.int64) + 1
    start = draw_starts(sampling.strategy.input, of_start, target)
    return float(np.mean(target - cut_start(start, target, max_input)))


def disk_bytes(shards: Sequence[Shard], row_bytes: float, store: Store, form: ShardForm) -> int:
    """Return the bytes of shards on disk; item numbers in random order compress to about their entropy."""
    packed = min((max(store.items, 2).bit_length() + 4) / 32, 1.0)
    a_pair = (_CUT_BYTES if form.as_cuts else row_bytes * packed) * (0.35 if form.order == "user" else 1.0)
    a_user = 4 * (1 + 2 * len(form.kept)) * packed * store.meta["interactions"] / max(store.users, 1)
    return int(sum(shard.rows * (a_pair if isinstance(shard, PairShard) else a_user) for shard in shards))


def shard_memory(sampling: SamplingPlan, form: ShardForm, row_bytes: float, longest: int, spread: float) -> int:
    """Return the bytes that one worker needs for the largest shard: its cuts, the items read, and two row groups."""
    rows = max(part.stop - part.start for part in sampling.slices)
    values = max(min(part.interactions * spread, (part.stop - part.start) * longest) for part in sampling.slices)
    return int(
        rows * 110 + values * 12 * (1 + len(form.kept)) + 4 * min(rows, ROW_GROUP_ROWS) * row_bytes + WORKER_MEMORY
    )
