"""The test of a fair draw: it lets fair draws pass, and finds pairs of another strategy, moved, doubled or missing.

Seeds are fixed, and were written down before the tests were first run. Fair draws are rejected with a chance below
10^-6 each (`FALSE_ALARM`), of which there are some 80 here; what a test is said to find, it finds with the power that
is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from genpas_cli.figures.distribution import fairness
from genpas_cli.figures.distribution.fairness import (
    FALSE_ALARM,
    DrawnCuts,
    FairDraw,
    StepTest,
    is_fair,
)
from genpas_cli.sampling.cuts import draw_shard, shard_streams
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.shard_plan import Draw
from genpas_cli.sampling.strategies import MULTI_TARGET, parse_strategy, triple
from genpas_cli.sampling.strategy import Strategy
from tests import oracle
from tests.properties.strategies import ENUMERATED, LAST_TARGET, SLIDE_WINDOW, chunked, plan_of, targets_of

LENGTHS = np.random.default_rng(20250913).integers(0, 41, 300).tolist()
"""Three hundred users with up to 40 interactions; some take no part."""

MULTI = sum(max(length - 1, 0) for length in LENGTHS)

N = 100_000
"""Pairs of an independent draw."""


class Cuts(NamedTuple):
    """Drawn pairs."""

    user: Ints
    start: Ints
    target: Ints

    def without(self, row: int) -> Cuts:
        """Return them with one left out."""
        return Cuts(*(np.delete(column, row) for column in self))

    def with_one(self, cut: oracle.Cut) -> Cuts:
        """Return them with one more."""
        user, k, j = cut
        return Cuts(*(np.append(column, value) for column, value in zip(self, (user, j, k), strict=True)))

    def at(self, row: int) -> oracle.Cut:
        """Return one of them."""
        return int(self.user[row]), int(self.target[row]), int(self.start[row])


def drawn(  # a draw
    strategy: Strategy, draw: Draw, pairs: int, *, seed: int = 0, epoch: int = 0, epochs: int = 1
) -> Cuts:
    """Draw an epoch, in some shards."""
    plan = plan_of(LENGTHS, strategy, draw, pairs=pairs, epochs=epochs, seed=seed, shard_rows=pairs // 3 + 1)
    give = chunked(LENGTHS, 1 << 17)
    parts = [
        draw_shard(plan, part, epoch, give(part.first_user, part.last_user), shard_streams(seed, epoch, part.index))
        for part in plan.slices
    ]
    user, start, target = (
        np.concatenate([getattr(part, name) for part in parts]).astype(np.int64) for name in ("user", "start", "target")
    )
    return Cuts(user, start, target)


@cache
def enumerated(strategy: Strategy) -> Cuts:
    """Return every pair of a strategy once."""
    return drawn(strategy, "enumerated", len(oracle.enumerate_pairs(strategy.name, LENGTHS)))


def fair_draw(
    strategy: Strategy, draw: str, pairs: int, lengths: list[int] | None = None, memory: int = 1 << 30
) -> FairDraw:
    """Return the test of a draw from histories of these lengths."""
    targets = targets_of(LENGTHS if lengths is None else lengths).astype(np.int32)
    return FairDraw(strategy, draw, pairs, targets, memory)


def judged(cuts: Cuts, strategy: Strategy, draw: str, pairs: int, memory: int = 1 << 30) -> list[StepTest]:
    """Test one epoch of cuts, given in two parts."""
    fair = fair_draw(strategy, draw, pairs, memory=memory)
    half = len(cuts.user) // 2
    parts = [DrawnCuts(*(column[part] for column in cuts)) for part in (slice(0, half), slice(half, None))]
    fair.add_epoch(lambda: parts)
    return fair.result()


def epoch_of(cuts: Cuts) -> Callable[[], list[DrawnCuts]]:
    """Return what gives all cuts of an epoch, as often as it is asked."""
    return lambda: [DrawnCuts(*cuts)]


def rejected_steps(tests: list[StepTest]) -> set[str]:
    """Return the steps that a draw is rejected for."""
    return {test.step for test in tests if test.p_value <= FALSE_ALARM / len(tests)}


# ---------------------------------------------------------------------------------------------------- fair draws pass

TRIPLES = [
    triple(1, 0, 0), triple(0.5, -0.5, -1), triple(-0.5, 1, 2), triple(0, math.inf, -math.inf),
    triple(math.inf, -math.inf, math.inf), SLIDE_WINDOW, LAST_TARGET,
    parse_strategy("recency:keep=0.8"), parse_strategy("windows:width=3"),
]  # fmt: skip


@pytest.mark.parametrize("strategy", TRIPLES, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("draw", ["independent", "balanced"])
@pytest.mark.parametrize("pairs", [1, 150, MULTI, N])
def test_fair_draws_pass(strategy: Strategy, draw: Draw, pairs: int) -> None:
    fair = fair_draw(strategy, draw, pairs)
    for epoch in range(2):
        fair.add_epoch(epoch_of(drawn(strategy, draw, pairs, epoch=epoch, epochs=2)))
    tests = fair.result()
    assert is_fair(tests), tests
    steps = {"independent": ["sequence length", "sequence", "target", "input"], "balanced": ["counts", "input"]}[draw]
    assert [test.step for test in tests] == steps


@pytest.mark.parametrize("strategy", ENUMERATED.values(), ids=ENUMERATED)
def test_an_enumeration_passes_in_any_order(strategy: Strategy) -> None:
    cuts = enumerated(strategy)
    order = np.random.default_rng(0).permutation(len(cuts.user))
    shuffled = Cuts(*(column[order] for column in cuts))
    assert judged(shuffled, strategy, "enumerated", len(order)) == [
        StepTest("pairs", "every pair exactly once", 0.0, 1.0)
    ]


# ------------------------------------------------------------------------------------- another strategy is rejected


def level_shares(below: Floats, right: Floats, wrong: Floats) -> Floats:
    """Return the share of each bin of levels, where outcomes are drawn by `wrong` and tested as if by `right`."""
    share = np.diff(np.interp(np.linspace(0, 1, fairness.BINS + 1), np.append(below, 1), np.append(0, wrong.cumsum())))
    assert right.sum() == pytest.approx(1)
    return np.asarray(share)


def conditional(right: oracle.Law, wrong: oracle.Law, count: int) -> Floats:
    """Return the shares of the levels of a position step with so many positions."""
    p, q = (np.array([float(x) for x in oracle.pmf(law, count)]) for law in (right, wrong))
    return level_shares(np.cumsum(p) - p, p, q)


def power(right: Strategy, wrong: Strategy, step: str) -> float:
    """Return the chance that the test of a step rejects N pairs of another strategy: from the noncentral chi-square."""
    ours, rule = oracle.rule_of(right.name), oracle.rule_of(wrong.name)
    shares = np.zeros(fairness.BINS)
    if step == "sequence length":
        sizes = sorted({length for length in LENGTHS if length > 1})
        p, q = (
            np.array([sum(float(masses[u]) for u, n in enumerate(LENGTHS) if n == size) for size in sizes])
            for masses in (oracle.sequence_masses(alpha, LENGTHS) for alpha in (ours.alpha, rule.alpha))
        )
        shares = level_shares(np.cumsum(p) - p, p, q)
    elif step == "target":
        for user, mass in enumerate(oracle.sequence_masses(rule.alpha, LENGTHS)):
            if mass > 0:
                shares += float(mass) * conditional(ours.beta, rule.beta, LENGTHS[user] - 1)
    else:
        by_k = oracle.marginal(oracle.pair_masses(rule, LENGTHS), lambda cut: cut[1])
        for k, mass in by_k.items():
            shares += float(mass) * conditional(ours.gamma, rule.gamma, k - 1)
    shift = N * float(((shares - 1 / fairness.BINS) ** 2).sum()) * fairness.BINS
    critical = stats.chi2.isf(FALSE_ALARM / 4, fairness.BINS - 1) * 1.02  # the far tail is taken as too large
    return float(stats.ncx2.sf(critical, fairness.BINS - 1, shift))


@pytest.mark.parametrize(
    ("wrong", "step"),
    [
        (triple(1.15, 0, 0), "sequence length"), (triple(0.85, 0, 0), "sequence length"),
        (triple(1, 0.08, 0), "target"), (triple(1, -0.08, 0), "target"),
        (triple(1, 0, 0.1), "input"), (triple(1, 0, -0.1), "input"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)  # fmt: skip
def test_independent_draws_by_another_bias_are_rejected(wrong: Strategy, step: str) -> None:
    """100,000 pairs: α off by .15, β by .08 or γ by .1 is found with a chance of more than .999; ten draws of ten are.

    No later step is accused, as it is tested given those before it; the users of wrong lengths are wrong users too.
    """
    right = triple(1, 0, 0)
    assert power(right, wrong, step) > 0.999
    for seed in range(10):
        tests = judged(drawn(wrong, "independent", N, seed=seed), right, "independent", N)
        assert {step} <= rejected_steps(tests) <= {step, "sequence" if step == "sequence length" else step}
        assert not is_fair(tests)


def test_a_user_who_is_drawn_too_often_is_found() -> None:
    """By the test of sequences: a tenth of the pairs go to one user of the same length."""
    strategy = triple(1, 0, 0)
    cuts = drawn(strategy, "independent", N)
    twin = {length: user for user, length in enumerate(LENGTHS)}
    to = np.array([twin[length] for length in LENGTHS])
    moved = np.random.default_rng(1).random(N) < 0.1
    tests = judged(cuts._replace(user=np.where(moved, to[cuts.user], cuts.user)), strategy, "independent", N)
    assert rejected_steps(tests) == {"sequence"}


@pytest.mark.parametrize("wrong", [triple(1.1, 0, 0), triple(1, 0.1, 0)], ids=lambda strategy: strategy.name)
def test_balanced_draws_by_another_bias_have_wrong_counts(wrong: Strategy) -> None:
    tests = judged(drawn(wrong, "balanced", N), triple(1, 0, 0), "balanced", N)
    assert rejected_steps(tests) == {"counts"}


def test_balanced_draws_by_another_input_bias_are_rejected() -> None:
    assert power(triple(1, 0, 0), triple(1, 0, 0.1), "input") > 0.999
    tests = judged(drawn(triple(1, 0, 0.1), "balanced", N), triple(1, 0, 0), "balanced", N)
    assert rejected_steps(tests) == {"input"}


def test_independent_draws_are_not_balanced() -> None:
    tests = judged(drawn(triple(1, 0, 0), "independent", N), triple(1, 0, 0), "balanced", N)
    assert rejected_steps(tests) == {"counts"}


def test_one_pair_that_cannot_be_is_enough() -> None:
    """Probability 0, or no pair at all: start before the target, target inside the sequence."""
    strategy = triple(1, 0, -math.inf)
    cuts = drawn(strategy, "independent", 5000)
    user, k, _ = next(cuts.at(row) for row in range(5000) if cuts.target[row] > 2)
    for cut in ((user, k, 2), (user, k, k), (user, 1, 1), (user, LENGTHS[user] + 1, 1), (user, k, 0)):
        tests = judged(cuts.without(0).with_one(cut), strategy, "independent", 5000)
        assert not is_fair(tests), cut
    assert is_fair(judged(cuts.without(0).with_one((user, k, 1)), strategy, "independent", 5000))


# -------------------------------------------------------------------------------------- single pairs, where exact


@given(st.data())
def test_one_pair_moved_doubled_or_missing_is_found_in_an_enumeration(data: st.DataObject) -> None:
    strategy = data.draw(st.sampled_from(list(ENUMERATED.values())))
    cuts = enumerated(strategy)
    pairs = len(cuts.user)
    row, other = data.draw(st.integers(0, pairs - 1)), data.draw(st.integers(0, pairs - 1))

    def wrong(changed: Cuts) -> float:
        (test,) = judged(changed, strategy, "enumerated", pairs)
        assert test.p_value == float(test.statistic == 0)
        return test.statistic

    assert wrong(cuts.without(row)) == 1
    assert wrong(cuts.with_one(cuts.at(other))) == 1
    assert wrong(cuts.without(row).with_one(cuts.at(other))) == (0 if row == other else 2)
    user, k, j = cuts.at(row)
    assert wrong(cuts.without(row).with_one((user, k, min(k, j + 1)))) == 2


def test_an_enumeration_with_a_pair_of_another_strategy() -> None:
    """Multi-Target has no pair that starts at 2, Last-Target none before the last position."""
    user = LENGTHS.index(max(LENGTHS))
    for strategy, cut in ((MULTI_TARGET, (user, 5, 2)), (LAST_TARGET, (user, 5, 1))):
        cuts = enumerated(strategy)
        (test,) = judged(cuts.with_one(cut), strategy, "enumerated", len(cuts.user))
        assert (test.statistic, test.p_value) == (1.0, 0.0)


@given(st.data())
def test_one_pair_moved_doubled_or_missing_is_found_in_a_balanced_draw(data: st.DataObject) -> None:
    """(1, 0, ·) at a multiple of Multi-Target's pairs: every (s, k) has a whole number of them."""
    strategy, pairs = triple(1, 0, 0.5), MULTI * data.draw(st.integers(1, 2))
    cuts = drawn(strategy, "balanced", pairs)
    row = data.draw(st.integers(0, pairs - 1))
    user, k, _ = cuts.at(row)
    other = data.draw(st.sampled_from([u for u, length in enumerate(LENGTHS) if length > 1 and (u, 2) != (user, k)]))
    for changed in (cuts.without(row), cuts.with_one((user, k, 1)), cuts.without(row).with_one((other, 2, 1))):
        assert "counts" in rejected_steps(judged(changed, strategy, "balanced", pairs))


