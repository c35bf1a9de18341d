"""From codes back to items: each item of a file is found, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import DataError
from genpas_cli.pairs.codes.collisions import CodeKeys
from genpas_cli.semantic.decode import Decoder

CODES = [[0, 3, 1], [0, 3, 2], [5, 0, 0], [2, 2, 2]]
IDS = ["a", "b", "c", "42"]


def codes_file(path: Path, codes: list[list[int]] = CODES) -> Path:
    pq.write_table(pa.table({"item_id": IDS, "codes": codes}), path)
    return path


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return Decoder(codes_file(tmp_path_factory.mktemp("codes") / "codes.parquet"))


@given(st.lists(st.lists(st.integers(-2, 9), min_size=3, max_size=3), max_size=20))
def test_the_item_is_that_of_a_dictionary(decoder: Decoder, asked: list[list[int]]) -> None:
    known = {tuple(codes): item for codes, item in zip(CODES, IDS, strict=True)}
    assert decoder.items(np.array(asked, np.int64).reshape(-1, 3)) == [known.get(tuple(codes)) for codes in asked]


def test_lines_in_any_writing(decoder: Decoder) -> None:
    lines = ["0 3 1", "[0, 3, 2]", "<a_5><b_0><c_0>", "2,2,2\n", "", "0 3", "0 3 1 0", "9 9 9", f"0 3 {1 << 80}"]
    assert list(decoder.lines(lines)) == ["a", "b", "c", "42", *[None] * 5]


def test_numbers_of_levels_are_no_codes(decoder: Decoder) -> None:
    lines = ["<0_0><1_3><2_1>", "<1_0><2_3><3_2>", "0_5 2_0 1_0", "<0_9><1_9><2_9>"]
    assert list(decoder.lines(lines)) == ["a", "b", None, None]


def test_codes_that_two_items_share_do_not_lead_back(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 items have the codes of another item"):
        Decoder(codes_file(tmp_path / "codes.parquet", [[0, 1], [0, 1], [1, 0], [1, 1]]))


def test_a_minus_belongs_to_a_number_or_separates(decoder: Decoder) -> None:
    lines = ["0 -3 1", "[0,-3,1]", "0,3, -1", "-1 3 1", "0-3-1", "<a-0><b-3><c-1>", "a_0-b_3-c_1", "1" * 5000 + " 3 1"]
    assert list(decoder.lines(lines)) == [None, None, None, None, "a", "a", "a", None]


def test_codes_with_more_combinations_than_a_number_has_bits(tmp_path: Path) -> None:
    codes = [[255] * 9, [0] * 9, [255] * 8 + [0], [1, *[255] * 8]]
    found = Decoder(codes_file(tmp_path / "codes.parquet", codes))
    others = [[0] * 8 + [255], [255, 0, *[255] * 7], [256] * 9, [-1] * 9]
    assert found.items(np.array([*codes[::-1], *others])) == [*IDS[::-1], *[None] * 4]


@given(st.integers(1, 5).flatmap(lambda levels: st.lists(
    st.tuples(*[st.sampled_from([0, 1, 2, 2**31 - 3, 2**31 - 2])] * levels), min_size=1, max_size=30
)), st.integers(0, 29))  # fmt: skip
def test_codes_have_the_key_of_an_item_exactly_if_it_has_them(rows: list[tuple[int, ...]], known: int) -> None:
    items, asked = np.array(rows[: known + 1]), np.array(rows)
    numbering = CodeKeys(items)
    found = np.searchsorted(np.sort(numbering.keys), numbering.of(asked))
    at = np.minimum(found, len(items) - 1)
    is_found = np.sort(numbering.keys)[at] == numbering.of(asked)
    assert is_found.tolist() == [row in set(rows[: known + 1]) for row in rows]


def test_an_index_with_numbers_from_0_does_not_name_items(tmp_path: Path) -> None:
    """LC-Rec and MiniOneRec number items from 0: the numbers are not the ids of the log."""
    (tmp_path / "index.json").write_text('{"0": ["<a_3>"], "2": ["<a_1>"], "1": ["<a_2>"]}', encoding="utf-8")
    with pytest.raises(DataError, match="are 0 to 2, which can be item numbers from 0 or ids of the log"):
        Decoder(tmp_path / "index.json")
    (tmp_path / "index.json").write_text('{"1": ["<a_3>"], "2": ["<a_1>"]}', encoding="utf-8")
    assert list(Decoder(tmp_path / "index.json").lines(["<a_1>", "3", "<b_1>"])) == ["2", "1", None]


@pytest.mark.parametrize("broken", ["two\nlines", "two\rlines"])
def test_an_id_with_a_line_break_has_no_line(tmp_path: Path, broken: str) -> None:
    pq.write_table(pa.table({"item_id": [broken, "b"], "codes": [[0], [1]]}), tmp_path / "codes.parquet")
    found = Decoder(tmp_path / "codes.parquet")
    assert found.items(np.array([[0]])) == [broken]
    with pytest.raises(DataError, match="has ids with a line break"):
        found.check_one_line_per_id()
