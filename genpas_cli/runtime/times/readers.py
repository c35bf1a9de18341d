"""The kinds of time columns, and the SQL that reads them: NULL for missing, infinite and malformed values.

DuckDB's casts are too lenient: `'1.7'::bigint` is 2, `'0x1F'::bigint` is 31, `::timestamp` drops an offset. So the kind
is detected by pattern from the first values, and the staging query verifies every row: an integer must be equal to its
text again (which costs nothing), or match a pattern. Rows that fail are read as the next wider kind, or are bad.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.times.units import unit_of

BIGINT, DOUBLE, TIMESTAMP, TIMESTAMP_NS = "BIGINT", "DOUBLE", "TIMESTAMP", "TIMESTAMP_NS"
INTEGERS = frozenset("TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER".split())  # noqa: SIM905  # a list
_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")
_DATES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS")
_TIMESTAMPTZ_NS = ("TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE")
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_ISO = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([Tt ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s?([Zz]|UTC|GMT|[+-]\d{2}(:?\d{2})?))?)?"
)
_CALENDARS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""Number of digits of integer dates → strptime format."""
_CALENDAR = re.compile(
    r"((?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])(?:[0-5]\d){0,2})?)(?:\.0*)?"
)
_MOSTLY, _MAJORITY = 0.9, 0.5
"""Shares of values that look like dates: integers are dates from the first on; above the second they are, if no other
value counts from 1970 (then it is a placeholder such as 99999999). 4% of other 8-digit integers look like a date."""
_WRITTEN = {"%Y": "yyyy", "%m": "mm", "%d": "dd", "%H": "hh", "%M": "mm", "%S": "ss"}
_NANOSECONDS = re.compile(r"\.\d{7}")


@dataclass(frozen=True)
class TimeReader:
    """How a time column is read."""

    kind: str
    """Name in messages: integer, number, ISO 8601 ..."""
    type: str
    """SQL type of the result."""
    sql: str
    """SQL expression over the column; NULL for a bad time."""
    wider: TimeReader | None = None
    """Reader to try if some values do not fit."""
    calendar: str | None = None
    """Pattern of integer dates, such as `yyyymmdd`; else None."""


def is_iso(text: str) -> bool:
    """Tell whether a text is an ISO 8601 date or time."""
    return bool(_ISO.fullmatch(text))


def number_sql(column: str) -> str:
    """Return SQL that casts a column to a finite DOUBLE, else NULL."""
    return f"CASE WHEN isfinite(try_cast({column} AS DOUBLE)) THEN try_cast({column} AS DOUBLE) END"


def whole_sql(column: str, sql_type: str) -> str:
    """Return SQL that reads a numeric or text column as BIGINT, NULL for a value that is not an exact integer."""
    if sql_type in INTEGERS or sql_type in _WIDE_INTEGERS:
        return f"try_cast({column} AS BIGINT)"
    number, exact = column, "true"
    if sql_type == "VARCHAR":
        number = _exact(guarded(column))
    elif not sql_type.startswith("DECIMAL"):
        exact = f"abs({column}) < {2**53}"
    return f"CASE WHEN {number} = trunc({number}) AND {exact} THEN try_cast({number} AS BIGINT) END"


def lost_digits(text: str) -> str:
    """Return SQL that is true for a number as text that is not the shortest one of its DOUBLE.

    So the DOUBLE may be that of another text, too. A number that Python or DuckDB wrote from a DOUBLE is the shortest.
    """
    shortest = f"CAST(try_cast({text} AS DOUBLE) AS VARCHAR)"
    # The exact comparison is the slow part; most texts of doubles are equal to the shortest one as they are.
    differs = f"length({text}) > 15 AND {text} <> {shortest}"
    return f"CASE WHEN {differs} THEN coalesce({_exact(text)} <> {_exact(shortest)}, false) ELSE false END"


def _exact(text: str) -> str:
    return f"try_cast({text} AS DECIMAL(38, 18))"