def test_a_count_outside_floor_and_ceiling_is_found() -> None:
    """Two users of two interactions and three pairs: 1.5 each, so 2 and 1 are fair, and 3 and 0 are not."""
    strategy, lengths = triple(0, 0, 0), [2, 2]

    def counts(first: int, second: int) -> StepTest:
        fair = fair_draw(strategy, "balanced", 3, lengths)
        total = first + second
        cuts = DrawnCuts(np.repeat([0, 1], [first, second]), np.ones(total, np.int64), np.full(total, 2))
        fair.add_epoch(lambda: [cuts])
        return fair.result()[0]

    assert [counts(*pair).statistic for pair in ((2, 1), (1, 2))] == [0, 0]
    assert counts(3, 0) == StepTest("counts", "expected count rounded down or up", 2.0, 0.0)
    # Floors or ceilings alone, but a pair too few or too many.
    assert counts(1, 1) == counts(2, 2) == StepTest("counts", "expected count rounded down or up", 1.0, 0.0)


def test_a_pair_where_next_to_none_is_expected_is_a_ceiling() -> None:
    """β = 5 in a long sequence expects 10^-12 pairs at many a position, and sometimes gets one."""
    strategy, lengths = triple(0, 5, -math.inf), [400]
    p = np.array([float(x) for x in oracle.pmf(5, 399)])
    counts = np.floor(10 * p).astype(np.int64)
    counts[0] = 1
    counts[np.argsort(-p)[: 9 - int(counts[1:].sum())]] += 1
    assert counts.sum() == 10
    k = np.repeat(np.arange(2, 401), counts)
    fair = fair_draw(strategy, "balanced", 10, lengths)
    fair.add_epoch(lambda: [DrawnCuts(np.zeros(10, np.int64), np.ones(10, np.int64), k)])
    assert 10 * p[0] < 1e-11
    assert fair.result()[0].statistic == 0


