"""Refuses logs whose times have two units, such as seconds and milliseconds, because they cannot be ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from genpas_cli.ingest.earlier import EarlierLog
from genpas_cli.ingest.staging.loaded import Loaded, LoadedFile
from genpas_cli.ingest.staging.rejects import Reason, locate
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.times.units import UNITS, Unit, UnitCounts, as_date, counts_in, spans

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import Column

_FIRST_DATE, _LAST_DATE = 19_000_101, 21_001_231
_NOTABLE_DATES = 0.2
"""Share of the times that look like dates from which a note says that they are read as numbers; it is 4% by chance."""


@dataclass(frozen=True)
class _Found:
    """A time value with its file and line or row."""

    value: float
    place: str
    unit: Unit
    column: Column | None = None

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, int) else f"{self.value:.15g}"
        return f"{self.place}: {value} is in {self.unit.name} ({as_date(self.value, self.unit)})"


def count_units(con: duckdb.DuckDBPyConnection, column: str, relation: str) -> UnitCounts:
    """Count the values of a numeric column of a relation in each time unit."""
    # Minimum and maximum are enough for a log with one unit, and take a tenth of the time.
    low, high, total = con.execute(f"SELECT min({column}), max({column}), count({column}) FROM {relation}").fetchall()[
        0
    ]
    largest = 0.0 if total == 0 else max(float(high), -float(low))
    one = [n for n, unit in enumerate(UNITS) if total and unit.first <= low and high <= unit.last]
    if one or total == 0 or high < UNITS[0].first:
        return counts_in([total if n in one else 0 for n in range(len(spans()))], total, largest)
    counted = ", ".join(f"count(*) FILTER ({column} BETWEEN {first} AND {last})" for first, last in spans())
    return counts_in(con.execute(f"SELECT {counted} FROM {relation}").fetchall()[0], total, largest)


def check_units(con: duckdb.DuckDBPyConnection, loaded: Loaded, earlier: EarlierLog | None) -> list[str]:
    """Check that the staged times, together with those of the store appended to, have one unit.

    Returns:
        A note if many of the times, which are read as numbers, look like dates.

    Raises:
        DataError: there are two units; the message shows a time of each.
    """
    if loaded.plan.time_type not in ("BIGINT", "DOUBLE"):
        return []
    new = count_units(con, "time", "stage.rows")
    notes = _check_dates(con, loaded, new)
    units = (new if earlier is None or earlier.times is None else new + earlier.times).mixed()
    if not units:
        return notes
    found = {unit: _first(con, loaded, unit) for unit in units}
    seen = [place for place in found.values() if place is not None]
    usual = found[units[0]]
    odd = next(place for place in reversed(seen) if place.unit != units[0])
    other = (
        str(usual)
        if usual is not None
        else f"the timestamps of {earlier.name if earlier else ''} are in {units[0].name}"
    )
    raise DataError(
        f"the log mixes timestamps in two units: {odd}; {other}", tip=_tip(odd, units[0], is_alone=usual is None)
    )


def _check_dates(con: duckdb.DuckDBPyConnection, loaded: Loaded, counts: UnitCounts) -> list[str]:
    """Return a note if many times look like dates written yyyymmdd.

    Raises:
        DataError: there are such dates among instants: read as seconds they would be in August 1970.
    """
    instants = sum(counts.in_unit)
    # Without instants, the values reach the dates only in few logs: the others need no further pass.
    if instants == counts.total or (not instants and counts.largest < _FIRST_DATE):
        return []
    small = f"SELECT rowid, time FROM stage.rows WHERE time BETWEEN {_FIRST_DATE} AND {_LAST_DATE}"
    is_date = "time = floor(time) AND try_strptime(CAST(CAST(time AS BIGINT) AS VARCHAR), '%Y%m%d') IS NOT NULL"
    query = f"SELECT count(*), count(*) FILTER ({is_date}), min(rowid) FROM ({small})"
    found, dates, row = con.execute(query).fetchall()[0]
    if not instants:
        return [_dates_note(loaded, row, dates, counts.total)] if dates >= _NOTABLE_DATES * counts.total else []
    others = con.execute(f"SELECT count(*) FROM stage.rows WHERE time < {UNITS[0].first}").fetchall()[0][0]
    if not dates or dates < others or dates < found:
        return []
    part, column = loaded.time_at(row)
    value = con.execute(f"SELECT time FROM stage.rows WHERE rowid = {row}").fetchall()[0][0]
    raise DataError(
        f"{_place(con, part, row - part.first, column)}: {value:.0f} is a date in the form yyyymmdd, but other "
        "timestamps of the log count from 1970",
        tip="Convert all timestamps to one form first.",
    )


def _dates_note(loaded: Loaded, row: int, dates: int, total: int) -> str:
    _, column = loaded.time_at(row)
    return (
        f"{dates:,} of {total:,} timestamps in column {column.name} look like dates in the form yyyymmdd, but the "
        "column is read as numbers, because many of its first values are no dates; if they are dates: "
        "--time-format %Y%m%d"
    )


def _tip(odd: _Found, usual: Unit, *, is_alone: bool) -> str:
    convert = f"Convert the timestamps in {odd.unit.name} to {usual.name} first"
    if is_alone or odd.column is None:
        return f"{convert}."
    name = odd.column.name if odd.column.name.isidentifier() else identifier(odd.column.name).replace('"', '\\"')
    low, high = usual.first, usual.last
    return f'{convert}, or exclude these rows: --where "{name} between {low} and {high}"'


def _first(con: duckdb.DuckDBPyConnection, loaded: Loaded, unit: Unit) -> _Found | None:
    query = f"SELECT rowid, time FROM stage.rows WHERE time BETWEEN {unit.first} AND {unit.last} ORDER BY rowid LIMIT 1"
    rows = con.execute(query).fetchall()
    if not rows:
        return None
    row, value = rows[0]
    part, column = loaded.time_at(row)
    return _Found(value, _place(con, part, row - part.first, column), unit, column)


def _place(con: duckdb.DuckDBPyConnection, part: LoadedFile, row: int, column: Column) -> str:
    reason = Reason(column, lambda value: value, lambda _: "")
    bad = next(locate(con, part.log, iter([(row, 0)]), [reason]))
    return f"{bad.file}, {bad.unit} {bad.line}"
