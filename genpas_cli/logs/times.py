"""What kind of time a column holds, and the SQL that reads it: NULL where it is missing, not finite or malformed.

DuckDB's casts lie: `'1.7'::bigint` is 2, `'0x1F'::bigint` is 31, `::timestamp` drops an offset. So the kind is told by
pattern from the first values, and every row is verified in the staging query itself: an integer must read back to its
own text (free of charge), else match a pattern. Rows that fail go to the next wider kind or are bad.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from genpas_cli.errors import DataError, UsageError
from genpas_cli.logs.quoting import literal

BIGINT, DOUBLE, TIMESTAMP, TIMESTAMP_NS = "BIGINT", "DOUBLE", "TIMESTAMP", "TIMESTAMP_NS"
INTEGERS = frozenset("TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER".split())  # noqa: SIM905  # a list
_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_DATES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS")
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_ISO = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s?(Z|UTC|GMT)|[+-]\d{2}(:?\d{2})?)?)?"
)
_NANOSECONDS = re.compile(r"\.\d{7}")


@dataclass(frozen=True)
class TimeReader:
    """How a time column is read."""

    kind: str
    """For messages: integer, number, ISO 8601 ..."""
    type: str
    """SQL type of what comes out."""
    sql: str
    """Expression over the column; NULL for a bad time."""
    wider: TimeReader | None = None
    """What to try if some values do not fit."""


def is_iso(text: str) -> bool:
    """Tell whether a text is a date or a time by ISO 8601."""
    return bool(_ISO.fullmatch(text))


def number_sql(column: str) -> str:
    """Return SQL that gives a finite number of a text, else NULL."""
    return f"CASE WHEN isfinite(try_cast({column} AS DOUBLE)) THEN try_cast({column} AS DOUBLE) END"


def guarded(column: str) -> str:
    """Return a text column such that DuckDB casts it where the query says.

    A column that is used in one cast only is cast by DuckDB's CSV reader itself, which takes `try_cast` for `cast`: a
    bad value is then an error. Here the column is compared as a text too.
    """
    return f"nullif({column}, '')"


def typed_reader(column: str, sql_type: str) -> TimeReader | None:
    """Return how a column that is no text is read, or None if its type is no time."""
    kind, target, value = "timestamp", TIMESTAMP, f"CAST({column} AS TIMESTAMP)"
    if sql_type in INTEGERS or sql_type in _WIDE_INTEGERS:
        return TimeReader("integer", BIGINT, f"try_cast({column} AS BIGINT)")
    if sql_type in ("FLOAT", "DOUBLE") or sql_type.startswith("DECIMAL"):
        return TimeReader("number", DOUBLE, number_sql(column))
    if sql_type == TIMESTAMP_NS:
        target, value = TIMESTAMP_NS, column
    elif sql_type == "TIMESTAMP WITH TIME ZONE":
        value = f"make_timestamp(epoch_us({column}))"
    elif sql_type not in _DATES:
        return None
    return TimeReader(kind, target, f"CASE WHEN isfinite({column}) THEN {value} END")


def text_reader(column: str, values: Sequence[str]) -> TimeReader | None:
    """Return how a column of texts is read, by its first values; None if they are no times that are known.

    Blanks around a value do not matter. Integers that are not all integers are read as numbers.
    """
    column = guarded(column)
    present = [value.strip() for value in values if value.strip()]
    if not present:
        return None
    half = len(present) / 2  # a malformed value among the first ones must not decide for all
    if sum(bool(_INTEGER.fullmatch(v)) for v in present) >= half:
        return _integer(column)
    if sum(bool(_FLOAT.fullmatch(v)) for v in present) >= half:
        return _float(column)
    if sum(is_iso(v) for v in present) >= half:
        fine = any(_NANOSECONDS.search(v) for v in present)
        return _iso_ns(column) if fine else _iso(column)
    return None


def format_reader(column: str, time_format: str) -> TimeReader:
    """Return how a column is read by a strptime format; an offset in it (`%z`) is honoured."""
    parsed = f"try_strptime(CAST({column} AS VARCHAR), {literal(time_format)})"
    return TimeReader(f"a time like {time_format}", TIMESTAMP, f"make_timestamp(epoch_us({parsed}))")


def common_type(types: Sequence[str], names: Sequence[str]) -> str:
    """Return the type that holds the times of several files.

    Raises:
        DataError: numbers in one file, dates in another.
    """
    found = dict(zip(types, names, strict=True))
    numbers = [found[t] for t in (BIGINT, DOUBLE) if t in found]
    dates = [found[t] for t in (TIMESTAMP, TIMESTAMP_NS) if t in found]
    if numbers and dates:
        raise DataError(
            f"the times of {numbers[0]} are numbers, those of {dates[0]} are dates: they cannot be ordered together",
            tip="Convert one of the files first.",
        )
    return next(t for t in (DOUBLE, BIGINT, TIMESTAMP_NS, TIMESTAMP) if t in found)


def check_format(time_format: str, error: Exception) -> UsageError:
    """Return the error for a format that DuckDB does not take."""
    return UsageError(
        f"--time-format {time_format!r} is no strptime format: {error}",
        tip="For example --time-format '%d/%m/%Y %H:%M'.",
    )


def _integer(column: str) -> TimeReader:
    value = f"try_cast({column} AS BIGINT)"
    pattern = f"regexp_full_match({column}, '\\s*[+-]?[0-9]+\\s*')"
    # CASE evaluates the pattern only for the rows which the comparison has left.
    sql = f"CASE WHEN CAST({value} AS VARCHAR) = {column} THEN {value} WHEN {pattern} THEN {value} END"
    return TimeReader("integer", BIGINT, sql, _float(column))


def _float(column: str) -> TimeReader:
    return TimeReader("number", DOUBLE, number_sql(column))


def _iso(column: str) -> TimeReader:
    # 26 characters hold a time to the microsecond; a longer one may have digits that TIMESTAMP would cut.
    fits = f"length({column}) <= 26 OR NOT regexp_matches({column}, '[.][0-9]{{7}}')"
    sql = f"CASE WHEN {fits} THEN make_timestamp(epoch_us(try_cast({column} AS TIMESTAMPTZ))) END"
    return TimeReader("ISO 8601", TIMESTAMP, sql, _iso_ns(column))


def _iso_ns(column: str) -> TimeReader:
    # No type has both an offset and nanoseconds: take the offset from what the two readings differ by.
    offset = f"epoch_us(try_cast({column} AS TIMESTAMP)) - epoch_us(try_cast({column} AS TIMESTAMPTZ))"
    sql = f"make_timestamp_ns(epoch_ns(try_cast({column} AS TIMESTAMP_NS)) - 1000 * ({offset}))"
    return TimeReader("ISO 8601", TIMESTAMP_NS, sql)
