"""The possible target positions of a run of users: a range, or a list where a condition restricts them.

The formulas number a user's targets i = 1..m; where every position from 2 on can be a target, k = i + 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Ints


class UserTargets(NamedTuple):
    """The targets of some users, in their order."""

    counts: Ints
    """m, the number of targets of each user."""
    low: Ints
    """Position of each user's first target, when its targets are consecutive positions."""
    listed: NDArray[np.int32] | None = None
    """Positions of all targets, user after user; None when each user's targets are consecutive."""

    def position(self, row: Ints, number: Ints) -> Ints:
        """Return the position k of the targets with these numbers i, from 1, of the users in these rows."""
        if self.listed is None:
            return self.low[row] + number - 1
        before = np.cumsum(self.counts) - self.counts
        position: Ints = self.listed[before[row] + number - 1].astype(np.int64)
        return position


def training_targets_of(length: Ints) -> UserTargets:
    """Return the targets of training sequences of these lengths: k = 2..|s|."""
    return UserTargets(np.maximum(length - 1, 0), np.full(len(length), 2))


class TargetNumbers:
    """Finds the target number of a position; takes 16 bytes per target.

    Args:
        targets: of all users, listed.
    """

    def __init__(self, targets: UserTargets) -> None:
        assert targets.listed is not None, "else the number is the position minus 1"
        self._before = np.cumsum(targets.counts) - targets.counts
        self._keys = self._key(np.repeat(np.arange(len(targets.counts)), targets.counts), targets.listed)

    def of(self, user: Ints, position: Ints) -> Ints:
        """Return the numbers i from 1 of the targets at these positions k; 0 where there is no target."""
        key = self._key(user, position)
        found = np.minimum(np.searchsorted(self._keys, key), max(len(self._keys) - 1, 0))
        return np.where(self._keys[found] == key, found - self._before[user] + 1, 0)

    @staticmethod
    def _key(user: Ints, position: Ints | NDArray[np.int32]) -> Ints:
        return (user.astype(np.int64) << 32) + position
