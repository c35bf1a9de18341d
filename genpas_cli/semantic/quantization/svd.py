"""Truncated SVD: of a sparse symmetric matrix by randomised subspace iteration, and of vectors by their covariance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.runtime.threads import InOrder
from genpas_cli.semantic.quantization.vectors import Vectors, VectorSource

_OVERSAMPLED, _PASSES = 10, 6
"""Additional directions, and iterations, of the subspace (Halko, Martinsson and Tropp, SIAM Review 2011)."""

_GATHERED = 1 << 20
"""Values of a block of rows: its products take (values × directions) × 4 bytes."""


class SparseRows(NamedTuple):
    """A sparse matrix by rows (CSR)."""

    offsets: NDArray[np.int64]
    """(rows + 1,)."""
    columns: NDArray[np.int32]
    values: NDArray[np.float32]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1


def symmetric_factors(matrix: SparseRows, width: int, stream: np.random.Generator, run: InOrder) -> Vectors:
    """Return U Σ^½ of the truncated SVD of a symmetric matrix: one vector per row.

    Args:
        matrix: symmetric, without negative values.
        width: number of dimensions; not more than there are rows are found, the rest are 0.
        stream: random stream of the first subspace.
        run: runs blocks of rows.

    Returns:
        float32 (rows, width). The sign of each dimension is that which makes its largest entry positive.
    """
    rows = matrix.rows
    found = min(width, rows)
    basis = stream.standard_normal((rows, min(found + _OVERSAMPLED, rows))).astype(np.float32)
    for _ in range(_PASSES):
        basis, _ = np.linalg.qr(_times(matrix, basis, run))
    # A is symmetric, so A ≈ Q (Qᵀ A Q) Qᵀ, and the small matrix has the eigenvalues.
    small = basis.T @ _times(matrix, basis, run)
    values, vectors = np.linalg.eigh((small + small.T).astype(np.float64) / 2)
    order = np.argsort(-np.abs(values), kind="stable")[:found]
    factors = basis.astype(np.float64) @ vectors[:, order]
    largest = np.take_along_axis(factors, np.argmax(np.abs(factors), axis=0)[None], axis=0)[0]
    scaled = factors * np.where(largest < 0, -1.0, 1.0) * np.sqrt(np.abs(values[order]))
    return np.pad(scaled, ((0, 0), (0, width - found))).astype(np.float32)


def _times(matrix: SparseRows, dense: Vectors, run: InOrder) -> Vectors:
    """Return the product of a sparse and a dense matrix."""
    bounds, begin = [0], 0
    while begin < matrix.rows:
        most = matrix.offsets[begin] + _GATHERED
        begin = max(int(np.searchsorted(matrix.offsets, most, side="right")) - 1, begin + 1)
        bounds.append(min(begin, matrix.rows))
    parts: list[Callable[[], Vectors]] = [partial(_product, matrix, dense, low, high) for low, high in pairwise(bounds)]
    return np.concatenate(list(run(parts)))


def _product(matrix: SparseRows, dense: Vectors, low: int, high: int) -> Vectors:
    offsets = matrix.offsets[low : high + 1]
    inside = slice(offsets[0], offsets[-1])
    terms = dense[matrix.columns[inside]]
    terms *= matrix.values[inside, None]
    product = np.zeros((high - low, dense.shape[1]), np.float32)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        product[filled] = np.add.reduceat(terms, offsets[filled] - offsets[0], axis=0)
    return product


class Projection(NamedTuple):
    """The directions of the largest variance of some vectors."""

    mean: Vectors
    """(width,)."""
    directions: Vectors
    """(width, dimensions)."""

    def of(self, block: Vectors) -> Vectors:
        """Return the coordinates of some vectors."""
        return ((block - self.mean) @ self.directions).astype(np.float32)


def principal(source: VectorSource, dimensions: int) -> Projection:
    """Return the projection to this many dimensions (principal components) in two passes over the vectors."""
    total = np.zeros(source.width)
    for block in source.blocks():
        total += block.sum(axis=0, dtype=np.float64)
    mean = (total / source.rows).astype(np.float32)
    covariance = np.zeros((source.width, source.width))
    for block in source.blocks():
        centred = (block - mean).astype(np.float64)
        covariance += centred.T @ centred
    _, vectors = np.linalg.eigh(covariance)
    directions = vectors[:, ::-1][:, :dimensions]
    largest = np.take_along_axis(directions, np.argmax(np.abs(directions), axis=0)[None], axis=0)[0]
    return Projection(mean, (directions * np.where(largest < 0, -1.0, 1.0)).astype(np.float32))
