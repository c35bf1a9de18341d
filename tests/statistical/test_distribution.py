"""Figures that are linear in p are the averages over drawn pairs: of targets, lengths, positions, A and D.

Pairs are drawn independently by the drawing functions of the package, and looked at one by one. Every figure is a mean
of what each pair adds (a share: whether it is such a pair), so that it lies within its standard error. A correct figure
fails any of these tests with a chance of 10^-6 in all, divided equally among at most 60 of them. Seeds are fixed, and
were written down before the tests were first run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from genpas_cli.figures.table import StrategyFigures
from genpas_cli.sampling.cuts import draw_shard, shard_streams
from genpas_cli.sampling.strategies import parse_strategy
from tests import oracle, oracle_figures
from tests.figures.distribution.logs import Case
from tests.properties.strategies import chunked, plan_of

FALSE_ALARM = 1e-6
TESTS = 60

PAIRS = 400_000

Floats = NDArray[np.float64]


def random_log(seed: int) -> oracle.Log:
    """Return 40 histories of up to 24 interactions with 15 items, the first ones most frequent, left one out."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 25, 40)
    chances = 1 / np.arange(1, 16)
    histories = [rng.choice(np.arange(1, 16), n, p=chances / chances.sum()).tolist() for n in lengths]
    train = [n if n < 3 else n - 2 for n in map(len, histories)]
    return oracle.Log(histories, train, [int(len(h) >= 3) for h in histories])


LOG = random_log(2509)

STRATEGIES = ["1,0,0", "0.5,-0.5,-1", "2,1,0", "0,2,0.5"]
MAX_INPUT = 8


def case_of(name: str) -> Case:
    """Return what the figures are of."""
    return Case(LOG, parse_strategy(name), window=5, max_input=MAX_INPUT, pairs=PAIRS)


@lru_cache
def figures_of(name: str) -> StrategyFigures:
    """Return the exact figures."""
    return case_of(name).figures()


@lru_cache
def counts_of(name: str) -> dict[oracle.Cut, int]:
    """Draw, and return how often each (user, k, j) came."""
    plan = plan_of(LOG.train, parse_strategy(name), "independent", pairs=PAIRS, seed=STRATEGIES.index(name),
                   shard_rows=PAIRS)  # fmt: skip
    (part,) = plan.slices
    give = chunked(LOG.train, 1 << 17)
    cuts = draw_shard(plan, part, 0, give(part.first_user, part.last_user), shard_streams(plan.seed, 0, 0))
    different, counts = np.unique(np.stack((cuts.user, cuts.target, cuts.start)), axis=1, return_counts=True)
    return {(u, k, j): n for (u, k, j), n in zip(different.T.tolist(), counts.tolist(), strict=True)}


def p_value(found: float, values: Floats, counts: Floats) -> float:
    """Return the chance of a mean as far from a figure, given what each kind of pair adds and how often it came."""
    mean = float((values * counts).sum() / counts.sum())
    error = math.sqrt(float(((values - mean) ** 2 * counts).sum())) / counts.sum()
    if error == 0:
        return float(mean == pytest.approx(found, rel=1e-12))
    return float(2 * stats.norm.sf(abs(found - mean) / error))


def shares_p_value(expected: dict[int, float], counts: dict[int, int]) -> float:
    """Return the p-value of a chi-square test of counts by number; those expected below 100 times are one."""
    assert counts.keys() <= expected.keys()
    right = np.array([share * PAIRS for share in expected.values()])
    seen = np.array([counts.get(number, 0) for number in expected], float)
    small = right < 100
    right, seen = (np.append(a[~small], a[small].sum()) for a in (right, seen))
    right, seen = (a[right > 0] for a in (right, seen))
    assert right.sum() == pytest.approx(PAIRS, rel=1e-9)
    return float(stats.chi2.sf(((seen - right) ** 2 / right).sum(), len(right) - 1))


def tallied(name: str, kind: str) -> dict[int, int]:
    """Return how many pairs are of each kind: target item, input length, tenth of the position, sequence length."""
    found: dict[int, int] = {}
    for (user, k, j), count in counts_of(name).items():
        key = {
            "target": LOG.histories[user][k - 1], "input length": min(k - j, MAX_INPUT),
            "tenth": math.ceil(10 * (k - 1) / (LOG.train[user] - 1)) - 1, "sequence length": LOG.train[user],
        }[kind]  # fmt: skip
        found[key] = found.get(key, 0) + count
    return found


