"""Semantic ids: tokens that lead back to the items, whatever the options; items without codes, or with the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.pairs.changes.layout import PairLayout, Tokens
from genpas_cli.pairs.changes.padding import Padded
from genpas_cli.pairs.changes.semantic_ids import Codes, SemanticIds, read_codes
from genpas_cli.pairs.gathering import pair_schema
from genpas_cli.runtime.errors import DataError

OPTIONS: dict[str, Any] = {"missing": "error", "colliding": "error", "separator": False, "end": False}


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
    return SemanticIds(layout_of(len(codes)), ids, Codes(ids, codes), **(OPTIONS | options))


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
        assert {len(row) for row in found["input_items"].to_pylist()} == {semantic.tokens.length(9)}
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
    codes = Codes(pa.array(["i2", "i4"]), np.array([[0], [1]]))
    with pytest.raises(DataError, match=r"7 of 9 items have no semantic id: 'i1', 'i3', 'i5', 'i6', 'i7', \.\.\."):
        SemanticIds(layout_of(9), ids, codes, **OPTIONS)


def test_items_without_codes_are_dropped_where_asked() -> None:
    ids = pa.array(["i1", "i2", "i3"])
    codes = Codes(pa.array(["i3", "i1"]), np.array([[1], [0]]))
    semantic = SemanticIds(layout_of(3), ids, codes, **(OPTIONS | {"missing": "drop"}))
    found = semantic.batch(pairs_of([[1, 2, 3], [2, 2], [1], [2, 3]], [1, 1, 2, 3]))
    assert found["input_items"].to_pylist() == [[1, 2], [2]]
    assert found["target_item"].to_pylist() == [[1], [2]]
    assert found["target_position"].to_pylist() == [4, 3], "rows stay with their other columns"
    assert semantic.table()["item_num"].to_pylist() == [1, 3]


def test_kept_columns_are_dropped_with_their_items() -> None:
    schema = pair_schema({"note": pa.string()})
    columns = [[1, 1], [[1, 2, 3], [2]], [3, 1], [1, 1], [4, 2], [["a", "b", None], ["d"]], ["x", "y"]]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    codes = Codes(pa.array(["i3", "i1"]), np.array([[1], [0]]))
    semantic = SemanticIds(
        PairLayout(schema, 3, 9), pa.array(["i1", "i2", "i3"]), codes, **(OPTIONS | {"missing": "drop"})
    )
    found = semantic.batch(batch)
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


LISTS = pa.list_(pa.int64())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"item_id": ["a"]}), "must have a column item_id and one column of integer lists"),
        (pa.table({"item": ["a"], "codes": pa.array([[1]], LISTS)}), "the columns are: item (string), codes"),
        (pa.table({"item_id": ["a"], "codes": pa.array([[0.5]])}), "integer lists"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1, 2], [1]], LISTS)}), "from 1 to 2 codes"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1], [-1]], LISTS)}), "not a whole number, 0 or more"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1], [None]], LISTS)}), "not a whole number, 0 or more"),
        (pa.table({"item_id": ["a", None], "codes": pa.array([[1], [2]], LISTS)}), "has no item_id or no codes"),
        (pa.table({"item_id": ["a", "b", "a"], "codes": pa.array([[1], [2], [3]], LISTS)}), "1 items occur more"),
        (pa.table({"item_id": pa.array([], pa.string()), "codes": pa.array([], LISTS)}), "the file has no rows"),
        (pa.table({"item_id": ["a"], "codes": pa.array([[]], LISTS)}), "must have the same number of codes, 1 or more"),
    ],
)  # fmt: skip
def test_a_file_of_codes_that_cannot_be_used(tmp_path: Path, table: pa.Table, words: str) -> None:
    pq.write_table(table, tmp_path / "codes.parquet")
    with pytest.raises(DataError) as raised:
        read_codes(tmp_path / "codes.parquet")
    assert words in str(raised.value)


def test_ids_are_compared_as_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": [7, 12], "sid": pa.array([[1, 2], [3, 4]], LISTS)}), tmp_path / "codes.parquet")
    codes = read_codes(tmp_path / "codes.parquet")
    assert codes.ids.to_pylist() == ["7", "12"]
    assert codes.codes.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"pid": ["i1", "i2"], "codes": pa.array([[3, 17], [0, 255]], LISTS)}),
        pa.table({"item_num": [1, 2], "codes": pa.array([[3, 17], [0, 255]], LISTS)}),
        pa.table({"item_num": [2, 1], "codes": pa.array([[0, 255], [3, 17]], pa.list_(pa.int16(), 2))}),
        pa.table({"item_id": ["i1", "i2"], "sid": ["<a_3><b_17>", "<a_0><b_255>"]}),
        pa.table({"pid": ["i2", "i1"], "sid": ["0 255", "3,17"]}),
    ],
    ids=lambda table: " ".join(f"{field.name}: {field.type}" for field in table.schema),
)
def test_the_columns_of_other_tools(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "codes.parquet")
    codes = read_codes(tmp_path / "codes.parquet")
    semantic = SemanticIds(layout_of(2), pa.array(["i1", "i2"]), codes, **OPTIONS)
    offsets = semantic.tokens.offsets
    assert [
        [token - offset for token, offset in zip(row, offsets, strict=True)]
        for row in semantic.table()["tokens"].to_pylist()
    ] == [[3, 17], [0, 255]]


def test_a_text_without_codes_is_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": ["a", "b"], "sid": ["<a_3>", "none"]}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="a text of sid has no codes"):
        read_codes(tmp_path / "codes.parquet")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "codes.parquet").write_text("item_id,codes\n")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read_codes(tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="no such file"):
        read_codes(tmp_path / "none.parquet")
