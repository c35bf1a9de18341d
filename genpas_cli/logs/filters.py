"""`--where` and the types that text columns have in it.

The text of a condition is not trusted: `SQLExpression` keeps it one expression, and its syntax tree may hold only what
computes a value from the row and from nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from genpas_cli.errors import UsageError
from genpas_cli.logs.columns import Column
from genpas_cli.logs.quoting import identifier, literal

_ALLOWED = frozenset({
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "OPERATOR", "TYPE",
})  # fmt: skip
# The macros that DuckDB brings have no stability; these compute a value and nothing else.
_MACROS = frozenset({"date_add", "days_in_month", "fdiv", "fmod", "if", "nullif", "split_part"})
# Called CONSISTENT, and yet they ask the clock or open what a query in a text names.
_IMPURE = frozenset({"age", "current_localtime", "current_localtimestamp", "json_serialize_plan", "json_serialize_sql"})
_TYPES = {
    # Read back to the same text, a number has no leading zero, blank or sign that an id may have.
    "BIGINT": "CAST(try_cast({0} AS BIGINT) AS VARCHAR) = {0}",
    "DOUBLE": "isfinite(try_cast({0} AS DOUBLE)) AND "
    "regexp_full_match({0}, '[+-]?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?')",
    "BOOLEAN": "lower({0}) IN ('true', 'false')",
}


@dataclass(frozen=True)
class Condition:
    """A condition over the columns of a log."""

    text: str
    columns: tuple[str, ...]
    """The columns it refers to."""


def read_condition(
    con: duckdb.DuckDBPyConnection, text: str, columns: Sequence[Column], *, option: str = "--where"
) -> Condition:
    """Check a condition and find out which columns it needs.

    Args:
        con: a connection.
        text: the condition, as given.
        columns: those of the log.
        option: what the user gave it by.

    Raises:
        UsageError: not one boolean expression over these columns.
    """
    typed = {column.name: _first_type(con, column) for column in columns}
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in typed.items())
    try:
        sql = con.sql(f"SELECT {nulls}").filter(duckdb.SQLExpression(text)).sql_query()
        tree = json.loads(con.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()[0][0])
        where = tree["statements"][0]["node"]["where_clause"]
        _check(con, list(_nodes(where)), columns, option)
        con.sql(f"SELECT {nulls}").filter(_as_boolean(text))
    except duckdb.Error as error:
        raise refused(text, error, columns, option=option) from error
    names = {name.lower() for node in _nodes(where) for name in node.get("column_names", [])}
    return Condition(text, tuple(column.name for column in columns if column.name.lower() in names))


def drop_others(con: duckdb.DuckDBPyConnection, condition: Condition, selected: str, columns: Sequence[Column]) -> int:
    """Delete the staged rows for which a condition is not true, and return their number.

    Args:
        con: a connection.
        condition: it.
        selected: select list that gives the columns their own names, from `stage.rows`.
        columns: those of the log, for the message.

    Raises:
        UsageError: the condition fails on some value.
    """
    try:
        rows = con.sql(f"SELECT rowid AS genpas_row{selected} FROM stage.rows")
        negated = f"NOT coalesce(CAST(({condition.text}\n) AS BOOLEAN), false)"
        dropped = rows.filter(duckdb.SQLExpression(negated)).sql_query()
        sql = f"DELETE FROM stage.rows WHERE rowid IN (SELECT genpas_row FROM ({dropped}))"
        return int(con.execute(sql).fetchall()[0][0])
    except (duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException) as error:
        raise refused(condition.text, error, columns) from error
    except duckdb.OutOfRangeException as error:
        raise refused(condition.text, error, columns) from error


def text_types(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """Return the types of staged text columns: BIGINT, DOUBLE or BOOLEAN where every value is one, else VARCHAR.

    A number with leading zeros is a text.
    """
    return _types_in(con, names, "stage.rows") if names else []


def _types_in(con: duckdb.DuckDBPyConnection, columns: Sequence[str], relation: str) -> list[str]:
    # A test that fails may be NULL, and bool_and passes over NULL: a missing value must be the only NULL.
    every = ", ".join(
        f"bool_and(CASE WHEN {column} IS NOT NULL THEN coalesce({test.format(column)}, false) END)"
        for column in columns
        for test in _TYPES.values()
    )
    found = con.execute(f"SELECT {every} FROM {relation}").fetchall()[0]
    answers = [found[n : n + len(_TYPES)] for n in range(0, len(found), len(_TYPES))]
    return [next((kind for kind, yes in zip(_TYPES, answer, strict=True) if yes), "VARCHAR") for answer in answers]


def refused(text: str, error: Exception, columns: Sequence[Column], *, option: str = "--where") -> UsageError:
    """Return the error for a condition that DuckDB does not take."""
    if isinstance(error, duckdb.InterruptException):
        raise error
    reason = str(error).split("\n\n")[0].split("\nLINE")[0].split("\nCandidate")[0].strip()
    return UsageError(f"{option} {text!r}: {reason}", tip=_columns_tip(columns))


def _columns_tip(columns: Sequence[Column]) -> str:
    return f"The columns are: {', '.join(identifier(c.name) if ' ' in c.name else c.name for c in columns)}"


def _first_type(con: duckdb.DuckDBPyConnection, column: Column) -> str:
    if not column.is_text:
        return column.type
    if not column.samples:
        return "VARCHAR"
    values = ", ".join(f"({literal(value)})" for value in column.samples)
    return _types_in(con, ["v"], f"(VALUES {values}) AS sample(v)")[0]


def _as_boolean(text: str) -> duckdb.Expression:
    # The text is one expression by itself, so the bracket cannot be broken out of; the line end closes a comment.
    return duckdb.SQLExpression(f"CAST(({text}\n) AS BOOLEAN)")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _check(
    con: duckdb.DuckDBPyConnection, nodes: Sequence[dict[str, Any]], columns: Sequence[Column], option: str
) -> None:
    parameters = {name for node in nodes if node["class"] == "LAMBDA" for name in _lambda_names(node)}
    known = {column.name.lower() for column in columns} | parameters
    for node in nodes:
        # `current_date` and `user` are written like columns, and are functions where there is no such column.
        if node["class"] == "COLUMN_REF" and node["column_names"][0].lower() not in known:
            raise _forbidden(f"{'.'.join(node['column_names'])}, which is no column", columns, option)
        if node["class"] not in _ALLOWED:
            raise _forbidden(f"a {node['class'].lower().replace('_', ' ')}", columns, option)
        if node["class"] == "FUNCTION":
            name = node["function_name"]
            if not _is_pure(con, name):
                raise _forbidden(f"the function {name}()", columns, option)


def _lambda_names(node: dict[str, Any]) -> set[str]:
    return {name.lower() for inner in _nodes(node["lhs"]) for name in inner.get("column_names", [])}


def _forbidden(what: str, columns: Sequence[Column], option: str) -> UsageError:
    return UsageError(
        f"{option} holds {what}; it may compute from the columns of the row only, the same in every run",
        tip=_columns_tip(columns),
    )


def _is_pure(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    # Of times with a zone the result depends on the session's zone, which is always UTC here.
    query = (
        "SELECT DISTINCT function_type, CASE WHEN stability = 'CONSISTENT_WITHIN_QUERY' AND list_has_any("
        "parameter_types, ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ_NS']) THEN 'CONSISTENT' ELSE stability END "
        "FROM duckdb_functions() WHERE function_name = $1"
    )
    kinds = con.execute(query, [name]).fetchall()
    scalars = [stability for kind, stability in kinds if kind == "scalar"]
    is_macro = any(kind == "macro" for kind, _ in kinds)
    is_known_macro = name in _MACROS or name.startswith(("list_", "array_"))
    if name in _IMPURE or (is_macro and not is_known_macro):
        return False
    return (is_macro or bool(scalars)) and all(stability == "CONSISTENT" for stability in scalars)
