"""Chi-square tests of drawn counts, their share of the false alarms, and their power against a tilted sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FALSE_ALARM = 1e-6
"""Chance that a correct sampler fails any of the statistical tests."""

TESTS = 80
"""Tests among which `FALSE_ALARM` is divided equally (Bonferroni). There are 62, which a test counts: the rest is room
for counts being whole numbers, which makes the far tail up to some percent heavier than that of the chi-square."""

THRESHOLD = FALSE_ALARM / TESTS
"""A test fails at a p-value below this."""

DRAWS = 2_000_000
"""Pairs that each test looks at."""

TILT = 0.02
"""The smallest bias to be caught: every other cell is this much too heavy, and those between as much too light."""

POWER = 0.99
"""Chance with which it must be caught."""

SMALLEST_CELL = 100.0
"""Cells that expect fewer draws are pooled: more than the usual 5, so that the chi-square holds at 10^-8 too (from the
Poisson distribution of each cell: 1.05 times the nominal rate at the sparsest tests here)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Draws that share one distribution: all starts before one target, or all targets of one user."""

    observed: Floats
    """Draws of each cell."""
    p: Floats
    """Probability of each cell; sums to 1."""


def pooled(group: Group) -> Group:
    """Return the group with all cells that expect too few draws as one; none if nothing is left to compare."""
    expected = group.p * group.observed.sum()
    small = expected < SMALLEST_CELL
    observed, p = (np.append(a[~small], a[small].sum()) for a in (group.observed, group.p))
    if p[-1] * group.observed.sum() < SMALLEST_CELL:
        # What is pooled is too little still, or nothing: it joins the smallest of the others.
        if len(p) == 1:
            return Group(np.zeros(0), np.zeros(0))
        least = int(np.argmin(p[:-1]))
        observed[least], p[least] = observed[least] + observed[-1], p[least] + p[-1]
        observed, p = observed[:-1], p[:-1]
    return Group(observed, p)


def statistic(groups: Iterable[Group]) -> tuple[float, int]:
    """Return Pearson's statistic over all groups, given how many draws each has, and its degrees of freedom."""
    total, freedom = 0.0, 0
    for group in map(pooled, groups):
        if len(group.p) > 1:
            expected = group.p * group.observed.sum()
            total += float(((group.observed - expected) ** 2 / expected).sum())
            freedom += len(group.p) - 1
    return total, freedom


def p_value(groups: Iterable[Group]) -> float:
    """Return the chance of a statistic at least as large from a correct sampler."""
    total, freedom = statistic(groups)
    assert freedom > 0, "nothing to compare"
    return float(stats.chi2.sf(total, freedom))


def tilted(p: Floats) -> Floats:
    """Return the distribution of a sampler that draws every other cell `TILT` too often, the rest too rarely."""
    heavier = p * np.where(np.arange(len(p)) % 2 == 0, 1 + TILT, 1 - TILT)
    return np.asarray(heavier / heavier.sum())


def power(sizes: Iterable[float], distributions: Iterable[Floats]) -> float:
    """Return the chance to catch a tilted sampler, from the noncentral chi-square.

    Args:
        sizes: expected draws of each group.
        distributions: of each group, as it should be.
    """
    shift, freedom = 0.0, 0
    for size, p in zip(sizes, distributions, strict=True):
        # As the test pools: both distributions over the cells that are left.
        right, wrong = pooled(Group(size * p, p)), pooled_like(size * p, p, tilted(p))
        if len(right.p) > 1:
            shift += size * float(((wrong - right.p) ** 2 / right.p).sum())
            freedom += len(right.p) - 1
    critical = stats.chi2.isf(THRESHOLD, freedom)
    return float(stats.ncx2.sf(critical, freedom, shift))


def pooled_like(observed: Floats, p: Floats, other: Floats) -> Floats:
    """Return another distribution over the cells that pooling leaves of p."""
    carried = pooled(Group(observed, p)).p
    if len(carried) == len(p):
        return other
    small = p * observed.sum() < SMALLEST_CELL
    result = np.append(other[~small], other[small].sum())
    if len(carried) < len(result):
        least = int(np.argmin(p[~small]))
        result[least] += result[-1]
        result = result[:-1]
    return result


def caught(
    rng: np.random.Generator, sizes: Floats, distributions: list[Floats], times: int, bend: Callable[[Floats], Floats]
) -> int:
    """Return how many of so many samples from the bent distributions the test rejects."""
    found = 0
    for _ in range(times):
        counts = rng.multinomial(int(sizes.sum()), sizes / sizes.sum())
        groups = [
            Group(rng.multinomial(n, bend(p)).astype(float), p) for n, p in zip(counts, distributions, strict=True)
        ]
        found += p_value(groups) < THRESHOLD
    return found


def normal(p: Any) -> Floats:
    """Return exact probabilities as floats that sum to 1."""
    values = np.array([float(x) for x in p])
    return np.asarray(values / values.sum())
