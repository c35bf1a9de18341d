"""Weights of targets: p(k | s) ∝ p_β(k | s) · w_k, and the mass of a sequence times the mean of its weights.

With the mean, and not the sum, α keeps its meaning: α = 1 weighs a sequence by the sum of its weights, α = 0 by their
mean. Weights of 1 change nothing, and neither does a common factor of all weights. An interaction of weight 0 is not a
target, so weights of 0 and 1 are a condition on targets.

All functions take the weights of some sequences' targets, sequence after sequence, and the number of targets of each
sequence; a sequence may have none.
"""

from __future__ import annotations

import numpy as np

from genpas_cli.runtime.errors import DataError
from genpas_cli.sampling.kernels import Floats, Ints


def mean_weights(weights: Floats, counts: Ints) -> Floats:
    """Return float64 (sequences,), the mean weight of the targets of each sequence; 0 for a sequence without any.

    Raises:
        DataError: a float64 cannot hold a sum.
    """
    with np.errstate(over="ignore"):
        sums = _by_sequence(np.add, weights, counts)
    if not np.isfinite(sums).all():
        raise DataError(
            "the weights of the targets are too large: their sum overflows", tip="Divide the weights by a constant."
        )
    return sums / np.maximum(counts, 1)


class Reweighting:
    """Multiplies probabilities of targets by their weights, and normalizes them within each sequence.

    Args:
        weights: float64 (targets,), above 0.
        counts: int64 (sequences,).
    """

    def __init__(self, weights: Floats, counts: Ints) -> None:
        self._weights, self._counts = weights, counts
        self._begin = (np.cumsum(counts) - counts)[counts > 0]
        self.even = _by_sequence(np.minimum, weights, counts) == _by_sequence(np.maximum, weights, counts)
        """bool (sequences,): whether all targets of a sequence have the same weight."""

    def __call__(self, p: Floats) -> Floats:
        """Return the reweighted probabilities.

        Args:
            p: float64 (targets,), the probabilities of the target kernel; they sum to 1 in each sequence.

        Raises:
                DataError: all products of a sequence are too small for a float64.
        """
        if len(p) == 0:
            return p
        products = p * self._weights
        totals = np.add.reduceat(products, self._begin)
        if totals.min() == 0:
            raise DataError(
                "the weights of the targets are too small: their products with the probabilities of the target bias "
                "are 0",
                tip="Multiply the weights by a constant.",
            )
        found = products / np.repeat(totals, self._counts[self._counts > 0])
        # The kernel's own probabilities where the weights are equal: a product and a quotient would change the last
        # digit.
        even = self.even & (self._counts > 1)  # of a single target, both are 1
        return np.where(np.repeat(even, self._counts), p, found) if even.any() else found


def _by_sequence(function: np.ufunc, values: Floats, counts: Ints) -> Floats:
    result, some = np.zeros(len(counts)), counts > 0
    if some.any():
        begin = (np.cumsum(counts) - counts)[some]
        result[some] = function.reduceat(values, begin)
    return result
