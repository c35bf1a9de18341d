"""The columns of a file and their roles: user, item, time, rating, kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from genpas_cli.ingest.lists.forms import ListForm

Values = Callable[["Column"], Sequence[str]]
"""Returns the first values of a column as text."""


@dataclass(frozen=True)
class Column:
    """A column of a file."""

    name: str
    sql: str
    """SQL expression that reads the column."""
    type: str
    """DuckDB type; VARCHAR in text formats."""
    is_text: bool
    """Whether the column comes from a text format, so that its values have no type of their own."""
    samples: tuple[str, ...] = ()
    """First values of a text column."""
    in_path: bool = False
    """Whether the column comes from the file's path (`day=2024-01-01`)."""
    is_nested: bool = False
    """Whether values are lists or objects: all values of a typed column, the first ones of JSON."""
    is_whole: bool = False
    """Whether all values are whole floating-point or decimal numbers; set for id columns only."""
    is_half: bool = False
    """Whether the column is a half-precision float in the file."""
    json: str | None = None
    """SQL expression that reads the values as JSON, for ids whose value types must stay distinct; else None."""
    form: ListForm | None = None
    """How the values hold lists; None if they are no lists."""
    of_list: str | None = None
    """Name of the column of lists of which this column holds one element per row; None for a column of the file."""
    key: str | None = None
    """Key of the column in the elements, if these are objects; its name is then LIST.KEY."""

    @property
    def known_as(self) -> str:
        """The name that is compared with the known names of columns."""
        return self.key or self.name


@dataclass(frozen=True)
class Roles:
    """The columns of a file by role."""

    user: Column
    item: Column
    time: Column | None
    rating: Column | None
    keep: tuple[Column, ...]


class ReadColumns(TypedDict):
    """Names of the columns that are read."""

    user: str
    item: str
    time: str | None
    """Null: the row order counts."""
    rating: str | None
    """Null without `--min-rating`."""
    keep: list[str]
    lists: list[str]
    """The columns of lists that are read as one interaction per element."""


@dataclass(frozen=True)
class Elements:
    """The columns of a file whose lists are read as one row per element."""

    columns: tuple[Column, ...]
    """Each column of lists replaced by its elements; then the keys of elements that are objects."""
    options: tuple[tuple[str, str], ...] = ()
    """Name and value of the options that are needed besides those that name the columns."""


@dataclass(frozen=True)
class Named:
    """The columns of a file for messages."""

    file: str
    columns: tuple[Column, ...]
    has_names: bool
    """False for text without a header."""
    delimiter: str | None = None
    """The detected delimiter of delimited text."""
    elements: Elements | None = None
    """The columns if the lists in them are read as one row per element; None without lists."""

    def find(self, wanted: str) -> Column | None:
        """Return the column of that name (ignoring case if that is unique), or at that position from 1; else None."""
        exact = [c for c in self.columns if c.name == wanted]
        loose = [c for c in self.columns if c.name.lower() == wanted.lower()]
        if exact or len(loose) == 1:
            return (exact or loose)[0]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.columns):
            return self.columns[int(wanted) - 1]
        return None

    def spelled(self, column: Column) -> str:
        """Return a column as an option value: its name, or its position from 1 without a header."""
        return column.name if self.has_names else str(self.columns.index(column) + 1)

    def describe(self) -> str:
        """Return the list of columns for a message, with a value of each if they have no names."""
        if self.has_names:
            nested = " (lists or objects)"
            return "the columns are: " + ", ".join(c.name + nested * c.is_nested for c in self.columns)
        shown = (f"{n}: {c.samples[0][:30]!r}" if c.samples else str(n) for n, c in enumerate(self.columns, 1))
        return "the file has no header; its columns, by position and with an example value, are: " + ", ".join(shown)
