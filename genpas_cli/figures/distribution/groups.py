"""Shares of targets by group: by time, and by the length of the user's training history.

The exact share of a group in the training targets is Σ p(s, k) over its targets, as in `targets`.
"""

from __future__ import annotations

import numpy as np

from genpas_cli.figures.distribution.targets import Targets, TargetSteps, TargetWeights
from genpas_cli.sampling.kernels import Floats, Ints

COHORTS = ((0, 5), (6, 10), (11, 20), (21, 50), (51, 100), (101, None))
"""Groups of users by their number of training interactions, inclusive; None: no limit."""

_LAST = [high for _, high in COHORTS if high is not None]


def cohort_of(length: Ints) -> Ints:
    """Return the index in COHORTS of training lengths, int64."""
    return np.searchsorted(_LAST, length, side="left")


class TimeBins:
    """Intervals of equal width between the first and the last time of a log.

    Args:
        first: first time.
        last: last time, in the same unit; not before `first`.
        bins: number of intervals.
    """

    def __init__(self, first: float, last: float, bins: int) -> None:
        self.edges = np.linspace(first, last, bins + 1)
        """Float64 (bins + 1,)."""

    def of(self, times: Floats) -> Ints:
        """Return the index of the interval of each time, int64; each interval includes its lower end."""
        return np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.edges) - 2)


class SharesByGroup:
    """Accumulates the shares of groups in the training targets of several strategies and in held-out targets.

    Args:
        weights: p(s, k) of the strategies.
        groups: number of groups.
    """

    def __init__(self, weights: TargetWeights, groups: int) -> None:
        self._weights = weights
        self.training: dict[TargetSteps, Floats] = {steps: np.zeros(groups) for steps in weights.steps}
        """By steps: float64 (groups,), probability of each group."""
        self._held_out = np.zeros(groups, np.int64)

    def add_training(self, targets: Targets, group: Ints) -> None:
        """Add possible training targets, given the group of each."""
        for steps, weight in self._weights.of(targets):
            self.training[steps] += np.bincount(group, weights=weight, minlength=len(self._held_out))

    def add_held_out(self, group: Ints) -> None:
        """Add held-out targets, given the group of each."""
        self._held_out += np.bincount(group, minlength=len(self._held_out))

    def held_out(self) -> Floats:
        """Return float64 (groups,), the share of each group in the held-out targets; zeros if there are none."""
        return self._held_out / max(int(self._held_out.sum()), 1)
