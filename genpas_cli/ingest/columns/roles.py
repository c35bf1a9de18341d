"""The columns of a file, and what they are: user, item, time, rating, kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Values = Callable[["Column"], Sequence[str]]
"""Gives the first values of a column as text."""


@dataclass(frozen=True)
class Column:
    """A column of a file."""

    name: str
    sql: str
    """Expression that reads it."""
    type: str
    """Its type in DuckDB; VARCHAR in text formats."""
    is_text: bool
    """Whether it comes from a text format, so that its values have no type of their own."""
    samples: tuple[str, ...] = ()
    """First values of a text column."""
    in_path: bool = False
    """Whether it stands in the file's path (`day=2024-01-01`) and not in the file."""
    is_nested: bool = False
    """Whether its values are lists or objects: of a typed column all, of JSON the first ones."""
    is_whole: bool = False
    """Whether it holds floating-point or decimal numbers that are all whole: known of ids."""
    is_half: bool = False
    """Whether it is a FLOAT of half precision in the file."""
    json: str | None = None
    """Expression that reads its values as JSON, where texts, numbers, lists and objects must be told apart."""


@dataclass(frozen=True)
class Roles:
    """What the columns of a file are."""

    user: Column
    item: Column
    time: Column | None
    rating: Column | None
    keep: tuple[Column, ...]


@dataclass(frozen=True)
class Named:
    """The columns of a file as the user sees them."""

    file: str
    columns: tuple[Column, ...]
    has_names: bool
    """False for a text without a header."""
    delimiter: str | None = None
    """What its lines were cut at, for delimited text."""

    def find(self, wanted: str) -> Column | None:
        """Return the column of that name (its case counts only where it must), or at that position from 1."""
        exact = [c for c in self.columns if c.name == wanted]
        loose = [c for c in self.columns if c.name.lower() == wanted.lower()]
        if exact or len(loose) == 1:
            return (exact or loose)[0]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.columns):
            return self.columns[int(wanted) - 1]
        return None

    def spelled(self, column: Column) -> str:
        """Return what an option calls a column: its name, or its position where it has none."""
        return column.name if self.has_names else str(self.columns.index(column) + 1)

    def describe(self) -> str:
        """Return the columns, with a value of each where they have no names."""
        if self.has_names:
            nested = " (lists or objects)"
            return "the columns are: " + ", ".join(c.name + nested * c.is_nested for c in self.columns)
        shown = (f"{n}: {c.samples[0][:30]!r}" if c.samples else str(n) for n, c in enumerate(self.columns, 1))
        return "it has no header; its columns, each with a value, are: " + ", ".join(shown)
