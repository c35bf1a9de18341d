"""The filter of `--where` on the staged rows, and the types of text columns in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import duckdb

from genpas_cli.ingest.columns.roles import Column, Values
from genpas_cli.runtime.sql.conditions import (
    EXAMPLES,
    Condition,
    check_memory,
    examples_in,
    is_of_a_value,
    read_condition,
    refused,
)
from genpas_cli.runtime.sql.quoting import literal

_TYPES = {
    # Comparing with the text excludes leading zeros, blanks and signs, which matter in ids.
    "BIGINT": "CAST(try_cast({0} AS BIGINT) AS VARCHAR) = {0}",
    "DOUBLE": "isfinite(try_cast({0} AS DOUBLE)) AND "
    "regexp_full_match({0}, '[+-]?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?')",
    "BOOLEAN": "lower({0}) IN ('true', 'false')",
}


def filter_of(con: duckdb.DuckDBPyConnection, text: str, columns: Sequence[Column], values: Values) -> Condition:
    """Check the condition of `--where`; text columns have the type of their first values.

    Args:
        con: a DuckDB connection.
        text: the condition, as given.
        columns: the columns of the log.
        values: the first values of a column, for messages.

    Raises:
        UsageError: see `read_condition`.
    """
    by_name = {column.name: column for column in columns}
    types = {name: _first_type(con, column) for name, column in by_name.items()}
    return read_condition(con, text, types, lambda name: values(by_name[name])[:EXAMPLES])


def drop_others(
    con: duckdb.DuckDBPyConnection, condition: Condition, selected: str, columns: Sequence[Column], *, memory: int
) -> int:
    """Delete the staged rows for which a condition is not true, and return their number.

    Args:
        con: a DuckDB connection.
        condition: the condition.
        selected: select list of the columns of `stage.rows` under their own names, with a leading comma.
        columns: the columns of the log, for the message.
        memory: memory limit of the connection in bytes.

    Raises:
        UsageError: the condition fails on some value.
        MachineError: the values of the condition may take too much memory.
    """
    rows = con.sql(f"SELECT rowid AS genpas_row{selected} FROM stage.rows")
    check_memory(con, condition, rows, memory=memory)
    try:
        negated = f"NOT coalesce(CAST(({condition.text}\n) AS BOOLEAN), false)"
        dropped = rows.filter(duckdb.SQLExpression(negated)).sql_query()
        sql = f"DELETE FROM stage.rows WHERE rowid IN (SELECT genpas_row FROM ({dropped}))"
        return int(con.execute(sql).fetchall()[0][0])
    except duckdb.Error as error:
        if is_of_a_value(error):
            kinds = dict(zip(rows.columns[1:], map(str, rows.types[1:]), strict=True))
            known = {column.name: kinds.get(column.name, "") for column in columns}
            raise refused(con, condition.text, error, known, partial(examples_in, rows)) from error
        raise


def text_types(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """Return the type of each staged text column: BIGINT, DOUBLE or BOOLEAN if every value is one, else VARCHAR.

    A number with leading zeros is text.
    """
    return _types_in(con, names, "stage.rows") if names else []


def _types_in(con: duckdb.DuckDBPyConnection, columns: Sequence[str], relation: str) -> list[str]:
    # bool_and ignores NULL: a failed test must be false, and only a missing value NULL.
    every = ", ".join(
        f"bool_and(CASE WHEN {column} IS NOT NULL THEN coalesce({test.format(column)}, false) END)"
        for column in columns
        for test in _TYPES.values()
    )
    found = con.execute(f"SELECT {every} FROM {relation}").fetchall()[0]
    answers = [found[n : n + len(_TYPES)] for n in range(0, len(found), len(_TYPES))]
    return [next((kind for kind, yes in zip(_TYPES, answer, strict=True) if yes), "VARCHAR") for answer in answers]


def _first_type(con: duckdb.DuckDBPyConnection, column: Column) -> str:
    if not column.is_text:
        return column.type
    if not column.samples:
        return "VARCHAR"
    values = ", ".join(f"({literal(value)})" for value in column.samples)
    return _types_in(con, ["v"], f"(VALUES {values}) AS sample(v)")[0]
