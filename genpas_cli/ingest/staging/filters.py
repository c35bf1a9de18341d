"""The filter of `--where`, and the types of text columns in it.

The text of a condition is not trusted: `SQLExpression` ensures that it is one expression, and its syntax tree may only
compute a value from the row's columns, in bounded memory and time (see `expressions`).
"""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.staging.expressions import (
    MOST_CHARACTERS,
    MOST_LEVELS,
    Node,
    Refusal,
    Size,
    UnknownColumn,
    all_nodes,
    compared_with_column,
    size_of,
)
from genpas_cli.runtime.errors import MachineError, UsageError
from genpas_cli.runtime.machine import show_size
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.nearest import nearest

_ROWS_AT_ONCE = 2048
"""Rows of a DuckDB vector, which each thread computes at a time."""
_SHARE = 0.25
"""Share of the memory limit for the values of a condition, which DuckDB does not count."""
_ROW_BYTES = 64
_NESTED = ("[", "STRUCT", "MAP", "UNION", "JSON", "VARIANT")
OF_A_VALUE = (
    duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException, duckdb.NotImplementedException,
    duckdb.OutOfRangeException, duckdb.SyntaxException,
)  # fmt: skip
"""DuckDB's errors for a condition that fails on some value."""
_SHOWN = 200
_NUMBERS = frozenset({
    "BIGINT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UHUGEINT",
    "UINTEGER", "USMALLINT", "UTINYINT",
})  # fmt: skip
_TYPES = {
    # Comparing with the text excludes leading zeros, blanks and signs, which matter in ids.
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
    """The columns that the condition refers to."""
    size: Size
    """Bound of the bytes per row that DuckDB holds while it evaluates the condition."""
    option: str = "--where"
    """The option that the condition was given by."""


def read_condition(
    con: duckdb.DuckDBPyConnection, text: str, columns: Sequence[Column], *, option: str = "--where"
) -> Condition:
    """Check a condition and find the columns it needs.

    Args:
        con: a DuckDB connection.
        text: the condition, as given.
        columns: the columns of the log.
        option: the option that the condition was given by.

    Raises:
        UsageError: the text is not one allowed boolean expression over these columns.
    """
    try:
        tree = _parsed(con, text)
        size = _size_of(tree, columns, option)
    except Refusal as refusal:
        raise _forbidden(str(refusal), columns, option) from refusal
    except duckdb.Error as error:
        raise refused(text, error, columns, option=option) from error
    typed = {column.name: _first_type(con, column) for column in columns}
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in typed.items())
    try:
        con.sql(f"SELECT {nulls}").filter(_as_boolean(text))
        kind = str(con.sql(f"SELECT {nulls}").select(duckdb.SQLExpression(f"({text}\n)")).types[0])
    except duckdb.Error as error:
        raise refused(text, error, columns, option=option) from error
    _check_truth(text, kind, option)
    nodes = list(all_nodes(tree))
    names = {name.lower() for node in nodes for name in (*node.get("column_names", []), node.get("schema", ""))}
    used = tuple(column.name for column in columns if column.name.lower() in names)
    return Condition(text, used, size, option)


def _size_of(tree: Node, columns: Sequence[Column], option: str) -> Size:
    names = [column.name for column in columns]
    try:
        return size_of(tree, names, nested=_nested(columns))
    except UnknownColumn as unknown:
        name = str(unknown)
        near = nearest(name.lower(), [column.lower() for column in names])
        tip = f"Did you mean {near}? {_columns_tip(columns)}" if near else _columns_tip(columns)
        if compared_with_column(tree, name, names):
            tip = f"If {name} is a text, write it in single quotes: {literal(name)}. {tip}"
        raise UsageError(f"{option}: there is no column {name!r}", tip=tip) from unknown


def _check_truth(text: str, kind: str, option: str) -> None:
    """Raise UsageError if the result of a condition is a number: DuckDB would take any number but 0 as true."""
    if kind.partition("(")[0] in _NUMBERS:
        raise UsageError(
            f"{option} is a number ({kind}), not true or false",
            tip=f"Write a comparison, such as: {option} {shlex.quote(f'{text.strip()} > 0')}",
        )


