"""Dates written yyyymmdd stay dates if some rows have a placeholder; if they are read as numbers, a note says so."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import DataError, IngestOptions, ingest
from tests.ingest.support import Log, read, write

DATES = [f"2024{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, 29)]


def log_of(directory: Path, values: list[str], kind: str) -> Path:
    if kind == "csv":
        rows = "".join(f"1,i{n},{value}\n" for n, value in enumerate(values))
        return write(directory / "a.csv", f"user_id,item_id,date\n{rows}")
    numbers = pa.array([float(value) for value in values]) if kind == "double" else pa.array(map(int, values))
    columns = {"user_id": [1] * len(values), "item_id": [f"i{n}" for n in range(len(values))], "date": numbers}
    pq.write_table(pa.table(columns), directory / "a.parquet")
    return directory / "a.parquet"


def notes(log: Log) -> list[str]:
    return [note for note in log.staged.notes if "look like dates" in note]


@pytest.mark.parametrize("kind", ["csv", "parquet", "double"])
@pytest.mark.parametrize("placeholder", ["99999999", "0", "-1", "20240230"])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.4])
def test_a_placeholder_is_a_bad_time(tmp_path: Path, kind: str, placeholder: str, share: float) -> None:
    bad = int(share * 100)
    file = log_of(tmp_path, [*DATES[: 100 - bad], *[placeholder] * bad], kind)
    with pytest.raises(
        DataError, match=rf"timestamp '{placeholder}(\.0)?' in column 'date' is not a date written yyyy"
    ):
        read(file)
    log = read(file, bad_rows="skip")
    assert (log.staged.time_type, len(log.rows), len(log.rejects)) == ("TIMESTAMP", 100 - bad, bad)


@pytest.mark.parametrize("kind", ["csv", "parquet", "double"])
def test_dates_after_many_placeholders_are_noted(tmp_path: Path, kind: str) -> None:
    """Only the first values decide: here 1000 placeholders."""
    log = read(log_of(tmp_path, [*["99999999"] * 1000, *DATES], kind))
    (note,) = notes(log)
    assert note == (
        "336 of 1,336 timestamps in column date look like dates in the form yyyymmdd, but the column is read as "
        "numbers, because many of its first values are no dates; if they are dates: --time-format %Y%m%d"
    )
    (file,) = tmp_path.iterdir()
    assert len(read(file, time_format="%Y%m%d", bad_rows="skip").rows) == 336


@pytest.mark.parametrize("first", [0, 20_000_000, 20_240_000])
def test_a_counter_is_not_noted(tmp_path: Path, first: int) -> None:
    log = read(log_of(tmp_path, [str(first + 1013 * n) for n in range(3000)], "csv"))
    assert (log.staged.time_type, notes(log)) == ("BIGINT", [])


def test_gaps_are_those_of_days(tmp_path: Path) -> None:
    text = "user_id,item_id,date\n1,a,20240101\n1,b,20240110\n1,c,20240120\n2,b,20240105\n2,c,99999999\n"
    options = IngestOptions(session_gap="2d", split="none", bad_rows="skip")
    assert ingest(write(tmp_path / "a.csv", text), tmp_path / "s.store", options).users == 4
