"""Conditions in SQL that users write, such as that of `--where`: checked before DuckDB evaluates them.

The text of a condition is not trusted: `SQLExpression` ensures that it is one expression, and its syntax tree may only
compute a value from the row's columns, in bounded memory and time (see `expressions`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from genpas_cli.runtime.errors import MachineError, UsageError
from genpas_cli.runtime.machine import show_size
from genpas_cli.runtime.sql.advice import NUMBERS, Examples, advice
from genpas_cli.runtime.sql.expressions import (
    FIXED,
    SIZED,
    SPECIAL,
    Node,
    Refusal,
    Size,
    UnknownColumn,
    UnlistedFunction,
    all_nodes,
    compared_with_column,
    size_of,
)
from genpas_cli.runtime.sql.parsing import parsed
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.runtime.text.shell import shell_word

_ROWS_AT_ONCE = 2048
"""Rows of a DuckDB vector, which each thread computes at a time."""
_SHARE = 0.25
"""Share of the memory limit for the values of a condition, which DuckDB does not count."""
_ROW_BYTES = 64
_NESTED = ("[", "STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_OF_A_VALUE = (
    "Binder Error", "Conversion Error", "Invalid Input Error", "Not implemented Error", "Out of Range Error",
    "Syntax Error",
)  # fmt: skip
"""Beginnings of DuckDB's messages about a value; a batch reader raises them as exceptions of other classes."""
_SHOWN = 200
EXAMPLES = 10
"""Number of values of a column that messages look at."""


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
    con: duckdb.DuckDBPyConnection, text: str, columns: Mapping[str, str], examples: Examples, *,
    option: str = "--where",
) -> Condition:  # fmt: skip
    """Check a condition and find the columns it needs, see `read_expression`."""
    return read_expression(con, text, columns, examples, option=option, is_number=False)


def read_expression(  # where the expression stands; the rest by keyword
    con: duckdb.DuckDBPyConnection, text: str, columns: Mapping[str, str], examples: Examples, *, option: str,
    is_number: bool,
) -> Condition:  # fmt: skip
    """Check an expression, a condition or a number, and find the columns it needs.

    Args:
        con: a DuckDB connection.
        text: the expression, as given.
        columns: name → DuckDB type of each column that the expression may use.
        examples: a few values of a column, for messages.
        option: the option that the expression was given by.
        is_number: whether it must be a number; else, true or false.

    Raises:
        UsageError: the text is not one allowed expression over these columns, or is of another type.
    """
    if not text.strip():
        raise UsageError(f"{option} {text!r} is empty; it must be an SQL expression", tip=_columns_tip(columns))
    try:
        tree = parsed(con, text)
        size = _size_of(tree, columns, option)
    except UnlistedFunction as refusal:
        raise _unlisted(con, refusal, columns, option) from refusal
    except Refusal as refusal:
        raise _forbidden(str(refusal), columns, option) from refusal
    except duckdb.Error as error:
        raise refused(con, text, error, columns, examples, option=option) from error
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in columns.items())
    try:
        if not is_number:
            con.sql(f"SELECT {nulls}").filter(_as_boolean(text))
        kind = str(con.sql(f"SELECT {nulls}").select(duckdb.SQLExpression(f"({text}\n)")).types[0])
    except duckdb.Error as error:
        raise refused(con, text, error, columns, examples, option=option) from error
    (_check_number if is_number else _check_truth)(text, kind, option)
    nodes = list(all_nodes(tree))
    names = {name.lower() for node in nodes for name in (*node.get("column_names", []), node.get("schema", ""))}
    used = tuple(name for name in columns if name.lower() in names)
    return Condition(text, used, size, option)


def _size_of(tree: Node, columns: Mapping[str, str], option: str) -> Size:
    try:
        return size_of(tree, list(columns), nested=[name for name, kind in columns.items() if _is_nested(kind)])
    except UnknownColumn as unknown:
        name = str(unknown)
        spelled = {column.lower(): column for column in columns}
        near = spelled.get(nearest(name.lower(), spelled) or "")
        tip = f"Did you mean {near}? {_columns_tip(columns)}" if near else _columns_tip(columns)
        if compared_with_column(tree, name, list(columns)):
            tip = f"If {name} is a string, write it in single quotes: {literal(name)}. {tip}"
        raise UsageError(f"{option}: there is no column {name!r}", tip=tip) from unknown


def _check_truth(text: str, kind: str, option: str) -> None:
    """Raise UsageError if the result of a condition is a number: DuckDB would take any number but 0 as true."""
    if kind.partition("(")[0] in NUMBERS:
        raise UsageError(
            f"{option} is a number ({kind}), not true or false",
            tip=f"Write a comparison, such as: {option} {shell_word(f'{text.strip()} > 0')}",
        )


def _check_number(text: str, kind: str, option: str) -> None:
    """Raise UsageError if the result of an expression is neither a number nor true or false, which count as 1 and 0."""
    if kind.partition("(")[0] not in NUMBERS | {"BOOLEAN"}:
        what = _KINDS_OF_VALUES.get(kind.partition("(")[0].partition(" ")[0], kind)
        raise UsageError(
            f"{option} {_shortened(text)!r} is {what}, not a number",
            tip=f"Write an expression whose value is a number, such as: {option} {shell_word(_A_NUMBER)}",
        )


