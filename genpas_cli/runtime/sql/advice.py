"""Explains a condition that does not fit the values of its columns, and finds a condition that does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from genpas_cli.runtime.sql.expressions import Node, Refusal, all_nodes, children
from genpas_cli.runtime.sql.parsing import parsed, place_of
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.times.units import UNITS, Unit, unit_of

Examples = Callable[[str], Sequence[str]]
"""Returns a few values of a column, as text; no missing values."""

NUMBERS = frozenset({
    "BIGINT", "DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "INTEGER", "SMALLINT", "TINYINT", "UBIGINT", "UHUGEINT",
    "UINTEGER", "USMALLINT", "UTINYINT",
})  # fmt: skip
"""DuckDB's types of numbers, without the digits of DECIMAL."""

_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d([ T].*)?")
_LITERAL_NUMBERS = ("INTEGER", "NUMERIC")


class Advice(NamedTuple):
    """What is wrong with a condition, and what to do."""

    reason: str
    tip: str | None


@dataclass(frozen=True)
class _Conversion:
    """A conversion that makes the values of a column comparable with numbers or times."""

    column: str
    reason: str
    """What the column contains."""
    to: str
    """What the values become: `a number` or `a timestamp`."""
    sql: str
    """SQL of the converted value; `{}` stands for the column."""


def advice(
    con: duckdb.DuckDBPyConnection, text: str, columns: Mapping[str, str], examples: Examples, option: str
) -> Advice | None:
    """Explain a condition that DuckDB cannot evaluate; None if the columns are not the reason.

    Args:
        con: a DuckDB connection.
        text: the condition.
        columns: name → DuckDB type of each column that it may use.
        examples: a few values of a column.
        option: the option that the condition was given by.
    """
    try:
        tree = parsed(con, text)
    except (Refusal, duckdb.Error):
        return None
    names = {name.lower(): name for name in columns}
    used = dict.fromkeys(names[name] for node in all_nodes(tree) if (name := _column(node)) in names)
    values = {name: list(examples(name)) for name in used}
    found = [each for name in used if (each := _conversion(name, columns[name], values[name])) is not None]
    for chosen in [*([each] for each in found), found]:
        converted = _converted(text, tree, chosen)
        if chosen and _can_be_evaluated(con, converted, {name: columns[name] for name in used}, values):
            reason = " and ".join(each.reason for each in chosen)
            return Advice(reason, f"Convert it to {chosen[0].to}: {option} {shell_word(converted)}")
    return next(_compared(tree, {name.lower(): (columns[name], values[name]) for name in used}, option), None)


def _column(node: Node) -> str:
    """Return the lower-case name of a reference to a column; empty for other nodes."""
    names = node.get("column_names", [])
    return names[0].lower() if node["class"] == "COLUMN_REF" and len(names) == 1 else ""


def _conversion(name: str, kind: str, values: Sequence[str]) -> _Conversion | None:
    """Return the conversion of a column by its type and its first values; None if it needs none, or none is known."""
    if not values:
        return None
    if kind == "VARCHAR" and all(map(_NUMBER.fullmatch, values)):
        with_comma = next((value for value in values if "," in value), None)
        column = "{}" if with_comma is None else "replace({}, ',', '.')"
        reason = f"{name} is text, such as {with_comma or values[0]!r}"
        return _Conversion(name, reason, "a number", f"TRY_CAST({column} AS DOUBLE)")
    if kind == "VARCHAR" and all(map(_DATE.fullmatch, values)):
        return _Conversion(name, f"{name} is text, such as {values[0]!r}", "a timestamp", "TRY_CAST({} AS TIMESTAMP)")
    if kind.partition("(")[0] in NUMBERS and (unit := unit_of(max(map(float, values)))) is not None:
        reason = f"{name} contains numbers ({unit.name} since 1970), such as {values[0]}"
        return _Conversion(name, reason, "a timestamp", _instant(kind, unit))
    return None


