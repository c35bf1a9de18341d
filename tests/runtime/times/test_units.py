"""Which unit plain numbers count: by their size, also of the years before any range of instants begins."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from genpas_cli import IngestOptions, ingest
from genpas_cli.runtime.times.units import UNITS, Unit, counts_in, spans, unit_of

YEARS = [1974, 1978, 1980, 1999, 2001, 2002, 2026, 2100]


def moment(year: int) -> int:
    """Return the first of July of a year, in seconds since 1970."""
    return int(dt.datetime(year, 7, 1, tzinfo=dt.UTC).timestamp())


@pytest.mark.parametrize("year", YEARS)
@pytest.mark.parametrize("unit", UNITS[1:], ids=lambda unit: unit.name)
def test_the_unit_of_a_log_is_told_by_the_size_of_its_times(unit: Unit, year: int) -> None:
    """Numbers of 1973 to 1979 lie below the range of their unit: they are larger than any seconds of a log."""
    time = moment(year) * unit.a_second
    found = [int(first <= time <= last) for first, last in spans()]
    assert counts_in(found, 1, float(time)).unit() == unit
    assert unit_of(time) == (None if year < 1979 else unit)


@pytest.mark.parametrize("year", [1974, 1978, 1999, 2001])
def test_milliseconds_of_the_last_century_are_dated_right(tmp_path: Path, year: int) -> None:
    first = moment(year) * 1000
    lines = [f"u{n % 3},i{n},{first + n * 86_400_000}" for n in range(30)]
    (tmp_path / "log.csv").write_text("\n".join(("user_id,item_id,timestamp", *lines)) + "\n", encoding="utf-8")
    options = IngestOptions(split=f"time:{year}-07-25,{year}-07-28")
    report = ingest(tmp_path / "log.csv", tmp_path / "log.store", options)
    assert report.time_range == [first, first + 29 * 86_400_000]
    assert (report.split["train"], report.split["validation"], report.split["test"]) == (24, 3, 3)
