"""Times are read as what they are, or not at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.histories.log_figures import iso_time
from genpas_cli.runtime.errors import DataError, UsageError
from tests.ingest.support import Log, connection, read, write


def times(tmp_path: Path, *values: str, **options: Any) -> Log:
    text = "user;item;time\n" + "".join(f"u;i{n};{value}\n" for n, value in enumerate(values))
    return read(write(tmp_path / "a.csv", text), **options)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-2", "007", "+5", " 6 "], "BIGINT", [1, -2, 7, 5, 6]),
        (["9223372036854775807"], "BIGINT", [2**63 - 1]),
        (["9007199254740993"], "BIGINT", [2**53 + 1]),
        (["1.7", "2", ".5", "1e3", "3."], "DOUBLE", [1.7, 2.0, 0.5, 1000.0, 3.0]),
        (["1", "2", "3", "1.5"], "DOUBLE", [1.0, 2.0, 3.0, 1.5]),
        (["2024-01-02"], "TIMESTAMP", [dt.datetime(2024, 1, 2)]),  # noqa: DTZ001
        (["2024/01/02 03:04"], "TIMESTAMP", [dt.datetime(2024, 1, 2, 3, 4)]),  # noqa: DTZ001
        (["2024-01-02T03:04:05.678901"], "TIMESTAMP", [dt.datetime(2024, 1, 2, 3, 4, 5, 678901)]),  # noqa: DTZ001
        (["2024-01-02 03:04:05 UTC", "2024-01-02"], "TIMESTAMP",
         [dt.datetime(2024, 1, 2, 3, 4, 5), dt.datetime(2024, 1, 2)]),  # noqa: DTZ001
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05-0530"], "TIMESTAMP",
         [dt.datetime(2024, 1, 2, 3, 4, 5), dt.datetime(2024, 1, 2, 1, 4, 5), dt.datetime(2024, 1, 2, 8, 34, 5)]),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_kinds_of_time(tmp_path: Path, values: list[str], kind: str, expected: list[Any]) -> None:
    log = times(tmp_path, *values)
    assert (log.staged.time_type, log.column("time")) == (kind, expected)


@pytest.mark.parametrize(
    ("time", "kind", "shown"),
    [
        (1_600_000_000_000_000, "TIMESTAMP", "2020-09-13T12:26:40"),
        (1_600_000_000_500_000, "TIMESTAMP", "2020-09-13T12:26:40.5"),
        (1_600_000_000_000_100_000, "TIMESTAMP_NS", "2020-09-13T12:26:40.0001"),
        (1_600_000_000_000_000_001, "TIMESTAMP_NS", "2020-09-13T12:26:40.000000001"),
        (1_600_000_000.5, "DOUBLE", 1_600_000_000.5),
    ],
)
def test_a_time_is_shown_with_the_digits_that_it_has(time: float, kind: str, shown: float | str) -> None:
    assert iso_time(time, kind) == shown


def test_a_kind_that_only_a_late_row_shows_is_found(tmp_path: Path) -> None:
    values = [str(n) for n in range(30_000)] + ["30000.25"]
    log = times(tmp_path, *values)
    assert log.staged.time_type == "DOUBLE"
    assert log.column("time")[-2:] == [29999.0, 30000.25]


@pytest.mark.parametrize("late", [False, True])
def test_nanoseconds_are_kept_and_offsets_honoured(tmp_path: Path, late: bool) -> None:  # noqa: FBT001
    values = ["2024-01-02T03:04:05.123456789", "2024-01-02T03:04:05.1234567+01:00", "2024-01-02 03:04:05Z"]
    values = ["2024-01-01"] * (5000 if late else 1) + values
    log = times(tmp_path, *values)
    assert log.staged.time_type == "TIMESTAMP_NS"
    texts = ["2024-01-02 03:04:05.123456789", "2024-01-02 02:04:05.1234567", "2024-01-02 03:04:05"]
    expected = [connection().execute("SELECT CAST($1 AS TIMESTAMP_NS)", [t]).fetchall()[0][0] for t in texts]
    assert log.column("time")[-3:] == expected


def test_a_format_of_its_own(tmp_path: Path) -> None:
    log = times(tmp_path, "31/12/2023 10:00 +0200", "01/02/2024 00:00 +0000", time_format="%d/%m/%Y %H:%M %z")
    assert log.column("time") == [dt.datetime(2023, 12, 31, 8), dt.datetime(2024, 2, 1)]  # noqa: DTZ001


def test_a_time_unlike_its_format_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: timestamp '1\.2\.24' .* is not a time like %d/%m/%Y") as caught:
        times(tmp_path, "31/01/2024", "1.2.24", time_format="%d/%m/%Y")
    assert "--time-format" in str(caught.value.tip)


def test_a_format_for_integers_of_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": ["u"], "item": ["i"], "date": [20240131]}), tmp_path / "a.parquet")
    log = read(tmp_path / "a.parquet", time_format="%Y%m%d")
    assert log.column("time") == [dt.datetime(2024, 1, 31)]  # noqa: DTZ001


def test_a_format_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="time-format"):
        times(tmp_path, "1", time_format="%Q")


@pytest.mark.parametrize("value", ["31.12.2023 10:00", "12/1/2009 8:26", "soon", "10:30"])
def test_unknown_writing_asks_for_the_format(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"column 'time' contains no timestamps") as caught:
        times(tmp_path, value, value)
    assert value in caught.value.message
    assert "--time-format" in str(caught.value.tip)


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        (["1", "2", "x"], "x"),
        (["1", "2", "1.2.3"], "1.2.3"),
        (["1", "2", "0x1F"], "0x1F"),
        (["1", "2", "99999999999999999999x"], "99999999999999999999x"),
        (["1.5", "2.5", "x"], "x"),
        (["1.5", "2.5", "nan"], "nan"),
        (["1.5", "2.5", "-inf"], "-inf"),
        (["1.5", "2.5", "1e999"], "1e999"),
        (["2024-01-01", "2024-01-02", "2024-02-30"], "2024-02-30"),
        (["2024-01-01", "2024-01-02", "infinity"], "infinity"),
        (["2024-01-01", "2024-01-02", "1700000000"], "1700000000"),
    ],
)
def test_a_bad_time_is_an_error_with_its_line_and_value(tmp_path: Path, values: list[str], bad: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 4: time") as caught:
        times(tmp_path, *values)
    assert repr(bad) in caught.value.message
    assert "--bad-rows skip" in str(caught.value.tip)
    log = times(tmp_path, *values, bad_rows="skip")
    assert [row["line"] for row in log.rejects] == ["4"]
    assert log.funnel["bad rows"] == 1
    assert len(log.rows) == 2


@pytest.mark.parametrize("value", ["", " "])
def test_a_missing_time_is_a_bad_row(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"line 3: no value in column 'time'"):
        times(tmp_path, "1", value, "3")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1, 2], pa.int32()), "BIGINT"),
        (pa.array([1.5, 2.5], pa.float32()), "DOUBLE"),
        (pa.array([dt.date(2024, 1, 1), dt.date(2024, 1, 2)]), "TIMESTAMP"),
        (pa.array([1, 2], pa.timestamp("ms")), "TIMESTAMP"),
        (pa.array([1, 2], pa.timestamp("us", tz="Europe/Berlin")), "TIMESTAMP"),
        (pa.array([1, 2], pa.timestamp("ns")), "TIMESTAMP_NS"),
        (pa.array(["2024-01-01T00:00:00+05:00", "2024-01-02"]), "TIMESTAMP"),
        (pa.array(["5", "6"]), "BIGINT"),
    ],
)
def test_times_of_parquet(tmp_path: Path, values: Any, kind: str) -> None:
    pq.write_table(pa.table({"user": ["u", "v"], "item": ["i", "j"], "time": values}), tmp_path / "a.parquet")
    log = read(tmp_path / "a.parquet")
    assert log.staged.time_type == kind
    assert log.column("time") == sorted(log.column("time"))
    if str(values.type) == "timestamp[us, tz=Europe/Berlin]":
        assert log.column("time")[0] == dt.datetime(1970, 1, 1, microsecond=1)  # noqa: DTZ001


def test_a_bad_time_of_parquet_is_an_error_with_its_row(tmp_path: Path) -> None:
    table = pa.table({"user": ["u"] * 3, "item": ["i"] * 3, "time": [1.0, np.nan, None]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet, row 2: timestamp 'nan'"):
        read(tmp_path / "a.parquet")
    log = read(tmp_path / "a.parquet", bad_rows="skip")
    assert [(row["line"], row["reason"]) for row in log.rejects] == [
        ("2", "timestamp 'nan' in column 'time' is not a number"),
        ("3", "no value in column 'time'"),
    ]


def test_numbers_in_one_file_and_dates_in_another_cannot_be_ordered(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.csv", "user,item,time\nu,i,5\n"),
        write(tmp_path / "b.csv", "user,item,time\nu,i,2024-01-01\n"),
    ]
    with pytest.raises(DataError, match=r"a\.csv are numbers, but those of .*b\.csv are dates"):
        read(*files)


def test_a_column_that_is_no_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": ["u"], "item": ["i"], "time": [True]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="BOOLEAN, which is not a timestamp"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("wrong", ["DD/MM/YYYY", "yyyy-mm-dd"])
def test_a_format_without_codes_is_told_so(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(UsageError, match=f"--time-format is '{wrong}', which has no % codes") as caught:
        times(tmp_path, "31/12/2023", "01/02/2024", time_format=wrong)
    assert "'%d/%m/%Y'" in str(caught.value.tip)


def test_a_format_that_no_time_has_is_answered_with_the_one_that_all_have(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains no timestamps like %Y-%m-%d: '31/12/2023'") as caught:
        times(tmp_path, "31/12/2023", "01/02/2024", time_format="%Y-%m-%d")
    assert str(caught.value.tip).startswith("Give their format, --time-format %d/%m/%Y, or name another column")
