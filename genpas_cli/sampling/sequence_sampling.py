"""Step 1 of GenPAS: which sequence, p_α(s) ∝ (|s| − 1)^α.

A sequence's weight depends only on its length, so one table by length serves all users. Source: arXiv 2509.13648.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.power_law import powers


@dataclass(frozen=True)
class SequencePowerLaw:
    """The weight m^alpha of a sequence with m = |s| − 1 possible targets (a `SequenceKernel`)."""

    alpha: float
    """−50..50; +inf is uniform over the longest sequences, −inf over the shortest."""

    follows_targets = True

    def weights(self, histogram: Ints) -> Floats:
        """Return the weight of a sequence by m; see `SequenceKernel.weights`."""
        present = np.flatnonzero(histogram[1:]) + 1
        weights = np.zeros(len(histogram))
        if len(present) == 0:
            return weights
        if math.isinf(self.alpha):
            weights[present[-1] if self.alpha > 0 else present[0]] = 1.0
            return weights
        weights[present] = powers(present, self.alpha)
        return scaled(weights)


def scaled(weights: Floats) -> Floats:
    """Return weights with their maximum in [1, 2), so that a sum over any number of users stays finite.

    The factor is a power of two, so that integers, and with them Multi-Target's balanced draw, stay exact.
    """
    top = weights.max(initial=0.0)
    return weights if top == 0 else np.ldexp(weights, 1 - int(np.frexp(top)[1]))


def sequence_pmf(weights: Floats, histogram: Ints | Floats) -> Floats:
    """Return p_α of one sequence by m, float64 like `weights`: Σ_m histogram[m] · result[m] = 1.

    With weights of targets, the histogram is Σ of the mean weights of the sequences, and a result is multiplied by the
    mean weight of the sequence.
    """
    return weights / float((weights * histogram).sum())
