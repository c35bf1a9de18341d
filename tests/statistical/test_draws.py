"""Each step of the draws has its distribution: chi-square tests with a stated chance to fail, and to catch a bias.

A correct sampler fails any of these tests with a chance of 10^-6 in all (`chi_square.FALSE_ALARM`), divided equally
among at most 80 tests. Every test looks at 2·10^6 pairs. A sampler whose every other cell is 2% too heavy is caught
with a chance of at least .99, computed from the noncentral chi-square for every test here and shown by 200 tilted
samples of each of some.

The seeds are fixed, so that a failure can be looked into: the rate says how likely a correct sampler is to meet a bad
seed. It means that because the seeds were written down before the tests were first run and never searched: a change of
the sampler that changes its draws is a fresh experiment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from genpas_cli.sampling.cuts import draw_shard, shard_streams
from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.shard_plan import Draw
from genpas_cli.sampling.strategies import parse_strategy, triple
from genpas_cli.sampling.strategy import Strategy
from tests import oracle
from tests.properties.strategies import NAMED, chunked, plan_of
from tests.statistical import chi_square
from tests.statistical.chi_square import DRAWS, POWER, THRESHOLD, Group, caught, normal, power, tilted

LENGTHS = [2, 9, 1, 3, 30, 5, 0, 17, 8, 2, 12, 25, 4, 6]
"""Fourteen users; two take no part."""

STRATEGIES = {
    "1,0,0": triple(1, 0, 0),
    "0.5,-0.5,-1": triple(0.5, -0.5, -1),
    "-0.5,1,2": triple(-0.5, 1, 2),
    "0,2,0.5": triple(0, 2, 0.5),
    "slide-window": NAMED["slide-window"],
    # Steps with one outcome have no chi-square: these are in test_kernels.py and in the comparisons with the oracle.
    "recency": parse_strategy("recency:keep=0.8,gamma=0.5"),
}


@dataclass(frozen=True)
class Layout:
    """How the draw is cut up, which must change nothing in its distribution."""

    shards: int
    chunk: int


LAYOUTS = {
    "whole": Layout(1, 1 << 17),
    # Seven slices cut users in the middle; two users a chunk share a slice's pairs out step by step.
    "cut": Layout(7, 2),
}

STEPS = ("user", "target", "start", "pair")
BENT = STEPS[:3]
"""Steps that are given a wrong kernel, to see that it is found."""


def rule_of(strategy: Strategy) -> oracle.Rule:
    """Return what the oracle draws."""
    return oracle.rule_of(strategy.name)


def draw_all(strategy: Strategy, draw: Draw, layout: Layout, seed: int) -> NDArray[np.int64]:
    """Draw, and return how often each (user, k, j) came, int64 (users, longest + 1, longest + 1)."""
    plan = plan_of(
        LENGTHS, strategy, draw, pairs=DRAWS, seed=seed, shard_rows=-(-DRAWS // layout.shards),
        users_a_chunk=layout.chunk,
    )  # fmt: skip
    assert len(plan.slices) == layout.shards
    size = max(LENGTHS) + 1
    counts = np.zeros(len(LENGTHS) * size * size, np.int64)
    give = chunked(LENGTHS, layout.chunk)
    for part in plan.slices:
        streams = shard_streams(seed, 0, part.index)
        cuts = draw_shard(plan, part, 0, give(part.first_user, part.last_user), streams)
        cell = (cuts.user.astype(np.int64) * size + cuts.target) * size + cuts.start
        counts += np.bincount(cell, minlength=len(counts))
    assert counts.sum() == DRAWS
    return counts.reshape(len(LENGTHS), size, size)


@lru_cache(maxsize=32)
def drawn(name: str, draw: Draw, layout: str) -> NDArray[np.int64]:
    """Draw once for all steps; the seed is the number of the case."""
    return draw_all(STRATEGIES[name], draw, LAYOUTS[layout], seed=list(STRATEGIES).index(name))


def groups_of(step: str, rule: oracle.Rule, counts: NDArray[np.int64]) -> Iterator[Group]:
    """Give what a step drew, and its distribution from the oracle, given what the steps before it drew."""
    users = [user for user, length in enumerate(LENGTHS) if length > 1]
    masses = oracle.sequence_masses(rule.alpha, LENGTHS)
    observed = counts.astype(float)
    if step == "user":
        yield Group(observed.sum(axis=(1, 2))[users], normal(masses[user] for user in users))
    elif step == "target":
        for user in users:
            length = LENGTHS[user]
            yield Group(observed[user, 2 : length + 1].sum(axis=1), normal(oracle.pmf(rule.beta, length - 1)))
    elif step == "start":
        for k in range(2, max(LENGTHS) + 1):
            yield Group(observed[:, k, 1:k].sum(axis=0), normal(oracle.pmf(rule.gamma, k - 1)))
    else:
        cells = {
            (user, k, j): mass * share
            for (user, k), mass in oracle.cell_masses(rule, LENGTHS).items()
            for j, share in enumerate(oracle.pmf(rule.gamma, k - 1), start=1)
        }
        yield Group(np.array([observed[cell] for cell in cells]), normal(cells.values()))


INDEPENDENT = list(product(STRATEGIES, LAYOUTS, STEPS))
BALANCED = list(product(STRATEGIES, LAYOUTS))


def test_the_false_alarm_rate_is_shared_by_all() -> None:
    beside_a_tilted_step = 2 * len(BENT) * len(LAYOUTS)
    assert len(INDEPENDENT) + len(BALANCED) + beside_a_tilted_step <= chi_square.TESTS
    assert DRAWS <= 2_000_000


@pytest.mark.parametrize(("name", "layout", "step"), INDEPENDENT)
def test_independent_draws(name: str, layout: str, step: str) -> None:
    groups = list(groups_of(step, rule_of(STRATEGIES[name]), drawn(name, "independent", layout)))
    assert sum(group.observed.sum() for group in groups) == DRAWS  # nothing is drawn that cannot be
    assert chi_square.p_value(groups) >= THRESHOLD


@pytest.mark.parametrize(("name", "layout"), BALANCED)
def test_starts_of_balanced_draws(name: str, layout: str) -> None:
    groups = list(groups_of("start", rule_of(STRATEGIES[name]), drawn(name, "balanced", layout)))
    assert sum(group.observed.sum() for group in groups) == DRAWS
    assert chi_square.p_value(groups) >= THRESHOLD


# ------------------------------------------------------------------------------------------------- proof of their power


def expected_counts(name: str) -> NDArray[np.float64]:
    """Return how often each (user, k, j) is expected."""
    rule, size = rule_of(STRATEGIES[name]), max(LENGTHS) + 1
    counts = np.zeros((len(LENGTHS), size, size))
    for (user, k), mass in oracle.cell_masses(rule, LENGTHS).items():
        counts[user, k, 1:k] = [float(mass * share * DRAWS) for share in oracle.pmf(rule.gamma, k - 1)]
    return counts


def expectations(name: str, step: str) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Return the expected size of each group of a test, and its distribution."""
    groups = list(groups_of(step, rule_of(STRATEGIES[name]), expected_counts(name)))  # type: ignore[arg-type]
    return np.array([group.observed.sum() for group in groups]), [group.p for group in groups]


