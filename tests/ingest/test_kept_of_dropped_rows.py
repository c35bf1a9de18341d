"""The type of a kept column is that of its values in the rows that are left; a dropped row may have any value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import DataError, IngestOptions, augment, ingest
from genpas_cli.pairs.reader import PairFiles
from tests.ingest.support import read, write

HEADER = "user_id,item_id,ts,rating,k\n"
DROPPED: dict[str, dict[str, Any]] = {
    "u,b,2,5,abc": {"where": "k <> 'abc'"},
    "u,b,2,1,abc": {"min_rating": 2.0},
    ",b,2,5,abc": {},
    "u,b,x,5,abc": {"bad_rows": "skip"},
}


@pytest.mark.parametrize("row", DROPPED)
@pytest.mark.parametrize("other", ["3", "2.5", "true", "text"])
@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_dropped_row_has_another_kind_of_value(tmp_path: Path, row: str, other: str, name: str) -> None:
    lines = [f"u,a,1,5,{other}", row, f"u,c,3,5,{other}", f"u,d,4,5,{other}"]
    text = HEADER + "\n".join(lines) + "\n"
    if name == "log.jsonl":
        names = HEADER.strip().split(",")
        text = "".join(json.dumps(dict(zip(names, line.split(","), strict=True))) + "\n" for line in lines)
    file = write(tmp_path / name, text)
    log = read(file, keep=("k",), **DROPPED[row])
    assert [item for _, item in log.events] == ["a", "c", "d"]
    kind, value = {"3": ("BIGINT", 3), "2.5": ("DOUBLE", 2.5), "true": ("BOOLEAN", True)}.get(other, ("VARCHAR", other))
    assert log.staged.kept == {"k": kind}
    assert log.column("keep_0") == [value] * 3


VALUES = st.sampled_from(["1", "-7", "2.5", "1e3", "007", "true", "False", "abc", "", "9" * 25])


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.booleans(), VALUES), min_size=1, max_size=8))
def test_dropped_rows_decide_neither_type_nor_values(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, str]]
) -> None:
    directory = tmp_path_factory.mktemp("log")
    lines = [f"u,i{n},{n},{5 if left else 1},{value}" for n, (left, value) in enumerate([(True, "1"), *rows])]
    left = [line for line in lines if line.split(",")[3] == "5"]
    every = read(write(directory / "all.csv", HEADER + "\n".join(lines) + "\n"), keep=("k",), min_rating=2.0)
    alone = read(write(directory / "left.csv", HEADER + "\n".join(left) + "\n"), keep=("k",), min_rating=2.0)
    assert every.staged.kept == alone.staged.kept
    assert every.rows == alone.rows


def test_augment_of_a_log(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", HEADER + "u,a,1,5,1\nu,b,2,5,abc\n" + "".join(f"u,{i},3,5,2\n" for i in "cdef"))
    augment(file, tmp_path / "p", ingest_options=IngestOptions(keep=("k",), where="k <> 'abc'"))
    assert PairFiles(tmp_path / "p").schema.field("target_k").type == pa.int64()


def test_append_fits_by_the_rows_that_are_left(tmp_path: Path) -> None:
    """A store of small integers takes a log in which only a dropped row has a large one."""

    def log(name: str, values: pa.Array, start: int) -> Path:
        columns = {"user_id": ["u"] * 3, "item_id": list("abc"), "ts": range(start, start + 3), "rating": [5, 1, 5]}
        pq.write_table(pa.table({**columns, "k": values}), tmp_path / name)
        return tmp_path / name

    options = IngestOptions(keep=("k",), min_rating=2.0)
    ingest(log("a.parquet", pa.array([1, 2, 3], pa.int16()), 0), tmp_path / "s.store", options)
    new = log("b.parquet", pa.array([1, 1 << 40, 3], pa.int64()), 10)
    assert ingest(new, tmp_path / "s.store", append=True).interactions == 4
    new = log("c.parquet", pa.array([1 << 40, 1, 3], pa.int64()), 20)
    with pytest.raises(DataError, match="column k is BIGINT in the new log, but SMALLINT in"):
        ingest(new, tmp_path / "s.store", append=True)
