"""Drawing one shard: from the lengths of its users to its cuts, with no loop over users or pairs.

A cut is a user, a target position k and an input start j: a pair whose items have not been looked up yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.input_sampling import draw_starts
from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.power_law import accurate_cumsum, clip_level
from genpas_cli.sampling.shard_plan import SamplingPlan, Slice
from genpas_cli.sampling.user_targets import TargetPool

# First element of every spawn key: the purpose of the stream.
_OFFSET, _ROWS, _SHARD = 0, 1, 2


@dataclass(frozen=True)
class Cuts:
    """Cuts of one shard, in the order of users until they are permuted."""

    user: NDArray[np.int32]
    """0-based user."""
    start: NDArray[np.int32]
    """Input start j, 1-based, as drawn (before the input is cut to its last L items)."""
    target: NDArray[np.int32]
    """Target position k, 1-based."""

    def __len__(self) -> int:
        return len(self.user)

    def take(self, order: Ints | slice) -> Cuts:
        """Return the cuts at these indices, in this order; of a slice, a view."""
        return Cuts(self.user[order], self.start[order], self.target[order])


class ShardStreams(NamedTuple):
    """The random streams of one shard, one per step: the draws of one step do not depend on those of another."""

    users: np.random.Generator
    targets: np.random.Generator
    starts: np.random.Generator
    order: np.random.Generator


def shard_streams(seed: int, epoch: int, shard: int) -> ShardStreams:
    """Return the streams, which depend only on (seed, epoch, shard)."""
    children = np.random.SeedSequence(seed, spawn_key=(_SHARD, epoch, shard)).spawn(4)
    return ShardStreams(*(np.random.default_rng(child) for child in children))


def balanced_offset(plan: SamplingPlan, epoch: int) -> float:
    """Return the offset of a balanced epoch's points, (U + e/K) mod 1: together, K epochs are one balanced draw."""
    uniform = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(_OFFSET,))).random()
    return (uniform + epoch / plan.epochs) % 1.0


def shard_row_counts(plan: SamplingPlan, epoch: int) -> Ints:
    """Return how many pairs each shard of the epoch has, int64; multinomial for an independent draw."""
    if plan.draw != "independent":
        return np.array([part.stop - part.start for part in plan.slices], np.int64)
    stream = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(_ROWS, epoch)))
    return stream.multinomial(plan.pairs, np.full(len(plan.slices), 1 / len(plan.slices)))


def draw_shard(  # the last has a default
    plan: SamplingPlan, part: Slice, epoch: int, targets: Iterable[Ints], streams: ShardStreams,
    pool: TargetPool | None = None,
) -> Cuts:  # fmt: skip
    """Draw the cuts of one shard, in the order of users.

    Args:
        plan: the sampling plan.
        part: the shard.
        epoch: 0-based epoch.
        targets: number of possible targets of each user from `part.first_user` to `part.last_user`, in chunks.
        streams: the shard's random streams.
        pool: the targets of these users; None: all positions but the first, with equal weights.

    Returns:
        The shard's cuts; a pure function of its arguments.
    """
    draw = {"balanced": _balanced, "independent": _independent, "enumerated": _enumerated}[plan.draw]
    chunks = _chunks(plan, part, targets, None if pool is None else pool.mean_weights)
    drawn = list(draw(plan, part, epoch, chunks, streams, pool))
    return Cuts(*(np.concatenate([np.asarray(a, np.int32) for a in column]) for column in zip(*drawn, strict=True)))


class _Chunk(NamedTuple):
    """A run of users of the shard."""

    row: int
    """0-based first user."""
    targets: Ints
    """Possible targets of each user."""
    mass: Floats
    """Mass of each user."""
    edges: Floats
    """Mass on the line before each user, and after the last."""
    is_last: bool


Columns = tuple[Ints, Ints, Ints]


def _chunks(plan: SamplingPlan, part: Slice, targets: Iterable[Ints], mean_weights: Floats | None) -> Iterator[_Chunk]:
    row, before = part.first_user, part.before
    for counts in targets:
        begin = row - part.first_user
        mass = plan.mass(counts, None if mean_weights is None else mean_weights[begin : begin + len(counts)])
        edges = before + np.concatenate(([0.0], accurate_cumsum(mass)))
        yield _Chunk(row, counts, mass, edges, is_last=row + len(counts) > part.last_user)
        row, before = row + len(counts), float(edges[-1])


