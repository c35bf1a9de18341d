"""The chi-square tests of a fair draw: the bins of levels, and tail probabilities that are right far out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from genpas_cli.figures.distribution.fairness import (
    FALSE_ALARM,
    LevelTest,
    StepTest,
    chi_square_tail,
)


def bins_of(levels: int) -> int:
    """Return the number of bins for this many levels, from the statistic of levels with equal counts."""
    return round(result_of(np.array([levels])).statistic / levels) + 1


def result_of(counts: NDArray[np.int64]) -> StepTest:
    """Return the test of levels that are so often in the first hundredths."""
    levels = LevelTest()
    levels.counts[: len(counts)] = counts
    return levels.result("input")


def test_few_levels_are_sorted_into_few_bins() -> None:
    assert [bins_of(n) for n in (1, 199, 200, 399, 400, 500, 1000, 4999, 5000, 9999, 10_000, 10**6)] == [
        1, 1, 2, 2, 4, 5, 10, 25, 50, 50, 100, 100,
    ]  # fmt: skip
    assert result_of(np.array([199])).p_value == 1.0


def tail_by_importance(levels: int, bins: int, chance: float) -> Iterator[float]:
    """Give estimates of how often uniform levels have a p-value below a chance, each in units of that chance.

    Counts are drawn unevenly (Dirichlet-multinomial), so that half of them are that far out, and weighted back.
    """
    rng = np.random.default_rng(bins)
    over = stats.chi2.isf(chance, bins - 1) / (bins - 1)
    spread = (levels - over) / (over - 1)
    for _ in range(20_000):
        counts = rng.multinomial(levels, rng.dirichlet(np.full(bins, spread / bins)))
        test = result_of(first_of_each(counts))
        if test.p_value < chance:
            uneven = special.gammaln(spread) - special.gammaln(levels + spread) + float(
                (special.gammaln(counts + spread / bins) - special.gammaln(spread / bins)).sum()
            )  # fmt: skip
            yield math.exp(-levels * math.log(bins) - uneven) / chance
        else:
            yield 0.0


def first_of_each(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return hundredths of which the first of every bin has all the levels of its bin."""
    hundredths = np.zeros(100, np.int64)
    hundredths[:: 100 // len(counts)] = counts
    return hundredths


@pytest.mark.parametrize(("levels", "bins"), [(200, 2), (400, 4), (500, 5), (1000, 10), (2500, 25), (10_000, 100)])
def test_fair_draws_fail_as_rarely_as_promised_however_few(levels: int, bins: int) -> None:
    """At the fewest levels of a number of bins, a quarter of `FALSE_ALARM` is not exceeded: see `LEAST_LEVELS`."""
    estimates = np.array(list(tail_by_importance(levels, bins, FALSE_ALARM / 4)))
    error = estimates.std() / math.sqrt(len(estimates))
    assert error < 0.05
    assert estimates.mean() - 3 * error < 1


@pytest.mark.parametrize("degrees", [1, 3, 4, 9, 19, 24, 49, 99])
def test_the_tail_of_the_chi_square_is_never_much_too_small(degrees: int) -> None:
    chance = np.array([0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-7, 1e-10, 1e-20])
    found = np.array([chi_square_tail(x, degrees) for x in stats.chi2.isf(chance, degrees)]) / chance
    assert (found > 0.955).all()
    assert (found[chance <= 1e-3] > 1).all()


def test_the_tail_of_the_chi_square_is_as_right_as_it_says() -> None:
    def excess(chance: float, degrees: int) -> float:
        return chi_square_tail(float(stats.chi2.isf(chance, degrees)), degrees) / chance - 1

    for chance in np.geomspace(1e-4, 1, 40)[:-1]:
        assert abs(excess(float(chance), 99)) < 0.025
    assert [round(excess(chance, 99), 2) for chance in (1e-6, 1e-7)] == [0.07, 0.10]
    assert round(excess(1e-6, 19), 2) == 0.31
