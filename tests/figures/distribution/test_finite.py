"""What N pairs give in expectation, against every outcome of tiny draws with its chance, and against simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from genpas_cli.figures.distribution import finite
from genpas_cli.figures.distribution.divergence import References
from genpas_cli.figures.distribution.finite import OFFSETS, independent_figures, target_figures
from genpas_cli.figures.distribution.targets import TargetDistributions, TargetWeights, steps_of
from genpas_cli.figures.figure import figures_in
from genpas_cli.figures.reports.store_passes import targets_of
from genpas_cli.figures.table import TargetFigures
from genpas_cli.sampling.kernels import Floats
from genpas_cli.sampling.strategies import MULTI_TARGET, parse_strategy, triple
from genpas_cli.sampling.strategy import Strategy
from tests import oracle, oracle_figures
from tests.figures.distribution.logs import Case, cases, memory_store, strategies

EXACT = 1e-12


def exactly(value: float) -> object:
    """Return what compares equal to 12 digits."""
    return pytest.approx(value, rel=EXACT, abs=EXACT)


# ---------------------------------------------------------------------------------- independent: every outcome there is


@st.composite
def shares(draw: st.DrawFn, size: int) -> Floats:
    """Give a distribution over items 1..size; some have nothing."""
    weights = draw(st.lists(st.integers(0, 9) | st.sampled_from([10**-9, 10**6]), min_size=size, max_size=size))
    assume(sum(weights) > 0)
    return np.array([0.0, *(weight / sum(weights) for weight in weights)])


@st.composite
def tiny(draw: st.DrawFn) -> tuple[Floats, Floats, Floats, int, int]:
    """Give p, the test and the validation distribution over 2 or 3 items, N of 1..6, and how many items never occur."""
    size = draw(st.integers(2, 3))
    return draw(shares(size)), draw(shares(size)), draw(shares(size)), draw(st.integers(1, 6)), draw(st.integers(0, 2))


def of(p: Floats) -> dict[int, float]:
    """Return an array as the oracle has distributions."""
    return {item: chance for item, chance in enumerate(p.tolist()) if chance > 0}


def expected(p: Floats, pairs: int, figure: Callable[[oracle_figures.Distribution], float]) -> float:
    """Return the mean of a figure over every outcome of so many draws from p."""
    return math.fsum(chance * figure(drawn) for chance, drawn in oracle_figures.outcomes(of(p), pairs))


@given(tiny(), st.sampled_from([1e-10, 1e-2]))
def test_independent_figures_are_means_over_all_outcomes(
    case: tuple[Floats, Floats, Floats, int, int], epsilon: float
) -> None:
    p, test, validation, pairs, absent = case
    items = list(range(1, len(p)))
    # Numbers of the vocabulary that do not occur in what was read are no items.
    p, test, validation = (np.append(a, np.zeros(absent)) for a in (p, test, validation))
    occurs = np.isin(np.arange(len(p)), items)
    found = independent_figures(p, pairs, References(test, validation, occurs, epsilon))

    def mean(figure: Callable[[oracle_figures.Distribution], float]) -> float:
        return expected(p, pairs, figure)

    assert found.kl_test_train == exactly(mean(lambda drawn: oracle_figures.kl(of(test), drawn, items, epsilon)))
    assert found.kl_validation_train == exactly(
        mean(lambda drawn: oracle_figures.kl(of(validation), drawn, items, epsilon))
    )
    assert found.kl_train_test == exactly(mean(lambda drawn: oracle_figures.kl(drawn, of(test), items, epsilon)))
    assert found.js_test_train == exactly(mean(lambda drawn: oracle_figures.js(of(test), drawn, items)))
    assert found.tv_test_train == exactly(mean(lambda drawn: oracle_figures.total_variation(of(test), drawn, items)))
    assert found.target_coverage == exactly(mean(lambda drawn: oracle_figures.coverage(drawn, items)))
    assert math.log(found.effective_targets) == exactly(mean(lambda drawn: oracle_figures.entropy(drawn.values())))
    gini = mean(lambda drawn: oracle_figures.gini(drawn, items))
    assert abs(found.target_gini - gini) < 1 / len(items)


@given(st.integers(2, 6), st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_gini_takes_the_counts_of_items_as_independent(pairs: int, weights: list[int]) -> None:
    """Its own definition, exactly: every two items meet as two binomials."""
    assume(sum(weights) > 0)
    p = np.array([0.0, *weights]) / sum(weights)
    items = range(1, len(p))

    def binomial(item: int) -> list[float]:
        return [math.comb(pairs, n) * p[item] ** n * (1 - p[item]) ** (pairs - n) for n in range(pairs + 1)]

    differences = math.fsum(
        one * other * abs(n - m)
        for a in items
        for b in items
        if a != b
        for n, one in enumerate(binomial(a))
        for m, other in enumerate(binomial(b))
    )
    found = independent_figures(p, pairs, References(None, None, np.arange(len(p)) > 0))
    assert found.target_gini == exactly(differences / (2 * len(items) * pairs))


def test_without_held_out_targets_there_is_nothing_to_compare_with() -> None:
    found = independent_figures(np.array([0, 0.5, 0.5]), 3, References(None, None, np.array([False, True, True])))
    compared = [key for key, figure in figures_in(TargetFigures).items() if getattr(figure.compute, "against", None)]
    assert compared[:3] == ["kl_test_train", "kl_validation_train", "kl_train_test"]
    assert {"js_test_train", "tv_test_train"} <= set(compared)
    assert [name for name, value in asdict(found).items() if value is None] == compared


@pytest.mark.parametrize("pairs", [1, 3, 30, 3000])
def test_without_epsilon_a_target_that_may_be_missed_costs_infinitely_much(pairs: int) -> None:
    both = np.array([False, True, True])
    only = References(np.array([0, 1.0, 0]), None, both, epsilon=0.0)
    either = References(both / 2, None, both, epsilon=0.0)
    assert independent_figures(np.array([0, 1 - 1e-3, 1e-3]), pairs, either).kl_test_train == math.inf
    # An only target cannot be missed, be its p 1 or what rounding leaves of it.
    for p in (1.0, math.nextafter(1.0, 0.0)):
        assert independent_figures(np.array([0, p, 0]), pairs, only).kl_test_train == 0.0


def random_references(rng: np.random.Generator, items: int) -> tuple[Floats, References]:
    """Return p over items of very different chances, and held-out distributions."""
    p, test, validation = (np.append(0, rng.dirichlet(np.full(items, 0.1))) for _ in range(3))
    return p, References(test, validation, np.arange(items + 1) > 0)


@pytest.mark.parametrize("pairs", [10, 1000, 100_000])
def test_independent_figures_are_the_mean_of_simulated_draws(pairs: int) -> None:
    """Each within 6 standard errors of 400 draws: in all, a chance of 5·10^-8 to fail for nothing."""
    rng = np.random.default_rng(pairs)
    p, references = random_references(rng, 50)
    found = asdict(independent_figures(p, pairs, references))
    drawn = [asdict(target_figures(counts / pairs, references)) for counts in rng.multinomial(pairs, p, size=400)]
    for name in found:
        values = np.array([each[name] for each in drawn])
        slack = 1 / 50 if name == "target_gini" else 1e-9
        # exp of the mean entropy is not the mean of exp: entropies are compared.
        wanted = found[name]
        if name == "effective_targets":
            values, wanted = np.log(values), math.log(wanted)
        assert abs(values.mean() - wanted) < 6 * values.std() / 20 + slack, name


def test_with_many_pairs_the_figures_are_those_of_p() -> None:
    p, references = random_references(np.random.default_rng(1), 12)
    p = np.append(0, np.maximum(p[1:], 1e-3))
    p /= p.sum()
    few, many = (asdict(independent_figures(p, pairs, references)) for pairs in (100, 10**6))
    exact = asdict(target_figures(p, references))
    assert many == pytest.approx(exact, rel=1e-3)
    assert few != pytest.approx(exact, rel=1e-2)


@given(st.integers(0, 2**32), st.sampled_from([1, 40, 3000]), st.integers(1, 100))
def test_items_come_in_chunks_of_any_size(seed: int, pairs: int, cells: int) -> None:
    p, references = random_references(np.random.default_rng(seed), 20)
    whole = independent_figures(p, pairs, references)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finite, "_CELLS_A_CHUNK", cells)
        assert asdict(independent_figures(p, pairs, references)) == pytest.approx(asdict(whole), rel=EXACT, abs=EXACT)


# ----------------------------------------------------------------------------------------------------------- balanced


def points_fall_on_edges(case: Case, pairs: int) -> bool:
    """Tell whether a point of a balanced draw falls on the edge of a cell, where rounding decides whose it is."""
    passed = Fraction(0)
    for mass in oracle.cell_masses(case.rule, case.log.train).values():
        passed += mass
        for offset in OFFSETS:
            place = passed * pairs - Fraction(offset)
            if abs(place - round(place)) < Fraction(1, 10**9):
                return True
    return False


def balanced_mean(case: Case, pairs: int) -> dict[str, float | None]:
    """Return the mean figures of the oracle's balanced draws, by key."""
    log, items = case.log, case.log.occurring
    test, validation = (log.held_out_distribution(split) for split in ("test", "validation"))
    draws = [
        oracle_figures.balanced_shares(case.rule, log, pairs, Fraction(offset))
        for offset in (0.125, 0.375, 0.625, 0.875)
    ]

    def mean(figure: Callable[[oracle_figures.Distribution], float]) -> float:
        return math.fsum(map(figure, draws)) / 4

    return {
        "kl_test_train": None if test is None else mean(lambda p: oracle_figures.kl(test, p, items)),
        "kl_validation_train": None if validation is None else mean(lambda p: oracle_figures.kl(validation, p, items)),
        "kl_train_test": None if test is None else mean(lambda p: oracle_figures.kl(p, test, items)),
        "js_test_train": None if test is None else mean(lambda p: oracle_figures.js(p, test, items)),
        "tv_test_train": None if test is None else mean(lambda p: oracle_figures.total_variation(p, test, items)),
        "target_coverage": mean(lambda p: oracle_figures.coverage(p, items)),
        "effective_targets": mean(lambda p: math.exp(oracle_figures.entropy(p.values()))),
        "target_gini": mean(lambda p: oracle_figures.gini(p, items)),
    }


