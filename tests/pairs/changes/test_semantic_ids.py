"""Semantic ids: tokens that lead back to the items, whatever the options; items without codes, or with the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.changes.known_items import KnownItems
from genpas_cli.pairs.changes.layout import PairLayout, Tokens
from genpas_cli.pairs.changes.padding import Padded
from genpas_cli.pairs.changes.semantic_ids import SemanticIds
from genpas_cli.pairs.codes.files import Codes
from genpas_cli.pairs.codes.item_codes import item_codes
from genpas_cli.pairs.gathering import pair_schema
from genpas_cli.runtime.errors import DataError


def pairs_of(inputs: list[list[int]], targets: list[int]) -> pa.RecordBatch:
    rows = len(targets)
    arrays = [[1] * rows, inputs, targets, [1] * rows, [len(row) + 1 for row in inputs]]
    schema = pair_schema({})
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(arrays, schema, strict=True)], schema=schema
    )


def layout_of(items: int, max_input: int | None = 9) -> PairLayout:
    return PairLayout(pair_schema({}), items, max_input)


def semantic_of(codes: np.ndarray[Any, Any], **options: Any) -> SemanticIds:
    ids = pa.array([f"i{n}" for n in range(1, len(codes) + 1)])
    return tokens_of(ids, Codes(ids, codes.astype(np.int32)), **options)


def tokens_of(
    ids: pa.Array, codes: Codes, *, missing: Any = "error", colliding: Any = "error", **tokens: Any
) -> SemanticIds:
    return SemanticIds(layout_of(len(ids)), item_codes(ids, codes, missing=missing, colliding=colliding), **tokens)


def items_of(tokens: list[int], semantic: SemanticIds) -> list[int]:
    """Return the items that tokens mean, by the table that is written beside an export."""
    table, vocabulary = semantic.table(), semantic.tokens
    item = {tuple(row): n for row, n in zip(table["tokens"].to_pylist(), table["item_num"].to_pylist(), strict=True)}
    plain = [token for token in tokens if token not in (0, vocabulary.separator, vocabulary.end)]
    levels = len(vocabulary.sizes)
    return [item[tuple(plain[at : at + levels])] for at in range(0, len(plain), levels)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], list[list[int]], list[int]]:
    items, levels = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rows = st.tuples(*[st.integers(0, 15)] * levels)
    codes = np.array(draw(st.lists(rows, min_size=items, max_size=items, unique=True)), np.int64)
    item = st.integers(1, items)
    inputs = draw(st.lists(st.lists(item, min_size=1, max_size=9), min_size=1, max_size=8))
    return codes, inputs, draw(st.lists(item, min_size=len(inputs), max_size=len(inputs)))


@given(cases(), st.booleans(), st.booleans(), st.sampled_from([None, "left", "right"]))
def test_tokens_lead_back_to_the_items(
    case: tuple[np.ndarray[Any, Any], list[list[int]], list[int]], separator: bool, end: bool, pad: Any  # noqa: FBT001
) -> None:  # fmt: skip
    codes, inputs, targets = case
    semantic = semantic_of(codes, separator=separator, end=end)
    found = semantic.batch(pairs_of(inputs, targets))
    if pad is not None:
        found = Padded(semantic.layout, pad).batch(found)
        assert {len(row) for row in found["input_items"].to_pylist()} == {semantic.tokens.input_length(9)}
    assert [items_of(row, semantic) for row in found["input_items"].to_pylist()] == inputs
    assert [items_of(row, semantic) for row in found["target_item"].to_pylist()] == [[each] for each in targets]


@given(cases())
def test_each_level_has_tokens_of_its_own(case: tuple[np.ndarray[Any, Any], list[list[int]], list[int]]) -> None:
    codes, inputs, targets = case
    semantic = semantic_of(codes)
    vocabulary, levels = semantic.tokens, codes.shape[1]
    row = semantic.batch(pairs_of(inputs, targets))["input_items"][0].as_py()
    for at, token in enumerate(row):
        level = at % levels
        assert vocabulary.offsets[level] <= token < vocabulary.offsets[level] + vocabulary.sizes[level]
    assert vocabulary.offsets[0] == 1
    assert vocabulary.size == 1 + sum(vocabulary.sizes)


def test_where_separator_and_end_stand() -> None:
    codes = np.array([[0, 0], [1, 2]])
    batch = pairs_of([[1, 2], [2]], [2, 1])
    # Level 1 has the tokens 1 and 2, level 2 those from 3 to 5; then come separator and end.
    assert semantic_of(codes).batch(batch)["input_items"].to_pylist() == [[1, 3, 2, 5], [2, 5]]
    both = semantic_of(codes, separator=True, end=True)
    assert both.tokens == Tokens(sizes=(2, 3), offsets=(1, 3), separator=6, end=7, size=8)
    assert both.batch(batch)["input_items"].to_pylist() == [[1, 3, 6, 2, 5, 7], [2, 5, 7]]
    assert both.batch(batch)["target_item"].to_pylist() == [[2, 5, 7], [1, 3, 7]]
    assert semantic_of(codes, end=True).batch(batch)["target_item"].to_pylist() == [[2, 5, 6], [1, 3, 6]]


def test_items_without_codes_are_counted_and_named() -> None:
    ids = pa.array([f"i{n}" for n in range(1, 10)])
    codes = Codes(pa.array(["i2", "i4"]), np.array([[0], [1]], np.int32))
    with pytest.raises(DataError, match=r"7 of 9 items have no semantic id: 'i1', 'i3', 'i5', 'i6', 'i7', \.\.\."):
        tokens_of(ids, codes)


def test_items_without_codes_are_dropped_where_asked() -> None:
    ids = pa.array(["i1", "i2", "i3"])
    codes = item_codes(
        ids, Codes(pa.array(["i3", "i1"]), np.array([[1], [0]], np.int32)), missing="drop", colliding="error"
    )
    semantic = SemanticIds(layout_of(3), codes)
    pairs = pairs_of([[1, 2, 3], [2, 2], [1], [2, 3]], [1, 1, 2, 3])
    found = semantic.batch(KnownItems(layout_of(3), codes.known).batch(pairs))
    assert found["input_items"].to_pylist() == [[1, 2], [2]]
    assert found["target_item"].to_pylist() == [[1], [2]]
    assert found["target_position"].to_pylist() == [4, 3], "rows stay with their other columns"
    assert semantic.table()["item_num"].to_pylist() == [1, 3]


def test_kept_columns_are_dropped_with_their_items() -> None:
    schema = pair_schema({"note": pa.string()})
    columns = [[1, 1], [[1, 2, 3], [2]], [3, 1], [1, 1], [4, 2], [["a", "b", None], ["d"]], ["x", "y"]]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    found = KnownItems(PairLayout(schema, 3, 9), np.array([False, True, False, True])).batch(batch)
    assert found["input_note"].to_pylist() == [["a", None]]
    assert found["target_note"].to_pylist() == ["x"]


COLLIDING = np.array([[0, 1], [0, 1], [1, 0], [0, 1]])


def test_items_that_share_their_codes_are_counted_and_named() -> None:
    with pytest.raises(DataError, match="2 of 4 items share their semantic id with another item: 'i2', 'i4'") as raised:
        semantic_of(COLLIDING)
    assert "--colliding-codes append" in str(raised.value.tip)


def test_items_that_share_their_codes_are_told_apart_by_one_more() -> None:
    semantic = semantic_of(COLLIDING, colliding="append")
    assert semantic.tokens.sizes == (2, 2, 3)
    table = semantic.table()["tokens"].to_pylist()
    assert [row[2] - semantic.tokens.offsets[2] for row in table] == [0, 1, 0, 2]
    assert len({tuple(row) for row in table}) == 4


def test_items_that_share_their_codes_stay_so_where_asked() -> None:
    table = semantic_of(COLLIDING, colliding="keep").table()["tokens"].to_pylist()
    assert table[0] == table[1] == table[3] != table[2]


@given(cases(), st.integers(1, 5), st.booleans())
def test_a_token_of_the_user_begins_each_input(
    case: tuple[np.ndarray[Any, Any], list[list[int]], list[int]], users: int, end: bool  # noqa: FBT001
) -> None:  # fmt: skip
    codes, inputs, targets = case
    plain, semantic = semantic_of(codes, end=end), semantic_of(codes, end=end, users=users)
    pairs = pairs_of(inputs, targets)
    numbers = np.arange(1, len(targets) + 1, dtype=np.int32) * 7
    pairs = pairs.set_column(0, pairs.schema.field("user_num"), pa.array(numbers))
    found, without = semantic.batch(pairs), plain.batch(pairs)
    first = plain.tokens.size
    assert semantic.tokens.user == first
    assert semantic.tokens.size == first + users
    assert [row[0] for row in found["input_items"].to_pylist()] == [first + (n - 1) % users for n in numbers.tolist()]
    assert [row[1:] for row in found["input_items"].to_pylist()] == without["input_items"].to_pylist()
    assert found["target_item"].to_pylist() == without["target_item"].to_pylist()
    padded = Padded(semantic.layout, "left").batch(found)["input_items"].to_pylist()
    assert {len(row) for row in padded} == {plain.tokens.input_length(9) + 1}
