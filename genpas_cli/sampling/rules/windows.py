"""Fixed windows: the input of each target is the `width` items before it, or all of them if there are fewer.

The input starts at j = max(1, k − width) (Caser, Tang and Wang, WSDM 2018, and many loaders); targets as in
Multi-Target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.rules.multi_target import count_targets, rank_target, unrank_target
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategy import Enumeration, NamedRule, Parameter, Strategy


@dataclass(frozen=True)
class LastOf:
    """All mass on the position max(1, m − width + 1) of {1..m}, for every m (a `PositionKernel`)."""

    width: int
    """1 or more."""

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """Return 1 at the only position, else 0."""
        return np.where((position == self._only(count)) & (count >= 1), 1.0, 0.0)

    def cdf(self, position: Ints, count: Ints) -> Floats:
        """Return 1 from the only position on, and 0 before it."""
        return np.where(position >= self._only(count), 1.0, 0.0)

    def quantile(self, level: Floats, count: Ints) -> Ints:
        """Return the only position, whatever the level; int64."""
        return np.array(np.broadcast_arrays(level, self._only(count))[1], np.int64)

    def _only(self, count: Ints) -> Ints:
        return np.maximum(count - self.width + 1, 1)


@dataclass(frozen=True)
class WindowStart:
    """The start of the window before a target, see `Enumeration.start`; compares equal for equal widths."""

    width: int

    def __call__(self, index: Ints, target: Ints) -> Ints:  # noqa: ARG002  # one signature for all rules
        """Return the input start j of target positions k."""
        return np.maximum(target - self.width, 1)


def _make(name: str, width: float) -> Strategy:
    enumeration = Enumeration(count_targets, unrank_target, WindowStart(int(width)), rank_target)
    kernels = SequencePowerLaw(1.0), PowerLaw(0.0), LastOf(int(width))
    return Strategy(name, *kernels, enumeration, (("width", width),))


RULE = NamedRule(
    "windows", "Each item except the first, with the WIDTH items before it as input.", _make,
    {"width": Parameter("maximum number of input items", 1, 2**31 - 1, whole=True)},
)  # fmt: skip
