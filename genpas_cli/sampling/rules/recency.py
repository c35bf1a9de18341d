"""Recency sampling: the closer a position is to the end of its sequence, the more often it is a target.

p(k | s) ∝ keep^(|s| − k), the exponential importance function of RSS (Petrov and Macdonald, RecSys 2022, arXiv
2207.02643), which uses keep = 0.8. As in RSS, all sequences have equal weight (α = 0) and inputs are whole prefixes (γ
= −∞). keep = 1 draws targets uniformly; as keep approaches 0, the rule becomes Last-Target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.power_law import LARGEST_EXPONENT, PowerLaw, check_exponent
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategy import NamedRule, Parameter, Strategy


@dataclass(frozen=True)
class Recency:
    """The distributions p(i) ∝ keep^(m − i) over {1..m}, for every m (a `PositionKernel`)."""

    keep: float
    """Ratio of the probability of a position to that of the next one; above 0 and below 1."""

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """Return p(position) among 1..count; 0 outside the range."""
        position, count = np.broadcast_arrays(position, count)
        inside = (position >= 1) & (position <= count)
        # In logarithms, because 1 − keep^m loses its digits when keep is near 1.
        log = math.log(self.keep)
        behind = np.where(inside, count - position, 0)
        return np.where(inside, np.exp(behind * log) * math.expm1(log) / np.expm1(np.maximum(count, 1) * log), 0.0)

    def cdf(self, position: Ints, count: Ints) -> Floats:
        """Return P(i ≤ position) among 1..count."""
        position, count = np.broadcast_arrays(position, count)
        log = math.log(self.keep)
        clipped, least = np.clip(position, 0, count), np.maximum(count, 1)
        below = np.exp((count - clipped) * log) * np.expm1(clipped * log) / np.expm1(least * log)
        return np.where(position >= count, 1.0, below)

    def quantile(self, level: Floats, count: Ints) -> Ints:
        """Return the position at which the cdf passes `level` ∈ [0, 1), int64 in 1..count."""
        level, count = np.broadcast_arrays(level, count)
        log = math.log(self.keep)
        # The cdf passes the level where keep^(m − i) passes keep^m + level·(1 − keep^m).
        passed = np.exp(count * log) - level * np.expm1(count * log)
        with np.errstate(divide="ignore"):
            behind = np.minimum(np.log(passed) / log, count)
        found: Ints = np.clip(count - np.floor(behind).astype(np.int64), 1, count)
        # A level on a step of the cdf may fall on either side of it by rounding.
        found -= (found > 1) & (self.cdf(found - 1, count) > level)
        found += (found < count) & (self.cdf(found, count) <= level)
        return found


def _make(name: str, keep: float, alpha: float, gamma: float) -> Strategy:
    check_exponent(alpha, "alpha")
    check_exponent(gamma, "gamma")
    target = PowerLaw(0.0) if keep == 1 else Recency(keep)
    parameters = (("keep", keep), ("alpha", alpha), ("gamma", gamma))
    return Strategy(name, SequencePowerLaw(alpha), target, PowerLaw(gamma), parameters=parameters)


_LEAST, _BIAS = 1e-6, LARGEST_EXPONENT

RULE = NamedRule(
    "recency", "Recent items are targets more often: p(k) ∝ keep^(|s| − k), as in RSS.", _make,
    {
        "keep": Parameter("ratio of the probability of a target to that of the next target", _LEAST, 1.0),
        "alpha": Parameter("sequence bias", -math.inf, math.inf, default=0.0),
        "gamma": Parameter("input bias", -math.inf, math.inf, default=-math.inf),
    },
)  # fmt: skip
