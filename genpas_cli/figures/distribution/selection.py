"""Selection of configurations by figures: KL (lower is better), A / D and the entropy of pairs (higher is better).

`published` (arXiv 2509.13648): keep the share of configurations with the lowest KL, rank these by A / D, and keep the
best few. Its fixed share may drop the configuration that trains best. `front`: among configurations of the same γ (A/D
is not comparable between different γ, because shorter inputs are more similar for any target), keep each that no other
one beats by more than a tolerance in both figures, and rank them by their distance from the best in each figure. These
figures do not decide which γ is best, so the first configurations of all γ come before the second ones.

`entropy`: rank by KL − `ENTROPY_WEIGHT` · H, where H is the entropy of the pairs. KL alone cannot choose γ, and H tells
how many different pairs a strategy gives. Against the published NDCG@10 of SASRec (arXiv 2509.13648) for 12
configurations each on Beauty and Toys, its Spearman correlation is .986 and .954 for any weight from 0.02 to 0.3 (KL
alone: .953 and .860), and it picks the same configuration as the paper, (1, 0, 0). The weight was chosen on these two
data sets alone.

None depends on the order in which configurations are tried: figures that are equal up to rounding are ranked by
`canonical_order`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from genpas_cli.sampling.kernels import Floats

TOLERANCE = 0.02
"""A configuration is dropped from the front if another is better by this share in both figures."""


ENTROPY_WEIGHT = 0.1
"""KL, in nats, that one nat of the entropy of pairs makes up for."""

ALIKE = 0.005
"""Configurations whose figures of `entropy` differ by less are not told apart."""

_DIGITS = 10
"""Significant digits by which figures are compared, so that values that differ only by rounding are equal."""


def canonical_order(biases: tuple[float, float, float]) -> tuple[float, ...]:
    """Return a sort key of (α, β, γ): γ nearest to 0 first, then β, then α; −x comes before x."""
    return tuple(part for bias in reversed(biases) for part in (abs(bias), bias))


def _compared(figures: Floats) -> Floats:
    return np.array([float(f"{figure:.{_DIGITS - 1}e}") for figure in figures])


def published(kl: Floats, ratio: Floats, *, share: float, top: int) -> list[int]:
    """Return the indices of the configurations that the published search keeps, the best first.

    Args:
        kl: KL of each configuration, in canonical order.
        ratio: A / D of each configuration; NaN, if it has none, ranks last.
        share: share of the configurations that the KL filter keeps, 0..1; it keeps at least one, and all of equal KL.
        top: maximum number of configurations kept by A / D.
    """
    kl, ratio = _compared(kl), _compared(ratio)
    most = np.sort(kl)[max(math.ceil(share * len(kl)), 1) - 1]
    kept = np.flatnonzero(kl <= most)
    ranked = kept[np.argsort(-np.nan_to_num(ratio[kept], nan=-np.inf), kind="stable")]
    return [int(index) for index in ranked[:top]]


def front(kl: Floats, ratio: Floats, group: Sequence[Hashable], *, tolerance: float = TOLERANCE) -> list[int]:
    """Return the indices of the configurations near the Pareto front of their group, the best first.

    Within a group they are ranked by kl / min kl + max ratio / ratio, the sum of the distances from the best. The first
    configurations of all groups come first, in the order of groups, then the second ones, and so on.

    Args:
        kl: KL of each configuration, in canonical order.
        ratio: A / D of each configuration; NaN, if it has none, counts as 0.
        group: group of each configuration, within which A / D is comparable: the input kernel, such as γ.
        tolerance: see `TOLERANCE`.
    """
    kl, ratio = _compared(kl), np.nan_to_num(_compared(ratio), nan=0.0)
    places: list[tuple[int, int, int]] = []  # rank in the group, group, configuration
    for number, one in enumerate(dict.fromkeys(group)):
        rows = np.array([index for index, its in enumerate(group) if its == one])
        k, r = kl[rows], ratio[rows]
        beaten = (k[None, :] < (1 - tolerance) * k[:, None]) & ((1 - tolerance) * r[None, :] > r[:, None])
        kept = ~beaten.any(axis=1)
        # With --epsilon 0, every KL of a group can be infinite: then KL does not tell them apart.
        excess = k / max(k.min(), 1e-300) if k.min() < np.inf else np.ones(len(k))
        lacks = excess + r.max(initial=0.0) / np.maximum(r, 1e-300)
        order = rows[kept][np.argsort(_compared(lacks[kept]), kind="stable")]
        places += [(place, number, int(index)) for place, index in enumerate(order)]
    return [index for _, _, index in sorted(places)]


def by_entropy(kl: Floats, entropy: Floats) -> tuple[list[int], Floats]:
    """Return the indices of the configurations by KL − `ENTROPY_WEIGHT` · H, the best first, and this figure of each.

    Args:
        kl: KL of each configuration, in canonical order.
        entropy: H of each configuration, in nats.
    """
    score = _compared(kl - ENTROPY_WEIGHT * entropy)
    return [int(index) for index in np.argsort(score, kind="stable")], score
