"""Merging two sorted streams of histories gives what sorting all rows would give."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.histories.history import History, history_of, whole_users
from genpas_cli.histories.merging import merged


def histories(rows: list[tuple[int, int]], *, tag: int, batch: int, has_time: bool) -> Iterator[History]:
    """Return sorted (user, time) rows as histories of whole users; the item says where a row comes from."""
    user, time = (np.array(column, np.int64) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 2
    columns = {"user": user.astype(np.int32), "item": (np.arange(len(rows)) * 2 + tag).astype(np.int32)}
    table = pa.table(columns | ({"time": time.astype(np.int64)} if has_time else {}))
    return whole_users(table.to_batches(max_chunksize=batch))


ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=60)


@given(old=ROWS, new=ROWS, batches=st.tuples(st.integers(1, 9), st.integers(1, 9)), has_time=st.booleans())
def test_merging_is_a_stable_sort_of_both(
    old: list[tuple[int, int]], new: list[tuple[int, int]], batches: tuple[int, int], *, has_time: bool
) -> None:
    def key(row: tuple[int, int]) -> tuple[int, ...]:
        return row if has_time else row[:1]

    sides = [sorted(rows, key=key) for rows in (old, new)]
    streams = [
        histories(rows, tag=tag, batch=batch, has_time=has_time)
        for tag, (rows, batch) in enumerate(zip(sides, batches, strict=True))
    ]
    found = list(merged(*streams))
    rows = [(user, item) for each in found for user, item in zip(each.user.tolist(), each.item.tolist(), strict=True)]
    tagged = [(key(row), tag, place, row[0]) for tag, rows_ in enumerate(sides) for place, row in enumerate(rows_)]
    assert rows == [(user, 2 * place + tag) for _, tag, place, user in sorted(tagged)]
    borders = [(each.user[0], each.user[-1]) for each in found]
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(borders))
    assert all(len(history_of([each.rows])) == len(each) for each in found)
