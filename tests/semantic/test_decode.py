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


def test_codes_that_two_items_share_do_not_lead_back(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 items have the codes of another item"):
        Decoder(codes_file(tmp_path / "codes.parquet", [[0, 1], [0, 1], [1, 0], [1, 1]]))
