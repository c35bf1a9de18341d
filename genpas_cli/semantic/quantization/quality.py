"""Figures of codes that need no trained model: use of the codes, collisions, and neighbours that share a code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import twins
from genpas_cli.semantic.quantization.vectors import Vectors

NEIGHBOURS = 10
"""Number of nearest neighbours of an item that are looked at."""

_ASKED = 1000
"""Number of items whose neighbours are looked at."""


def used(codes: NDArray[np.int32]) -> int:
    """Return how many different codes of a level occur."""
    return len(np.unique(codes))


def frequencies(codes: NDArray[np.int32]) -> list[int]:
    """Return how many items have each code of a level that occurs, the most frequent code first."""
    counts = np.bincount(codes)
    found: list[int] = np.sort(counts[counts > 0])[::-1].tolist()
    return found


def entropy(codes: NDArray[np.int32]) -> float:
    """Return the entropy of the codes of a level in bits: log2 of the number of codes if all are equally frequent."""
    counts = np.bincount(codes)
    share = counts[counts > 0] / len(codes)
    return float((share * np.log2(1 / share)).sum())


def unique_share(keys: NDArray[np.int64]) -> float:
    """Return the share of items that no other item has the codes of."""
    _, counts = np.unique(keys, return_counts=True)
    return float((counts == 1).sum() / len(keys))


def largest_collision(keys: NDArray[np.int64]) -> int:
    """Return the largest number of items with the same codes."""
    return int(twins(keys).max(initial=-1)) + 1


def neighbours_sharing(vectors: Vectors, first: NDArray[np.int32], stream: np.random.Generator) -> tuple[float, float]:
    """Return how many of an item's nearest neighbours share its first code, and how many random items would.

    Args:
        vectors: float32 (items, width), of a sample of items.
        first: (items,), their codes of the first level.
        stream: random stream that chooses the items whose neighbours are looked at.

    Returns:
        The mean share of the `NEIGHBOURS` nearest items (Euclidean) that have the same first code, and its value for
        random items: Σ p².
    """
    asked = np.sort(stream.choice(len(vectors), min(_ASKED, len(vectors)), replace=False, shuffle=False))
    count = min(NEIGHBOURS, len(vectors) - 1)
    share = np.bincount(first) / len(first)
    if count == 0:
        return 1.0, 1.0
    half = np.einsum("nd,nd->n", vectors, vectors) / np.float32(2)
    found = []
    for part in np.array_split(asked, max(len(asked) // 64, 1)):
        distance = half - vectors[part] @ vectors.T
        distance[np.arange(len(part)), part] = np.inf
        near = np.argpartition(distance, count - 1, axis=1)[:, :count]
        found.append((first[near] == first[part][:, None]).mean(axis=1))
    return float(np.concatenate(found).mean()), float((share**2).sum())