@pytest.mark.parametrize(("name", "step"), list(product(STRATEGIES, STEPS)))
def test_a_tilt_is_caught_by_the_noncentral_chi_square(name: str, step: str) -> None:
    assert power(*expectations(name, step)) >= POWER


SAMPLES = 200


@pytest.mark.parametrize(
    ("name", "step"), [("1,0,0", step) for step in STEPS] + [("-0.5,1,2", "start"), ("0,2,0.5", "target")]
)
def test_tilted_samples_are_caught_and_right_ones_are_not(name: str, step: str) -> None:
    """At a power of .99, fewer than 190 of 200 come with a chance of 10^-5; at the power there is, next to never."""
    sizes, distributions = expectations(name, step)
    rng = np.random.default_rng(np.random.SeedSequence(2509_13648, spawn_key=(len(name), STEPS.index(step))))
    assert caught(rng, sizes, distributions, SAMPLES, tilted) >= POWER * SAMPLES
    # One alarm has a chance of 3·10^-6, two of 5·10^-12: nothing that the rate of all tests would show.
    assert caught(rng, sizes, distributions, SAMPLES, lambda p: p) <= 1


@dataclass(frozen=True)
class Tilted:
    """A kernel that is wrong on purpose: every other position is 2% too heavy."""

    right: PowerLaw

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """As the right kernel says, which is the point."""
        return self.right.pmf(position, count)

    def cdf(self, position: Ints, count: Ints) -> Floats:
        """As the right kernel says."""
        return self.right.cdf(position, count)

    def quantile(self, level: Floats, count: Ints) -> Ints:
        """Draw from the tilted probabilities, one count after another."""
        drawn = np.empty(len(level), np.int64)
        for m in np.unique(count):
            here = count == m
            edges = np.cumsum(tilted(self.right.pmf(np.arange(1, m + 1), m)))
            drawn[here] = np.minimum(np.searchsorted(edges, level[here], side="right") + 1, m)
        return drawn


@dataclass(frozen=True)
class TiltedSequences:
    """Sequences with an even number of targets are 2% too heavy, the others too light."""

    follows_targets = True

    def weights(self, histogram: Ints) -> Floats:
        """Weigh by m, tilted."""
        m = np.arange(len(histogram))
        return np.where(histogram > 0, m * np.where(m % 2 == 0, 1.02, 0.98), 0.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_tilted_kernel_in_the_place_of_the_right_one_is_caught(layout: str) -> None:
    right: PositionKernel = PowerLaw(0.0)
    wrong = Tilted(PowerLaw(0.0))
    kernels = {
        "user": (TiltedSequences(), right, right),
        "target": (STRATEGIES["1,0,0"].sequence, wrong, right),
        "start": (STRATEGIES["1,0,0"].sequence, right, wrong),
    }
    for step, (sequence, target, start) in kernels.items():
        strategy = Strategy("tilted", sequence, target, start)
        counts = draw_all(strategy, "independent", LAYOUTS[layout], seed=0)
        values = {s: chi_square.p_value(groups_of(s, oracle.Rule(1, 0, 0), counts)) for s in BENT}
        assert values[step] < THRESHOLD
        # Each test looks at its own step: a bias in one is no alarm in another.
        assert all(value >= THRESHOLD for s, value in values.items() if s != step)
