"""Cuts and sequences become pairs: small arrays by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs import gathering
from genpas_cli.pairs.gathering import gather, locate, needed_spans, pair_schema
from genpas_cli.sampling.cuts import Cuts
from genpas_cli.store.sequences import Sequences, copy_ranges, ranges


def cuts_of(*rows: tuple[int, int, int]) -> Cuts:
    """Return cuts from (user, start, target)."""
    user, start, target = np.array(rows, np.int32).reshape(-1, 3).T
    return Cuts(user, start, target)


def whole(*histories: list[int], first: int = 0) -> Sequences:
    """Return sequences of consecutive users, with the price of item i at i/2 and none for item 0."""
    items = np.array([item for history in histories for item in history], np.int32)
    offsets = np.cumsum([0, *map(len, histories)])
    user = np.arange(first, first + len(histories), dtype=np.int32)
    kept = {"price": pa.array([item / 2 or None for item in items.tolist()], pa.float64())}
    return Sequences(user, offsets, np.zeros(len(histories), np.int64), items, kept)


SCHEMA = pair_schema({"price": pa.float64()})


def rows_of(
    cuts: Cuts, sequences: Sequences, max_input: int | None = None, batch_rows: int = 100
) -> list[dict[str, Any]]:
    """Gather everything."""
    batches = list(gather(locate(cuts, sequences), sequences, SCHEMA, max_input=max_input, batch_rows=batch_rows))
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    return rows


def test_a_pair_is_the_slice_before_its_target() -> None:
    sequences = whole([5, 6, 0, 6], [9, 8], first=3)
    assert rows_of(cuts_of((3, 1, 4), (3, 2, 3), (4, 1, 2)), sequences) == [
        {"user_num": 4, "input_items": [5, 6, 0], "target_item": 6, "input_start": 1, "target_position": 4,
         "input_price": [2.5, 3.0, None], "target_price": 3.0},
        {"user_num": 4, "input_items": [6], "target_item": 0, "input_start": 2, "target_position": 3,
         "input_price": [3.0], "target_price": None},
        {"user_num": 5, "input_items": [9], "target_item": 8, "input_start": 1, "target_position": 2,
         "input_price": [4.5], "target_price": 4.0},
    ]  # fmt: skip


def test_a_long_input_keeps_its_most_recent_items_and_its_start() -> None:
    (row,) = rows_of(cuts_of((0, 1, 5)), whole([1, 2, 3, 4, 5]), max_input=2)
    assert row["input_items"] == [3, 4]
    assert (row["input_start"], row["target_position"]) == (1, 5)


def test_what_must_be_read_is_one_span_a_user() -> None:
    cuts = cuts_of((2, 3, 9), (2, 4, 5), (7, 1, 2))
    assert [a.tolist() for a in needed_spans(cuts, None)] == [[2, 7], [3, 1], [9, 2]]
    assert [a.tolist() for a in needed_spans(cuts, 2)] == [[2, 7], [4, 1], [9, 2]]
    assert [a.tolist() for a in needed_spans(cuts_of(), 2)] == [[], [], []]


@pytest.mark.parametrize(("batch_rows", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (9, [3])])
def test_batches(batch_rows: int, sizes: list[int]) -> None:
    sequences = whole([1, 2, 3, 4])
    located = locate(cuts_of((0, 1, 2), (0, 1, 3), (0, 1, 4)), sequences)
    found = gather(located, sequences, SCHEMA, max_input=None, batch_rows=batch_rows)
    assert [batch.num_rows for batch in found] == sizes


def test_no_cuts_no_batches() -> None:
    assert rows_of(cuts_of(), whole([1, 2])) == []


def test_a_batch_never_has_more_values_than_its_offsets_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_LARGEST_LISTS", 7)
    sequences, cuts = whole([1, 2, 3, 4]), cuts_of(*[(0, 1, 4)] * 5)
    located = locate(cuts, sequences)
    batches = list(gather(located, sequences, SCHEMA, max_input=None, batch_rows=100))
    assert [len(batch.column(1).values) for batch in batches] == [6, 6, 3]
    assert [batch.num_rows for batch in gather(located, sequences, SCHEMA, max_input=1, batch_rows=100)] == [5]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 5)), max_size=20))
def test_ranges(parts: list[tuple[int, int]]) -> None:
    starts, lengths = np.array(parts, np.int64).reshape(-1, 2).T
    assert ranges(starts, lengths).tolist() == [i for start, length in parts for i in range(start, start + length)]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=60), st.integers(0, 2**32 - 1))
def test_copied_ranges_are_the_values_at_the_ranges(parts: list[tuple[int, int]], seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2**31, 600, np.int32)
    starts, lengths = (np.array([part[n] for part in parts], np.int64) for n in (0, 1))
    out = np.full(int(lengths.sum()), -1, np.int32)
    copy_ranges(values, starts, lengths, out)
    assert out.tolist() == values[ranges(starts, lengths)].tolist()


@given(st.data())
def test_any_cuts_of_parts_of_sequences_equal_slices(data: st.DataObject) -> None:
    """Sequences hold only the spans that the cuts need, and batches are smaller than the shard."""
    histories = data.draw(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=12), min_size=1, max_size=6))
    max_input = data.draw(st.none() | st.integers(1, 5))
    chosen = []
    for user, history in enumerate(histories):
        for _ in range(data.draw(st.integers(0, 3))):
            k = data.draw(st.integers(2, len(history)))
            chosen.append((user, data.draw(st.integers(1, k - 1)), k))
    cuts = cuts_of(*chosen)
    user, low, high = (a.tolist() for a in needed_spans(cuts, max_input))
    parts = [histories[u][a - 1 : b] for u, a, b in zip(user, low, high, strict=True)]
    whole_parts = whole(*parts)
    sequences = Sequences(
        np.array(user, np.int32), whole_parts.offsets, np.array(low, np.int64) - 1, whole_parts.items, whole_parts.kept
    )
    found = rows_of(cuts, sequences, max_input, batch_rows=3)
    expected = [histories[u][j - 1 : k - 1] for u, j, k in chosen]
    expected = expected if max_input is None else [items[-max_input:] for items in expected]
    assert [row["input_items"] for row in found] == expected
    assert [row["target_item"] for row in found] == [histories[u][k - 1] for u, _, k in chosen]
    assert [(row["user_num"] - 1, row["input_start"], row["target_position"]) for row in found] == chosen
