"""Instants that a user writes on the command line, in the unit of the log's times."""

from __future__ import annotations

import duckdb

from genpas_cli.errors import UsageError
from genpas_cli.logs.sessions import units_a_second


def as_number(text: str) -> float | None:
    """Return the number that a text is, None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def parse_instant(con: duckdb.DuckDBPyConnection, text: str, time_type: str, largest: float) -> int | float:
    """Return the instant that a number, a date or an ISO 8601 time means.

    Args:
        con: any connection whose time zone is UTC.
        text: as the user wrote it.
        time_type: SQL type of the time column.
        largest: largest time of the log, if times are plain numbers; their unit follows from its size.

    Raises:
        UsageError: neither a number in the unit of the times nor a date.
    """
    number, is_plain = as_number(text), time_type in ("BIGINT", "DOUBLE")
    if is_plain and number is not None:
        return int(number) if time_type == "BIGINT" and number == int(number) else number
    query = "select epoch_us(try_cast(? as timestamptz)::timestamp)"
    micros = None if number is not None else con.execute(query, [text]).fetchall()[0][0]
    if micros is None:
        also = ", or as a number in the unit of the log's times" if is_plain else ""
        raise UsageError(
            f"--split time: {text!r} is no date or time", tip=f"Write it like 2024-01-31 or 2024-01-31T12:00:00{also}."
        )
    units = int(units_a_second(time_type, largest))
    return int(micros) * units // 10**6