def _points(chunk: _Chunk, part: Slice, next_point: int, ends: Ints) -> tuple[Ints, Ints, int]:
    """Return (user within the chunk, point) for all points below each user's end, and the first point after them."""
    ends = np.clip(ends, next_point, part.stop)
    if chunk.is_last:
        # Rounding along the line must neither drop the shard's last pair nor draw one too many.
        ends[-1] = part.stop
    counts = np.diff(ends, prepend=next_point)
    return np.repeat(np.arange(len(counts)), counts), np.arange(next_point, ends[-1]), int(ends[-1])


def _balanced(  # one signature for the three draws
    plan: SamplingPlan, part: Slice, epoch: int, chunks: Iterable[_Chunk], streams: ShardStreams,
    pool: TargetPool | None,
) -> Iterator[Columns]:  # fmt: skip
    """Systematic sampling: the points i + U, i = start..stop − 1, on the line scaled to one unit a pair."""
    offset, scale, point = balanced_offset(plan, epoch), plan.pairs / plan.total, part.start
    for chunk in chunks:
        edges = chunk.edges * scale - offset
        user, points, point = _points(chunk, part, point, np.ceil(edges[1:]).astype(np.int64))
        level = clip_level((points - edges[user]) / (chunk.mass * scale)[user])
        k = _drawn(plan.strategy.target, chunk, user, level, pool)
        yield chunk.row + user, draw_starts(plan.strategy.input, streams.starts.random(len(k)), k), k


def _enumerated(
    plan: SamplingPlan, part: Slice, epoch: int, chunks: Iterable[_Chunk], streams: ShardStreams,  # noqa: ARG001  # one signature for the three draws
    pool: TargetPool | None,
) -> Iterator[Columns]:  # fmt: skip
    """Every pair once: a pair's rank within its user gives its target and start."""
    assert plan.strategy.enumeration is not None, "planned as enumerated"
    point = part.start
    for chunk in chunks:
        edges = chunk.edges.astype(np.int64)
        user, points, point = _points(chunk, part, point, edges[1:])
        number, index = plan.strategy.enumeration.unrank(points - edges[user], chunk.targets[user])
        k = _at(chunk, user, number, pool)
        yield chunk.row + user, plan.strategy.enumeration.start(index, k), k


def _independent(  # one signature for the three draws
    plan: SamplingPlan, part: Slice, epoch: int, chunks: Iterable[_Chunk], streams: ShardStreams,
    pool: TargetPool | None,
) -> Iterator[Columns]:  # fmt: skip
    """Draw user, target and start from separate uniforms; a user on the edge of the slice has only part of its mass."""
    rows, mass_left = int(shard_row_counts(plan, epoch)[part.index]), part.upper - part.lower
    for chunk in chunks:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ends = np.stack((part.lower - chunk.edges[:-1], part.upper - chunk.edges[:-1])) / chunk.mass
        low, high = np.clip(np.where(chunk.mass > 0, ends, 0.0), 0.0, 1.0)
        inside = (high - low) * chunk.mass
        # multinomial() adds the rounding error to its last category, so that must be a category with positive mass.
        possible = np.flatnonzero(inside > 0)
        mass = float(inside[possible].sum())
        share = 1.0 if chunk.is_last or mass >= mass_left else mass / mass_left
        count = int(streams.users.binomial(rows, share)) if len(possible) else 0
        counts = streams.users.multinomial(count, inside[possible] / mass) if count else np.zeros(len(possible), int)
        rows, mass_left = rows - count, mass_left - mass
        user = np.repeat(possible, counts)
        level = clip_level(low[user] + (high - low)[user] * streams.targets.random(len(user)))
        k = _drawn(plan.strategy.target, chunk, user, level, pool)
        yield chunk.row + user, draw_starts(plan.strategy.input, streams.starts.random(len(k)), k), k


def _drawn(kernel: PositionKernel, chunk: _Chunk, user: Ints, level: Floats, pool: TargetPool | None) -> Ints:
    """Return the positions of the targets at these levels of the users, who are numbered within the chunk."""
    if pool is None:
        return kernel.quantile(level, chunk.targets[user]) + 1
    positions = np.empty(len(user), np.int64)
    for some, first, targets in pool.runs(chunk.row + user):
        row = chunk.row + user[some] - first
        positions[some] = targets.position(row, targets.quantile(kernel, row, level[some]))
    return positions


def _at(chunk: _Chunk, user: Ints, number: Ints, pool: TargetPool | None) -> Ints:
    """Return the positions of the targets with these numbers."""
    if pool is None:
        return number + 1
    positions = np.empty(len(user), np.int64)
    for some, first, targets in pool.runs(chunk.row + user):
        positions[some] = targets.position(chunk.row + user[some] - first, number[some])
    return positions