def guarded(column: str) -> str:
    """Return SQL of a text column that keeps DuckDB's CSV reader from casting it.

    The CSV reader itself casts a column that occurs in a single cast, but treats `try_cast` as `cast`, so that a bad
    value is an error. Comparing the column as text as well prevents that.
    """
    return f"nullif({column}, '')"


def calendar_format(values: Sequence[str]) -> str | None:
    """Return the strptime format of integers that are calendar dates such as 20240131, or None if they are not.

    Args:
        values: text; blanks around a value and a trailing `.0` (pandas with missing values) are ignored.
    """
    found = [_CALENDAR.fullmatch(value.strip()) for value in values]
    lengths = Counter(len(match[1]) for match in found if match)
    if not lengths:
        return None
    length, count = lengths.most_common(1)[0]
    if count < _MOSTLY * len(values):
        others = (value for value, match in zip(values, found, strict=True) if match is None)
        if count <= _MAJORITY * len(values) or any(map(_counts_from_1970, others)):
            return None
    return _CALENDARS.get(length)


def _counts_from_1970(text: str) -> bool:
    try:
        return unit_of(float(text)) is not None
    except ValueError:
        return False


def is_number(sql_type: str) -> bool:
    """Tell whether an SQL type is numeric."""
    is_integer = sql_type in INTEGERS or sql_type in _WIDE_INTEGERS
    return is_integer or sql_type in ("FLOAT", "DOUBLE") or sql_type.startswith("DECIMAL")


def typed_reader(column: str, sql_type: str, values: Sequence[str] = ()) -> TimeReader | None:
    """Return the reader of a typed column; None if its type cannot hold times.

    Args:
        column: SQL of the column.
        sql_type: type of the column.
        values: first values of a numeric column as text, which may be calendar dates.
    """
    kind, target, value = "timestamp", TIMESTAMP, f"CAST({column} AS TIMESTAMP)"
    if is_number(sql_type):
        if time_format := calendar_format(values):
            return _calendar(f"CASE WHEN {column} = floor({column}) THEN try_cast({column} AS BIGINT) END", time_format)
        is_integer = sql_type in INTEGERS or sql_type in _WIDE_INTEGERS
        if is_integer or (sql_type.startswith("DECIMAL") and sql_type.endswith(",0)")):
            wider = None if is_integer else _float(column)
            return TimeReader("integer", BIGINT, whole_sql(column, sql_type), wider)
        return _float(column)
    if sql_type == TIMESTAMP_NS:
        target, value = TIMESTAMP_NS, column
    elif sql_type in _TIMESTAMPTZ_NS:
        return TimeReader(kind, TIMESTAMP_NS, f"make_timestamp_ns(epoch_ns({column}))")
    elif sql_type == "TIMESTAMP WITH TIME ZONE":
        value = f"make_timestamp(epoch_us({column}))"
    elif sql_type not in _DATES:
        return None
    return TimeReader(kind, target, f"CASE WHEN isfinite({column}) THEN {value} END")


def text_reader(column: str, values: Sequence[str]) -> TimeReader | None:
    """Return the reader of a text column, by its first values; None if they are not times of a known kind.

    Blanks around values are ignored. If later values do not fit, `wider` of the reader may.
    """
    column = guarded(column)
    present = [value.strip() for value in values if value.strip()]
    if not present:
        return None
    if time_format := calendar_format(present):
        pattern = f"regexp_full_match({column}, '\\s*[0-9]+([.]0*)?\\s*')"
        return _calendar(f"CASE WHEN {pattern} THEN try_cast({column} AS BIGINT) END", time_format)
    half = len(present) / 2  # some malformed values among the first ones must not change the kind
    if sum(bool(_INTEGER.fullmatch(v)) for v in present) >= half:
        return _integer(column)
    if sum(bool(_FLOAT.fullmatch(v)) for v in present) >= half:
        return _float(column)
    if sum(is_iso(v) for v in present) >= half:
        fine = any(_NANOSECONDS.search(v) for v in present)
        return _iso_ns(column) if fine else _iso(column)
    return None


