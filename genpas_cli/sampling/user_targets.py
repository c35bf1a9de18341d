"""The possible target positions of a run of users: a range, or a list where a condition or weights restrict them.

The formulas number a user's targets i = 1..m; where every position from 2 on can be a target, k = i + 1. An interaction
of weight 0 is not a target, so it has no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.power_law import accurate_cumsum
from genpas_cli.sampling.target_weights import Reweighting, mean_weights


class UserTargets(NamedTuple):
    """The targets of some users, in their order."""

    counts: Ints
    """m, the number of targets of each user."""
    low: Ints
    """Position of each user's first target, when its targets are consecutive positions."""
    listed: NDArray[np.int32] | None = None
    """Positions of all targets, user after user; None when each user's targets are consecutive."""
    weights: Floats | None = None
    """Weights of all targets, user after user, all above 0; None: they are equal."""

    @property
    def before(self) -> Ints:
        """Number of targets of the users before each user."""
        return np.cumsum(self.counts) - self.counts

    def mean_weights(self) -> Floats | None:
        """Return float64 (users,), the mean weight of each user's targets, 0 without targets; None if all are equal."""
        return None if self.weights is None else mean_weights(self.weights, self.counts)

    def pmf(self, kernel: PositionKernel) -> Floats:
        """Return p(k | s) of all targets, user after user: the kernel's probabilities times the weights, normalized."""
        p = self._kernel_pmf(kernel)
        return p if self.weights is None else Reweighting(self.weights, self.counts)(p)

    def _kernel_pmf(self, kernel: PositionKernel) -> Floats:
        count = np.repeat(self.counts, self.counts)
        return kernel.pmf(np.arange(1, len(count) + 1) - np.repeat(self.before, self.counts), count)

    def quantile(self, kernel: PositionKernel, row: Ints, level: Floats) -> Ints:
        """Return the number i of the target at which the cdf of a user passes a level, int64 from 1.

        Args:
            kernel: the target kernel.
            row: int64, the users by their index in `counts`.
            level: float64 in [0, 1), one per row.
        """
        if self.weights is None:
            return kernel.quantile(level, self.counts[row])
        # Users whose targets have equal weights are drawn from the kernel's own table, so that weights of 1 change
        # nothing, not even by rounding.
        reweighting = Reweighting(self.weights, self.counts)
        even = reweighting.even[row]
        if even.all():
            return kernel.quantile(level, self.counts[row])
        running = np.concatenate(([0.0], accurate_cumsum(reweighting(self._kernel_pmf(kernel)))))
        edges = np.append(self.before, len(running) - 1)
        low, high = running[edges][row], running[edges][row + 1]
        # Below the end of the user's mass, so that no target without probability is found there.
        passed = np.minimum(low + level * (high - low), np.nextafter(high, 0.0))
        found: Ints = np.clip(np.searchsorted(running, passed, side="right"), edges[row] + 1, edges[row + 1])
        found -= edges[row]
        found[even] = kernel.quantile(level[even], self.counts[row[even]])
        return found

    def has(self, row: NDArray[Any], position: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell whether the users in these rows have targets at these positions k."""
        if self.listed is None:
            low = self.low[row]
            within: NDArray[np.bool_] = (position >= low) & (position < low + self.counts[row])
            return within
        return TargetNumbers(self).of(row, position) > 0

    def position(self, row: Ints, number: Ints) -> Ints:
        """Return the position k of the targets with these numbers i, from 1, of the users in these rows."""
        if self.listed is None:
            return self.low[row] + number - 1
        position: Ints = self.listed[self.before[row] + number - 1].astype(np.int64)
        return position


def training_targets_of(length: Ints) -> UserTargets:
    """Return the targets of training sequences of these lengths: k = 2..|s|."""
    return UserTargets(np.maximum(length - 1, 0), np.full(len(length), 2))


class TargetRun(NamedTuple):
    """The targets of a run of consecutive users, from which some are drawn."""

    some: slice
    """Which of the users that were asked for are in the run."""
    first: int
    """First user of the run, 0-based."""
    targets: UserTargets


TargetRuns = Callable[[Ints], Iterator[TargetRun]]
"""Given users, int64 and ascending, yields the runs that contain them, in order; a run fits into memory."""


class TargetPool(NamedTuple):
    """The targets of some users, from which pairs are drawn."""

    runs: TargetRuns
    mean_weights: Floats | None = None
    """float64 (users,), mean weight of each user's targets; None: 1."""


class TargetNumbers:
    """Finds the target number of a position; takes 16 bytes per target.

    Args:
        targets: of all users, listed.
    """

    def __init__(self, targets: UserTargets) -> None:
        assert targets.listed is not None, "else the number is the position minus 1"
        self._before = targets.before
        self._keys = self._key(np.repeat(np.arange(len(targets.counts)), targets.counts), targets.listed)

    def of(self, user: NDArray[Any], position: NDArray[Any]) -> Ints:
        """Return the numbers i from 1 of the targets at these positions k; 0 where there is no target."""
        if len(self._keys) == 0:
            return np.zeros(len(user), np.int64)
        key = self._key(user, position)
        found = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[found] == key, found - self._before[user] + 1, 0)

    @staticmethod
    def _key(user: NDArray[Any], position: NDArray[Any]) -> Ints:
        key: Ints = (user.astype(np.int64) << 32) + position
        return key