def _parsed(con: duckdb.DuckDBPyConnection, text: str) -> Node:
    """Return the syntax tree of one expression, which is parsed but neither bound nor evaluated."""
    if len(text) > MOST_CHARACTERS:
        raise Refusal(f"{len(text):,} characters; at most {MOST_CHARACTERS:,} are allowed")
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise Refusal("bytes that are not UTF-8") from error
    _check_brackets(text, content)
    duckdb.SQLExpression(text)
    # SQLExpression has accepted the text as one expression, so it cannot close the bracket; "\n" ends a comment.
    serialized = con.execute("SELECT json_serialize_sql($1)", [f"SELECT 1 WHERE ({text}\n)"]).fetchall()[0][0]
    try:
        found = json.loads(serialized)
    except RecursionError as error:
        raise Refusal(f"more than {MOST_LEVELS} levels of nesting") from error
    if found["error"]:
        raise duckdb.ParserException(f"Parser Error: {found['error_message']}")
    where: Node = found["statements"][0]["node"]["where_clause"]
    return where


def _check_brackets(text: str, content: bytes) -> None:
    """Raise Refusal for more than MOST_LEVELS nested brackets: DuckDB's parser takes a gigabyte for 3,000."""
    starts, depth = duckdb.tokenize(text), 0
    for (start, kind), (end, _) in itertools.pairwise([*starts, (None, None)]):
        if kind == duckdb.token_type.operator:
            token = content[start:end]
            depth += sum(map(token.count, (b"(", b"[", b"{"))) - sum(map(token.count, (b")", b"]", b"}")))
            if depth > MOST_LEVELS:
                raise Refusal(f"more than {MOST_LEVELS} levels of nesting")


def _nested(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns if any(mark in column.type for mark in _NESTED)]


def check_memory(condition: Condition, rows: duckdb.DuckDBPyRelation, *, memory: int, threads: int) -> None:
    """Raise MachineError if the values of a condition may take more than their share of the memory.

    Args:
        condition: the condition.
        rows: the columns that it refers to, under their own names.
        memory: memory limit of the connection in bytes.
        threads: number of threads of the connection.
    """
    longest = 0
    if condition.size.rows:
        kinds = dict(zip(rows.columns, map(str, rows.types), strict=True))
        widths = " + ".join(_width(name, kinds[name]) for name in condition.columns)
        longest = int(rows.aggregate(f"max({widths or 0})").fetchall()[0][0] or 0)
    size = (condition.size.rows * longest + condition.size.fixed) * _ROWS_AT_ONCE * threads
    if size > memory * _SHARE:
        raise MachineError(
            f"{condition.option} {_shortened(condition.text)!r} needs about {show_size(size)} of memory, but "
            f"{show_size(memory * _SHARE)} is available for conditions",
            tip="Make the texts that the condition builds shorter, use fewer --threads, or increase --memory-limit.",
        )


def _width(name: str, kind: str) -> str:
    """Return SQL for the bytes of a value; a list element of two characters may take 16 bytes in memory."""
    column = identifier(name)
    if kind in ("VARCHAR", "BLOB"):
        return f"coalesce({'strlen' if kind == 'VARCHAR' else 'octet_length'}({column}), 0)"
    if any(mark in kind for mark in _NESTED):
        return f"coalesce(8 * strlen(CAST({column} AS VARCHAR)), 0)"
    return str(_ROW_BYTES)


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
    check_memory(condition, rows, memory=memory, threads=threads_of(con))
    try:
        negated = f"NOT coalesce(CAST(({condition.text}\n) AS BOOLEAN), false)"
        dropped = rows.filter(duckdb.SQLExpression(negated)).sql_query()
        sql = f"DELETE FROM stage.rows WHERE rowid IN (SELECT genpas_row FROM ({dropped}))"
        return int(con.execute(sql).fetchall()[0][0])
    except OF_A_VALUE as error:
        raise refused(condition.text, error, columns) from error


def threads_of(con: duckdb.DuckDBPyConnection) -> int:
    """Return the number of threads of a connection."""
    return int(con.execute("SELECT current_setting('threads')").fetchall()[0][0])


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


def refused(text: str, error: Exception, columns: Sequence[Column], *, option: str = "--where") -> UsageError:
    """Return the UsageError for a condition that DuckDB refuses; an interrupt is raised again."""
    if isinstance(error, duckdb.InterruptException):
        raise error
    reason = str(error).split("\n\n")[0].split("\nLINE")[0].split("\nCandidate")[0].strip()
    return UsageError(f"{option} {_shortened(text)!r}: {reason}", tip=_columns_tip(columns))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


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
    # `_parsed` has accepted the text as one expression, so it cannot close the bracket; "\n" ends a comment.
    return duckdb.SQLExpression(f"CAST(({text}\n) AS BOOLEAN)")


def _forbidden(what: str, columns: Sequence[Column], option: str) -> UsageError:
    return UsageError(
        f"{option} contains {what}, which is not allowed: a condition may only use the columns of one row, and must "
        "have the same result in every run, with bounded memory and time",
        tip=_columns_tip(columns),
    )
