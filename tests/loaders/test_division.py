"""The division of rows and batches among readers."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import AugmentOptions, augment
from genpas_cli.loaders.division import window_order, window_stream
from tests.loaders.reading import dataset_of, loaded, pairs_of

# Four workers on a machine of two cores are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def test_the_windows_of_two_workers_are_in_different_orders(root: Path, tmp_path: Path) -> None:
    augment(root / "log.store", tmp_path / "one.pairs", AugmentOptions(pairs="400"))
    orders = []
    plain, shuffled = (
        pairs_of(loaded(dataset_of(tmp_path / "one.pairs", batch_size=200, window=200, shuffle=shuffle), 2))
        for shuffle in (False, True)
    )
    for begin in (0, 200):
        assert Counter(plain[begin : begin + 200]) == Counter(shuffled[begin : begin + 200])
        orders.append([plain.index(row, begin) - begin for row in shuffled[begin : begin + 200]])
    assert orders[0] != orders[1]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 99))
def test_buckets_are_of_like_lengths_and_what_fills_none_comes_last(lengths: list[int], size: int, seed: int) -> None:
    order = window_order(np.array(lengths), window_stream(seed, 0, 0, 0), size, bucket=True)
    assert sorted(order.tolist()) == list(range(len(lengths)))
    full = len(lengths) // size * size
    batches = [sorted(lengths[row] for row in order[begin : begin + size]) for begin in range(0, full, size)]
    assert list(itertools.chain(*sorted(batches))) == sorted(lengths[row] for row in order[:full])


def test_what_fills_no_bucket_is_of_any_length() -> None:
    lengths = np.arange(10)
    last = {tuple(window_order(lengths, window_stream(seed, 0, 0, 0), 4, bucket=True)[8:]) for seed in range(200)}
    assert {length for rows in last for length in rows} == set(range(10))
