"""Choosing among configurations by two figures: KL (lower is better) and A / D (higher is better).

Published (arXiv 2509.13648): keep the share of configurations with the lowest KL, rank these by A / D, keep the best
few. A filter by a fixed share may drop what trains best. The front: among configurations of the same γ (A / D of
different γ do not compare: shorter inputs are more alike whatever their targets), keep each that no other one beats by
more than a tolerance in both figures, and rank what is kept by how far it is from the best in each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from genpas_cli.sampling.kernels import Floats

TOLERANCE = 0.02
"""A configuration is dropped from the front where another is better by this share in both figures."""


def published(kl: Floats, ratio: Floats, *, share: float, top: int) -> list[int]:
    """Return the configurations that the published search keeps, the best first.

    Args:
        kl: of each configuration.
        ratio: A / D of each; NaN where it has none, which comes last.
        share: of the configurations that the KL filter keeps, 0..1; at least one is kept.
        top: how many of these are kept by A / D.
    """
    kept = np.argsort(kl, kind="stable")[: max(math.ceil(share * len(kl)), 1)]
    ranked = kept[np.argsort(-np.nan_to_num(ratio[kept], nan=-np.inf), kind="stable")]
    return [int(index) for index in ranked[:top]]


def front(kl: Floats, ratio: Floats, group: Sequence[Hashable], *, tolerance: float = TOLERANCE) -> list[int]:
    """Return the configurations near the Pareto front of their group, the best first.

    They are ranked by kl / min kl + max ratio / ratio over their group: the sum of what each figure lacks of the best.

    Args:
        kl: of each configuration.
        ratio: A / D of each; NaN where it has none, which is beaten by any.
        group: what of each configuration may be compared; its γ.
        tolerance: see `TOLERANCE`.
    """
    ratio = np.nan_to_num(ratio, nan=0.0)
    score = np.full(len(kl), np.inf)
    for one in dict.fromkeys(group):
        rows = np.array([index for index, its in enumerate(group) if its == one])
        k, r = kl[rows], ratio[rows]
        beaten = (k[None, :] < (1 - tolerance) * k[:, None]) & ((1 - tolerance) * r[None, :] > r[:, None])
        kept = ~beaten.any(axis=1)
        lacks = k / max(k.min(), 1e-300) + r.max(initial=0.0) / np.maximum(r, 1e-300)
        score[rows[kept]] = lacks[kept]
    order = np.argsort(score, kind="stable")
    return [int(index) for index in order if np.isfinite(score[index])]
