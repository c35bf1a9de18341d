"""Items with equal codes, moved to free codes near them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import keys_of
from genpas_cli.semantic.quantization.kmeans import Codebook
from genpas_cli.semantic.quantization.residual import Codes
from genpas_cli.semantic.quantization.vectors import Vectors


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
