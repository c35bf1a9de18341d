"""Items with equal codes: found, told apart by a further level, or moved to free codes near them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpas_cli.semantic.quantization.kmeans import Codebook
from genpas_cli.semantic.quantization.residual import Codes
from genpas_cli.semantic.quantization.vectors import Vectors


def keys_of(codes: NDArray[np.integer[Any]], sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Return one number per item, equal for items with equal codes: int64 (items,).

    Raises:
        OverflowError: there are more combinations of codes than numbers.
    """
    if np.prod([float(size) for size in sizes]) >= 2.0**63:
        raise OverflowError(f"codes of sizes {sizes} have more combinations than 2^63")
    keys = np.zeros(len(codes), np.int64)
    for level, size in enumerate(sizes):
        keys = keys * size + codes[:, level]
    return keys


def twins(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each item, how many items before it have the same key: 0 for the first of them."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begin = np.flatnonzero(np.concatenate((ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1])))
    twin = np.empty(len(keys), np.int64)
    twin[order] = np.arange(len(keys)) - np.repeat(begin, np.diff(np.append(begin, len(keys))))
    return twin


def reassigned(
    codes: Codes, sizes: tuple[int, ...], left: Vectors, moved: NDArray[np.intp], book: Codebook
) -> Codes:  # fmt: skip
    """Return codes in which every item that had a twin before it has moved to a free code of the last level.

    Items move in their order, each to the nearest code that no other item has.

    Args:
        codes: (items, levels).
        sizes: number of codes of each level.
        left: residuals of the moved items before the last level, float32 (moved, width).
        moved: the items to move, ascending.
        book: codebook of the last level.

    Returns:
        The codes; an item whose codes of the earlier levels leave no free code of the last keeps its own.
    """
    codes = codes.copy()
    parents = keys_of(codes[:, :-1], sizes[:-1])
    taken: dict[int, set[int]] = {}
    wanted = set(parents[moved].tolist())
    for item in np.flatnonzero(np.isin(parents, list(wanted))).tolist():
        taken.setdefault(int(parents[item]), set()).add(int(codes[item, -1]))
    for row, item in enumerate(moved.tolist()):
        used = taken[int(parents[item])]
        free = next((int(code) for code in book.order(left[row : row + 1])[0] if int(code) not in used), None)
        if free is not None:
            codes[item, -1] = free
            used.add(free)
    return codes
