"""The interface of log formats: the columns of a file and how DuckDB reads its rows.

Each format is a subclass in its own module. `opened` decides by the first bytes or lines whether a file is of the
format, and finds its columns. `relation` is the SQL that reads its rows, `estimated_rows` serves the plan. If a row of
a text is malformed, `records` reads all rows once more, with their line numbers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import duckdb

from genpas_cli.ingest.columns.roles import Column, Elements, Named
from genpas_cli.ingest.files.source_files import Compression, SourceFile
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.ingest.formats.records import Record
from genpas_cli.ingest.lists.forms import Typed
from genpas_cli.ingest.lists.rows import Lists, exploded, fed
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import identifier, literal

SAMPLES = 1000
"""Maximum number of first values of a column that are examined to detect its kind."""

_UNPACKED = 4
"""Assumed compression ratio of text."""

NESTED = re.compile(r"\[\d*\]$|^(STRUCT|MAP|UNION|VARIANT|JSON)\b")
"""DuckDB types whose values are nested: lists, structs, maps, unions, variants and JSON."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """The beginning of a file, and the options for opening it."""

    con: duckdb.DuckDBPyConnection
    source: SourceFile
    """The file; if it is text, it is UTF-8."""
    compression: Compression
    options: ReadingOptions
    scratch: Path
    """Path for a copy of the file in a form that DuckDB reads, if one is needed."""
    whole_rows: bool
    """Whether whole rows will be hashed, so that every column is needed."""
    lines: tuple[str, ...] = ()
    """First lines of a text file, at least one of them not blank."""
    newline: str = "\n"
    """Line end of a text file, `\\n` or `\\r`."""

    @property
    def first(self) -> str:
        """The first non-blank line of a text file."""
        return next(line for line in self.lines if line.strip())


@dataclass(frozen=True, kw_only=True)
class LogFile(ABC):
    """A log file opened in a format; the base class of all formats."""

    format: ClassVar[LogFormat]
    """Name of the format and of its module."""
    title: ClassVar[str]
    """Name of the format in messages."""
    endings: ClassVar[tuple[str, ...]]
    """File name endings of the format."""
    asked_as: ClassVar[tuple[LogFormat, ...]] = ()
    """Further values of `--format` that allow this format."""
    is_text: ClassVar[bool]
    """Whether the format is text: lines of UTF-8, whose rows may be malformed and whose values are text."""
    has_fixed_columns: ClassVar[bool] = False
    """Whether all files of the format have the same columns, so that there is none to choose."""
    knows_rows: ClassVar[bool] = False
    """Whether a file says how many rows it has, so that `rows_in_file` is exact."""
    magic: ClassVar[tuple[bytes, ...]] = ()
    """Possible first bytes of a file of a binary format; empty for text."""

    source: SourceFile
    compression: Compression
    columns: tuple[Column, ...]
    """Columns of the file, then those in its path."""
    notes: tuple[str, ...] = ()
    """Notes for the user about how the file is read."""
    header: tuple[str, ...] = ()
    """Header fields of delimited text as written; empty without a header."""
    whole_json: bool = False
    """Whether each row is read as one column `json`."""
    is_suspect: bool = False
    """Whether some rows are malformed although DuckDB reads them without an error."""
    copy: Path | None = None
    """Copy of a text without its bad rows, read by DuckDB instead; it has no header, and its quote character is `"`."""
    elements: Elements | None = None
    """The columns if the lists in them are read as one row per element; None without lists."""
    lists: Lists | None = None
    """The lists that are read as one row per element, as `columns` says; None if each row of the file is a row."""

    @classmethod
    def begins(cls, head: bytes) -> bool:
        """Tell by its first decompressed bytes whether a file is of this format; False for text formats."""
        return head.startswith(cls.magic)

    @classmethod
    @abstractmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the file opened in this format; None for text that is not of this format.

        Raises:
            DataError: the file is of this format, but damaged or with two possible readings.
        """

    def relation(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:
        """Return the SQL after FROM that reads the rows in order; an Arrow stream can be read only once.

        Args:
            con: the connection that will run the query.
            needed: the columns that the query names, so that others need not be decoded; empty for all.
        """
        wholes = list(dict.fromkeys(column.of_list for column in needed if column.of_list is not None))
        if not needed and self.lists is not None:
            wholes = list(self.lists.names)
        if not wholes:
            return self.rows(con, needed)
        by_name = {column.name: column for column in self.file_columns}
        in_file = [column if column.of_list is None else by_name[column.of_list] for column in needed]
        is_lenient = self.lists is not None and self.lists.is_lenient
        return exploded(self.rows_in_batches(con, in_file), self.file_columns, wholes, lenient=is_lenient)

    def rows_in_batches(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:
        """Return the SQL after FROM that reads `rows` once, so few at a time that long lists take little memory."""
        cursor = con.cursor()
        own = [column for column in needed or self.file_columns if not column.in_path]
        names = "json" if self.whole_json else ", ".join(dict.fromkeys(identifier(c.name) for c in own)) or "1"
        at_once = Lists((), (), 1).rows_at_once if self.lists is None else self.lists.rows_at_once
        return fed(con, cursor, f"SELECT {names} FROM {self.rows(cursor, needed)}", at_once)

    @abstractmethod
    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:
        """Return the SQL after FROM that reads the rows of the file, whose lists are whole; see `relation`."""

    @abstractmethod
    def rows_in_file(self) -> float:
        """Return the exact or estimated number of rows of the file without reading them."""

    def estimated_rows(self) -> float:
        """Return the exact or estimated number of rows of `relation` without reading them."""
        return self.rows_in_file() * (1 if self.lists is None else self.lists.per_row)

    @property
    def rows_are_exact(self) -> bool:
        """Whether `estimated_rows` is exact."""
        return (self.knows_rows or self.source.rows is not None) and self.lists is None

    def records(self) -> Iterator[Record]:
        """Yield the rows of a text file, bad ones included, with fields in the order of `file_columns`.

        A binary format has none.
        """
        return iter(())

    def clean_line(self, record: Record) -> str:
        """Return the line that a good record gets in the clean copy."""
        # A JSON value may span several lines, but its strings hold no line ends.
        return re.sub("[\r\n]+", " ", record.text)

    def with_exact_ids(self, _ids: Sequence[Column]) -> Self:
        """Return the file with its id columns read so that values of different types stay distinct."""
        return self

    def notes_of_rows(self, _con: duckdb.DuckDBPyConnection) -> list[str]:
        """Return notes for the user about the rows, after they have been read."""
        return []

    @property
    def name(self) -> str:
        """Name of the file in messages."""
        return self.source.name

    @property
    def kind(self) -> str:
        """The format; for a copied table of Delta Lake or Iceberg, the kind of the table."""
        return self.format if self.source.table is None else self.source.table.kind

    @property
    def named(self) -> Named:
        """The columns as error messages show them."""
        return Named(self.name, self.columns, has_names=True, elements=self.elements)

    @property
    def path(self) -> Path:
        """The file that DuckDB reads."""
        return self.copy or self.source.path

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """The columns of the file itself, without those in its path."""
        return tuple(column for column in self.file_columns if not column.in_path)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns with whole lists."""
        return self.columns if self.lists is None else self.lists.columns


@dataclass(frozen=True, kw_only=True)
class TextLog(LogFile):
    """A file of a text format."""

    is_text = True

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Yield the rows, bad ones included, with their line numbers."""

    @property
    def sql_compression(self) -> str:
        """Compression of the file that DuckDB reads, as an SQL literal; copies are uncompressed."""
        return literal(self.compression if self.path == self.source.path else "none")

    def read_csv(self, names: Sequence[str], *, delimiter: str, quote: str, header: bool = False, skip: int = 0) -> str:
        """Return a call of DuckDB's CSV reader with text columns of these names."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
        # With DuckDB's sniffer, one odd row turned whole files into one column without an error.
        return (
            f"read_csv({literal(str(self.path))}, auto_detect = false, hive_partitioning = false, compression = "
            f"{self.sql_compression}, columns = {{{columns}}}, delim = {literal(delimiter)}, quote = {literal(quote)}, "
            f"escape = {literal(quote)}, header = {str(header).lower()}, skip = {skip})"
        )

    def rows_in_file(self) -> float:
        """Estimate the number of rows from the size of the file."""
        is_packed = self.compression != "none" and self.path == self.source.path
        return self.path.stat().st_size * (_UNPACKED if is_packed else 1) / max(self.row_bytes(), 1)

    def row_bytes(self) -> float:
        """Estimate the uncompressed bytes per row from the first values, plus one delimiter each."""
        return sum(1 + sum(map(len, c.samples)) / max(len(c.samples), 1) for c in self.own_columns)


@dataclass(frozen=True, kw_only=True)
class BinaryLog(LogFile):
    """A file of a binary format, with typed columns."""

    is_text = False

    def damaged(self, error: BaseException) -> DataError:
        """Return the DataError for a damaged file."""
        return DataError(f"{self.name}: the {self.title} file is truncated or corrupt ({first_line(error)})")


def typed_columns(source: SourceFile, described: list[Any], halves: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    """Return the columns of a binary file.

    Args:
        source: the file.
        described: rows of DuckDB's DESCRIBE: name, type, ...
        halves: names of the columns that are half-precision floats in the file.

    Raises:
        DataError: two columns have the same name, ignoring case.
    """
    refuse_equal_names(source, [name for name, *_ in described])
    return tuple(
        Column(
            name, identifier(name), "VARCHAR" if kind.startswith("ENUM") else kind, is_text=False,
            is_nested=NESTED.search(kind) is not None, is_half=name in halves,
            form=Typed() if kind.endswith("]") else None,
        )
        for name, kind, *_ in described
    )  # fmt: skip


def refuse_equal_names(source: SourceFile, names: list[str]) -> None:
    """Raise DataError if two columns have the same name, ignoring case as DuckDB does."""
    lower = [name.lower() for name in names]
    if twice := [name for name in lower if lower.count(name) > 1]:
        raise DataError(f"{source.name}: the schema contains the column {twice[0]!r} twice: {', '.join(names)}")


def first_values(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, markers: Sequence[str]
) -> list[str] | None:
    """Return the first `SAMPLES` non-missing values of a column as text; None if DuckDB cannot read them."""
    missing = ", ".join(map(literal, ("", *markers)))
    value = f"CAST({column.sql} AS VARCHAR)"
    query = f"SELECT {value} FROM {log.relation(con, [column])} WHERE trim({value}) NOT IN ({missing}) LIMIT {SAMPLES}"
    try:
        return [value for (value,) in con.execute(query).fetchall()]
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return None


def first_line(error: BaseException) -> str:
    """Return the first line of a DuckDB or PyArrow error, without the Python traceback of an Arrow stream."""
    return str(error).strip().split("\n")[0].split(" Detail: Python exception:")[0]