def _is_nested(kind: str) -> bool:
    return any(mark in kind for mark in _NESTED)


def check_memory(
    con: duckdb.DuckDBPyConnection, condition: Condition, rows: duckdb.DuckDBPyRelation, *, memory: int
) -> None:
    """Raise MachineError if the values of a condition may take more than their share of the memory.

    Args:
        con: the connection that will evaluate the condition.
        condition: the condition.
        rows: the columns that it refers to, under their own names.
        memory: memory limit of the connection in bytes.
    """
    longest = 0
    threads = int(con.execute("SELECT current_setting('threads')").fetchall()[0][0])
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
    if _is_nested(kind):
        return f"coalesce(8 * strlen(CAST({column} AS VARCHAR)), 0)"
    return str(_ROW_BYTES)


def examples_in(rows: duckdb.DuckDBPyRelation, name: str) -> list[str]:
    """Return a few values of a column as text, without missing values."""
    column = identifier(name)
    found = rows.filter(f"{column} IS NOT NULL").limit(EXAMPLES).project(f"CAST({column} AS VARCHAR)").fetchall()
    return [value for (value,) in found]


def is_of_a_value(error: duckdb.Error) -> bool:
    """Tell whether a condition failed on some value, rather than on the machine or on a file."""
    return any(beginning in str(error) for beginning in _OF_A_VALUE)


def refused(  # where the condition stands; the option by keyword
    con: duckdb.DuckDBPyConnection, text: str, error: Exception, columns: Mapping[str, str], examples: Examples, *,
    option: str = "--where",
) -> UsageError:  # fmt: skip
    """Return the UsageError for a condition that DuckDB refuses; an interrupt is raised again.

    Args:
        con: a DuckDB connection.
        text: the condition.
        error: DuckDB's error.
        columns: name → DuckDB type of each column that the condition may use.
        examples: a few values of a column, for the message.
        option: the option that the condition was given by.
    """
    if isinstance(error, duckdb.InterruptException):
        raise error
    found = advice(con, text, columns, examples, option)
    reason, tip = (_reason(error, text), None) if found is None else found
    listed = _columns_tip(columns)
    return UsageError(f"{option} {_shortened(text)!r}: {reason}", tip=listed if tip is None else f"{listed}. {tip}")


_UNCONVERTED = re.compile(r"Could not convert (?:string )?'(.*)' to (\w+)")
_KINDS = {"BOOL": "true or false", "DATE": "a date", "TIME": "a time", "TIMESTAMP": "a timestamp"}


_KINDS_OF_VALUES = {
    "VARCHAR": "a string", "DATE": "a date", "TIME": "a time", "TIMESTAMP": "a time", "TIMESTAMP_NS": "a time",
    '"NULL"': "NULL",
}  # fmt: skip


_A_NUMBER = "case event when 'buy' then 1 else 0.1 end"


_UNFINISHED = re.compile(r'syntax error at or near "(.*)"')


def _reason(error: Exception, condition: str) -> str:
    """Return the first sentence of a DuckDB error, without the class of the error."""
    text = str(error)
    if found := _UNCONVERTED.search(text):
        return f"{found[1]!r} cannot be converted to {_KINDS.get(found[2], 'a number')}"
    if (found := _UNFINISHED.search(text)) and condition.rstrip().endswith(found[1]):
        return f"the condition ends too early, after {found[1]}"
    return re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", text.split("\n", maxsplit=1)[0]).strip()


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _columns_tip(columns: Iterable[str]) -> str:
    return f"The columns are: {', '.join(identifier(name) if ' ' in name else name for name in columns)}"


def _as_boolean(text: str) -> duckdb.Expression:
    # `parsed` has accepted the text as one expression, so it cannot close the bracket; "\n" ends a comment.
    return duckdb.SQLExpression(f"CAST(({text}\n) AS BOOLEAN)")


def _unlisted(
    con: duckdb.DuckDBPyConnection, refusal: UnlistedFunction, columns: Iterable[str], option: str
) -> UsageError:  # fmt: skip
    known = "select count(*) from duckdb_functions() where function_name = ?"
    if con.execute(known, [refusal.name]).fetchall() != [(0,)]:
        return _forbidden(f"the {refusal.shown}", columns, option)
    near = nearest(refusal.name, FIXED | SIZED | SPECIAL)
    meant = f"Did you mean {near}{'()' if near.isidentifier() else ''}? " if near else ""
    return UsageError(f"{option}: there is no {refusal.shown}", tip=f"{meant}{_columns_tip(columns)}")


def _forbidden(what: str, columns: Iterable[str], option: str) -> UsageError:
    return UsageError(
        f"{option} contains {what}, which is not allowed: a condition may only use the columns of one row, and must "
        "have the same result in every run, with bounded memory and time",
        tip=_columns_tip(columns),
    )
