"""Items with equal codes are found whatever the size of the codes, and in parts as in one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.codes.collisions import equality_keys, twins


def counted_before(rows: list[tuple[int, ...]]) -> list[int]:
    return [rows[:at].count(row) for at, row in enumerate(rows)]


@given(st.integers(1, 5).flatmap(lambda levels: st.lists(
    st.tuples(*[st.sampled_from([0, 1, 2, 2**31 - 3, 2**31 - 2])] * levels), min_size=1, max_size=60
)), st.integers(1, 70))  # fmt: skip
def test_each_item_knows_how_many_equal_ones_come_before(rows: list[tuple[int, ...]], at_once: int) -> None:
    keys = equality_keys(np.array(rows, np.int32))
    assert twins(keys, at_once).tolist() == counted_before(rows)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=200), st.integers(1, 9))
def test_parts_give_what_one_sort_gives(keys: list[int], at_once: int) -> None:
    table = np.array([*keys, *keys[::3]])
    np.testing.assert_array_equal(twins(table, at_once), twins(table))
