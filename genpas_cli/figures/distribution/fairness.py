"""Are these pairs a fair draw of that strategy? Tests of the three steps on the cuts that shards hold.

Independent draws: each step is turned into a level that is uniform on [0, 1) if the strategy is as stated (the cdf
below the outcome, plus a random part of its probability), and a chi-square test compares the levels with uniform ones.
Balanced draws: every (s, k) must come the floor or the ceiling of N p(s, k) times, N times in all; starts are tested
as above.
Enumerations: every pair exactly once.
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
from genpas_cli.store.sequences import longest_run, ranges

BINS = 100
"""Of the chi-square tests, at most: as many as expect `LEAST_LEVELS` each."""

LEAST_LEVELS = 100
"""With fewer levels a bin, whole numbers make the far tail heavier than that of the chi-square: of two pairs, one draw
in a hundred would be rejected; of a hundred, 17 times as many as should be. From 50 on it is not so."""

FALSE_ALARM = 1e-6
"""A fair draw fails one of the tests with less than this chance."""

_ROUNDING = 1e-11
"""Of N p, relative. Where N p is a whole number, a count beside it must not pass for its floor or ceiling. No more
than that: a count of 1 where N p is 10^-8 is a ceiling, and of many such cells a fair draw has some."""


_USER_BYTES, _COUNT_BYTES = 12, 4
"""Of a user: how many targets there are, and where its counts begin; of a count, of a pair or an (s, k)."""

_USERS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class StepTest:
    """One test of one step."""

    step: str
    """`sequence length`, `sequence`, `target`, `input`, `counts` or `pairs`."""
    test: str
    """`chi-square`, `floor or ceiling`, or `each once`."""
    statistic: float
    """Chi-square with 99 degrees of freedom, fewer for less than 10,000 pairs; for exact tests, cells or pairs that are
    wrong, or missing."""
    p_value: float
    """Chance of a statistic so large if the draw is fair; exact tests have 1 or 0."""


@dataclass
class LevelTest:
    """Levels of one step, counted in equal bins."""

    counts: Ints = field(default_factory=lambda: np.zeros(BINS, np.int64))
    impossible: int = 0
    """Outcomes of probability 0."""

    def add(self, below: Floats, probability: Floats, part: Floats) -> None:
        """Add outcomes.

        Args:
            below: probability of all outcomes before each one.
            probability: of each outcome.
            part: uniform on [0, 1).
        """
        self.impossible += int((probability <= 0).sum())
        level = np.clip(below + part * probability, 0, 1)
        self.counts += np.bincount(np.minimum((level * BINS).astype(np.int64), BINS - 1), minlength=BINS)

    def result(self, step: str) -> StepTest:
        """Return the chi-square test against uniform levels; of less than 200 levels nothing can be told."""
        total = int(self.counts.sum())
        bins = max((n for n in range(1, BINS + 1) if BINS % n == 0 and n * LEAST_LEVELS <= total), default=1)
        counts, expected = self.counts.reshape(bins, -1).sum(axis=1), total / bins
        statistic = float(((counts - expected) ** 2).sum() / expected) if total else 0.0
        tail = chi_square_tail(statistic, bins - 1) if bins > 1 else 1.0
        return StepTest(step, "chi-square", statistic, 0.0 if self.impossible else tail)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return P(χ² ≥ statistic), by the cube root of Wilson and Hilferty.

    Right to about 2% at 99 degrees down to 10^-4; too large beyond, by 7% at 10^-6 and 10% at 10^-7. With fewer degrees
    it is too large by more (at 19: 31% at 10^-6), so that a test rejects a little too rarely, never too often.
    """
    spread = 2 / (9 * degrees)
    return math.erfc((math.cbrt(statistic / degrees) - 1 + spread) / math.sqrt(2 * spread)) / 2


class DrawnCuts(NamedTuple):
    """Some cuts of a draw: int64 arrays."""

    user: Ints
    """From 0."""
    start: Ints
    """Input start j, from 1."""
    target: Ints
    """Target position k, from 1."""
    number: Ints | None = None
    """Which of its user's targets it is, i from 1, and 0 for none; by default k − 1."""


