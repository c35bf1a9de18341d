"""Divides a data set into shards before anything is drawn: equal slices of the mass of all (sequence, target) cells.

The mass lies on a line in the order of users. A shard is a slice of it, so it needs one run of consecutive users and
has a bounded number of pairs, however long their sequences are. The number of shards depends only on the pairs and the
rows per shard, not on threads, memory or machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.power_law import accurate_cumsum
from genpas_cli.sampling.strategy import Strategy

Draw = Literal["balanced", "independent", "enumerated"]

USERS_A_CHUNK = 1 << 17
"""Users per chunk. It affects what is drawn: another value gives another data set."""

TargetCounts = Callable[[int, int], Iterable[Ints]]
"""(first user, last user), 0-based and inclusive → int64 chunks of each user's number of targets.

Chunks are USERS_A_CHUNK long except the last.
"""


@dataclass(frozen=True)
class Slice:
    """One shard's part of the line of mass."""

    index: int
    """0-based number of the shard."""
    start: int
    """First pair of the shard (balanced and enumerated draws)."""
    stop: int
    """One past its last pair."""
    lower: float
    """Start of the slice on the line of mass."""
    upper: float
    """End of the slice."""
    first_user: int
    """0-based first user whose mass the slice touches."""
    last_user: int
    """Last such user, inclusive."""
    before: float
    """Mass of all users before the first."""
    interactions: int
    """Upper bound on the training interactions of the users of the run."""


@dataclass(frozen=True)
class SamplingPlan:
    """Everything that decides which cuts are drawn, apart from the lengths themselves."""

    strategy: Strategy
    draw: Draw
    pairs: int
    """Pairs of one epoch."""
    epochs: int
    seed: int
    histogram: Ints
    """int64 (M + 1,), number of sequences by their number of possible targets m."""
    weight_histogram: Floats | Ints
    """(M + 1,), Σ of the mean weights of the sequences with m possible targets; without weights the `histogram`."""
    slices: tuple[Slice, ...] = ()

    @cached_property
    def weights(self) -> Floats | Ints:
        """Mass of one sequence of mean weight 1, by its m = 0..M; int64 pair counts where enumerated."""
        if self.draw == "enumerated":
            assert self.strategy.enumeration is not None, "only rules that have an enumeration are enumerated"
            return self.strategy.enumeration.count(np.arange(len(self.histogram), dtype=np.int64))
        return self.strategy.sequence.weights(self.histogram)

    @cached_property
    def mass_by_targets(self) -> Floats | Ints:
        """(M + 1,), mass of all sequences with m possible targets."""
        return self.weights * self.weight_histogram

    @cached_property
    def total(self) -> float:
        """Mass of all sequences."""
        # Not a dot product: BLAS sums in an order that depends on its number of threads.
        return float(self.mass_by_targets.sum())

    def mass(self, targets: Ints, mean_weights: Floats | None) -> Floats:
        """Return float64 (users,), the mass of users, by their number of targets and mean weights."""
        mass: Floats = self.weights[targets].astype(np.float64)
        return mass if mean_weights is None else mass * mean_weights


def plan_shards(  # noqa: PLR0913  # all but two by keyword
    strategy: Strategy, draw: Draw, *, pairs: int, epochs: int, seed: int, shard_rows: int,
    histogram: Ints, targets: TargetCounts, mean_weights: Floats | None = None,
) -> SamplingPlan:  # fmt: skip
    """Cut the mass of all (s, k) into ceil(pairs / shard_rows) equal slices and find the users of each.

    Args:
        strategy: the three kernels.
        draw: how pairs are drawn from the mass.
        pairs: pairs per epoch, at least 1; for an enumeration its exact count.
        epochs: independent repetitions; a balanced draw spreads its offsets evenly over them.
        seed: root of every random stream.
        shard_rows: maximum rows of a shard.
        histogram: int64 (M + 1,), number of sequences by their number of possible targets.
        targets: yields the number of targets of every user, in order.
        mean_weights: float64 (users,), mean weight of the targets of every user; None: 1. Not for an enumeration.
    """
    plan = SamplingPlan(strategy, draw, pairs, epochs, seed, histogram, histogram)
    if mean_weights is not None:
        plan = replace(plan, weight_histogram=_weight_histogram(targets(0, len(mean_weights) - 1), mean_weights))
    shards = -(-pairs // shard_rows)
    rows = -(-pairs // shards)
    points = np.minimum(np.arange(shards + 1) * rows, pairs)
    # In an enumeration the edges are whole pair numbers, so that no slice touches a user of which it has no pair.
    parts, count = (np.arange(shards + 1), shards) if draw == "independent" else (points, pairs)
    edges = parts.astype(np.float64) * (plan.total / count)
    users = int(histogram.sum())
    first, last, before, items_before, items_through = _locate(edges, plan, targets(0, users - 1), mean_weights)
    slices = tuple(
        Slice(
            h, int(points[h]), int(points[h + 1]), float(edges[h]), float(edges[h + 1]),
            int(first[h]), int(last[h]), float(before[h]), int(items_through[h] - items_before[h]),
        )
        for h in range(shards)
    )  # fmt: skip
    return replace(plan, slices=slices)


def _weight_histogram(chunks: Iterable[Ints], mean_weights: Floats) -> Floats:
    return np.bincount(np.concatenate(list(chunks)), weights=mean_weights).astype(np.float64)


def _locate(
    edges: Floats, plan: SamplingPlan, chunks: Iterable[Ints], mean_weights: Floats | None
) -> tuple[Ints, Ints, Floats, Ints, Ints]:
    """Find, for each slice between two edges, its first and last user and the mass before the first.

    Also the interactions before its first user and through its last one.
    """
    shards = len(edges) - 1
    first, last = np.full(shards, -1), np.full(shards, -1)
    before, items_before, items_through = np.zeros(shards), np.zeros(shards, np.int64), np.zeros(shards, np.int64)
    for row, mass, items, has_mass in _running(plan, chunks, mean_weights):
        found = np.searchsorted(mass[1:], edges[:-1], side="right")
        new = (first < 0) & (found < len(has_mass))
        first[new] = row + found[new]
        before[new] = mass[found[new]]
        items_before[new] = items[found[new]]
        ends = np.searchsorted(mass[1:], edges[1:], side="left")
        # By rounding, the running sum may end slightly below the total: slices still open then end at the last user
        # with mass.
        massive = np.flatnonzero(has_mass)
        if len(massive):
            ends = np.where(ends == len(has_mass), massive[-1], ends)
            open_ = (first >= 0) & ((last < 0) | (edges[1:] > mass[0]))
            last[open_] = row + ends[open_]
            items_through[open_] = items[ends[open_] + 1]
    return first, last, before, items_before, items_through


def _running(
    plan: SamplingPlan, chunks: Iterable[Ints], mean_weights: Floats | None
) -> Iterator[tuple[int, Floats, Ints, NDArray[np.bool_]]]:
    """Yield (first user, mass before and after each user, interactions likewise, has mass) for chunks of users."""
    row, mass, items = 0, 0.0, 0
    for targets in chunks:
        some = None if mean_weights is None else mean_weights[row : row + len(targets)]
        of_users = plan.mass(targets, some)
        masses = np.concatenate(([mass], mass + accurate_cumsum(of_users)))
        lengths = np.concatenate(([items], items + np.cumsum(np.where(targets > 0, targets + 1, 0))))
        yield row, masses, lengths, of_users > 0
        row, mass, items = row + len(targets), float(masses[-1]), int(lengths[-1])
