"""Truncated SVD against NumPy's full decompositions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.semantic.quantization.svd import SparseRows, principal, symmetric_factors
from genpas_cli.semantic.quantization.vectors import VectorsInMemory


def sparse(dense: NDArray[np.float64]) -> SparseRows:
    row, column = np.nonzero(dense)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=len(dense)))))
    return SparseRows(offsets, column.astype(np.int32), dense[row, column].astype(np.float32))


def symmetric(size: int) -> NDArray[np.float64]:
    """Return a matrix with eigenvalues 100, −50, 25, ... and a row of zeros."""
    basis, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))
    basis[7] = 0
    found: NDArray[np.float64] = (basis * (100.0 * (-0.5) ** np.arange(size))) @ basis.T
    return found


def test_the_factors_are_those_of_the_largest_eigenvalues() -> None:
    dense = symmetric(200)
    with calling_in_order(2, "test") as run:
        found = symmetric_factors(sparse(dense), 10, np.random.default_rng(1), run)
    values, vectors = np.linalg.eigh(dense)
    order = np.argsort(-np.abs(values))[:10]
    assert found.shape == (200, 10)
    assert np.allclose((found.astype(float) ** 2).sum(axis=0), np.abs(values[order]), rtol=0.02)
    assert abs(float(found[:, 0].astype(float) @ vectors[:, order[0]])) > 0.999 * np.sqrt(abs(values[order[0]]))
    assert np.abs(found[7]).max() < 1e-4


def test_threads_change_nothing_and_missing_dimensions_are_zero() -> None:
    matrix = sparse(symmetric(30))
    found = []
    for threads in (1, 2):
        with calling_in_order(threads, "test") as run:
            found.append(symmetric_factors(matrix, 40, np.random.default_rng(1), run))
    assert (found[0] == found[1]).all()
    assert found[0].shape == (30, 40)
    assert (found[0][:, 30:] == 0).all()


def test_the_projection_keeps_the_largest_variance() -> None:
    stream = np.random.default_rng(0)
    values = (stream.standard_normal((5000, 6)) * [9, 1, 5, 0.1, 0.1, 3] + 4).astype(np.float32)
    found = principal(VectorsInMemory(values), 3)
    axes = np.abs(found.directions)
    assert [int(each.argmax()) for each in axes.T] == [0, 2, 5]
    assert np.allclose(found.of(values).std(axis=0), [9, 5, 3], rtol=0.05)