def expected(figures: StrategyFigures, name: str, kind: str) -> dict[int, float]:
    """Return the shares that the figures say."""
    if kind == "target":
        # Not in the report: the oracle's, which test_exactness.py holds equal to p_train.
        rule = case_of(name).rule
        return {item: float(mass) for item, mass in oracle.target_distribution(rule, LOG).items()}
    if kind == "tenth":
        return dict(enumerate(figures.target_position_histogram or []))
    bins = figures.input_length_histogram if kind == "input length" else figures.sequence_mass_by_length or []
    return {each.low: each.share for each in bins}


KINDS = ["target", "input length", "tenth", "sequence length"]


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_shares(name: str, kind: str) -> None:
    assert shares_p_value(expected(figures_of(name), name, kind), tallied(name, kind)) > FALSE_ALARM / TESTS


def gains(name: str, figure: str) -> Iterator[tuple[float, int]]:
    """Give what a pair of each (user, k, j) adds to the mean of a figure, and how often it was drawn."""
    case = case_of(name)
    p = {item: float(mass) for item, mass in oracle.target_distribution(case.rule, LOG).items()}
    comparison = oracle_figures.Comparison(case.similarity, case.window, PAIRS, MAX_INPUT)
    common = oracle_figures.common_targets(oracle.target_distribution(case.rule, LOG), LOG, PAIRS)
    held_out = [(comparison.seen(x), y) for x, y in LOG.held_out("test") if y in common]
    of_target = {y: [x for x, other in held_out if other == y] for y in common}
    for (user, k, j), count in counts_of(name).items():
        y, x = LOG.histories[user][k - 1], comparison.seen(LOG.histories[user][j - 1 : k - 1])
        if y not in common:
            yield 0.0, count
        elif figure == "alignment":
            yield sum(comparison(other, x) for other in of_target[y]) / len(held_out) / p[y], count
        else:
            means = [sum(comparison(other, x) for other in of_target[z]) / len(of_target[z]) for z in common if z != y]
            yield sum(means) / len(common) / (len(common) - 1) / p[y], count


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("figure", ["alignment", "discrimination", "mean_input_length"])
def test_means(name: str, figure: str) -> None:
    """E over the pairs of a target is 1 / p(y) times that over all pairs: the mean of what each one adds."""
    assert mean_p_value(figures_of(name), name, figure) > FALSE_ALARM / TESTS


def mean_p_value(figures: StrategyFigures, name: str, figure: str) -> float:
    """Return the p-value of a figure by the pairs of a strategy."""
    if figure == "mean_input_length":
        rows = [(float(min(k - j, MAX_INPUT)), count) for (_, k, j), count in counts_of(name).items()]
    else:
        rows = list(gains(name, figure))
    values, counts = np.array(rows).T
    return p_value(getattr(figures, figure), values, counts)


def test_all_tests_share_the_false_alarms() -> None:
    assert len(STRATEGIES) * (len(KINDS) + 3) + 10 <= TESTS


def test_lengths_and_positions_of_another_bias_are_found_wrong() -> None:
    """γ or β off by .05 is found in each figure that this bias moves, and in no other."""
    wrong = figures_of("1,0,0.05")
    assert mean_p_value(wrong, "1,0,0", "mean_input_length") < FALSE_ALARM / TESTS
    assert shares_p_value(expected(wrong, "1,0,0.05", "input length"), tallied("1,0,0", "input length")) < 1e-8
    for kind in ("target", "tenth", "sequence length"):
        assert shares_p_value(expected(wrong, "1,0,0.05", kind), tallied("1,0,0", kind)) > FALSE_ALARM / TESTS
    wrong = figures_of("0.5,-0.55,-1")
    for kind in ("tenth", "input length"):
        found = shares_p_value(expected(wrong, "0.5,-0.55,-1", kind), tallied("0.5,-0.5,-1", kind))
        assert found < FALSE_ALARM / TESTS, kind


@pytest.mark.parametrize("figure", ["alignment", "discrimination"])
def test_a_and_d_of_another_bias_are_found_wrong(figure: str) -> None:
    """Both move little with the biases: γ = 1 for 0 makes both 3% larger here, which is found."""
    right, wrong = (getattr(figures_of(name), figure) for name in ("1,0,0", "1,0,1"))
    assert wrong / right == pytest.approx(1.03, abs=0.01)
    assert mean_p_value(figures_of("1,0,1"), "1,0,0", figure) < FALSE_ALARM / TESTS
