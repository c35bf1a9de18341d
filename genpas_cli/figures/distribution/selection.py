"""Choosing among configurations by two figures: KL (lower is better) and A / D (higher is better).

Published (arXiv 2509.13648): keep the share of configurations with the lowest KL, rank these by A / D, keep the best
few. A filter by a fixed share may drop what trains best. The front: among configurations of the same γ (A / D of
different γ do not compare: shorter inputs are more alike whatever their targets), keep each that no other one beats by
more than a tolerance in both figures, and rank what is kept by how far it is from the best in each. Which γ is best is
not decided by these figures: the first of each γ come before the second of any.

Neither depends on the order in which configurations are tried: where figures are equal, up to rounding, the one that
stands first in the canonical order is preferred, see `canonical_order`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from genpas_cli.sampling.kernels import Floats

TOLERANCE = 0.02
"""A configuration is dropped from the front where another is better by this share in both figures."""


_DIGITS = 10
"""Significant digits by which figures are compared: what differs by rounding alone is equal."""


def canonical_order(biases: tuple[float, float, float]) -> tuple[float, ...]:
    """Return a sort key of (α, β, γ): γ nearest to 0 first, then β, then α; of two as near, the negative one."""
    return tuple(part for bias in reversed(biases) for part in (abs(bias), bias))


def _compared(figures: Floats) -> Floats:
    return np.array([float(f"{figure:.{_DIGITS - 1}e}") for figure in figures])


def published(kl: Floats, ratio: Floats, *, share: float, top: int) -> list[int]:
    """Return the configurations that the published search keeps, the best first.

    Args:
        kl: of each configuration; they are in canonical order.
        ratio: A / D of each; NaN where it has none, which comes last.
        share: of the configurations that the KL filter keeps, 0..1; at least one is kept, and all with equal KL are.
        top: how many of these are kept by A / D.
    """
    kl, ratio = _compared(kl), _compared(ratio)
    most = np.sort(kl)[max(math.ceil(share * len(kl)), 1) - 1]
    kept = np.flatnonzero(kl <= most)
    ranked = kept[np.argsort(-np.nan_to_num(ratio[kept], nan=-np.inf), kind="stable")]
    return [int(index) for index in ranked[:top]]


def front(kl: Floats, ratio: Floats, group: Sequence[Hashable], *, tolerance: float = TOLERANCE) -> list[int]:
    """Return the configurations near the Pareto front of their group, the best first.

    They are ranked by kl / min kl + max ratio / ratio over their group: the sum of what each figure lacks of the best.
    The first of all groups come first, in the order of groups, then the second of all groups, and so on.

    Args:
        kl: of each configuration; they are in canonical order.
        ratio: A / D of each; NaN where it has none, which is beaten by any.
        group: A / D compares within one: how inputs are cut, such as γ.
        tolerance: see `TOLERANCE`.
    """
    kl, ratio = _compared(kl), np.nan_to_num(_compared(ratio), nan=0.0)
    places: list[tuple[int, int, int]] = []  # in its group, of its group, configuration
    for number, one in enumerate(dict.fromkeys(group)):
        rows = np.array([index for index, its in enumerate(group) if its == one])
        k, r = kl[rows], ratio[rows]
        beaten = (k[None, :] < (1 - tolerance) * k[:, None]) & ((1 - tolerance) * r[None, :] > r[:, None])
        kept = ~beaten.any(axis=1)
        lacks = k / max(k.min(), 1e-300) + r.max(initial=0.0) / np.maximum(r, 1e-300)
        order = rows[kept][np.argsort(_compared(lacks[kept]), kind="stable")]
        places += [(place, number, int(index)) for place, index in enumerate(order)]
    return [index for _, _, index in sorted(places)]
