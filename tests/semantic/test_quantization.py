"""Residual k-means: it finds clusters, each level lowers the error, and threads change no byte."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.codes.collisions import keys_of, twins
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.semantic.quantization import quality
from genpas_cli.semantic.quantization.kmeans import Codebook, kmeans
from genpas_cli.semantic.quantization.reassignment import reassigned
from genpas_cli.semantic.quantization.residual import Encoded, encode, residuals, train
from genpas_cli.semantic.quantization.vectors import BLOCK_ROWS, Vectors, VectorsInMemory, sample


def vectors(rows: int, width: int = 8, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)


def coded(
    values: Vectors, *, threads: int = 1, sizes: tuple[int, ...] = (16, 16, 16)
) -> tuple[Encoded, list[Codebook]]:
    with calling_in_order(threads, "test") as run:
        books = train(values.copy(), sizes, 25, np.random.default_rng(1), run)
        return encode(VectorsInMemory(values), books, run), books


def test_clusters_far_apart_have_a_code_each() -> None:
    centres = 100 * np.eye(12, dtype=np.float32)
    owner = np.random.default_rng(0).integers(0, 12, 3000)
    values = centres[owner] + vectors(3000, 12)
    with calling_in_order(2, "test") as run:
        book = kmeans(values, 12, 50, np.random.default_rng(3), run)
    code = book.nearest(values).code
    assert len({(int(a), int(b)) for a, b in zip(owner, code, strict=True)}) == 12


def test_the_nearest_centre_is_that_of_a_loop() -> None:
    values, centres = vectors(500), vectors(20, seed=1)
    distance = ((values[:, None].astype(float) - centres[None]) ** 2).sum(axis=2)
    found = Codebook(centres).nearest(values)
    assert (found.code == distance.argmin(axis=1)).all()
    np.testing.assert_allclose(found.squared, distance.min(axis=1), rtol=1e-3, atol=1e-4)


def test_a_centre_is_the_mean_of_its_vectors_when_the_iterations_have_settled() -> None:
    values = vectors(2000)
    with calling_in_order(1, "test") as run:
        book = kmeans(values, 8, 500, np.random.default_rng(0), run)
    code = book.nearest(values).code
    means = np.stack([values[code == each].mean(axis=0) for each in range(8)])
    assert np.abs(means - book.centres).max() < 0.05


def test_more_codes_than_different_vectors_leave_some_unused() -> None:
    values = np.repeat(vectors(3), 50, axis=0)
    found, _ = coded(values, sizes=(16,))
    assert quality.used(found.codes[:, 0]) == 3
    assert found.errors[1] < 1e-3 * found.errors[0]


def test_each_level_lowers_the_error_and_the_codes_describe_the_vectors() -> None:
    values = vectors(4000)
    found, books = coded(values)
    assert list(found.errors) == sorted(found.errors, reverse=True)
    left = residuals(values, found.codes, books)
    assert math.isclose(float((left.astype(float) ** 2).sum()), found.errors[-1], rel_tol=1e-5)


def test_threads_change_no_code() -> None:
    values = vectors(3 * BLOCK_ROWS + 5, 16)
    one, two = (coded(values, threads=threads)[0] for threads in (1, 2))
    assert (one.codes == two.codes).all()
    assert (one.errors == two.errors).all()


def test_a_sample_has_rows_of_the_source_in_their_order() -> None:
    values = np.arange(2 * BLOCK_ROWS + 10, dtype=np.float32)[:, None]
    some = sample(VectorsInMemory(values), 1000, np.random.default_rng(0))[:, 0]
    assert len(some) == 1000
    assert (np.diff(some) > 0).all()
    assert (sample(VectorsInMemory(values), 1 << 30, np.random.default_rng(0)) == values).all()


# ----------------------------------------------------------------------------------------------------------- collisions


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_twins_count_the_equal_ones_before(keys: list[int]) -> None:
    found = twins(np.array(keys, np.int64))
    assert found.tolist() == [keys[:at].count(key) for at, key in enumerate(keys)]


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_keys_are_equal_for_equal_codes_alone(size: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, size, (50, 3)).astype(np.int32)
    keys = keys_of(codes, (size,) * 3)
    assert len(np.unique(keys)) == len({tuple(row) for row in codes.tolist()})


def test_too_many_combinations_are_refused() -> None:
    with pytest.raises(OverflowError):
        keys_of(np.zeros((1, 8), np.int32), (256,) * 8)


def test_reassigned_items_get_the_nearest_free_code() -> None:
    book = Codebook(np.array([[0.0], [1.0], [2.0], [9.0]], np.float32))
    codes = np.array([[7, 1], [7, 1], [7, 2], [3, 1], [7, 1]], np.int32)
    moved = np.array([1, 4])
    left = np.array([[1.2], [1.2]], np.float32)
    found = reassigned(codes, (8, 4), left, moved, book)
    assert found.tolist() == [[7, 1], [7, 0], [7, 2], [3, 1], [7, 3]]
    assert codes[1].tolist() == [7, 1], "the codes given are not changed"


def test_an_item_without_a_free_code_keeps_its_own() -> None:
    book = Codebook(np.array([[0.0], [1.0]], np.float32))
    codes = np.array([[0, 0], [0, 1], [0, 1]], np.int32)
    found = reassigned(codes, (1, 2), np.zeros((1, 1), np.float32), np.array([2]), book)
    assert found.tolist() == codes.tolist()


# -------------------------------------------------------------------------------------------------------------- quality


def test_entropy_is_that_of_the_formula() -> None:
    assert quality.entropy(np.arange(64, dtype=np.int32)) == pytest.approx(6)
    assert quality.entropy(np.array([0, 0, 0, 2], np.int32)) == pytest.approx(0.8112781244591328)
    assert str(quality.entropy(np.zeros(9, np.int32))) == "0.0", "not -0.0"
    assert quality.used(np.array([0, 0, 0, 2], np.int32)) == 2
    assert quality.frequencies(np.array([2, 0, 2, 2, 5], np.int32)) == [3, 1, 1]


def test_unique_share_and_largest_collision() -> None:
    keys = np.array([4, 4, 4, 1, 2, 2])
    assert quality.unique_share(keys) == pytest.approx(1 / 6)
    assert quality.largest_collision(keys) == 3


def test_neighbours_of_clusters_share_their_code_and_random_items_do_so_by_chance() -> None:
    owner = np.repeat(np.arange(4, dtype=np.int32), 50)
    values = 100 * np.eye(4, dtype=np.float32)[owner] + vectors(200, 4)
    near, random = quality.neighbours_sharing(values, owner, np.random.default_rng(0))
    assert near == 1
    assert random == pytest.approx(0.25)
