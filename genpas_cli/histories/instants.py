"""The instants of a split by time, in the unit of the log's times: parsed, or computed from quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

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


def parse_instant(
    con: duckdb.DuckDBPyConnection, text: str, time_type: str, counts: UnitCounts | None, *,
    option: str = "--split time:",
) -> int | float:  # fmt: skip
    """Return the instant that a number, a date or an ISO 8601 time means, in the unit of the log's times.

    Args:
        con: any connection whose time zone is UTC.
        text: the instant as written by the user.
        time_type: SQL type of the time column.
        counts: unit counts of the log's times if they are plain numbers, which tell their unit.
        option: the option, for the message.

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
            f"{option} {text!r} is not a date or time", tip=f"Examples: 2024-01-31, 2024-01-31T12:00:00{also}."
        )
    units = units_a_second(time_type, counts)
    instant = Fraction(int(micros) * units, 10**6)
    return int(instant) if instant.denominator == 1 else float(instant)


def time_bounds(
    con: duckdb.DuckDBPyConnection, bounds: tuple[str, ...], time_type: str, *,
    quantiles: Callable[[list[Fraction]], Sequence[Any]], counts: Callable[[], UnitCounts | None],
) -> tuple[Any, ...]:  # fmt: skip
    """Return the first times of validation and of test, or of test alone.

    Args:
        con: any connection whose time zone is UTC.
        bounds: one or two as written by the user: instants, or quantiles.
        time_type: SQL type of the time column.
        quantiles: computes the times of quantiles.
        counts: counts the units of the log's times, see `parse_instant`.

    Raises:
        UsageError: a bound is not an instant, one is a date and the other one a quantile, or the second one is before
            the first one.
    """
    levels = [level for bound in bounds if (level := as_quantile(bound)) is not None]
    if levels and any(as_number(bound) is None for bound in bounds):
        raise UsageError(
            f"--split time:{','.join(bounds)}: one bound is a quantile and the other one a time",
            tip="Give two times or two quantiles, for example: --split time:0.8,0.9 or "
            "--split time:2024-01-01,2024-02-01",
        )
    if len(levels) == len(bounds):
        found = tuple(quantiles(levels))
    else:
        units = counts()
        found = tuple(parse_instant(con, bound, time_type, units) for bound in bounds)
    if found[0] > found[-1]:
        raise UsageError(
            f"--split time:{','.join(bounds)}: test would begin before validation",
            tip=f"Give the beginning of validation first: --split time:{','.join(reversed(bounds))}",
        )
    return found


def refuse_without_times(uses: Mapping[str, bool]) -> None:
    """Raise UsageError that names the first option in use, given for a log without times: option → whether it is."""
    if name := next((name for name, in_use in uses.items() if in_use), None):
        raise UsageError(
            f"{name} needs timestamps, but the log has no timestamp column", tip="Name the column: --time COLUMN"
        )
