"""Times that are exact in the log keep their order: as integers where a double cannot hold them, else with a note."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import DataError, ingest
from tests.ingest.support import Log, read, write

NANOSECONDS = [1_700_000_000_000_000_000 + k for k in (300, 200, 100, 0)]
HEADER = "user_id,item_id,ts\n"


def notes(log: Log) -> list[str]:
    return [note for note in log.staged.notes if "more digits" in note]


def csv_of(path: Path, values: list[str]) -> Path:
    return write(path, HEADER + "".join(f"u,i{n},{value}\n" for n, value in enumerate(values)))


def parquet_of(path: Path, values: pa.Array) -> Path:
    count = len(values)
    table = pa.table({"user_id": ["u"] * count, "item_id": [f"i{n}" for n in range(count)], "ts": values})
    pq.write_table(table, path)
    return path


def made(directory: Path, kind: str, values: list[int]) -> Path:
    if kind == "csv, one with a point":
        return csv_of(directory / "a.csv", [f"{values[0]}.0", *map(str, values[1:])])
    if kind == "csv, late point":
        return csv_of(directory / "a.csv", [*map(str, values), *map(str, range(1500)), f"{values[0]}.0"])
    if kind == "csv, all with a point":
        return csv_of(directory / "a.csv", [f"{value}." for value in values])
    if kind == "json, one with a point":
        lines = [{"user_id": "u", "item_id": str(n), "ts": value} for n, value in enumerate(values)]
        lines.append({"user_id": "u", "item_id": "z", "ts": 1.7e18})
        return write(directory / "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    if kind == "text in parquet":
        return parquet_of(directory / "a.parquet", pa.array([f"{value}.0" for value in values]))
    scale = 10 if kind == "decimal with a scale" else 0
    numbers = pa.array([Decimal(value) for value in values], pa.decimal128(38, scale))
    return parquet_of(directory / "a.parquet", numbers)


KINDS = ["csv, one with a point", "csv, late point", "csv, all with a point", "json, one with a point",
         "text in parquet", "decimal with a scale", "decimal"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_stay_exact(tmp_path: Path, kind: str) -> None:
    log = read(made(tmp_path, kind, NANOSECONDS))
    assert log.staged.time_type == "BIGINT"
    assert log.column("time")[:4] == NANOSECONDS
    assert notes(log) == []


def test_a_relation_with_hugeints(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        values = ", ".join(f"('u', 'i{n}', {value}::HUGEINT)" for n, value in enumerate(NANOSECONDS))
        relation = con.sql(f"SELECT * FROM (VALUES {values}) AS log(user_id, item_id, ts)")
        report = ingest(relation, tmp_path / "s.store")
    assert report.time_range == [min(NANOSECONDS), max(NANOSECONDS)]
    assert report.ties["tied_events"] == 0


@pytest.mark.parametrize("values", [["1700000000.5", "1700000001"], ["1700000000.0", "1700000001.0"], ["1e9", "2e9"]])
def test_what_a_double_holds_stays_a_double(tmp_path: Path, values: list[str]) -> None:
    log = read(csv_of(tmp_path / "a.csv", values))
    assert (log.staged.time_type, log.column("time")) == ("DOUBLE", [*map(float, values)])
    assert notes(log) == []


@pytest.mark.parametrize("kind", ["csv", "decimal", "text in parquet"])
def test_fractions_that_a_double_does_not_hold_are_noted(tmp_path: Path, kind: str) -> None:
    values = ["1700000000.123456789", "1700000000.123456788", "1700000001.5"]
    if kind == "csv":
        file = csv_of(tmp_path / "a.csv", values)
    else:
        numbers = pa.array([*map(Decimal, values)], pa.decimal128(19, 9)) if kind == "decimal" else pa.array(values)
        file = parquet_of(tmp_path / "a.parquet", numbers)
    log = read(file)
    assert log.staged.time_type == "DOUBLE"
    (note,) = notes(log)
    assert "column ts have more digits than a floating-point number holds, such as 1700000000.1234567" in note


def test_whole_numbers_beside_fractions_are_noted(tmp_path: Path) -> None:
    log = read(csv_of(tmp_path / "a.csv", [*map(str, [*NANOSECONDS, NANOSECONDS[0] + 1]), "1.5"]))
    assert (log.staged.time_type, len(notes(log))) == ("DOUBLE", 1)


@pytest.mark.parametrize("doubles", [[1.7e18, 1.8e18], [1000.0, 2000.0]])
def test_files_of_integers_and_of_doubles(tmp_path: Path, doubles: list[float]) -> None:
    one = csv_of(tmp_path / "a.csv", [str(value + 1) for value in NANOSECONDS])
    two = parquet_of(tmp_path / "b.parquet", pa.array(doubles))
    log = read(one, two)
    is_exact = doubles[0] < 2**53
    assert log.staged.time_type == ("BIGINT" if is_exact else "DOUBLE")
    assert len(notes(log)) == (not is_exact)


OFFSETS = st.integers(0, 600)
"""Some of these times have the same double, others have not."""
LOGS = st.one_of(
    st.lists(st.tuples(OFFSETS, st.sampled_from(["", ".0", ".", ".5"])), min_size=1, max_size=6).map(
        lambda found: [f"{1_700_000_000_000_000_000 + n}{end}" for n, end in found]
    ),
    st.lists(st.tuples(OFFSETS, st.integers(4, 12)), min_size=1, max_size=6).map(
        lambda found: [f"1700000000.{n:0{digits}d}" for n, digits in found]
    ),
    st.lists(st.floats(1e9, 1.1e9).map(repr), min_size=1, max_size=6),
)


@settings(max_examples=60, deadline=None)
@given(values=LOGS)
def test_different_times_are_equal_only_with_a_note(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:  # fmt: skip
    log = read(csv_of(tmp_path_factory.mktemp("log") / "a.csv", values))
    if not notes(log):
        exact: list[Any] = [Decimal(value) for value in values]
        order = sorted(range(len(values)), key=lambda n: exact[n])
        times = log.column("time")
        assert [times[n] for n in order] == sorted(times)
        assert len(set(times)) == len(set(exact))


def test_integers_do_not_join_a_store_of_doubles_that_cannot_hold_them(tmp_path: Path) -> None:
    store = tmp_path / "s.store"
    ingest(csv_of(tmp_path / "a.csv", ["1.5", "2.5", "3.5"]), store)
    assert ingest(parquet_of(tmp_path / "b.parquet", pa.array([7, 8, 9])), store, append=True).interactions == 6
    large = parquet_of(tmp_path / "c.parquet", pa.array([2**60 + 1, 2**60 + 2]))
    with pytest.raises(DataError, match="column time is BIGINT in the new log, but DOUBLE in"):
        ingest(large, store, append=True)
