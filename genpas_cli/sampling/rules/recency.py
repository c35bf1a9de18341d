"""Recency sampling: a target is the rarer, the further it lies from the end of its sequence.

p(k | s) ∝ keep^(|s| − k), the exponential importance function of RSS (Petrov and Macdonald, RecSys 2022, arXiv
2207.02643), there with keep = 0.8. Sequences are drawn alike (α = 0) and inputs are whole prefixes (γ = −∞), as there.
keep = 1 draws targets uniformly; for keep towards 0 it becomes Last-Target.
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
    """Above 0 and below 1: the ratio of the probabilities of a position and of the next one."""

    def pmf(self, position: Ints, count: Ints) -> Floats:
        """Return p(position) among 1..count; 0 outside the range."""
        position, count = np.broadcast_arrays(position, count)
        inside = (position >= 1) & (position <= count)
        # Through logarithms: 1 − keep^m would lose its digits where keep is near 1.
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
        # Rounding may put a level that lies on a step of the cdf on either side of it.
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
    "recency", "Recent targets more often: p(k) ∝ keep^(|s| − k), as in RSS.", _make,
    {
        "keep": Parameter("ratio of the probabilities of a target and of the next one", _LEAST, 1.0),
        "alpha": Parameter("sequence bias", -math.inf, math.inf, default=0.0),
        "gamma": Parameter("input bias", -math.inf, math.inf, default=-math.inf),
    },
)  # fmt: skip
