"""Files of codes: the columns and forms of other tools, and files that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.pairs.codes.files import read_codes
from genpas_cli.pairs.codes.item_codes import item_codes
from genpas_cli.runtime.errors import DataError

LISTS = pa.list_(pa.int64())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"item_id": ["a"]}), "must have a column item_id and one column of integer lists"),
        (pa.table({"item": ["a"], "codes": pa.array([[1]], LISTS)}), "the columns are: item (string), codes"),
        (pa.table({"item_id": ["a"], "codes": pa.array([[0.5]])}), "integer lists"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1, 2], [1]], LISTS)}), "from 1 to 2 codes"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1], [-1]], LISTS)}), "is not a whole number from 0"),
        (pa.table({"item_id": ["a", "b"], "codes": pa.array([[1], [None]], LISTS)}), "a code is missing"),
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
    assert codes.ids is not None
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
    assert found_by(["i1", "i2"], codes) == [[3, 17], [0, 255]]


@pytest.mark.parametrize(
    "texts",
    [
        ["<0_3><1_17>", "<0_0><1_255>"],
        ["<1_3><2_17>", "<1_0><2_255>"],
        ["L1_3 L2_17", "L1_0 L2_255"],
        ["<|sid_begin|><s_a_3><s_b_17><|sid_end|>", "<s_a_0> <s_b_255>"],
        ["3_17", "0_255"],
        ["<c_3><c_17>", "<c_0><c_255>"],
        ["<colour_3><brand_17>", "<colour_0><brand_255>"],
    ],
)
def test_texts_of_other_tools(tmp_path: Path, texts: list[str]) -> None:
    pq.write_table(pa.table({"item_id": ["i1", "i2"], "sid": texts}), tmp_path / "codes.parquet")
    assert found_by(["i1", "i2"], read_codes(tmp_path / "codes.parquet")) == [[3, 17], [0, 255]]


def test_a_text_without_codes_is_none(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": ["a", "b"], "sid": ["<a_3>", "none"]}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="a text of sid has no codes"):
        read_codes(tmp_path / "codes.parquet")


@pytest.mark.parametrize("text", ["3,-1", "-1 -1", "[3, -1]", "(-3,1)"])
def test_a_negative_number_in_a_text_is_no_code(tmp_path: Path, text: str) -> None:
    pq.write_table(pa.table({"item_id": ["a", "b"], "sid": ["a-3 b-1", text]}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="a code is not a whole number from 0"):
        read_codes(tmp_path / "codes.parquet")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["<b_17><a_3>", "<b_2><a_1>"], "the levels of an item are named b, a, which is not their order"),
        (["<a_3><b_17>", "<b_2><a_1>"], "the levels of one item are named a, b, those of another b, a"),
        (["<1_3><0_17>", "<1_2><0_1>"], "the levels of an item are numbered 1, 0, which is not their order"),
        (["<0_3><1_17>", "<1_2><0_1>"], "the levels of an item are numbered 1, 0, which is not their order"),
    ],
)
def test_levels_that_are_written_in_another_order_are_refused(tmp_path: Path, texts: list[str], words: str) -> None:
    pq.write_table(pa.table({"item_id": ["a", "b"], "sid": texts}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match=words):
        read_codes(tmp_path / "codes.parquet")


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "codes.parquet").write_text("item_id,codes\n")
    with pytest.raises(DataError, match="is not a Parquet file"):
        read_codes(tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="no such file"):
        read_codes(tmp_path / "none.parquet")


def found_by(ids: list[str], codes: Any, missing: Any = "error") -> list[list[int]]:
    """Return the codes of each item number from 1; of those without codes, nothing."""
    found = item_codes(pa.array(ids), codes, missing=missing, colliding="keep")
    return [row if known else [] for row, known in zip(found.codes[1:].tolist(), found.known[1:], strict=True)]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ({"b": ["<a_3>", "<b_17>"], "a": ["<a_0>", "<b_255>"]}, [[0, 255], [3, 17]]),
        ({"0": ["<a_3>", "<b_17>"], "1": ["<a_0>", "<b_255>"]}, [[3, 17], [0, 255]]),
        ({"1": [0, 255], "0": [3, 17]}, [[3, 17], [0, 255]]),
        ({"a": ["0", "255"], "b": ["3", "17"]}, [[0, 255], [3, 17]]),
    ],
)
def test_an_index_names_items_by_ids_or_numbers_from_0(
    tmp_path: Path, index: dict[str, Any], expected: list[list[int]]
) -> None:
    (tmp_path / "x.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert found_by(["a", "b"], read_codes(tmp_path / "x.index.json")) == expected


def test_keys_that_are_ids_and_numbers_from_0_are_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"0": [5], "1": [6], "2": [7]}), encoding="utf-8")
    codes = read_codes(tmp_path / "index.json")
    with pytest.raises(DataError, match="both item numbers from 0 and ids of the log"):
        found_by(["2", "0", "1"], codes)
    assert found_by(["0", "1", "2"], codes) == [[5], [6], [7]], "both readings agree"
    assert found_by(["0", "2", "9", "1"], codes, "drop") == [[5], [7], [], [6]], "more items than keys: these are ids"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "is not an index of codes"),
        ("{", "is not an index of codes"),
        ('{"a": 3}', "is not an index of codes"),
        ('{"a": ["x"]}', "is not an index of codes"),
        ('{"a": ["<a_1><b_2>"]}', "is not an index of codes"),
        ('{"a": [true]}', "is not an index of codes"),
        ('{"a": [1], "b": [1, 2]}', "from 1 to 2 codes"),
        ("{}", "the file has no items"),
        ('{"a": ["<b_1>", "<a_2>"]}', "the levels of an item are named b, a, which is not their order"),
        ('{"a": ["<a_1>", "<b_2>"], "b": ["<b_1>", "<a_2>"]}', "those of another b, a"),
        ('{"a": [-1]}', "a code is not a whole number from 0"),
        ('{"a": [99999999999]}', "a code is not a whole number from 0"),
        ('{"a": ["-3"]}', "a code is not a whole number from 0"),
        ('{"a": [1.0]}', "is not an index of codes"),
        ('{"a": "123"}', "is not an index of codes"),
        ('{"a": {"1": 2}}', "is not an index of codes"),
        ('{"a": ["<0_1><b_2>"]}', "is not an index of codes"),
        ('{"a": ["<1_2>"]}', "is not an index of codes"),
        ('{"a": [1], "b": [2], "a": [3]}', "items occur more than once, such as 'a'"),
    ],
)
def test_an_index_that_cannot_be_used(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "index.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_codes(tmp_path / "index.json")


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int16])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_an_array_has_the_codes_by_item_number(tmp_path: Path, dtype: Any, is_transposed: bool) -> None:  # noqa: FBT001
    table = np.array([[3, 17], [0, 255], [1, 1]]).astype(dtype)
    np.save(tmp_path / "codes.npy", table.T if is_transposed else table)
    assert found_by(["a", "b", "c"], read_codes(tmp_path / "codes.npy")) == table.tolist()


def test_a_row_of_minus_one_is_an_item_without_codes(tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", np.array([[3, 17], [-1, -1], [1, 1]]))
    codes = read_codes(tmp_path / "codes.npy")
    assert found_by(["a", "b", "c"], codes, "drop") == [[3, 17], [], [1, 1]]
    with pytest.raises(DataError, match="1 of 3 items have no semantic id: 'b'"):
        found_by(["a", "b", "c"], codes)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3, np.int64), "not a matrix of integers"),
        (np.zeros((3, 2)), "not a matrix of integers"),
        (np.zeros((0, 2), np.int64), "not a matrix of integers"),
        (np.array([[1, -2]]), "a code is not a whole number from 0"),
        (np.array([[1, 2**40]]), "a code is not a whole number from 0"),
        (np.zeros((4, 2), np.int64), "has 4 rows and 2 columns, but the pairs have 3 items"),
    ],
)
def test_an_array_that_cannot_be_used(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "codes.npy", array)
    with pytest.raises(DataError, match=words):
        found_by(["a", "b", "c"], read_codes(tmp_path / "codes.npy"))


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a directory"):
        read_codes(tmp_path)
    for name in ("codes.parquet", "codes.npy", "index.json"):
        with pytest.raises(DataError, match="no such file"):
            read_codes(tmp_path / name)
        (tmp_path / name).write_bytes(b"no codes")
        with pytest.raises(DataError, match="is not"):
            read_codes(tmp_path / name)


def test_codes_of_no_item_of_the_vocabulary(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": ["x"], "codes": pa.array([[1]], LISTS)}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="has codes of none of the 2 items"):
        found_by(["a", "b"], read_codes(tmp_path / "codes.parquet"), "drop")


def test_an_index_with_numbers_of_levels_in_its_texts(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"a": ["<0_3>", "<1_17>"], "b": ["<0_0>", "<1_5>"]}', encoding="utf-8")
    assert read_codes(tmp_path / "index.json").codes.tolist() == [[3, 17], [0, 5]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1, -1], [2, 2]]), "some codes of an item are -1"),
        (np.array([[-1, 1], [2, -1]]), "some codes of an item are -1"),
        (np.array([[1, 2**64 - 1], [2, 2]], np.uint64), "a code is not a whole number from 0"),
        (np.array([[2**64 - 1] * 2, [2, 2]], np.uint64), "a code is not a whole number from 0"),
        (np.array([[1, 2**32 - 1], [2, 2]], np.uint32), "a code is not a whole number from 0"),
    ],
)
def test_an_array_with_codes_that_are_none_and_are_not_marked_so(tmp_path: Path, array: Any, words: str) -> None:
    np.save(tmp_path / "codes.npy", array)
    with pytest.raises(DataError, match=words):
        read_codes(tmp_path / "codes.npy")


def test_an_archive_of_arrays_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "codes.npz", np.ones((2, 2), int))
    (tmp_path / "codes.npz").rename(tmp_path / "codes.npy")
    with pytest.raises(DataError, match=r"is not an \.npy file"):
        read_codes(tmp_path / "codes.npy")


@pytest.mark.parametrize("numbers", [[0, 1], [-1, 1], [1.5, 2.0]])
def test_item_numbers_begin_with_1(tmp_path: Path, numbers: list[float]) -> None:
    pq.write_table(pa.table({"item_num": numbers, "codes": pa.array([[1], [2]], LISTS)}), tmp_path / "codes.parquet")
    with pytest.raises(DataError, match="is not an item number"):
        read_codes(tmp_path / "codes.parquet")


def test_codes_that_need_too_many_tokens_are_refused_at_once(tmp_path: Path) -> None:
    table = pa.table({"item_id": ["a", "b"], "codes": pa.array([[1, 10**9], [2, 3]], LISTS)})
    pq.write_table(table, tmp_path / "codes.parquet")
    with pytest.raises(DataError, match=r"the largest code is 1,000,000,000, so the levels have 1,000,000,004 tokens"):
        found_by(["a", "b"], read_codes(tmp_path / "codes.parquet"))
