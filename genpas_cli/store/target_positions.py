"""The positions of the targets of some users, whether they are consecutive or listed."""

from __future__ import annotations

import numpy as np

from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.user_targets import UserTargets


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