def _instant(kind: str, unit: Unit) -> str:
    """Return SQL that converts numbers since 1970 to timestamps."""
    microseconds = next(each for each in UNITS if each.name == "microseconds").a_second
    if kind not in ("BIGINT", "UBIGINT"):
        # 32-bit integers would overflow, and make_timestamp() does not accept fractions.
        return f"make_timestamp(CAST(CAST({{}} AS DOUBLE) * {microseconds / unit.a_second:g} AS BIGINT))"
    if unit.a_second > microseconds:
        return f"make_timestamp({{}} // {unit.a_second // microseconds})"
    factor = microseconds // unit.a_second
    return "make_timestamp({})" if factor == 1 else f"make_timestamp({{}} * {factor})"


def _converted(text: str, tree: Node, chosen: Sequence[_Conversion]) -> str:
    """Return a condition with conversions around its columns."""
    conversions = {each.column.lower(): each.sql for each in chosen}
    places = [(place_of(node), conversions[name]) for node in all_nodes(tree) if (name := _column(node)) in conversions]
    content = text.encode()
    for place, sql in sorted(places, key=lambda each: each[0].start, reverse=True):
        content = content[: place.start] + sql.format(content[place].decode()).encode() + content[place.stop :]
    return content.decode()


def _can_be_evaluated(
    con: duckdb.DuckDBPyConnection, text: str, columns: Mapping[str, str], values: Mapping[str, Sequence[str]]
) -> bool:
    """Tell whether DuckDB can evaluate a condition on rows of the example values, to true, false or NULL."""
    rows = max(map(len, values.values()), default=0)
    cells = {name: [*map(literal, values[name]), *["NULL"] * (rows - len(values[name]))] for name in columns}
    every = ", ".join(f"({', '.join(row)})" for row in zip(*cells.values(), strict=True))
    names = ", ".join(map(identifier, columns))
    typed = ", ".join(f"CAST({identifier(name)} AS {kind}) AS {identifier(name)}" for name, kind in columns.items())
    try:
        examples = con.sql(f"SELECT {typed} FROM (VALUES {every}) AS example({names})")
        examples.select(duckdb.SQLExpression(f"CAST(({text}\n) AS BOOLEAN)")).fetchall()
        kind = str(examples.select(duckdb.SQLExpression(f"({text}\n)")).types[0])
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return False
    return kind.partition("(")[0] not in NUMBERS


def _compared(tree: Node, used: Mapping[str, tuple[str, Sequence[str]]], option: str) -> Iterator[Advice]:
    """Yield the comparisons of a column of texts or times with a number, and of a column of numbers with a text."""
    for node in all_nodes(tree):
        if node["class"] not in ("BETWEEN", "COMPARISON") and node["type"] not in ("COMPARE_IN", "COMPARE_NOT_IN"):
            continue
        sides = list(children(node))
        literals = [side["literal"] for side in sides if side["class"] == "CONSTANT"]
        for side in sides:
            kind, values = used.get(_column(side), ("", ()))
            number = next((each["text"] for each in literals if each["kind"] in _LITERAL_NUMBERS), None)
            text = next((each["text"] for each in literals if each["kind"] == "STRING"), None)
            name = ".".join(side.get("column_names", []))
            example = values[0] if values else None
            if kind.startswith(("VARCHAR", "TIMESTAMP", "DATE")) and number is not None:
                contains, what = ("is text", "text") if kind == "VARCHAR" else ("contains times", "time")
                such = "" if example is None else f", such as {example!r}"
                equal = f"{identifier(name) if ' ' in name else name} = {literal(example or number)}"
                tip = f"Write a {what} in single quotes, such as: {option} {shell_word(equal)}"
                yield Advice(f"{name} {contains}{such}, and is compared with the number {number}", tip)
            if kind.partition("(")[0] in NUMBERS and text is not None and not _NUMBER.fullmatch(text):
                such = "" if example is None else f", such as {example}"
                yield Advice(f"{name} contains numbers{such}, and is compared with the text {text!r}", None)
