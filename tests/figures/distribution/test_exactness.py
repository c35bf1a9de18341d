"""Every exact figure against loops over all (s, k, j) and all held-out pairs, in the terms of its definition.

Items repeat, inputs are truncated or not, biases are any, and users come in one run or in several. The figures are
those of `stats`, computed by the code that reads a store.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from genpas_cli.figures.distribution import positions
from genpas_cli.figures.distribution.positions import Bin, binned, position_figures
from genpas_cli.figures.distribution.similarity import SIMILARITIES
from genpas_cli.figures.distribution.targets import steps_of
from genpas_cli.figures.options import FigureOptions
from genpas_cli.figures.reports.store_passes import Candidate, StorePasses
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.progress import silent
from genpas_cli.sampling.strategies import MULTI_TARGET, parse_strategy, triple
from genpas_cli.sampling.strategy import Strategy
from tests import oracle, oracle_figures
from tests.figures.distribution.logs import Case, cases, logs, memory_store, strategies
from tests.properties.strategies import LAST_TARGET, NAMED, SLIDE_WINDOW, targets_of
from tests.support import EXACT, approximately, exactly


def tells_apart(case: Case) -> bool:
    """Tell whether rounding decides of no target whether it occurs: N p = 1/2 is either side of the threshold."""
    p = oracle.target_distribution(case.rule, case.log)
    return all(abs(case.figures().pairs * mass - Fraction(1, 2)) > Fraction(1, 10**9) for mass in p.values())


# ------------------------------------------------------------------------------------------------------- target side


@given(cases())
def test_targets_have_the_probability_of_their_places(case: Case) -> None:
    """To a relative error of 10^-12, however small they are."""
    store = memory_store(case.log)
    histogram = store.target_histogram()
    passes = StorePasses(store, histogram, against="test", machine=Machine(2, 1 << 30, Path()), progress=silent)
    counted = passes.count([Candidate(case.strategy, 1, "balanced")], draws=False)
    found = counted.p[steps_of(case.strategy)]
    expected = oracle.target_distribution(case.rule, case.log)
    assert {item: float(found[item]) for item in np.flatnonzero(found)} == pytest.approx(
        {item: float(mass) for item, mass in expected.items()}, rel=EXACT, abs=0
    )


@given(cases(), st.sampled_from([1e-10, 1e-3, 0.0]))
def test_divergences_between_training_and_held_out_targets(case: Case, epsilon: float) -> None:
    figures = case.report(epsilon=epsilon).strategies[0]
    p, items = oracle.target_distribution(case.rule, case.log), case.log.occurring
    test, validation = (case.log.held_out_distribution(split) for split in ("test", "validation"))
    found = (figures.kl_test_train, figures.kl_train_test, figures.js_test_train, figures.tv_test_train)
    if test is None:
        assert found == (None, None, None, None)
    else:
        assert found == exactly((
            oracle_figures.kl(test, p, items, epsilon), oracle_figures.kl(p, test, items, epsilon),
            oracle_figures.js(test, p, items), oracle_figures.total_variation(test, p, items),
        ))  # fmt: skip
    assert figures.kl_validation_train == (
        None if validation is None else exactly(oracle_figures.kl(validation, p, items, epsilon))
    )


@given(cases())
def test_how_the_targets_are_spread(case: Case) -> None:
    figures, p, items = case.figures(), oracle.target_distribution(case.rule, case.log), case.log.occurring
    assert figures.target_coverage == exactly(oracle_figures.coverage(p, items))
    assert figures.effective_targets == exactly(math.exp(oracle_figures.entropy(p.values())))
    assert figures.target_gini == exactly(oracle_figures.gini(p, items))
    assert figures.popularity_deciles == exactly(oracle_figures.popularity_deciles(p, case.log))


@given(cases())
def test_the_popularity_of_test_targets(case: Case) -> None:
    data, test = case.report().data, case.log.held_out_distribution("test")
    assert data is not None
    expected = None if test is None else exactly(oracle_figures.popularity_deciles(test, case.log))
    assert data.test_popularity_deciles == expected


# ---------------------------------------------------------------------------------------------- positions and lengths


def by_number(bins: list[Bin]) -> dict[int, float]:
    """Return bins of one number each as a dictionary, without those that only lie between others."""
    assert all(each.low == each.high for each in bins)
    return {each.low: each.share for each in bins if each.share > 0}


def floats(masses: Mapping[int, Fraction]) -> dict[int, float]:
    """Return probabilities as floats."""
    return {number: float(mass) for number, mass in masses.items()}


@given(cases())
def test_input_lengths_after_truncation(case: Case) -> None:
    figures = case.figures()
    masses = oracle.truncated_masses(case.rule, case.log.train, case.max_input)
    expected = floats(oracle.marginal(masses, lambda cut: cut[1] - cut[2]))
    found = by_number(figures.input_length_histogram)
    # Of survival functions whose values are near 1 the difference is taken: absolute, not relative, to 10^-12.
    assert {n: found.get(n, 0.0) for n in found | expected} == exactly(
        {n: expected.get(n, 0.0) for n in found | expected}
    )
    assert figures.mean_input_length == exactly(sum(length * share for length, share in expected.items()))


@given(cases())
def test_where_targets_stand_in_their_sequence(case: Case) -> None:
    """Tenth t holds (t/10, (t + 1)/10] of (k − 1)/(|s| − 1), so the last target is always in the last tenth."""
    masses = oracle.pair_masses(case.rule, case.log.train)
    tenths = oracle.marginal(masses, lambda cut: math.ceil(Fraction(10 * (cut[1] - 1), case.log.train[cut[0]] - 1)) - 1)
    assert case.figures().target_position_histogram == exactly([float(tenths.get(t, 0)) for t in range(10)])


@given(cases())
def test_mass_by_the_length_of_the_training_sequence(case: Case) -> None:
    masses = oracle.pair_masses(case.rule, case.log.train)
    expected = floats(oracle.marginal(masses, lambda cut: case.log.train[cut[0]]))
    assert by_number(case.figures().sequence_mass_by_length or []) == exactly(expected)


@given(cases())
def test_inputs_per_target(case: Case) -> None:
    assert case.figures().inputs_per_target == exactly(
        oracle_figures.inputs_per_target(case.rule, case.log, case.max_input)
    )


@given(logs(users=4, longest=30), strategies(), st.integers(1, 40), st.none() | st.integers(1, 12))
def test_cells_come_in_chunks_of_any_size(
    log: oracle.Log, strategy: Strategy, chunk: int, max_input: int | None
) -> None:
    histogram = np.bincount(targets_of(log.train))
    whole = position_figures(strategy, histogram, max_input)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(positions, "_CELLS_A_CHUNK", chunk)
        parts = position_figures(strategy, histogram, max_input)
    for name, value in asdict(whole).items():
        assert getattr(parts, name) == exactly(value), name


def test_bins_are_single_numbers_up_to_50_and_then_grow_by_a_fifth() -> None:
    shares = np.zeros(121)
    shares[3:111] = np.arange(3, 111)
    bins = binned(shares)
    assert [(each.low, each.high) for each in bins] == [
        *((n, n) for n in range(3, 51)), (51, 60), (61, 72), (73, 86), (87, 103), (104, 110),
    ]  # fmt: skip
    assert [each.share for each in bins] == [sum(range(each.low, each.high + 1)) for each in bins]
    assert binned(np.zeros(9)) == []


# ------------------------------------------------------------------------------------------ alignment, discrimination

NEARLY_NO_D = oracle.Log([[1, 1, 2, 3], [2, 1, 1, 1], [2, 3], [], [], []], [2, 3, 2, 0, 0, 0], [0, 0, 0, 0, 0, 0])
"""With α = −50, of the pairs that inputs of different targets share an item in, there are 10^-15."""


@given(cases())
@example(Case(NEARLY_NO_D, triple(-50, -math.inf, -math.inf), window=1))
def test_alignment_and_discrimination_are_means_over_all_pairs_of_inputs(case: Case) -> None:
    assume(tells_apart(case))
    figures = case.figures()
    comparison = oracle_figures.Comparison(case.similarity, case.window, figures.pairs, case.max_input)
    a, d = oracle_figures.alignment(case.rule, case.log, comparison)
    assert figures.similarity == f"{case.similarity}@{case.window}"
    assert figures.alignment == (None if a is None else exactly(a))
    assert figures.discrimination == (None if d is None else exactly(d))
    # Of the two as they are shown: a D of 10^-16 beside an A of 1 is none, and has no ratio.
    found_a, found_d = figures.alignment, figures.discrimination
    assert figures.alignment_ratio == (found_a / found_d if found_a is not None and found_d else None)


RICH = oracle.Log(
    [[1, 2, 3, 1, 4, 2, 3], [2, 3, 1, 4, 4, 1, 2, 3], [3, 3, 2, 1], [4, 1, 2], [5, 1, 2, 4, 3, 1, 2, 4, 3, 5, 1, 3, 4]],
    [5, 6, 2, 3, 11],
    [1, 1, 1, 0, 1],
)
"""Repeats, targets that several users share, a user without test."""


def test_the_help_says_what_each_similarity_is() -> None:
    (text,) = (field.metadata["help"] for field in fields(FigureOptions) if field.name == "similarity")
    assert all(f"{each.name} ({each.meaning})" in text for each in SIMILARITIES.values())


@pytest.mark.parametrize("name", ["last-target", "multi-target", "slide-window", "2,1,0", "0.5,0,1", "1,inf,inf"])
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("window", [1, 2, 3, 10])
def test_alignment_for_each_similarity_and_window(name: str, similarity: str, window: int) -> None:
    case = Case(RICH, parse_strategy(name), similarity, window, pairs=1000)
    a, d = oracle_figures.alignment(case.rule, RICH, oracle_figures.Comparison(similarity, window, 1000))
    assert a is not None
    assert d is not None
    assert a != pytest.approx(d, rel=1e-3)
    assert (case.figures().alignment, case.figures().discrimination) == exactly((a, d))


def test_a_target_occurs_from_an_expected_half_a_pair_on() -> None:
    """Item 3 is a target with p = 1/8: of 4 pairs half a one, of 3 too little."""
    log = oracle.Log([[1, 2, 2, 2, 2, 2, 2, 2, 3, 2, 3]], [9], [1])
    at_4, at_3 = (Case(log, MULTI_TARGET, pairs=n).figures() for n in (4, 3))
    # The prefix of the training target 3 has items 1 and 2, as has the test input with 3 beside them.
    assert at_4.alignment == 1.0
    assert at_3.alignment is None


def test_what_can_be_compared_with_nothing_is_missing() -> None:
    one_target = oracle.Log([[1, 2, 1, 2], [2, 1, 2]], [3, 3], [0, 0])
    figures = Case(one_target, MULTI_TARGET).figures()
    assert figures.alignment is not None
    assert (figures.discrimination, figures.alignment_ratio) == (None, None)
    nothing_held_out = Case(oracle.Log([[1, 2, 1, 2]], [4], [0]), MULTI_TARGET).figures()
    assert (nothing_held_out.alignment, nothing_held_out.discrimination) == (None, None)


@pytest.mark.parametrize("seed", range(8))
def test_inputs_that_have_nothing_in_common_have_no_discrimination(seed: int) -> None:
    """D is 0 and not what rounding leaves of it, by which A would be divided: 1 follows 3..5, and 2 follows 6..8."""
    rng = np.random.default_rng(seed)
    histories = [[*rng.integers(3 * y, 3 * y + 3, 3).tolist(), y, y] for y in rng.permutation([1, 2] * 5).tolist()]
    log = oracle.Log(histories, [4] * 10, [0] * 10)
    figures = Case(log, triple(0, math.inf, 0.3), "cosine", pairs=1000, window=3).figures()
    assert figures.alignment is not None
    assert (figures.discrimination, figures.alignment_ratio) == (0.0, None)


# ---------------------------------------------------------------------------------------------- an example, by hand

BY_HAND = oracle.Log([[1, 2, 1, 3, 2], [3, 1, 2]], [3, 2], [1, 0])
"""Training [1, 2, 1] and [3, 1]; validation 3 of the first user; test 2 of both."""


@pytest.mark.parametrize(
    ("name", "p_2", "mean_length", "inputs_per_target"),
    [
        # (s, k, j): the last target of each user, both item 1.
        ("last-target", 0, 1.5, 2),
        # 2 and 1 of the first user, 1 of the second: item 1 has two inputs, item 2 has one.
        ("multi-target", 1 / 3, 4 / 3, 2 ** (2 / 3)),
        # As before, and the target at k = 3 also from j = 2: item 1 comes with three inputs.
        ("slide-window", 1 / 4, 5 / 4, 3 ** (3 / 4)),
    ],
)
def test_an_example_by_hand(name: str, p_2: float, mean_length: float, inputs_per_target: float) -> None:
    figures = Case(BY_HAND, NAMED[name]).figures()
    epsilon = 1e-10
    # Test asks for item 2 alone.
    kl = (1 + epsilon) * math.log((1 + epsilon) / (p_2 + epsilon)) + epsilon * (
        math.log(epsilon / (1 - p_2 + epsilon)) + math.log(epsilon / epsilon)
    )
    assert figures.kl_test_train == exactly(kl)
    assert figures.tv_test_train == exactly(1 - p_2)
    assert figures.target_coverage == exactly((1 + (p_2 > 0)) / 3)
    assert figures.mean_input_length == exactly(mean_length)
    assert figures.inputs_per_target == exactly(inputs_per_target)


# -------------------------------------------------------------------------------------------- what must not matter


@given(cases(), st.sampled_from([1, 2, 3]))
def test_runs_of_users_do_not_matter(case: Case, users_a_run: int) -> None:
    assume(tells_apart(case))
    whole, parts = case.report().strategies[0], case.report(users_a_run=users_a_run).strategies[0]
    # Rounding decides of balanced counts at a point on an edge (see test_finite.py), and of A / D where D is near 0.
    assert asdict(replace(parts, drawn=[], alignment_ratio=None)) == approximately(
        asdict(replace(whole, drawn=[], alignment_ratio=None))
    )


@given(cases(), st.lists(strategies(), min_size=1, max_size=4, unique_by=lambda strategy: strategy.name))
def test_strategies_beside_each_other_are_those_alone(case: Case, more: list[Strategy]) -> None:
    others = [strategy for strategy in more if strategy.name != case.strategy.name]
    together = case.report(*others).strategies
    alone = [replace(case, strategy=strategy).figures() for strategy in (case.strategy, *others)]
    assert [figures.name for figures in together] == [figures.name for figures in alone]
    assert list(map(asdict, together)) == list(map(asdict, alone))


def test_the_input_step_moves_no_target() -> None:
    exponents = (-math.inf, -2, 0, 1.5, math.inf)
    figures = Case(RICH, triple(1, 0.5, 0)).report(*(triple(1, 0.5, gamma) for gamma in exponents if gamma)).strategies
    assert len({each.kl_test_train for each in figures}) == 1
    assert len({each.mean_input_length for each in figures}) == len(exponents)


def test_named_strategies_have_the_pairs_of_their_enumeration() -> None:
    found = Case(RICH, LAST_TARGET).report(MULTI_TARGET, SLIDE_WINDOW, triple(2, 1, 0)).strategies
    lengths = RICH.train
    expected = [len(oracle.enumerate_pairs(name, lengths)) for name in ("last-target", "multi-target", "slide-window")]
    assert [each.pairs for each in found] == [*expected, RICH.possible_targets]
