"""Figures of one or two distributions over items; natural logarithms throughout.

Every function takes float64 arrays by item. Items that neither distribution holds add nothing to any of them.
"""

from __future__ import annotations

import numpy as np

from genpas_cli.sampling.kernels import Floats, Ints

EPSILON = 1e-10
"""Added to every item's probability in both distributions of a KL divergence: the convention of arXiv 2509.13648."""

DECILES = 10

NOISE = 1e-12
"""Sums over millions of items are exact to about so much: what is nearer to 0 is 0."""


def without_noise(figure: float) -> float:
    """Return a figure, and 0 where it differs from 0 by rounding alone."""
    return 0.0 if abs(figure) < NOISE else figure


def kl_divergence(p: Floats, q: Floats, epsilon: float = EPSILON) -> float:
    """Return KL(p ‖ q) = Σ (p + ε) ln((p + ε) / (q + ε)), in nats: 0 if equal; not renormalised.

    With ε = 0 it is infinite where q lacks an item of p.
    """
    p, q = p + epsilon, q + epsilon
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    return without_noise(float(terms.sum()))


def js_terms(p: Floats, q: Floats) -> Floats:
    """Return what each item adds to the Jensen–Shannon divergence ½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2: 0..ln 2."""
    middle = (p + q) / 2
    return (_relative(p, middle) + _relative(q, middle)) / 2


def _relative(p: Floats, q: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)


def tv_terms(p: Floats, q: Floats) -> Floats:
    """Return what each item adds to the total variation ½ Σ |p − q|: 0..1, the mass that would have to move."""
    return np.abs(p - q) / 2


def entropy(p: Floats) -> float:
    """Return −Σ p ln p, in nats."""
    return float(entropy_terms(p).sum())


def entropy_terms(p: Floats) -> Floats:
    """Return −p ln p, 0 at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, -p * np.log(p), 0.0)


def gini(p: Floats) -> float:
    """Return the Gini coefficient Σ_i Σ_j |p_i − p_j| / (2 n Σ p): 0 where all items are alike, towards 1 where one
    item has everything.
    """  # noqa: D205  # one sentence
    ordered = np.sort(p)
    n = len(p)
    rank = np.arange(1, n + 1)
    return float(((2 * rank - n - 1) * ordered).sum() / (n * ordered.sum()))


def popularity_deciles(p: Floats, popularity: Ints) -> list[float]:
    """Return the mass of p on each tenth of the items, the most popular tenth first; equal counts by number.

    Args:
        p: by item.
        popularity: training interactions by item.
    """
    by_popularity = p[np.argsort(-popularity, kind="stable")]
    return [float(part.sum()) for part in np.array_split(by_popularity, DECILES)]
