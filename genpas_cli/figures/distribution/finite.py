"""Expected figures of a finite draw of N pairs; figures that are not linear in p differ from those of p.

Independent draws: the count of a target is binomial (N, p_y), and most figures are sums over items, so that their
expectations are exact sums over binomial distributions. Balanced draws: the counts depend on one uniform offset; the
figures are averaged over evenly spaced offsets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from genpas_cli.figures.distribution.divergence import DrawnShares, References, TargetFormula
from genpas_cli.figures.distribution.targets import Targets, TargetSteps
from genpas_cli.figures.figure import computed, figures_in
from genpas_cli.figures.table import TargetFigures
from genpas_cli.sampling.kernels import Floats, Ints

OFFSETS = (0.125, 0.375, 0.625, 0.875)
"""The offsets in [0, 1) over which the figures of a balanced draw are averaged."""

_DEVIATIONS = 12
_LEAST_REACH = 32
_NO_CHANCE = 1e-30
_CERTAIN = 1 - 1e-12
_JUST_BELOW_ONE = math.nextafter(1.0, 0.0)
_CELLS_A_CHUNK = 1 << 18
_LARGE_VARIANCE = 4096.0
_NORMAL_STEPS = np.linspace(-8, 8, 257)
_NORMAL_WEIGHTS = np.exp(-(_NORMAL_STEPS**2) / 2) / np.exp(-(_NORMAL_STEPS**2) / 2).sum()
_COUNT_BINS = 1 << 20


class _Binomials(NamedTuple):
    """Count distributions of some items; probabilities below 10^-30 are set to 0."""

    item: Ints
    """int64 (n, 1), item numbers."""
    drawn: Ints | Floats
    """(n, width), possible counts."""
    probability: Floats
    """float64 (n, width); rows sum to 1."""


def _binomials(pairs: int, p: Floats) -> Iterator[_Binomials]:
    """Yield the binomial (N, p_y) of every item with p_y > 0, items of similar width together."""
    # A single target, whose p is 1 up to rounding, must always be drawn: else KL with ε = 0 would be infinite.
    sure = np.flatnonzero(p > _CERTAIN)
    yield _Binomials(sure[:, None], np.full((len(sure), 1), pairs), np.ones((len(sure), 1)))
    often = np.flatnonzero((p <= _CERTAIN) & (pairs * p * (1 - p) >= _LARGE_VARIANCE))
    for part in np.array_split(often, len(often) * len(_NORMAL_STEPS) // _CELLS_A_CHUNK + 1):
        yield _normals(part, pairs, p[part])
    item = np.flatnonzero((p > 0) & (p <= _CERTAIN) & (pairs * p * (1 - p) < _LARGE_VARIANCE))
    chance = p[item]
    mean = pairs * chance
    reach = _DEVIATIONS * np.sqrt(mean * (1 - chance)) + _LEAST_REACH
    low = np.maximum(np.floor(mean - reach), 0).astype(np.int64)
    width = np.minimum(np.ceil(mean + reach), pairs).astype(np.int64) - low + 1
    order = np.argsort(width, kind="stable")
    ascending, begin = width[order], 0
    while begin < len(order):
        # Rows at most twice as wide as the first, so that little of the rectangle is wasted.
        end = int(np.searchsorted(ascending, 2 * ascending[begin], side="right"))
        end = min(end, begin + max(_CELLS_A_CHUNK // int(ascending[end - 1]), 1))
        rows = order[begin:end]
        yield _rectangle(item[rows], low[rows], int(width[rows].max()), pairs, chance[rows])
        begin = end


def _normals(item: Ints, pairs: int, chance: Floats) -> _Binomials:
    """Return normal approximations of binomial distributions, at evenly spaced points that may be fractional.

    They change an item's term of a smooth figure by about 1 / (N p)², relative: at most some 10^-8.
    """
    deviation = np.sqrt(pairs * chance * (1 - chance))
    points = (pairs * chance)[:, None] + deviation[:, None] * _NORMAL_STEPS
    return _Binomials(item[:, None], points, np.broadcast_to(_NORMAL_WEIGHTS, points.shape))


def _rectangle(item: Ints, low: Ints, width: int, pairs: int, chance: Floats) -> _Binomials:
    count = low[:, None] + np.arange(width)
    before = count[:, 1:] - 1
    with np.errstate(divide="ignore"):
        # P(n + 1) / P(n) = (N − n)/(n + 1) · p/(1 − p), which avoids the factorial of N.
        steps = np.log(np.maximum(pairs - before, 0) / (before + 1)) + np.log(chance / (1 - chance))[:, None]
    logs = np.concatenate((np.zeros((len(item), 1)), np.cumsum(steps, axis=1)), axis=1)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    probability = weights / weights.sum(axis=1, keepdims=True)
    return _Binomials(item[:, None], count, np.where(probability < _NO_CHANCE, 0.0, probability))


class _Targets(NamedTuple):
    """A distribution over targets, as `TargetFormula` takes it."""

    p: Floats
    references: References


def target_figures(p: Floats, references: References) -> TargetFigures:
    """Return the figures of a distribution over targets, float64 (items + 1,)."""
    return computed(TargetFigures, _Targets(p, references))


def _mean_figures(several: Iterable[TargetFigures]) -> TargetFigures:
    rows = list(several)
    mean: dict[str, Any] = {}
    for key in figures_in(TargetFigures):
        values = [getattr(row, key) for row in rows]
        mean[key] = None if None in values else float(np.mean(values))
    return TargetFigures(**mean)


def independent_figures(p: Floats, pairs: int, references: References) -> TargetFigures:
    """Return the expected figures of N independent pairs.

    `effective_targets` is exp of the expected entropy. `target_gini` treats the counts of two items as independent,
    which changes it by less than 1 / items.
    """
    return IndependentSums(pairs, references, p).figures()


class IndependentSums:
    """Expected sums over items for N independent pairs."""

    def __init__(self, pairs: int, references: References, p: Floats) -> None:
        self._pairs, self._references, self._p = pairs, references, p
        self._size = int(references.occurs.sum())
        self._formulas: dict[str, TargetFormula] = {
            key: figure.compute
            for key, figure in figures_in(TargetFigures).items()
            if isinstance(figure.compute, TargetFormula) and figure.compute.has(references)
        }
        self._totals = dict.fromkeys(self._formulas, 0.0)
        # If counts exceed about a million, they are binned by a millionth of the largest, which bounds the memory.
        self._bin = max(pairs * float(p.max(initial=0.0)) * 1.1 / _COUNT_BINS, 1.0)
        self._at_count = np.zeros(1)
        self._spread = np.zeros(1)
        for part in _binomials(pairs, p):
            self._add(part)
        never = np.flatnonzero(references.occurs & (p == 0))
        self._add(_Binomials(never[:, None], np.zeros((len(never), 1), np.int64), np.ones((len(never), 1))))

    def _add(self, part: _Binomials) -> None:
        shares = DrawnShares(part.item, part.drawn / self._pairs, self._references)
        for key, formula in self._formulas.items():
            if formula.terms is not None:
                # Counts of probability 0 must add nothing: an infinite term would otherwise give NaN.
                terms = np.where(part.probability > 0, formula.terms(shares), 0.0)
                self._totals[key] += float((part.probability * terms).sum())
        self._add_counts(part)

    def _add_counts(self, part: _Binomials) -> None:
        """Sum P(n = t) and F(t)(1 − F(t)) over items, by t."""
        place = (part.drawn / self._bin).astype(np.int64)
        needed = int(place.max(initial=0)) + 1 - len(self._at_count)
        if needed > 0:
            self._at_count, self._spread = (np.pad(a, (0, needed)) for a in (self._at_count, self._spread))
        if place.size == 0:
            return
        below = np.minimum(np.cumsum(part.probability, axis=1), 1.0)
        width = np.diff(part.drawn, axis=1, append=part.drawn[:, -1:])
        flat, first = place.ravel(), int(place.min())
        at = np.bincount(flat - first, weights=part.probability.ravel())
        spread = np.bincount(flat - first, weights=(below * (1 - below) * width).ravel())
        self._at_count[first : first + len(at)] += at
        self._spread[first : first + len(at)] += spread

    def coverage(self) -> float:
        """Return the expected share of the items that are drawn at least once."""
        missed = np.exp(self._pairs * np.log1p(-np.minimum(self._p[self._references.occurs], _JUST_BELOW_ONE)))
        return float(1 - missed.mean())

    def gini(self) -> float:
        """Return the Gini by Σ_{i≠j} E|n_i − n_j| = 2 Σ_t [A (n − A) − Σ_i F_i (1 − F_i)] with A(t) = Σ_i F_i(t)."""
        among = np.minimum(np.cumsum(self._at_count), self._size)
        apart = self._bin * float((among * (self._size - among)).sum()) - float(self._spread.sum())
        return apart / (self._size * self._pairs)

    def figures(self) -> TargetFigures:
        """Return the figures; those that need a split without targets are None."""
        values: dict[str, Any] = dict.fromkeys(figures_in(TargetFigures))
        values |= {key: formula.expected(self._totals[key], self) for key, formula in self._formulas.items()}
        return TargetFigures(**values)


class BalancedCounts:
    """Counts of each target in balanced draws of N pairs, at the offsets `OFFSETS`.

    Args:
        pairs: N by the steps of a strategy.
        items: size of the vocabulary.
    """

    def __init__(self, pairs: dict[TargetSteps, int], items: int) -> None:
        self._pairs = pairs
        self._reached = dict.fromkeys(pairs, 0.0)
        self._counts = {steps: np.zeros((len(OFFSETS), items + 1), np.int64) for steps in pairs}

    def add(self, targets: Targets, steps: TargetSteps, weight: Floats) -> None:
        """Count the points that fall on some targets with their weights p(s, k) under one of the steps, if it is drawn.

        Calls must follow the order of users and positions.
        """
        if steps not in self._pairs:
            return
        edges = np.concatenate(([self._reached[steps]], weight)).cumsum()
        self._reached[steps] = float(edges[-1])
        counts = self._counts[steps]
        for row, offset in enumerate(OFFSETS):
            points = np.diff(np.ceil(edges * self._pairs[steps] - offset))
            counts[row] += np.bincount(targets.item, weights=points, minlength=counts.shape[1]).astype(np.int64)

    def figures(self, steps: TargetSteps, references: References) -> TargetFigures:
        """Return the figures, averaged over the offsets."""
        return _mean_figures(target_figures(counts / counts.sum(), references) for counts in self._counts[steps])