def format_reader(column: str, time_format: str) -> TimeReader:
    """Return the reader of a column by a strptime format, including a UTC offset (`%z`).

    If the format is that of an integer such as `%Y%m%d`, a trailing `.0` is ignored, as for dates without a format.
    """
    text, is_integer = f"CAST({column} AS VARCHAR)", re.fullmatch("(%[YmdHMS])+", time_format) is not None
    plain = f"regexp_replace({text}, '^\\s+|([.]0*)?\\s*$', '', 'g')" if is_integer else _plain(text)
    parsed = f"try_strptime({plain}, {literal(time_format)})"
    return TimeReader(f"a time like {time_format}", TIMESTAMP, f"make_timestamp(epoch_us({parsed}))")


def common_type(types: Sequence[str], names: Sequence[str]) -> str:
    """Return the type that holds the times of several files.

    Raises:
        DataError: times are numbers in one file and dates in another.
    """
    found = dict(zip(types, names, strict=True))
    numbers = [found[t] for t in (BIGINT, DOUBLE) if t in found]
    dates = [found[t] for t in (TIMESTAMP, TIMESTAMP_NS) if t in found]
    if numbers and dates:
        raise DataError(
            f"the timestamps of {numbers[0]} are numbers, but those of {dates[0]} are dates, so they cannot be "
            "ordered together",
            tip="Convert one of the files first.",
        )
    return next(t for t in (DOUBLE, BIGINT, TIMESTAMP_NS, TIMESTAMP) if t in found)


def _integer(column: str) -> TimeReader:
    value = f"try_cast({column} AS BIGINT)"
    pattern = f"regexp_full_match({column}, '\\s*[+-]?[0-9]+\\s*')"
    # CASE evaluates the pattern only for rows that fail the comparison.
    sql = f"CASE WHEN CAST({value} AS VARCHAR) = {column} THEN {value} WHEN {pattern} THEN {value} END"
    return TimeReader("integer", BIGINT, sql, _float(column))


def _float(column: str) -> TimeReader:
    return TimeReader("number", DOUBLE, number_sql(column))


def _calendar(number: str, time_format: str) -> TimeReader:
    """Return the reader of integer dates; an integer with another number of digits is a bad time."""
    digits = next(length for length, each in _CALENDARS.items() if each == time_format)
    sized = f"{number} BETWEEN {10 ** (digits - 1)} AND {10**digits - 1}"
    sql = f"CASE WHEN {sized} THEN try_strptime(CAST({number} AS VARCHAR), {literal(time_format)}) END"
    written = re.sub("%.", lambda match: _WRITTEN[match[0]], time_format)
    return TimeReader(f"a date written {written}", TIMESTAMP, sql, calendar=written)


def _plain(text: str) -> str:
    return f"regexp_replace({text}, '^\\s+|\\s+$', '', 'g')"


def _tidied(column: str) -> str:
    """Return SQL that normalises an ISO time for DuckDB: upper case, no blanks around it or before the offset."""
    return f"regexp_replace(upper({_plain(column)}), '\\s+([+-])', '\\1')"


def _iso(column: str) -> TimeReader:
    # 26 characters hold a time in microseconds; a longer one may have digits that TIMESTAMP would cut off.
    fits = f"length({column}) <= 26 OR NOT regexp_matches({column}, '[.][0-9]{{7}}')"
    # Only values that the first cast cannot read are normalised, which takes as long as reading.
    instant = f"coalesce(try_cast({column} AS TIMESTAMPTZ), try_cast({_tidied(column)} AS TIMESTAMPTZ))"
    return TimeReader(
        "ISO 8601", TIMESTAMP, f"CASE WHEN {fits} THEN make_timestamp(epoch_us({instant})) END", _iso_ns(column)
    )


def _iso_ns(column: str) -> TimeReader:
    # No DuckDB type has both an offset and nanoseconds: the offset is the difference between the two casts.
    column = _tidied(column)
    offset = f"epoch_us(try_cast({column} AS TIMESTAMP)) - epoch_us(try_cast({column} AS TIMESTAMPTZ))"
    sql = f"make_timestamp_ns(epoch_ns(try_cast({column} AS TIMESTAMP_NS)) - 1000 * ({offset}))"
    return TimeReader("ISO 8601", TIMESTAMP_NS, sql)