@given(cases(), st.integers(1, 60), st.sampled_from([1, 2, 3, 1 << 17]))
@example(Case(oracle.Log([[1, 2, 3], [2, 1, 2, 1]], [2, 3], [1, 0]), triple(1, 0, 0)), 7, 1)
def test_balanced_figures_are_means_over_the_draws_at_four_offsets(case: Case, pairs: int, users_a_run: int) -> None:
    assume(not points_fall_on_edges(case, pairs))
    case = Case(case.log, case.strategy, pairs=pairs)
    balanced, independent = case.report(users_a_run=users_a_run).strategies[0].drawn
    assert (balanced.draw, balanced.pairs) == ("balanced", pairs)
    assert (independent.draw, independent.pairs) == ("independent", pairs)
    for name, value in balanced_mean(case, pairs).items():
        assert getattr(balanced, name) == (None if value is None else exactly(value)), name


def test_multi_target_drawn_once_is_p_itself() -> None:
    log = oracle.Log([[1, 2, 3, 1, 2], [3, 3, 1, 2], [2, 1]], [3, 4, 2], [1, 0, 0])
    figures = Case(log, parse_strategy("1,0,0")).figures()
    balanced, independent = figures.drawn
    for name in balanced_mean(Case(log, MULTI_TARGET), 6):
        assert getattr(balanced, name) == exactly(getattr(figures, name)), name
    assert independent.target_coverage < balanced.target_coverage == 1.0


@given(cases())
def test_what_is_enumerated_has_the_figures_of_p(case: Case) -> None:
    figures = Case(case.log, MULTI_TARGET).figures()
    enumerated = figures.drawn[0]
    assert (enumerated.draw, enumerated.pairs) == ("enumerated", case.log.possible_targets)
    assert {n: v for n, v in asdict(enumerated).items() if n not in ("draw", "pairs")}.items() <= asdict(
        figures
    ).items()


@given(cases(), strategies(), st.integers(1, 30))
def test_p_train_adds_up_to_one(case: Case, other: Strategy, users_a_run: int) -> None:
    """Over parts of the users, several strategies at once."""
    store = memory_store(case.log, users_a_run)
    wanted = {steps_of(case.strategy), steps_of(other)}
    weights, distributions = TargetWeights(wanted, store.target_histogram()), TargetDistributions(wanted, store.items)
    for lengths, sequences in store.histories("train", 1):
        targets = targets_of(store, "train", sequences, lengths)
        for steps, weight in weights.of(targets):
            distributions.add(targets, steps, weight)
    assert {steps: float(p.sum()) for steps, p in distributions.p.items()} == dict.fromkeys(wanted, exactly(1.0))
    assert all(p[0] == 0 for p in distributions.p.values())
