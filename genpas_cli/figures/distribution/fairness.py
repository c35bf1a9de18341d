"""Tests whether existing pairs are a fair draw of a strategy, by the cuts that shards hold.

Independent draws: each step's outcome is mapped to a level that is uniform on [0, 1) under the stated strategy (the
cdf below the outcome, plus a random part of its probability), and a chi-square test checks that levels are uniform.
Balanced draws: every (s, k) must occur the floor or the ceiling of N p(s, k) times, N times in total; starts are
tested as above.
Enumerations: every pair must occur exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.sampling.user_targets import TargetPool
from genpas_cli.store.sequences import longest_run, ranges

BINS = 100
"""Maximum number of bins of the chi-square tests; each must expect at least `LEAST_LEVELS` levels."""

LEAST_LEVELS = 100
"""Minimum expected levels per bin. With fewer than 50, counts are so coarse that the statistic's far tail is heavier
than the chi-square's: 1 in 100 draws of two pairs would be rejected, and 17 times too many draws of 100 pairs."""

FALSE_ALARM = 1e-6
"""Upper bound on the probability that a fair draw fails any of the tests."""

_ROUNDING = 1e-11
"""Relative rounding error of N p. If N p is whole, the neighbouring counts must not pass as its floor or ceiling. A
larger value would reject fair draws: a count of 1 is the ceiling of N p = 10^-8."""


_USER_BYTES, _COUNT_BYTES = 12, 4
"""Bytes per user (its number of targets and the offset of its counts), and per count of a pair or an (s, k)."""

_USERS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class StepTest:
    """One test of one step."""

    step: str
    """`sequence length`, `sequence`, `target`, `input`, `counts` or `pairs`."""
    test: str
    """`chi-square`, `floor or ceiling`, or `each once`."""
    statistic: float
    """Chi-square with 99 degrees of freedom (fewer for less than 10,000 pairs); for exact tests, the number of wrong or
    missing cells or pairs."""
    p_value: float
    """Probability of a statistic at least this large if the draw is fair; 1 or 0 for exact tests."""


