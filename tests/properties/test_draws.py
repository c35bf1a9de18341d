"""Draws on any histories: vectorised shards against the slow oracle, and what must hold whatever is drawn."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genpas_cli.sampling.cuts import shard_row_counts
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.shard_plan import Draw, SamplingPlan
from genpas_cli.sampling.strategies import triple
from genpas_cli.sampling.strategy import Strategy
from tests import oracle
from tests.properties.strategies import ENUMERATED, NAMED, biases, drawn, histories, plan_of, targets_of

Cell = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """One thing to draw."""

    lengths: list[int]
    strategy: Strategy
    draw: oracle.Draw
    chunk: int

    @property
    def rule(self) -> oracle.Rule:
        """What the oracle draws."""
        return oracle.rule_of(self.strategy.name)

    def plan(self, draw: Draw, *, chunk: int | None = None, shard_rows: int | None = None) -> SamplingPlan:
        """Plan it."""
        wanted = self.draw
        return plan_of(
            self.lengths, self.strategy, draw, pairs=wanted.pairs, epochs=wanted.epochs, seed=wanted.seed,
            shard_rows=shard_rows or wanted.shard_rows, users_a_chunk=chunk or self.chunk,
        )  # fmt: skip

    def shards(self, plan: SamplingPlan, epoch: int = 0, *, chunk: int | None = None) -> list[list[oracle.Cut]]:
        """Draw it."""
        return drawn(plan, self.lengths, epoch=epoch, users_a_chunk=chunk or self.chunk)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Give draws of at most 200 pairs in at most some 20 shards."""
    lengths = draw(histories())
    strategy = draw(st.builds(triple, biases(), biases(), biases()) | st.sampled_from(list(NAMED.values())))
    multi_target = sum(max(n - 1, 0) for n in lengths)
    pairs = draw(st.integers(1, 200) | st.just(min(multi_target, 200)))
    shard_rows = draw(st.integers(max(pairs // 20, 1), 200))
    wanted = oracle.Draw(pairs, draw(st.integers(1, 4)), draw(st.integers(0, 2**64)), shard_rows)
    return Case(lengths, strategy, wanted, draw(st.sampled_from([1, 2, 3, 7, 1 << 17])))


@st.composite
def enumerations(draw: st.DrawFn) -> Case:
    """Give enumerations in at most some 40 shards."""
    strategy, lengths = draw(st.sampled_from(list(ENUMERATED.values()))), draw(histories(longest=25))
    pairs = len(oracle.enumerate_pairs(strategy.name, lengths))
    shard_rows = draw(st.integers(max(pairs // 40, 1), pairs + 1))
    return Case(
        lengths, strategy, oracle.Draw(pairs, shard_rows=shard_rows), draw(st.sampled_from([1, 2, 3, 7, 1 << 17]))
    )


def cells(shards: list[list[oracle.Cut]]) -> list[Cell]:
    """Return (user, k) of every cut, in order."""
    return [(user, k) for shard in shards for user, k, _ in shard]


def assert_floor_or_ceiling(found: list[Cell], expected: dict[Cell, Fraction], pairs: int) -> None:
    """Assert that every (s, k) was drawn the floor or the ceiling of N·p(s, k) times, and nothing else was."""
    counts = Counter(found)
    assert counts.keys() <= expected.keys()
    assert counts.total() == pairs
    for cell, mass in expected.items():
        assert math.floor(pairs * mass) <= counts[cell] <= math.ceil(pairs * mass), (cell, float(pairs * mass))


# ------------------------------------------------------------------------------------------- against the slow oracle


@given(enumerations())
def test_enumerated_shards_equal_the_oracle(case: Case) -> None:
    pairs = oracle.enumerate_pairs(case.strategy.name, case.lengths)
    bounds = oracle.shard_bounds(len(pairs), case.draw.shard_rows)
    assert case.shards(case.plan("enumerated")) == [pairs[begin:end] for begin, end in bounds]


@given(cases(), st.data())
def test_balanced_shards_equal_the_oracle(case: Case, data: st.DataObject) -> None:
    epoch = data.draw(st.integers(0, case.draw.epochs - 1))
    expected = oracle.balanced_shards(case.rule, case.lengths, case.draw, epoch)
    assert case.shards(case.plan("balanced"), epoch) == expected


@given(cases(), st.data())
def test_independent_shards_equal_the_oracle(case: Case, data: st.DataObject) -> None:
    epoch, plan = data.draw(st.integers(0, case.draw.epochs - 1)), case.plan("independent")
    weights = np.asarray(plan.weights)[targets_of(case.lengths)].tolist()
    rows = oracle.independent_rows(case.draw, epoch)
    for part, shard in zip(plan.slices, case.shards(plan, epoch), strict=True):
        line = oracle.LineSlice(part.lower, part.upper, part.first_user, part.last_user, part.before, case.chunk)
        streams = oracle.shard_streams(case.draw.seed, epoch, part.index)
        assert shard == oracle.independent_shard(case.rule, case.lengths, weights, line, rows[part.index], streams)


# --------------------------------------------------------------------------------------------------------- balanced


@given(cases())
def test_balanced_counts_are_the_floor_or_the_ceiling(case: Case) -> None:
    expected = oracle.cell_masses(case.rule, case.lengths)
    plan = case.plan("balanced")
    together = []
    for epoch in range(case.draw.epochs):
        found = cells(case.shards(plan, epoch))
        assert_floor_or_ceiling(found, expected, case.draw.pairs)
        together += found
    assert_floor_or_ceiling(together, expected, case.draw.pairs * case.draw.epochs)


@given(cases())
def test_epochs_together_are_one_balanced_draw_of_that_many_pairs(case: Case) -> None:
    """K epochs of N at offset U are the K·N points at offset K·U mod 1: the same line, the same spacing."""
    plan = case.plan("balanced")
    together = Counter(cell for epoch in range(case.draw.epochs) for cell in cells(case.shards(plan, epoch)))
    whole = oracle.Draw(case.draw.pairs * case.draw.epochs, 1, case.draw.seed)
    offset = Fraction(oracle.stream(case.draw.seed, 0).random()) * case.draw.epochs % 1
    masses = oracle.cell_masses(case.rule, case.lengths)
    expected: Counter[Cell] = Counter()
    passed = Fraction(0)
    for cell, mass in masses.items():
        begin, passed = passed, passed + mass
        expected[cell] = math.ceil(passed * whole.pairs - offset) - math.ceil(begin * whole.pairs - offset)
    assert together == +expected


@given(histories(), st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 50))
def test_multi_target_drawn_once_uses_every_target_once(
    lengths: list[int], seed: int, times: int, shard_rows: int
) -> None:
    pairs = sum(max(n - 1, 0) for n in lengths) * times
    assume(pairs / shard_rows < 60)
    plan = plan_of(lengths, triple(1, 0, 0), "balanced", pairs=pairs, seed=seed, shard_rows=shard_rows)
    targets = [(user, k) for user, n in enumerate(lengths) for k in range(2, n + 1) for _ in range(times)]
    assert cells(drawn(plan, lengths)) == targets


# ------------------------------------------------------------------------------------------------ shards and chunks


@given(cases())
def test_balanced_shards_are_parts_of_the_whole(case: Case) -> None:
    whole = case.shards(case.plan("balanced", shard_rows=10**9))
    assert len(whole) == 1
    assert cells(case.shards(case.plan("balanced"))) == cells(whole)


@given(cases(), st.integers(1, 40))
def test_balanced_targets_do_not_depend_on_how_users_are_looked_at(case: Case, chunk: int) -> None:
    assert case.shards(case.plan("balanced", chunk=chunk), chunk=chunk) == case.shards(case.plan("balanced"))


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_slices_are_equal_and_lie_end_to_end(case: Case, draw: Draw) -> None:
    plan, bounds = case.plan(draw), oracle.shard_bounds(case.draw.pairs, case.draw.shard_rows)
    sizes = [part.stop - part.start for part in plan.slices]
    assert [(part.index, part.start, part.stop) for part in plan.slices] == [(h, *b) for h, b in enumerate(bounds)]
    assert len(set(sizes[:-1])) <= 1
    assert 0 < sizes[-1] <= sizes[0] <= case.draw.shard_rows
    assert [part.upper for part in plan.slices[:-1]] == [part.lower for part in plan.slices[1:]]
    width = [part.upper - part.lower for part in plan.slices]
    shares = sizes if draw == "balanced" else [1] * len(sizes)
    np.testing.assert_allclose(width, np.array(shares) / sum(shares) * plan.total, rtol=1e-9)
    assert math.isclose(plan.slices[-1].upper, plan.total)


@given(enumerations())
def test_an_enumerated_slice_names_the_users_it_has_pairs_of_and_no_other(case: Case) -> None:
    owners = [user for user, _, _ in oracle.enumerate_pairs(case.strategy.name, case.lengths)]
    for part in case.plan("enumerated").slices:
        assert (part.lower, part.upper) == (part.start, part.stop)
        assert (part.first_user, part.last_user) == (owners[part.start], owners[part.stop - 1])
        assert part.before == owners.index(part.first_user)


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_a_slice_names_the_run_of_users_whose_mass_it_touches(case: Case, draw: Draw) -> None:
    plan = case.plan(draw)
    ends = list(map(float, accumulate(oracle.sequence_masses(case.rule.alpha, case.lengths))))
    for part in plan.slices:
        lower, upper, tiny = part.lower / plan.total, part.upper / plan.total, 1e-12
        begins = ends[part.first_user - 1] if part.first_user else 0.0
        assert begins <= lower + tiny
        assert lower - tiny <= ends[part.first_user]
        assert ends[part.last_user] >= upper - tiny
        assert (ends[part.last_user - 1] if part.last_user else 0.0) <= upper + tiny
        assert math.isclose(part.before / plan.total, begins, abs_tol=tiny)
        run = case.lengths[part.first_user : part.last_user + 1]
        assert part.interactions == sum(n for n in run if n > 1)


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_what_is_drawn_lies_in_the_run_and_in_the_sequences(case: Case, draw: Draw) -> None:
    plan = case.plan(draw)
    for epoch in range(case.draw.epochs):
        shards = case.shards(plan, epoch)
        assert [len(shard) for shard in shards] == shard_row_counts(plan, epoch).tolist()
        assert sum(map(len, shards)) == case.draw.pairs
        for part, shard in zip(plan.slices, shards, strict=True):
            assert [user for user, _, _ in shard] == sorted(user for user, _, _ in shard)
            for user, k, j in shard:
                assert part.first_user <= user <= part.last_user
                assert 2 <= k <= case.lengths[user]
                assert 1 <= j <= k - 1


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_infinite_biases_draw_their_one_outcome(case: Case, draw: Draw) -> None:
    for beta, gamma in ((math.inf, -math.inf), (-math.inf, math.inf)):
        fixed = Case(case.lengths, triple(case.strategy.alpha or 0, beta, gamma), case.draw, case.chunk)
        for user, k, j in (cut for shard in fixed.shards(fixed.plan(draw)) for cut in shard):
            assert k == (case.lengths[user] if beta > 0 else 2)
            assert j == (k - 1 if gamma > 0 else 1)


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_infinite_alpha_draws_the_longest_or_the_shortest(case: Case, draw: Draw) -> None:
    taking_part = [n for n in case.lengths if n > 1]
    for alpha, length in ((math.inf, max(taking_part)), (-math.inf, min(taking_part))):
        fixed = Case(case.lengths, replace(case.strategy, sequence=SequencePowerLaw(alpha)), case.draw, case.chunk)
        users = {cut[0] for shard in fixed.shards(fixed.plan(draw)) for cut in shard}
        assert {case.lengths[user] for user in users} == {length}


@given(cases(), st.sampled_from(["balanced", "independent"]))
def test_the_same_seed_draws_the_same(case: Case, draw: Draw) -> None:
    plan = case.plan(draw)
    assert case.shards(plan) == case.shards(case.plan(draw))


@given(cases(), st.sampled_from([-0.5, -0.01, 0.01, 0.5]))
def test_a_line_that_ends_early_or_late_neither_drops_nor_adds_pairs(case: Case, error: float) -> None:
    """Rounding along billions of users, exaggerated: the points beyond the end of the line belong to its last user."""
    plan = case.plan("balanced", shard_rows=10**9)
    wrong = replace(plan)
    wrong.__dict__["total"] = plan.total * (1 + error)  # where the property keeps it
    (shard,) = case.shards(wrong)
    assert len(shard) == case.draw.pairs
    assert {(user, k) for user, k, _ in shard} <= oracle.cell_masses(case.rule, case.lengths).keys()


@settings(max_examples=20)
@given(st.lists(st.integers(2, 400), min_size=500, max_size=800), biases(), biases(), st.integers(0, 2**32))
def test_balanced_counts_of_many_users(lengths: list[int], alpha: float, beta: float, seed: int) -> None:
    """Thousands of users and tens of thousands of cells; in floats, with room for their rounding."""
    plan = plan_of(lengths, triple(alpha, beta, 0), "balanced", pairs=20_000, seed=seed, shard_rows=1_700)
    found = Counter(cells(drawn(plan, lengths, users_a_chunk=100)))
    assert found.total() == 20_000
    for user, mass in enumerate(map(float, oracle.sequence_masses(alpha, lengths))):
        of_user = sum(found[user, k] for k in range(2, lengths[user] + 1))
        assert math.floor(20_000 * mass - 1e-6) <= of_user <= math.ceil(20_000 * mass + 1e-6)