class FairDraw:
    """Collects the cuts of a draw, epoch by epoch.

    Args:
        strategy: what the pairs should have been drawn by.
        draw: `balanced`, `independent` or `enumerated`.
        pairs: pairs of an epoch.
        targets: int32, number of possible targets m = |s| − 1 of every user.
        memory: bytes to take; where they do not do for all counts, a part of the users is counted at a time.
    """

    def __init__(self, strategy: Strategy, draw: str, pairs: int, targets: NDArray[np.int32], memory: int) -> None:
        self._strategy, self._draw, self._pairs, self._targets = strategy, draw, pairs, targets
        self._random = np.random.default_rng(0)
        histogram = np.bincount(targets)
        self._p_sequence = sequence_pmf(strategy.sequence.weights(histogram), histogram)
        self._length_mass = self._p_sequence * histogram
        self._below_length = np.cumsum(self._length_mass) - self._length_mass
        self._levels = {step: LevelTest() for step in ("sequence length", "sequence", "target", "input")}
        self._wrong = 0
        self._parts = [range(len(targets))]
        if draw == "independent":
            self._before_user = np.cumsum(self._p_sequence[targets]) - self._p_sequence[targets]
            return
        self._cell_edges = _edges(_cells(strategy, draw, targets))
        self._parts = list(_users_a_pass(self._cell_edges, (memory - _USER_BYTES * len(targets)) // _COUNT_BYTES))

    @staticmethod
    def least_memory(strategy: Strategy, draw: str, targets: NDArray[np.int32]) -> int:
        """Return the bytes that a test needs: those of all users, and of the counts of the user with most."""
        most = 0 if draw == "independent" else int(_cells(strategy, draw, targets).max(initial=0))
        return _USER_BYTES * len(targets) + _COUNT_BYTES * most

    def add_epoch(self, cuts: Callable[[], Iterable[DrawnCuts]]) -> None:
        """Add all cuts of an epoch; they are gone through once for each part of the users."""
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
            self._levels["sequence"].add(self._before_user[user], self._p_sequence[m], part[1])
            kernel = self._strategy.target
            self._levels["target"].add(kernel.cdf(number - 1, m), kernel.pmf(number, m), part[2])
        kernel = self._strategy.input
        self._levels["input"].add(kernel.cdf(start - 1, target - 1), kernel.pmf(start, target - 1), part[3])

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
        """Return how many (s, k) are not there the floor or the ceiling of N p(s, k) times."""
        wrong, kernel = 0, self._strategy.target
        for begin in range(users.start, users.stop, _USERS_AT_ONCE):
            m = self._targets[begin : min(begin + _USERS_AT_ONCE, users.stop)].astype(np.int64)
            row, i = np.repeat(np.arange(len(m)), m), ranges(np.ones(int((m > 0).sum()), np.int64), m[m > 0])
            first = int(self._cell_edges[begin] - self._cell_edges[users.start])
            expected = self._pairs * self._p_sequence[m[row]] * kernel.pmf(i, m[row])
            apart = np.abs(counts[first : first + len(i)] - expected)
            wrong += int((apart >= 1 - _ROUNDING * expected).sum())
        return wrong

    def result(self) -> list[StepTest]:
        """Return the tests that this kind of draw allows."""
        exact = float(self._wrong), float(self._wrong == 0)
        if self._draw == "enumerated":
            return [StepTest("pairs", "each once", *exact)]
        if self._draw == "balanced":
            return [StepTest("counts", "floor or ceiling", *exact), self._levels["input"].result("input")]
        tests = [levels.result(step) for step, levels in self._levels.items()]
        return [test if not self._wrong else replace(test, p_value=0.0) for test in tests]


def is_fair(tests: list[StepTest]) -> bool:
    """Tell whether no test rejects the draw; together they reject a fair one with a chance below `FALSE_ALARM`."""
    return all(test.p_value > FALSE_ALARM / len(tests) for test in tests)


def _edges(counts: NDArray[np.int32] | Ints) -> Ints:
    """Return running sums, beginning with 0."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _cells(strategy: Strategy, draw: str, targets: NDArray[np.int32]) -> NDArray[np.int32] | Ints:
    """Return what is counted of every user: pairs of an enumeration, or targets."""
    if draw != "enumerated":
        return targets
    assert strategy.enumeration is not None, "only rules that have an enumeration are enumerated"
    return strategy.enumeration.count(targets.astype(np.int64))


def _users_a_pass(edges: Ints, most: int) -> Iterator[range]:
    """Yield the users in parts with so many cells at most, or of one user."""
    begin = 0
    while begin < len(edges) - 1:
        end = longest_run(edges, begin, most)
        yield range(begin, end)
        begin = end
