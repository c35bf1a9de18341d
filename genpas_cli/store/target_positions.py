"""The positions of the targets of some users, whether they are consecutive or listed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.user_targets import TargetNumbers, UserTargets


def all_positions(targets: UserTargets) -> tuple[Ints, Ints]:
    """Return the row of the user and the position from 1 of each target, int64 (targets,), user after user."""
    rows = np.repeat(np.arange(len(targets.counts)), targets.counts)
    begins = np.cumsum(targets.counts) - targets.counts
    return rows, targets.position(rows, np.arange(1, len(rows) + 1) - begins[rows])


def first_positions(targets: UserTargets) -> Ints:
    """Return the position from 1 of each user's first target, int64 (users,); 1 for a user without targets."""
    some = np.flatnonzero(targets.counts)
    first = np.ones(len(targets.counts), np.int64)
    first[some] = targets.position(some, np.ones(len(some), np.int64))
    return first


class TargetFinder:
    """Tells which positions are targets; takes 16 bytes per target if the targets are listed.

    Args:
        targets: targets of some users.
    """

    def __init__(self, targets: UserTargets) -> None:
        self._targets = targets
        self._numbers = None if targets.listed is None else TargetNumbers(targets)

    def has(self, row: NDArray[Any], position: NDArray[Any]) -> NDArray[np.bool_]:
        """Return whether these positions from 1 of the users in these rows are targets, bool (positions,)."""
        if self._numbers is not None:
            return self._numbers.of(row.astype(np.int64), position.astype(np.int64)) > 0
        low = self._targets.low[row]
        found: NDArray[np.bool_] = (position >= low) & (position < low + self._targets.counts[row])
        return found