@dataclass
class LevelTest:
    """The levels of one step, counted in equal bins."""

    counts: Ints = field(default_factory=lambda: np.zeros(BINS, np.int64))
    impossible: int = 0
    """Number of outcomes whose probability is 0."""

    def add(self, below: Floats, probability: Floats, part: Floats) -> None:
        """Add outcomes.

        Args:
            below: total probability of the outcomes before each one.
            probability: probability of each outcome.
            part: random numbers, uniform on [0, 1).
        """
        self.impossible += int((probability <= 0).sum())
        level = np.clip(below + part * probability, 0, 1)
        self.counts += np.bincount(np.minimum((level * BINS).astype(np.int64), BINS - 1), minlength=BINS)

    def result(self, step: str) -> StepTest:
        """Return the chi-square test against uniform levels; below 200 levels only impossible outcomes are rejected."""
        total = int(self.counts.sum())
        bins = max((n for n in range(1, BINS + 1) if BINS % n == 0 and n * LEAST_LEVELS <= total), default=1)
        counts, expected = self.counts.reshape(bins, -1).sum(axis=1), total / bins
        statistic = float(((counts - expected) ** 2).sum() / expected) if total else 0.0
        tail = chi_square_tail(statistic, bins - 1) if bins > 1 else 1.0
        return StepTest(step, "chi-square", statistic, 0.0 if self.impossible else tail)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return P(χ² ≥ statistic) by the Wilson–Hilferty cube-root approximation.

    At 99 degrees of freedom the relative error is about 2% down to 10^-4; below, the result is too large, by 7% at
    10^-6 and 10% at 10^-7. With fewer degrees the excess grows (at 19: 31% at 10^-6), so that a test rejects slightly
    too rarely, never too often.
    """
    spread = 2 / (9 * degrees)
    return math.erfc((math.cbrt(statistic / degrees) - 1 + spread) / math.sqrt(2 * spread)) / 2


class DrawnCuts(NamedTuple):
    """Some cuts of a draw: int64 arrays."""

    user: Ints
    """User number, from 0."""
    start: Ints
    """Input start j, from 1."""
    target: Ints
    """Target position k, from 1."""
    number: Ints | None = None
    """Target number i within the user, from 1, or 0 if the position is not a target; None: k − 1."""


class FairDraw:
    """Collects the cuts of a draw, epoch by epoch.

    Args:
        strategy: the stated strategy.
        draw: `balanced`, `independent` or `enumerated`.
        pairs: pairs per epoch.
        targets: int32, number of possible targets m of every user.
        memory: memory limit in bytes; if it does not hold all counts, the users are counted in several passes.
        pool: the targets of all users with their weights; None: the weights are equal.
    """

    def __init__(  # the last has a default
        self, strategy: Strategy, draw: str, pairs: int, targets: NDArray[np.int32], memory: int,
        pool: TargetPool | None = None,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._strategy, self._draw, self._pairs, self._targets = strategy, draw, pairs, targets
        self._random = np.random.default_rng(0)
        histogram = np.bincount(targets)
        masses = histogram if pool is None else np.bincount(targets, weights=pool.mean_weights)
        self._p_sequence = sequence_pmf(strategy.sequence.weights(histogram), masses)
        self._length_mass = self._p_sequence * masses
        self._below_length = np.cumsum(self._length_mass) - self._length_mass
        self._levels = {step: LevelTest() for step in ("sequence length", "sequence", "target", "input")}
        self._wrong = 0
        self._parts = [range(len(targets))]
        if draw == "independent":
            p = self._p_user(np.arange(len(targets)))
            self._before_user = np.cumsum(p) - p
            return
        self._cell_edges = _edges(_cells(strategy, draw, targets))
        self._parts = list(_users_a_pass(self._cell_edges, (memory - _USER_BYTES * len(targets)) // _COUNT_BYTES))

    @staticmethod
    def least_memory(strategy: Strategy, draw: str, targets: NDArray[np.int32]) -> int:
        """Return the bytes that a test needs at least: for all users, and for the counts of the largest user."""
        most = 0 if draw == "independent" else int(_cells(strategy, draw, targets).max(initial=0))
        return _USER_BYTES * len(targets) + _COUNT_BYTES * most

    def add_epoch(self, cuts: Callable[[], Iterable[DrawnCuts]]) -> None:
        """Add all cuts of an epoch; `cuts` is called once per part of the users."""
        counted = 0
        for users in self._parts:
            counts = self._no_counts(users)
            for some in cuts():
                self._add(some, users, counts, again=users.start > 0)
            counted += int(counts.sum())
            if self._draw == "enumerated":
                self._wrong += int((counts != 1).sum())
            elif self._draw == "balanced":
                self._wrong += self._unbalanced(users, counts)
        if self._draw == "balanced":
            self._wrong += abs(counted - self._pairs)

    def _no_counts(self, users: range) -> NDArray[np.uint32]:
        if self._draw == "independent":
            return np.zeros(0, np.uint32)
        return np.zeros(int(self._cell_edges[users.stop] - self._cell_edges[users.start]), np.uint32)

    def _add(self, cuts: DrawnCuts, users: range, counts: NDArray[np.uint32], *, again: bool) -> None:
        user, start, target, number = cuts
        m = self._targets[user].astype(np.int64)
        number = target - 1 if number is None else number
        outside = (number < 1) | (number > m) | (start < 1) | (start >= target)
        if not again:
            self._wrong += int(outside.sum())
            self._add_levels(*(a[~outside] for a in (user, start, target, number, m)))
        counted = ~outside & (user >= users.start) & (user < users.stop)
        user, start, target, number, m = (a[counted] for a in (user, start, target, number, m))
        if self._draw == "balanced":
            np.add.at(counts, self._cell_edges[user] - self._cell_edges[users.start] + number - 1, 1)
        elif self._draw == "enumerated":
            self._count_enumerated(DrawnCuts(user, start, target, number), m, users, counts)

    def _add_levels(self, user: Ints, start: Ints, target: Ints, number: Ints, m: Ints) -> None:
        if self._draw == "enumerated":
            return
        part = self._random.random((4, len(user)))
        if self._draw == "independent":
            self._levels["sequence length"].add(self._below_length[m], self._length_mass[m], part[0])
            self._levels["sequence"].add(self._before_user[user], self._p_user(user), part[1])
            self._levels["target"].add(*self._of_targets(user, number, m), part[2])
        kernel = self._strategy.input
        self._levels["input"].add(kernel.cdf(start - 1, target - 1), kernel.pmf(start, target - 1), part[3])

    def _p_user(self, user: Ints) -> Floats:
        """Return p(s) of the sequences of these users."""
        p = self._p_sequence[self._targets[user]]
        mean = None if self._pool is None else self._pool.mean_weights
        return p if mean is None else p * mean[user]

    def _of_targets(self, user: Ints, number: Ints, m: Ints) -> tuple[Floats, Floats]:
        """Return P(a target before this one | s) and p(k | s) of some targets."""
        kernel = self._strategy.target
        if self._pool is None:
            return kernel.cdf(number - 1, m), kernel.pmf(number, m)
        below, p, order = np.zeros(len(user)), np.zeros(len(user)), np.argsort(user, kind="stable")
        for some, first, targets in self._pool.runs(user[order]):
            which, of_all = order[some], targets.pmf(kernel)
            begin = targets.before[user[which] - first]
            running = np.concatenate(([0.0], np.cumsum(of_all)))
            at = begin + number[which] - 1
            below[which], p[which] = running[at] - running[begin], of_all[at]
        return below, p

    def _count_enumerated(self, cuts: DrawnCuts, m: Ints, users: range, counts: NDArray[np.uint32]) -> None:
        user, start, target, number = cuts
        assert number is not None, "given above"
        rule = self._strategy.enumeration
        assert rule is not None, "checked when made"
        rank = rule.rank(number, start, m)
        i, index = rule.unrank(rank, m)
        listed = (i == number) & (rule.start(index, target) == start) & (rank >= 0) & (rank < rule.count(m))
        self._wrong += int((~listed).sum())
        np.add.at(counts, self._cell_edges[user[listed]] - self._cell_edges[users.start] + rank[listed], 1)

    def _unbalanced(self, users: range, counts: NDArray[np.uint32]) -> int:
        """Return the number of (s, k) whose count is neither the floor nor the ceiling of N p(s, k)."""
        wrong = 0
        for begin, p in self._p_targets(users):
            first = int(self._cell_edges[begin] - self._cell_edges[users.start])
            expected = self._pairs * p
            apart = np.abs(counts[first : first + len(p)] - expected)
            wrong += int((apart >= 1 - _ROUNDING * expected).sum())
        return wrong

    def _p_targets(self, users: range) -> Iterator[tuple[int, Floats]]:
        """Yield (first user, p(s, k) of all targets) for runs of users."""
        kernel = self._strategy.target
        if self._pool is not None:
            for some, first, targets in self._pool.runs(np.arange(users.start, users.stop)):
                user = np.arange(users.start, users.stop)[some]
                yield first, np.repeat(self._p_user(user), targets.counts) * targets.pmf(kernel)
            return
        for begin in range(users.start, users.stop, _USERS_AT_ONCE):
            m = self._targets[begin : min(begin + _USERS_AT_ONCE, users.stop)].astype(np.int64)
            row, i = np.repeat(np.arange(len(m)), m), ranges(np.ones(int((m > 0).sum()), np.int64), m[m > 0])
            yield begin, self._p_sequence[m[row]] * kernel.pmf(i, m[row])

    def result(self) -> list[StepTest]:
        """Return the tests for this kind of draw."""
        exact = float(self._wrong), float(self._wrong == 0)
        if self._draw == "enumerated":
            return [StepTest("pairs", "every pair exactly once", *exact)]
        if self._draw == "balanced":
            return [
                StepTest("counts", "expected count rounded down or up", *exact),
                self._levels["input"].result("input"),
            ]
        tests = [levels.result(step) for step, levels in self._levels.items()]
        return [test if not self._wrong else replace(test, p_value=0.0) for test in tests]


def is_fair(tests: list[StepTest]) -> bool:
    """Tell whether no test rejects the draw; a fair draw is rejected with a probability below `FALSE_ALARM`."""
    return all(test.p_value > FALSE_ALARM / len(tests) for test in tests)


def _edges(counts: NDArray[np.int32] | Ints) -> Ints:
    """Return the running sums, starting with 0."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _cells(strategy: Strategy, draw: str, targets: NDArray[np.int32]) -> NDArray[np.int32] | Ints:
    """Return the number of counted cells of every user: its enumerated pairs, or its targets."""
    if draw != "enumerated":
        return targets
    assert strategy.enumeration is not None, "only rules that have an enumeration are enumerated"
    return strategy.enumeration.count(targets.astype(np.int64))


def _users_a_pass(edges: Ints, most: int) -> Iterator[range]:
    """Yield the users in parts of at most `most` cells; a user with more cells is a part of its own."""
    begin = 0
    while begin < len(edges) - 1:
        end = longest_run(edges, begin, most)
        yield range(begin, end)
        begin = end
