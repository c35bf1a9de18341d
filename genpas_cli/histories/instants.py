"""Parses instants and quantiles from the command line; instants are returned in the unit of the log's times."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import duckdb

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.times.readers import calendar_format
from genpas_cli.runtime.times.units import UnitCounts, units_a_second


def as_number(text: str) -> int | float | None:
    """Return the finite number that a text represents, else None."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_quantile(text: str) -> Fraction | None:
    """Return the exact number strictly between 0 and 1 that a text represents, else None."""
    try:
        share = Fraction(Decimal(text))
    except (ArithmeticError, ValueError):
        return None
    return share if 0 < share < 1 else None


def parse_instant(con: duckdb.DuckDBPyConnection, text: str, time_type: str, counts: UnitCounts | None) -> int | float:
    """Return the instant that a number, a date or an ISO 8601 time means, in the unit of the log's times.

    Args:
        con: any connection whose time zone is UTC.
        text: the instant as written by the user.
        time_type: SQL type of the time column.
        counts: unit counts of the log's times if they are plain numbers, which tell their unit.

    Raises:
        UsageError: `text` is neither a number in the unit of the times nor a date.
    """
    number, is_plain = as_number(text), time_type in ("BIGINT", "DOUBLE")
    if is_plain and number is not None:
        return int(number) if time_type == "BIGINT" and number == int(number) else number
    query, values = "select epoch_us(trim(?)::timestamptz)", [text]
    if number is not None:
        # The times of the log are timestamps, perhaps made of integer dates: accept 20240131 as in the log.
        query, values = "select epoch_us(strptime(?, ?))", [text.strip(), calendar_format([text]) or "none"]
    try:
        micros = con.execute(query, values).fetchall()[0][0]
    except (duckdb.ConversionException, duckdb.InvalidInputException):
        micros = None
    if micros is None:
        also = ", or a number in the unit of the log's timestamps" if is_plain else ""
        raise UsageError(
            f"--split time: {text!r} is not a date or time", tip=f"Examples: 2024-01-31, 2024-01-31T12:00:00{also}."
        )
    units = units_a_second(time_type, counts)
    return int(micros) * units // 10**6
