"""Arrow types that DuckDB does not read: half-precision floats are widened, others are refused by the column's name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from genpas_cli import DataError, IngestOptions, ingest
from tests.ingest.support import read

HALVES = pa.array(np.array([1, 2.5, np.nan], np.float16))
LISTS = pa.array([[np.float16(1)], [np.float16(2.5)], None], pa.list_(pa.float16()))
STRUCTS = pa.array([{"a": np.float16(1)}] * 3, pa.struct([("a", pa.float16())]))


def table(**columns: Any) -> pa.Table:
    return pa.table({"user_id": [1, 1, 1], "item_id": list("abc"), "timestamp": [1, 2, 3], **columns})


@pytest.mark.parametrize("values", [HALVES, HALVES.dictionary_encode()])
def test_half_floats_are_floats(tmp_path: Path, values: pa.Array) -> None:
    feather.write_feather(table(k=values), str(tmp_path / "a.arrow"), compression="uncompressed")
    log = read(tmp_path / "a.arrow", keep=("k",))
    assert log.staged.kept == {"k": "FLOAT"}
    assert repr(log.column("keep_0")) == "[1.0, 2.5, nan]"


@pytest.mark.parametrize("values", [LISTS, LISTS.cast(pa.large_list(pa.float16())), STRUCTS])
def test_half_floats_in_a_column_that_is_not_needed(tmp_path: Path, values: pa.Array) -> None:
    assert ingest(table(k=values), tmp_path / "s.store").interactions == 3


@pytest.mark.parametrize("name", ["user_id", "item_id"])
def test_ids_that_may_have_lost_digits_are_refused(tmp_path: Path, name: str) -> None:
    for values in ([1, 2, 1], [1, 2, 2048]):
        halves = pa.array(np.array(values, np.float16))
        if max(values) < 2048:
            assert ingest(table(**{name: halves}), tmp_path / "s.store").interactions == 3
        else:
            with pytest.raises(DataError, match=f"column '{name}' contains the id 2048 as a half-precision FLOAT"):
                ingest(table(**{name: halves}), tmp_path / "t.store")


def test_times_and_lists_of_half_floats(tmp_path: Path) -> None:
    halves = pa.array(np.array([3, 2, 1.5], np.float16))
    assert ingest(table(timestamp=halves), tmp_path / "s.store").time_range == [1.5, 3.0]
    lists = pa.table({"user_id": ["u"], "items": pa.array([[np.float16(7), np.float16(9)]], pa.list_(pa.float16()))})
    assert ingest(lists, tmp_path / "t.store", IngestOptions(item="items", split="none")).interactions == 2


@pytest.mark.parametrize("values", [
    pa.array([Decimal(1)] * 3, pa.decimal256(40, 0)),
    pa.UnionArray.from_dense(pa.array([0, 0, 0], pa.int8()), pa.array([0, 1, 2], pa.int32()), [pa.array([1, 2, 3])]),
])  # fmt: skip
def test_another_type_is_refused_by_the_name_of_its_column(tmp_path: Path, values: pa.Array) -> None:
    with pytest.raises(DataError, match=r"column 'k' has the Arrow type .*, which cannot be read") as caught:
        ingest(table(k=values), tmp_path / "s.store")
    assert "leave it out" in str(caught.value.tip)
