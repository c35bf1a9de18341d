"""Computes the data drawn only in the HTML report: popularity curves, the (α, β) map, the steps of one real user."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from genpas_cli.figures.distribution.divergence import References, kl_divergence
from genpas_cli.figures.distribution.targets import steps_of
from genpas_cli.figures.illustrations import Illustrations, MapPoint, PopularityCurve, StepsOfUser
from genpas_cli.figures.store_passes import Candidate, StoreCounts, StorePasses
from genpas_cli.sampling.input_sampling import input_pmf
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategies import triple
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.sequences import Spans
from genpas_cli.store.store import Store

GRID = tuple(round(0.2 * step, 1) for step in range(11))
"""Values of α and of β on the map, as in the figures of arXiv 2509.13648."""

_POINTS = 120
_LONGEST_SHOWN = 40


def illustrate(
    store: Store, passes: StorePasses, counted: StoreCounts, candidates: Sequence[Candidate], references: References
) -> Illustrations:
    """Compute the illustrations of a report; takes at least one more pass over the store."""
    against = "test" if references.test is not None else "validation"
    held_out = references.test if references.test is not None else references.validation
    points = [] if held_out is None else _map(passes, held_out, references.epsilon)
    by_popularity = np.flatnonzero(counted.occurs)
    by_popularity = by_popularity[np.argsort(-counted.train[by_popularity], kind="stable")]
    shown = {} if held_out is None else {against: held_out}
    shown |= {each.strategy.name: counted.p[steps_of(each.strategy)] for each in candidates}
    items, targets = _typical_sequence(store, counted.histogram)
    steps = [_steps(each.strategy, len(items), targets, counted.histogram) for each in candidates]
    return Illustrations(
        [_curve(name, p[by_popularity]) for name, p in shown.items()], against, points, items.tolist(), steps
    )


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


def _typical_sequence(store: Store, histogram: Ints) -> tuple[Ints, Ints]:
    """Return items and target positions of the first user with the median number of targets, cut to fit the chart."""
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
            length = int(positions[-1])
            spans = Spans(np.array([user], np.int32), np.ones(1, np.int32), np.array([length], np.int32))
            items = store.spans(user, of_user.train, spans, [], train_only=True).items.astype(np.int64)
            return items, positions
        first += len(chunk.train)
    raise AssertionError("the median number occurs")


def _steps(strategy: Strategy, length: int, positions: Ints, histogram: Ints) -> StepsOfUser:
    p = sequence_pmf(strategy.sequence.weights(histogram), histogram)
    users, shown = int(histogram[1:].sum()), len(positions)
    targets = np.zeros(length + 1)
    targets[positions] = strategy.target.pmf(np.arange(1, shown + 1), np.full(shown, shown))
    return StepsOfUser(
        strategy.name,
        float(p[shown] * users),
        targets[2:].tolist(),
        input_pmf(strategy.input, np.arange(1, length), np.full(length - 1, length)).tolist(),
    )
