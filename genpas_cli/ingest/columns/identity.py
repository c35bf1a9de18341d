"""Reads ids as text or integers, whatever the type of their column.

An id is the text in the file. For a typed column of floating-point numbers that are all whole, it is the text of the
integers: pandas turns integers into doubles if one is missing, and user 1 must not become another user 1.0. In JSON,
where each value has its own type, this applies to each whole number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.times.readers import INTEGERS

if TYPE_CHECKING:
    import duckdb

    from genpas_cli.ingest.formats.log_file import LogFile
    from genpas_cli.ingest.options import DecimalIds

_EXACT_BELOW = {"DOUBLE": 2**53, "FLOAT": 2**24}
_HALF_EXACT_BELOW = 2**11
NESTED_ID = "a list or an object; an id must be a string or a number"
LOST_DIGITS = "a number with more digits than a floating-point number can represent"


class _Numbers(NamedTuple):
    """Statistics of a column of floating-point or decimal numbers."""

    largest: Any
    """Largest finite absolute value; None without any."""
    infinite: int
    """Number of infinite values."""
    fraction: Any
    """Smallest number that is not whole; None if there is none."""


def id_columns(
    con: duckdb.DuckDBPyConnection, logs: Sequence[LogFile], columns: Sequence[Column], decimals: DecimalIds = "error"
) -> tuple[str, list[Column]]:
    """Decide how a column of ids is read from each file.

    Args:
        con: a DuckDB connection.
        logs: the files.
        columns: the column of ids in each file.
        decimals: what `--decimal-ids` says about ids such as 1 and 1.0.

    Returns:
        The SQL type of the ids, BIGINT or VARCHAR, and the columns with `is_whole` set.

    Raises:
        DataError: a column has lists, objects, infinite numbers or numbers that may have lost digits; or numbers are
            whole in one file and have fractions in another, and `decimals` does not say what 1.0 means.
    """
    read, fraction, whole = list[Column](), None, None
    for log, column in zip(logs, columns, strict=True):
        _check_type(log, column)
        is_whole = column.type in INTEGERS
        if column.type in _EXACT_BELOW or column.type.startswith("DECIMAL"):
            numbers = _numbers(con, log, column)
            _check_numbers(log, column, numbers)
            is_whole = numbers.fraction is None and numbers.largest is not None
            column = replace(column, is_whole=is_whole or numbers.largest is None)  # noqa: PLW2901  # the same column, with `is_whole`
            fraction = fraction or (None if numbers.fraction is None else f"{numbers.fraction} in {log.name}")
        whole = whole or (log.name if is_whole else None)
        read.append(column)
    if fraction and whole and decimals == "error":
        raise DataError(
            f"column {columns[0].name!r} contains ids with a fraction ({fraction}) and whole numbers ({whole}), so "
            "the same number could become two different ids",
            tip="An id is usually a string or a whole number, so this may be another column. If these are ids, and 1.0 "
            "is the same id as 1: --decimal-ids integer; if they are different ids: --decimal-ids text",
        )
    is_integer = all(column.type in INTEGERS or (column.is_whole and column.type in _EXACT_BELOW) for column in read)
    return ("BIGINT" if is_integer else "VARCHAR"), read


def _check_type(log: LogFile, column: Column) -> None:
    if column.is_nested:
        what = "contains lists or objects" if column.is_text else f"is a {column.type}"
        raise DataError(
            f"{log.name}: column {column.name!r} {what}; an id must be a string or a number",
            tip="Name another column, or convert the log to one row per interaction first.",
        )


def _numbers(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column) -> _Numbers:
    value = column.sql
    finite = "true" if column.type.startswith("DECIMAL") else f"isfinite({value})"
    query = (
        f"SELECT max(abs({value})) FILTER ({finite}), count(*) FILTER (NOT {finite} AND NOT isnan({value}::DOUBLE)), "
        f"min({value}) FILTER ({finite} AND {value} <> trunc({value})) FROM {log.relation(con, [column])}"
    )
    return _Numbers(*con.execute(query).fetchall()[0])


def _check_numbers(log: LogFile, column: Column, numbers: _Numbers) -> None:
    """Raise DataError for infinite numbers, and for numbers too large to represent every integer."""
    if numbers.infinite:
        raise DataError(f"{log.name}: column {column.name!r} contains infinite numbers, which cannot be ids")
    limit = _HALF_EXACT_BELOW if column.is_half else _EXACT_BELOW.get(column.type)
    if limit is None or numbers.largest is None or numbers.largest < limit:
        return
    kind = "half-precision FLOAT" if column.is_half else column.type
    raise DataError(
        f"{log.name}: column {column.name!r} contains the id {numbers.largest:.0f} as a {kind}, which represents "
        f"whole numbers exactly only below {limit:,}: different ids may have been merged",
        tip="Export the log again with the ids as integers or texts.",
    )


def id_sql(column: Column, kind: str) -> str:
    """Return SQL that reads an id as BIGINT or VARCHAR; NULL for a missing one."""
    if column.json is not None:
        return _json_id(column.json)
    value = column.sql
    if column.type in _EXACT_BELOW:
        if not column.is_whole:
            return f"CASE WHEN NOT isnan({value}) THEN CAST({value} AS VARCHAR) END"
        # DuckDB may cast a whole vector before it evaluates the condition, and a plain cast fails on a NaN.
        whole = f"CASE WHEN NOT isnan({value}) THEN try_cast({value} AS BIGINT) END"
        return whole if kind == "BIGINT" else f"CAST({whole} AS VARCHAR)"
    if column.type.startswith("DECIMAL") and column.is_whole:
        return f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)"
    return value_sql(column, kind)


def _json_id(value: str) -> str:
    """Return SQL that reads an id from JSON; it raises a DuckDB error for lists, objects and lost digits."""
    text = f"CAST({value} AS VARCHAR)"
    number = f"try_cast({text} AS DOUBLE)"
    # DuckDB reads a number with a point or an exponent as a double, too.
    decimal = (
        f"CASE WHEN coalesce(abs({number}) >= {_EXACT_BELOW['DOUBLE']}, true) THEN error({literal(LOST_DIGITS)}) "
        f"WHEN {number} = trunc({number}) THEN CAST(try_cast({number} AS BIGINT) AS VARCHAR) ELSE {text} END"
    )
    return (
        f"CASE WHEN starts_with({text}, '\"') THEN {value} ->> '$' "
        f"WHEN starts_with({text}, '[') OR starts_with({text}, '{{') THEN error({literal(NESTED_ID)}) "
        f"WHEN {text} = 'null' THEN NULL WHEN {text} IN ('true', 'false') THEN {text} "
        f"WHEN contains({text}, '.') OR contains({text}, 'e') THEN {decimal} ELSE {text} END"
    )


def json_id_defect(value: object) -> str | None:
    """Return the defect of an id parsed from JSON by Python, by the rules of `id_sql`; None for a good id."""
    if isinstance(value, list | dict):
        return NESTED_ID
    if isinstance(value, float) and not math.isnan(value) and abs(value) >= _EXACT_BELOW["DOUBLE"]:
        return LOST_DIGITS
    return None


def value_sql(column: Column, kind: str) -> str:
    """Return SQL that reads a column as the SQL type `kind`."""
    if column.is_text:
        return f"nullif({column.sql}, '')" if column.sql.startswith("CASE") else column.sql
    if column.type == "BLOB" and kind == "VARCHAR":
        return f"decode({column.sql})"
    return column.sql if column.type == kind else f"CAST({column.sql} AS {kind})"
