"""Residual k-means: each level encodes what the levels before left over, as for TIGER (arXiv 2305.05065)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.runtime.threads import InOrder
from genpas_cli.semantic.quantization.kmeans import Codebook, kmeans
from genpas_cli.semantic.quantization.vectors import Vectors, VectorsInMemory, VectorSource

Codes = NDArray[np.int32]
"""(items, levels), from 0."""


class Encoded(NamedTuple):
    """The codes of some vectors, and how well they describe them."""

    codes: Codes
    errors: NDArray[np.float64]
    """(levels + 1,): the sum of the squared vectors, then what is left of it after each level."""
    zeros: int
    """Number of vectors that are zero."""


def train(
    vectors: Vectors, sizes: Sequence[int], iterations: int, stream: np.random.Generator, run: InOrder
) -> list[Codebook]:  # fmt: skip
    """Return one codebook per level, trained on some vectors; `vectors` is overwritten with what they leave over.

    Args:
        vectors: float32 (rows, width).
        sizes: number of codes of each level.
        iterations: maximum number of iterations per level.
        stream: random stream.
        run: runs the blocks.
    """
    books = []
    for size in sizes:
        book = kmeans(vectors, size, iterations, stream, run)
        books.append(book)
        for block in VectorsInMemory(vectors).blocks():
            np.subtract(block, book.centres[book.nearest(block).code], out=block)
    return books


def encode(source: VectorSource, books: Sequence[Codebook], run: InOrder) -> Encoded:
    """Return the codes of all vectors of a source, block by block."""
    codes, errors = np.empty((source.rows, len(books)), np.int32), np.zeros(len(books) + 1)
    begin = zeros = 0
    for found in run(partial(_encoded, block, books) for block in source.blocks()):
        codes[begin : begin + len(found.codes)] = found.codes
        errors += found.errors
        zeros += found.zeros
        begin += len(found.codes)
    return Encoded(codes, errors, zeros)


def _encoded(block: Vectors, books: Sequence[Codebook]) -> Encoded:
    left, codes = block.copy(), np.empty((len(block), len(books)), np.int32)
    errors = [float(np.einsum("nd,nd->", left, left, dtype=np.float64))]
    for level, book in enumerate(books):
        codes[:, level] = book.nearest(left).code
        left -= book.centres[codes[:, level]]
        errors.append(float(np.einsum("nd,nd->", left, left, dtype=np.float64)))
    return Encoded(codes, np.array(errors), int((~block.any(axis=1)).sum()))


def residuals(vectors: Vectors, codes: Codes, books: Sequence[Codebook]) -> Vectors:
    """Return what some vectors have left after the levels of these codes, float32 (rows, width)."""
    left = vectors.copy()
    for level in range(codes.shape[1]):
        left -= books[level].centres[codes[:, level]]
    return left
