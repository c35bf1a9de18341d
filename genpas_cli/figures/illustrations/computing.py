"""Computes the data drawn only in the HTML report, such as popularity curves, the (α, β) map, a user's steps."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from genpas_cli.figures.distribution.divergence import References, kl_by_popularity, kl_divergence
from genpas_cli.figures.distribution.groups import COHORTS, SharesByGroup, TimeBins, cohort_of
from genpas_cli.figures.distribution.targets import steps_of
from genpas_cli.figures.illustrations.data import (
    Calendar,
    DivergenceParts,
    GroupShares,
    Illustrations,
    MapPoint,
    PopularityCurve,
    StepsOfUser,
)
from genpas_cli.figures.reports.store_passes import INTERACTIONS_A_RUN, Candidate, StoreCounts, StorePasses, targets_of
from genpas_cli.runtime.times.units import UNITS, moment_of, unit_of
from genpas_cli.sampling.input_sampling import input_pmf
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategies import triple
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.sampling.user_targets import UserTargets
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.sequences import Spans
from genpas_cli.store.splits import HeldOut, Split
from genpas_cli.store.store import Store

GRID = tuple(round(0.2 * step, 1) for step in range(11))
"""Values of α and of β on the map, as in the figures of arXiv 2509.13648."""

_POINTS = 120
_BINS = 48
"""Intervals of the calendar."""
_LONGEST_SHOWN = 40


def illustrate(
    store: Store, passes: StorePasses, counted: StoreCounts, candidates: Sequence[Candidate], references: References
) -> Illustrations:
    """Compute the illustrations of a report; takes at least two more passes over the store."""
    against: HeldOut = "test" if references.test is not None else "validation"
    held_out = references.test if references.test is not None else references.validation
    points = [] if held_out is None else _map(passes, held_out, references.epsilon)
    by_popularity = np.flatnonzero(counted.occurs)
    by_popularity = by_popularity[np.argsort(-counted.train[by_popularity], kind="stable")]
    shown: dict[str, Floats] = {} if held_out is None else {against: held_out}
    shown |= {each.strategy.name: counted.p[steps_of(each.strategy)] for each in candidates}
    calendar, cohorts = _groups(passes, candidates, against)
    items, targets = _typical_sequence(store, counted.histogram)
    return Illustrations(
        against=against,
        curves=[_curve(name, p[by_popularity]) for name, p in shown.items()],
        divergence=[] if held_out is None else [
            DivergenceParts(name, *kl_by_popularity(
                held_out[by_popularity], p[by_popularity], counted.train[by_popularity], references.epsilon
            ))
            for name, p in shown.items() if name != against
        ],
        calendar=calendar,
        cohorts=cohorts,
        map=points,
        user_items=store.ids("items", items),
        user_steps=[_steps(each.strategy, len(items), targets, passes) for each in candidates],
    )  # fmt: skip


def _groups(
    passes: StorePasses, candidates: Sequence[Candidate], against: HeldOut
) -> tuple[Calendar | None, list[GroupShares]]:
    """Count the targets of each strategy and of a held-out split, by time and by length of the training history."""
    store, weights = passes.store, passes.weights_of(steps_of(c.strategy) for c in candidates)
    bins, cohorts = _time_bins(store), SharesByGroup(weights, len(COHORTS))
    calendar = None if bins is None else SharesByGroup(weights, _BINS)
    splits: tuple[Split, Split] = ("train", against)
    for sequences, lengths in passes.runs(
        "grouping targets", against, INTERACTIONS_A_RUN, kept=["time"] if bins else []
    ):
        training, held_out = (targets_of(store, split, sequences, lengths) for split in splits)
        cohort = cohort_of(lengths.train)
        cohorts.add_training(training, cohort[training.row])
        cohorts.add_held_out(cohort[held_out.row])
        if bins is not None and calendar is not None:
            interval = bins.of(_as_numbers(sequences.kept["time"]))
            calendar.add_training(training, interval[training.at])
            calendar.add_held_out(interval[held_out.at])
    drawn = None if bins is None or calendar is None else Calendar(
        _moments(bins.edges, store), _shares(calendar, candidates, against)
    )  # fmt: skip
    return drawn, _shares(cohorts, candidates, against)


def _shares(counted: SharesByGroup, candidates: Sequence[Candidate], against: HeldOut) -> list[GroupShares]:
    held_out = counted.held_out()
    found = [GroupShares(against, held_out.tolist())] if held_out.any() else []
    return found + [
        GroupShares(each.strategy.name, counted.training[steps_of(each.strategy)].tolist()) for each in candidates
    ]


def _time_bins(store: Store) -> TimeBins | None:
    """Return the intervals of the calendar; None if the log has no times, or a single one."""
    ends = store.meta["time_range"]
    if ends is None or ends[0] == ends[1]:
        return None
    first, last = (_instant(end).timestamp() if isinstance(end, str) else float(end) for end in ends)
    return TimeBins(first, last, _BINS) if math.isfinite(last - first) else None


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text[: len("2024-01-01T00:00:00.000000")]).replace(tzinfo=dt.UTC)


def _as_numbers(times: Any) -> Floats:
    """Return a time column as `Store.times` does: timestamps in seconds, numbers unchanged."""
    if pa.types.is_temporal(times.type):
        microseconds = times.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return np.asarray(microseconds.to_numpy(zero_copy_only=False) / 1e6)
    return np.asarray(times.to_numpy(zero_copy_only=False), np.float64)


def _moments(edges: Floats, store: Store) -> list[str] | list[float]:
    """Return times as ISO 8601 in UTC, or unchanged if they are not instants."""
    given: list[float] = edges.tolist()
    unit = UNITS[0] if isinstance(store.meta["time_range"][0], str) else unit_of(given[-1])
    try:
        return given if unit is None else [moment_of(edge, unit).isoformat() for edge in given]
    except (OverflowError, ValueError):  # out of the range of dates
        return given


def _map(passes: StorePasses, held_out: Floats, epsilon: float) -> list[MapPoint]:
    grid = list(product(GRID, GRID))
    divergences = [
        kl_divergence(held_out, p, epsilon)
        for batch in passes.batches([Candidate(triple(alpha, beta, 0.0), 1, "balanced") for alpha, beta in grid])
        for p in passes.count(batch, draws=False).p.values()
    ]
    return [MapPoint(*biases, divergence) for biases, divergence in zip(grid, divergences, strict=True)]


def _curve(name: str, p: Floats) -> PopularityCurve:
    ranks = np.unique(np.geomspace(1, len(p), min(_POINTS, len(p))).round().astype(np.int64))
    return PopularityCurve(name, ranks.tolist(), np.cumsum(p)[ranks - 1].tolist())


def _typical_sequence(store: Store, histogram: Ints) -> tuple[Ints, UserTargets]:
    """Return items and targets of the first user with the median number of targets, cut to fit the chart."""
    median = int(np.searchsorted(np.cumsum(histogram[1:]), histogram[1:].sum() / 2)) + 1
    first = 0
    for chunk in store.lengths(0, store.users - 1, 1 << 17):
        found = np.flatnonzero(store.target_counts("train", first, chunk) == median)
        if len(found):
            of_user = Lengths(*(column[found[0] : found[0] + 1] for column in chunk))
            user = first + int(found[0])
            targets = store.user_targets("train", user, of_user)
            positions = targets.position(np.zeros(median, np.int64), np.arange(1, median + 1))
            # At most the first _LONGEST_SHOWN positions, so that the chart fits, but always at least one target.
            positions = positions[positions <= max(_LONGEST_SHOWN, positions[0])]
            shown = len(positions)
            targets = UserTargets(
                np.array([shown]), np.zeros(1, np.int64), positions.astype(np.int32),
                None if targets.weights is None else targets.weights[:shown],
            )  # fmt: skip
            length = int(positions[-1])
            spans = Spans(np.array([user], np.int32), np.ones(1, np.int32), np.array([length], np.int32))
            items = store.spans(user, of_user.train, spans, [], train_only=True).items.astype(np.int64)
            return items, targets
        first += len(chunk.train)
    raise AssertionError("the median number occurs")


def _steps(strategy: Strategy, length: int, of_user: UserTargets, passes: StorePasses) -> StepsOfUser:
    p = sequence_pmf(strategy.sequence.weights(passes.histogram), passes.weight_histogram)
    users, (shown,), mean = int(passes.histogram[1:].sum()), of_user.counts, of_user.mean_weights()
    targets = np.zeros(length + 1)
    targets[of_user.listed] = of_user.pmf(strategy.target)
    return StepsOfUser(
        strategy.name,
        float(p[shown] * users * (1.0 if mean is None else mean[0])),
        targets[2:].tolist(),
        input_pmf(strategy.input, np.arange(1, length), np.full(length - 1, length)).tolist(),
    )
