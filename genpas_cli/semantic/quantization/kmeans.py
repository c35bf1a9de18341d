"""k-means: Lloyd's iterations from a start by k-means++ (Arthur and Vassilvitskii, SODA 2007).

Distances are computed block by block, and the sums of the blocks are added in their order, so the codebook does not
depend on the number of threads.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.runtime.threads import InOrder
from genpas_cli.semantic.quantization.vectors import Vectors, VectorsInMemory

_START_ROWS = 1 << 15
"""Maximum number of vectors among which k-means++ chooses its starts: each choice is a pass over them."""

_STARTS, _TRIED_ITERATIONS = 4, 8
"""Number of starts, and iterations after which the start with the lowest error is chosen: their errors differ by 4%."""

_SETTLED = 1e-4
"""Relative improvement of the error below which the iterations end."""


class Assigned(NamedTuple):
    """The nearest centre of each vector of a block."""

    code: NDArray[np.intp]
    """(rows,)."""
    squared: NDArray[np.float32]
    """(rows,): squared distances to these centres."""


class Codebook:
    """The centres of one level.

    Args:
        centres: float32 (codes, width).
    """

    def __init__(self, centres: Vectors) -> None:
        self.centres = centres
        self._half_norms = np.einsum("kd,kd->k", centres, centres) / np.float32(2)

    def nearest(self, vectors: Vectors) -> Assigned:
        """Return the nearest centre of each vector, the first one of equally near ones."""
        score = vectors @ self.centres.T
        score -= self._half_norms
        code = np.argmax(score, axis=1)
        best = np.take_along_axis(score, code[:, None], axis=1)[:, 0]
        squared = np.einsum("nd,nd->n", vectors, vectors) - np.float32(2) * best
        return Assigned(code, np.maximum(squared, np.float32(0)))

    def order(self, vectors: Vectors) -> NDArray[np.intp]:
        """Return the centres of each vector from the nearest on, (rows, codes)."""
        return np.argsort(self._half_norms - vectors @ self.centres.T, axis=1, kind="stable")


def kmeans(vectors: Vectors, codes: int, iterations: int, stream: np.random.Generator, run: InOrder) -> Codebook:
    """Return the codebook of some vectors.

    Args:
        vectors: float32 (rows, width), at least one.
        codes: number of centres; with fewer different vectors, some centres are equal and are never the nearest.
        iterations: maximum number of Lloyd's iterations.
        stream: random stream of the start.
        run: runs the blocks.
    """
    some = vectors
    if len(vectors) > _START_ROWS:
        some = vectors[np.sort(stream.choice(len(vectors), _START_ROWS, replace=False, shuffle=False))]
    starts = [_lloyd(some, Codebook(_start(some, codes, stream)), _TRIED_ITERATIONS, run) for _ in range(_STARTS)]
    best, _ = min(starts, key=lambda start: start[1])
    return _lloyd(vectors, best, iterations, run)[0]


def _lloyd(vectors: Vectors, book: Codebook, iterations: int, run: InOrder) -> tuple[Codebook, float]:
    """Return the codebook after at most this many iterations, and the error of the one before it."""
    codes, before, error = len(book.centres), np.inf, np.inf
    for _ in range(iterations):
        sums, counts = np.zeros((codes, vectors.shape[1])), np.zeros(codes, np.int64)
        far, error = _Farthest(codes), 0.0
        blocks = list(VectorsInMemory(vectors).blocks())
        for block, found in zip(blocks, run(partial(book.nearest, block) for block in blocks), strict=True):
            _add(sums, counts, block, found.code)
            far.add(block, found.squared)
            error += float(found.squared.sum(dtype=np.float64))
        book = Codebook(_centres(sums, counts, book.centres, far))
        if error >= before * (1 - _SETTLED):
            break
        before = error
    return book, error


def _start(vectors: Vectors, codes: int, stream: np.random.Generator) -> Vectors:
    """Return the centres with which the iterations begin: each is probably far from those before it."""
    norms = np.einsum("nd,nd->n", vectors, vectors)
    centres = np.empty((codes, vectors.shape[1]), np.float32)
    squared = np.full(len(vectors), np.inf)
    at = int(stream.integers(len(vectors)))
    for number in range(codes):
        centres[number] = vectors[at]
        distance = norms - 2 * (vectors @ centres[number]) + norms[at]
        squared = np.minimum(squared, np.maximum(distance, 0), dtype=np.float64)
        total = np.cumsum(squared)
        # All vectors are centres already: any of them will do.
        at = int(np.searchsorted(total, stream.random() * total[-1], side="right")) if total[-1] > 0 else 0
        at = min(at, len(vectors) - 1)
    return centres


def _add(sums: NDArray[np.float64], counts: NDArray[np.int64], block: Vectors, code: NDArray[np.intp]) -> None:
    """Add the vectors of a block to the sums of their centres."""
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    present = code[order][first]
    sums[present] += np.add.reduceat(block[order], first, axis=0, dtype=np.float64)
    counts += np.bincount(code, minlength=len(counts))


class _Farthest:
    """The vectors that are farthest from their centres, for centres that no vector is nearest to.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._squared: list[NDArray[np.float32]] = []
        self._vectors: list[Vectors] = []

    def add(self, block: Vectors, squared: NDArray[np.float32]) -> None:
        """Consider the vectors of a block."""
        best = np.argsort(-squared, kind="stable")[: self._most]
        self._squared.append(squared[best])
        self._vectors.append(block[best])

    def first(self, count: int) -> Vectors:
        """Return this many vectors, the farthest first; fewer if there are not as many."""
        squared, vectors = np.concatenate(self._squared), np.concatenate(self._vectors)
        return vectors[np.argsort(-squared, kind="stable")[:count]]


def _centres(sums: NDArray[np.float64], counts: NDArray[np.int64], before: Vectors, far: _Farthest) -> Vectors:
    """Return the means of the vectors of each centre; a centre without vectors moves to the farthest vector."""
    centres = before.copy()
    used = counts > 0
    centres[used] = (sums[used] / counts[used, None]).astype(np.float32)
    empty = np.flatnonzero(~used)
    moved = far.first(len(empty))
    centres[empty[: len(moved)]] = moved
    return centres
