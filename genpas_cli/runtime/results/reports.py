"""What all reports of jobs have in common: they show as tables, and become JSON, Arrow tables and data frames.

A report is a frozen dataclass (`repr=False`) that derives from `Report`, or from `TableReport` if it consists of rows.
`to_dict` is what `--json` prints, and the tables of `shown` are what a terminal, `repr` and a notebook show, so that
these cannot differ.
"""

from __future__ import annotations

import base64
import dataclasses
import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from genpas_cli.runtime.json.numbers import value_as_json
from genpas_cli.runtime.results.frames import Frames, arrow_table
from genpas_cli.runtime.text.visible import one_line

if TYPE_CHECKING:
    import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class ShownTable:
    """A table of texts for people."""

    headings: Sequence[str]
    """One per column; the first column names the rows."""
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    """Lines below the table."""


class Shown(ABC):
    """Base of what shows as tables, in a terminal by `repr` and in a notebook."""

    @abstractmethod
    def shown(self) -> list[ShownTable]:
        """Return the tables."""

    def __repr__(self) -> str:
        lines, left = [type(self).__name__], _ROWS
        for table in self.shown():
            lines += _as_lines(table, left)
            left = max(left - len(table.rows), 0)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = "".join(_as_html(table) for table in self.shown())
        return f"<div><strong>{html.escape(type(self).__name__)}</strong>{tables}</div>"


class Report(Shown):
    """Base of the reports: the same content as JSON, in a terminal, and in a notebook."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, texts, numbers, booleans and None.

        `--json` prints the same, after the versions of genpas and of the schema.
        """
        return {field.name: json_value(getattr(self, field.name)) for field in dataclasses.fields(self)}  # type: ignore[arg-type]  # all reports are dataclasses

    def shown(self) -> list[ShownTable]:
        """Return the tables that `repr` and notebooks show; by default one table of the fields that have a value."""
        rows = [
            (field.name, text)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]  # all reports are dataclasses
            if (text := brief(getattr(self, field.name)))
        ]
        return [ShownTable(("", "value"), rows)]


class TableReport(Report, Frames):
    """Base of the reports that are tables: `to_arrow`, `to_pandas`, `to_polars` and `to_frame` give their rows."""

    @abstractmethod
    def by_column(self) -> dict[str, list[Any]]:
        """Return column → values, in the order of the rows."""

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table; biases that are infinite are floats too."""
        return arrow_table(self.by_column())


def json_value(value: Any) -> Any:
    """Return a value with the types of JSON: dates as ISO 8601, bytes in base64, NaN as None, other types as texts."""
    if isinstance(value, Report):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        return {field.name: json_value(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): json_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(each) for each in value]
    return _single_value(value)


def _single_value(value: Any) -> Any:
    if isinstance(value, float):
        return value_as_json(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | datetime | time) else str(value)


_LISTED = 3
"""Entries up to which a list is written out."""


def brief(value: Any) -> str:
    """Return a value as a short text; empty if there is nothing to show."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {text}" for key, each in value.items() if (text := brief(each)))
    if isinstance(value, list | tuple):
        is_short = len(value) <= _LISTED and all(isinstance(each, str | int | float) for each in value)
        return ", ".join(map(brief, value)) if is_short else f"{len(value):,} entr{'y' if len(value) == 1 else 'ies'}"
    return _number(value) if isinstance(value, int | float) else type(value).__name__


def _number(value: float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    is_whole = isinstance(value, int) or abs(value) >= 1000  # noqa: PLR2004  # four digits
    return f"{value:,.0f}" if is_whole else f"{value:,.4g}"


# ------------------------------------------------------------------------------------------------------------ as a text

_ROWS = 24
"""Maximum number of rows in `repr`, so that it fits on a screen."""
_CELL = 72
"""Maximum number of characters of a cell in `repr`."""


def _as_lines(table: ShownTable, most: int) -> list[str]:
    """Return the lines of a table with at most this many rows; the first column to the left, numbers to the right."""
    rows = [table.headings, *table.rows[:most]] if any(table.headings[2:]) and most else list(table.rows[:most])
    cells = [[_cut(one_line(text)) for text in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    is_list = len(table.headings) == 2  # noqa: PLR2004  # names and values
    lines = [
        "  ".join(
            text.ljust(width) if not number or is_list else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    left = len(table.rows) - most
    return [*(f"  {line}" for line in lines), *([f"  … {left:,} more rows"] if left > 0 else [])]


def _cut(text: str) -> str:
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


# ------------------------------------------------------------------------------------------------------- in a notebook

_TABLE = "border-collapse: collapse; color: inherit; background: transparent; margin: 0.4em 0"
_NAME, _NUMBER = "text-align: left; padding: 0.1em 0.8em", "text-align: right; padding: 0.1em 0.8em"


def _as_html(table: ShownTable) -> str:
    """Return a table as HTML without scripts; colours are the notebook's, so that it is readable in every theme."""
    rows = [_html_row(row, "td", is_list=len(table.headings) == 2) for row in table.rows]  # noqa: PLR2004  # names and values
    head = f"<thead>{_html_row(table.headings, 'th')}</thead>" if any(table.headings[2:]) else ""
    notes = "".join(f'<div style="opacity: 0.7"><small>{_escaped(note)}</small></div>' for note in table.notes)
    return f'<table style="{_TABLE}">{head}<tbody>{"".join(rows)}</tbody></table>{notes}'


def _html_row(cells: Sequence[str], tag: str, *, is_list: bool = False) -> str:
    first, *others = cells
    style = _NAME if is_list else _NUMBER
    texts = "".join(f'<{tag} style="{style}">{_escaped(text)}</{tag}>' for text in others)
    return f'<tr><th style="{_NAME}">{_escaped(first)}</th>{texts}</tr>'


def _escaped(text: str) -> str:
    return html.escape(one_line(text))