def test_each_epoch_is_counted_by_itself() -> None:
    """A pair that one epoch lacks is not made up for by the next."""
    cuts = drawn(triple(1, 0, 0), "balanced", MULTI)
    fair = fair_draw(triple(1, 0, 0), "balanced", MULTI)
    for changed in (cuts.without(7), cuts.with_one(cuts.at(7))):
        fair.add_epoch(epoch_of(changed))
    assert not is_fair(fair.result())


# ------------------------------------------------------------------------------------------------------------ p-values


def test_p_values_of_fair_draws_are_uniform() -> None:
    """300 draws of 20,000 pairs, a Kolmogorov–Smirnov test a step: in all, a chance of 4·10^-6 to fail for nothing."""
    strategy = triple(0.5, 0.5, -0.5)
    p_values: dict[str, list[float]] = {}
    for seed in range(300):
        fair = fair_draw(strategy, "independent", 20_000)
        # What is added to the levels is drawn from one seed, as one draw is tested; many draws each have their own.
        fair._random = np.random.default_rng(seed)
        fair.add_epoch(epoch_of(drawn(strategy, "independent", 20_000, seed=seed)))
        for test in fair.result():
            p_values.setdefault(test.step, []).append(test.p_value)
    assert len(p_values) == 4
    for step, values in p_values.items():
        assert stats.kstest(values, "uniform").pvalue > 1e-6, step


