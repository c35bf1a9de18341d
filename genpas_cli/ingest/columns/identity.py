"""What the text of an id is, whatever the type of its column.

An id is the text that the file has. Of a typed column of floating-point numbers that are all whole it is the text of
the integers: pandas makes doubles of integers where one is missing, and a user 1 must not become another one, 1.0. In
JSON, where each value has its own type, so it is for each whole number.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.ingest.columns.columns import Column
from genpas_cli.ingest.columns.times import INTEGERS
from genpas_cli.ingest.formats.log_file import LogFile
from genpas_cli.ingest.quoting import literal
from genpas_cli.runtime.errors import DataError

if TYPE_CHECKING:
    import duckdb

    from genpas_cli.ingest.passes.numbering import Kind
    from genpas_cli.ingest.staging.staged import Staged

_EXACT_BELOW = {"DOUBLE": 2**53, "FLOAT": 2**24}
_HALF_EXACT_BELOW = 2**11
NESTED_ID = "a list or an object; an id is a text or a number"
LOST_DIGITS = "a number of more digits than a floating-point number holds"
_DECIMAL = "^(-?[0-9]+)[.]0+$"


class _Numbers(NamedTuple):
    """What is in a column of floating-point or decimal numbers."""

    largest: Any
    """Largest absolute value; None without any."""
    infinite: int
    """How many are infinite."""
    fraction: Any
    """A number that is not whole; None if there is none."""


def id_columns(
    con: duckdb.DuckDBPyConnection, logs: Sequence[LogFile], columns: Sequence[Column]
) -> tuple[str, list[Column]]:
    """Decide how a column of ids is read from each file.

    Args:
        con: a connection.
        logs: the files.
        columns: the column in each.

    Returns:
        The SQL type of the ids, BIGINT or VARCHAR, and the columns; those of numbers that are all whole say so.

    Raises:
        DataError: a column holds what is no id, or numbers that may have lost digits; or numbers are whole in one file
            and have fractions in another.
    """
    read, fraction, whole = list[Column](), None, None
    for log, column in zip(logs, columns, strict=True):
        _check_type(log, column)
        is_whole = column.type in INTEGERS
        if column.type in _EXACT_BELOW or column.type.startswith("DECIMAL"):
            numbers = _numbers(con, log, column)
            _check_numbers(log, column, numbers)
            is_whole = numbers.fraction is None and numbers.largest is not None
            column = replace(column, is_whole=is_whole or numbers.largest is None)  # noqa: PLW2901  # what it became
            fraction = fraction or (None if numbers.fraction is None else f"{numbers.fraction} in {log.name}")
        whole = whole or (log.name if is_whole else None)
        read.append(column)
    if fraction and whole:
        raise DataError(
            f"column {columns[0].name!r} holds ids with a fraction ({fraction}) and whole numbers ({whole}); the same "
            "number would be two ids",
            tip="An id is a text or a whole number: name another column, or convert the column to text in all files.",
        )
    is_integer = all(column.type in INTEGERS or (column.is_whole and column.type in _EXACT_BELOW) for column in read)
    return ("BIGINT" if is_integer else "VARCHAR"), read


def _check_type(log: LogFile, column: Column) -> None:
    if column.is_nested:
        what = "holds lists or objects" if column.is_text else f"is a {column.type}"
        raise DataError(
            f"{log.name}: column {column.name!r} {what}; an id is a text or a number",
            tip="Name another column; or write the log with one row for each interaction first.",
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
    """Raise DataError for numbers that are no ids: infinite ones, and those that may stand for several integers."""
    if numbers.infinite:
        raise DataError(f"{log.name}: column {column.name!r} holds infinite numbers, which are no ids")
    limit = _HALF_EXACT_BELOW if column.is_half else _EXACT_BELOW.get(column.type)
    if limit is None or numbers.largest is None or numbers.largest < limit:
        return
    kind = "half-precision FLOAT" if column.is_half else column.type
    raise DataError(
        f"{log.name}: column {column.name!r} holds the id {numbers.largest:.0f} as a {kind}, which tells whole numbers "
        f"apart only below {limit:,}: different ids may have become one",
        tip="Write the ids as integers or texts where the log comes from.",
    )


def id_sql(column: Column, kind: str) -> str:
    """Return SQL that reads an id as BIGINT or VARCHAR; NULL where it is missing."""
    if column.json is not None:
        return _json_id(column.json)
    value = column.sql
    if column.type in _EXACT_BELOW:
        if not column.is_whole:
            return f"CASE WHEN NOT isnan({value}) THEN CAST({value} AS VARCHAR) END"
        # DuckDB may cast a whole vector before it looks at the condition: a plain cast fails at a NaN.
        whole = f"CASE WHEN NOT isnan({value}) THEN try_cast({value} AS BIGINT) END"
        return whole if kind == "BIGINT" else f"CAST({whole} AS VARCHAR)"
    if column.type.startswith("DECIMAL") and column.is_whole:
        return f"CAST(CAST({value} AS HUGEINT) AS VARCHAR)"
    return value_sql(column, kind)


def _json_id(value: str) -> str:
    """Return SQL that reads an id from JSON; an error of DuckDB where it is none."""
    text = f"CAST({value} AS VARCHAR)"
    number = f"try_cast({text} AS DOUBLE)"
    # A number with a point or an exponent is a double to DuckDB too, and is printed as one.
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
    """Return what is wrong with an id in JSON, as Python reads it; None if nothing is: as `id_sql` has it."""
    if isinstance(value, list | dict):
        return NESTED_ID
    if isinstance(value, float) and not math.isnan(value) and abs(value) >= _EXACT_BELOW["DOUBLE"]:
        return LOST_DIGITS
    return None


def value_sql(column: Column, kind: str) -> str:
    """Return SQL that reads a column as a type."""
    if column.is_text:
        return f"nullif({column.sql}, '')" if column.sql.startswith("CASE") else column.sql
    if column.type == "BLOB" and kind == "VARCHAR":
        return f"decode({column.sql})"
    return column.sql if column.type == kind else f"CAST({column.sql} AS {kind})"


def decimals_to_integers(con: duckdb.DuckDBPyConnection, id_types: Mapping[str, str]) -> None:
    """Make `1` of the staged id `1.0`, and so on."""
    for column, kind in id_types.items():
        if kind == "VARCHAR":
            con.execute(
                f"UPDATE stage.rows SET {column} = regexp_replace({column}, '{_DECIMAL}', '\\1') "
                f"WHERE contains({column}, '.0') AND regexp_matches({column}, '{_DECIMAL}')"
            )


def check_decimals(con: duckdb.DuckDBPyConnection, kind: Kind, known: pa.Table | None, staged: Staged) -> None:
    """Raise DataError for ids that stand there both as `1` and as `1.0`: one user would be two.

    Args:
        con: a connection with `stage.users` and `stage.items` (see `numbering.create_numbers`).
        kind: which ids.
        known: the numbers of an earlier run (columns num, id).
        staged: the files.
    """
    known_decimals = known is not None and pc.any(pc.match_substring_regex(known["id"], _DECIMAL)).as_py()
    test = f"contains(id, '.0') AND regexp_matches(id, '{_DECIMAL}')"
    if not known_decimals and not con.execute(f"SELECT 1 FROM stage.{kind}s WHERE {test} LIMIT 1").fetchall():
        return
    con.register("known_ids", pa.table({"id": pa.array([], pa.string())}) if known is None else known.select(["id"]))
    both = con.execute(
        f"WITH ids AS (SELECT id, known IS NULL AS is_new FROM stage.{kind}s UNION ALL "
        f"SELECT id, false FROM known_ids), decimals AS (SELECT id, regexp_extract(id, '{_DECIMAL}', 1) AS whole, "
        f"is_new FROM ids WHERE {test}) SELECT whole, min(id ORDER BY length(id), id), max(id ORDER BY length(id), id) "
        "FROM (FROM decimals UNION ALL SELECT id, id, is_new FROM ids WHERE id IN (SELECT whole FROM decimals)) "
        "GROUP BY whole HAVING count(DISTINCT id) > 1 AND bool_or(is_new) ORDER BY length(whole), whole"
    ).fetchall()
    con.unregister("known_ids")
    if both:
        _, one, other = both[0]
        same = "make a new store of all logs with --decimal-ids integer" if known_decimals else "--decimal-ids integer"
        raise DataError(
            f"{len(both):,} {kind} id{'s are' if len(both) > 1 else ' is'} written in two ways: {one!r} "
            f"({_place(con, kind, one, staged)}) and {other!r} ({_place(con, kind, other, staged)}); pandas writes 1.0 "
            "for 1 where a value in the column is missing",
            tip=f"If they mean the same: {same}; if not, keep both: --decimal-ids text",
        )


def differing_in_blanks(con: duckdb.DuckDBPyConnection, kind: Kind) -> str | None:
    """Return what to say of ids that differ from others in the blanks around them alone; None if there are none.

    An id is its text, so these are different ids, but seldom meant so.

    Args:
        con: a connection with `stage.users` and `stage.items` (see `numbering.create_numbers`).
        kind: which ids.
    """
    padded = f"FROM stage.{kind}s WHERE starts_with(id, ' ') OR ends_with(id, ' ')"
    if not con.execute(f"SELECT 1 {padded} LIMIT 1").fetchall():
        return None
    found = con.execute(
        f"SELECT count(*), min(id) FROM (SELECT id, trim(id) AS bare {padded}) "
        f"WHERE bare IN (SELECT id FROM stage.{kind}s)"
    ).fetchall()
    count, one = found[0]
    if not count:
        return None
    differ = f"{kind} ids differ" if count > 1 else f"{kind} id differs"
    return f"{count:,} {differ} from another one in the blanks around it alone, such as {one!r}: they are two ids"


def _place(con: duckdb.DuckDBPyConnection, kind: Kind, value: str, staged: Staged) -> str:
    """Return the name of the first file that has an id."""
    query = f"SELECT min(rowid) FROM stage.rows WHERE CAST({kind}_id AS VARCHAR) = {literal(value)}"
    row = con.execute(query).fetchall()[0][0]
    if row is None:
        return "known already"
    return staged.files[bisect.bisect_right(staged.first_rows, row) - 1].name
