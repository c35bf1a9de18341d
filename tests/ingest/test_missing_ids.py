"""Texts that mean a missing value: such an id is no id, in every format."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.ingest.columns.missing import is_missing, parse_null_values
from genpas_cli.ingest.options import NULL_VALUES
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import Log, read, write

MARKERS = ["NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\\N", "<NA>", "#N/A"]
WRITTEN = [*MARKERS, " NA", "NA ", "\tnull  ", "NaN\t"]
KEPT = ["na", "NAN", "NAx", "xNA", "NA x", "0", "-1", " ", "none"]


def events(path: Path, ids: list[str]) -> Log:
    rows = [(value, f"i{n}", n) for n, value in enumerate(ids)] + [(f"u{n}", value, n) for n, value in enumerate(ids)]
    if path.suffix == ".parquet":
        pq.write_table(
            pa.table(dict(zip(("user", "item", "time"), map(list, zip(*rows, strict=True)), strict=True))), path
        )
    elif path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(("user", "item", "time"), row, strict=True))) for row in rows]
        write(path, "\n".join(lines) + "\n")
    else:
        end = "\t" if path.suffix == ".inter" else "|"
        names = ("user:token", "item:token", "time:float") if path.suffix == ".inter" else ("user", "item", "time")
        write(path, "".join(end.join(map(str, row)) + "\n" for row in [names, *rows]))
    return read(path)


def test_the_default_list() -> None:
    assert list(parse_null_values(NULL_VALUES)) == MARKERS
    assert parse_null_values(" a, ,b,a,") == ("a", "b")
    assert [value for value in WRITTEN + KEPT if not is_missing(value, MARKERS)] == [v for v in KEPT if v != " "]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_a_marker_is_no_id(tmp_path: Path, name: str) -> None:
    log = events(tmp_path / name, WRITTEN + KEPT)
    first = [(value, f"i{n + len(WRITTEN)}") for n, value in enumerate(KEPT)]
    assert log.events == first + [(f"u{n + len(WRITTEN)}", value) for n, value in enumerate(KEPT)]
    assert log.funnel["missing user or item id"] == 2 * len(WRITTEN)


def test_a_marker_is_no_id_in_recbole_and_sequence_text(tmp_path: Path) -> None:
    log = events(tmp_path / "a.inter", [*MARKERS, "u"])
    assert log.events == [("u", "i10"), ("u10", "u")]
    log = read(write(tmp_path / "a.txt", "u1 a NA b c\nNULL d\nu2 e <NA>\n"), format="sequences")
    assert log.events == [("u1", "a"), ("u1", "b"), ("u1", "c"), ("u2", "e")]
    assert log.funnel == {"read": 7, "missing user or item id": 3}


def test_what_was_found_is_noted(tmp_path: Path) -> None:
    log = read(write(tmp_path / "a.csv", "user,item\nNA,i\nNA,j\n\\N,k\nu,null\n,l\nu,i\n"))
    assert log.events == [("u", "i")]
    assert log.staged.notes[1:] == (
        r"user ids read as missing values: 'NA' in 2 rows, '\N' in 1 row; see --null-values",
        "item ids read as missing values: 'null' in 1 row; see --null-values",
    )


def test_the_list_can_be_replaced(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item\nNA,i\n-1,j\n,k\nu,i\n")
    assert read(file, null_values="-1, x").events == [("NA", "i"), ("u", "i")]
    assert read(file, null_values="").events == [("NA", "i"), ("-1", "j"), ("u", "i")]
    pq.write_table(pa.table({"user": [-1, 0, 7], "item": ["a", "b", "c"]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", null_values="-1,07").rows == [(0, "b"), (7, "c")]


def test_a_time_or_a_rating_that_is_a_marker_is_a_bad_row_and_does_not_decide_what_a_column_holds(
    tmp_path: Path,
) -> None:
    text = "user,item,time,rating\n" + "u,i,NA,4\n" * 900 + "u,j,5,NULL\nu,k,6,3\n"
    file = write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match=r"line 2: timestamp 'NA' in column 'time' is not an integer"):
        read(file)
    log = read(file, bad_rows="skip", min_rating=1)
    assert log.rows == [("u", "k", 6)]
    assert log.funnel == {"read": 902, "bad rows": 901, "missing user or item id": 0, "min rating": 0}