@pytest.mark.parametrize("draw", ["balanced", "independent", "enumerated"])
def test_the_memory_that_is_said_covers_the_arrays(draw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fair, counted = fair_draw(SLIDE_WINDOW, draw, 10, memory=0), [0]
    made = fair._no_counts

    def no_counts(users: range) -> NDArray[np.uint32]:
        counted.append(made(users).nbytes)
        return made(users)

    monkeypatch.setattr(fair, "_no_counts", no_counts)
    fair.add_epoch(list)
    taken = sum(value.nbytes for value in vars(fair).values() if isinstance(value, np.ndarray) and len(value) > 100)
    least = FairDraw.least_memory(SLIDE_WINDOW, draw, targets_of(LENGTHS).astype(np.int32))
    assert taken + max(counted) <= least + 8
    assert draw == "independent" or max(counted) > 0


@pytest.mark.parametrize("draw", ["balanced", "independent", "enumerated"])
@pytest.mark.parametrize("memory", [0, 500, 4000])
def test_users_may_be_counted_in_parts(draw: Draw, memory: int) -> None:
    strategy = SLIDE_WINDOW if draw == "enumerated" else triple(0.5, -0.5, 1)
    cuts = enumerated(strategy) if draw == "enumerated" else drawn(strategy, draw, MULTI)
    row = len(cuts.user) // 3
    for each in (cuts, cuts.without(row), cuts.with_one(cuts.at(row))):
        assert judged(each, strategy, draw, MULTI, memory=memory) == judged(each, strategy, draw, MULTI)
