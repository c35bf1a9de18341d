"""A file of a log: which columns it has, and how DuckDB reads its rows. Each format is a subclass in a file of its own.

`opened` tells whether a file is of the format, by its first bytes or lines, and which columns it has. `relation` is
what DuckDB reads, `estimated_rows` what the plan asks. Where a row of a text is malformed, `records` reads its rows
once more, with their lines.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import duckdb

from genpas_cli.ingest.columns.roles import Column, Named
from genpas_cli.ingest.files.source_files import Compression, SourceFile
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.ingest.formats.records import Record
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.quoting import identifier, literal

SAMPLES = 1000
"""Values of a column that tell what it holds."""

_UNPACKED = 4
"""Bytes of text for one of compressed text."""

_NESTED = re.compile(r"\[\d*\]$|^(STRUCT|MAP|UNION|VARIANT|JSON)\b")
"""Types of DuckDB whose values are lists, objects or whatever."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """The beginning of a file, and what decides how it is read."""

    con: duckdb.DuckDBPyConnection
    source: SourceFile
    """The file; its text is UTF-8."""
    compression: Compression
    options: ReadingOptions
    scratch: Path
    """Where a copy of the file may be written in a form that DuckDB reads."""
    whole_rows: bool
    """Whether rows are going to be hashed as a whole."""
    lines: tuple[str, ...] = ()
    """First lines of a text file, at least one of them not blank."""
    newline: str = "\n"
    """What ends the lines of a text file."""

    @property
    def first(self) -> str:
        """The first line of a text that is not blank."""
        return next(line for line in self.lines if line.strip())


@dataclass(frozen=True, kw_only=True)
class LogFile(ABC):
    """A file and how it is read; the base of all formats."""

    format: ClassVar[LogFormat]
    """Its name, also that of its module."""
    title: ClassVar[str]
    """What messages call it."""
    endings: ClassVar[tuple[str, ...]]
    """What the names of such files end with."""
    asked_as: ClassVar[tuple[LogFormat, ...]] = ()
    """Further choices of `--format` that mean it."""
    is_text: ClassVar[bool]
    """Whether it is a text format: lines of UTF-8, whose rows may be malformed and whose values are texts."""
    has_fixed_columns: ClassVar[bool] = False
    """Whether every file of the format has the same columns, so that there is none to choose."""
    magic: ClassVar[tuple[bytes, ...]] = ()
    """What a file of a binary format begins with."""

    source: SourceFile
    compression: Compression
    columns: tuple[Column, ...]
    """Its own columns, then those in its path."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it is read."""
    header: tuple[str, ...] = ()
    """The header of delimited text as the file has it, if it has one."""
    whole_json: bool = False
    """Whether each row is read as one column `json`."""
    is_suspect: bool = False
    """Whether some rows are malformed although DuckDB reads them."""
    copy: Path | None = None
    """Clean copy of a text, without its bad rows, that DuckDB reads instead; `"` is its quote and it has no header."""

    @classmethod
    def begins(cls, head: bytes) -> bool:
        """Tell by the first bytes, decompressed, whether a file is of this format; of a text format they cannot."""
        return head.startswith(cls.magic)

    @classmethod
    @abstractmethod
    def opened(cls, start: Start) -> Self | None:
        """Return a file as it is read in this format; None for text that is not of this format.

        Raises:
            DataError: it is of this format, and damaged or open to two readings.
        """

    @abstractmethod
    def relation(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:
        """Return what stands after FROM to read the rows in order; a stream of Arrow can be read once.

        Args:
            con: the connection that reads.
            needed: the columns that the query names, where they are known: others need not be decoded.
        """

    @abstractmethod
    def estimated_rows(self) -> float:
        """Return how many rows the file has, or about how many, without reading it."""

    def records(self) -> Iterator[Record]:
        """Yield the rows of a text, good and bad ones, with their lines; of a binary format there are none.

        Fields stand in the order of the file's columns.
        """
        return iter(())

    def clean_line(self, record: Record) -> str:
        """Return the line of a good record in a clean copy."""
        # A value of JSON may stand on several lines; in strings there are no line ends.
        return re.sub("[\r\n]+", " ", record.text)

    def with_exact_ids(self, _ids: Sequence[Column]) -> Self:
        """Return the file with its columns of ids read such that the types of their values are told apart."""
        return self

    def notes_of_rows(self, _con: duckdb.DuckDBPyConnection) -> list[str]:
        """Return what a person should know about the rows, once they have been read."""
        return []

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.source.name

    @property
    def named(self) -> Named:
        """Its columns as the user sees them."""
        return Named(self.name, self.columns, has_names=True)

    @property
    def path(self) -> Path:
        """The file that DuckDB reads."""
        return self.copy or self.source.path

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """The columns that stand in the file, not in its path."""
        return tuple(column for column in self.columns if not column.in_path)


@dataclass(frozen=True, kw_only=True)
class TextLog(LogFile):
    """A file of a text format."""

    is_text = True

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Yield the rows, good and bad ones, with their lines."""

    @property
    def sql_compression(self) -> str:
        """How the file that DuckDB reads is compressed, as a literal; copies are not."""
        return literal(self.compression if self.path == self.source.path else "none")

    def read_csv(self, names: Sequence[str], *, delimiter: str, quote: str, header: bool = False, skip: int = 0) -> str:
        """Return DuckDB's reader of delimited text, for columns of these names."""
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
        # Never let DuckDB sniff: one odd row turned whole files into one column, without an error.
        return (
            f"read_csv({literal(str(self.path))}, auto_detect = false, hive_partitioning = false, compression = "
            f"{self.sql_compression}, columns = {{{columns}}}, delim = {literal(delimiter)}, quote = {literal(quote)}, "
            f"escape = {literal(quote)}, header = {str(header).lower()}, skip = {skip})"
        )

    def estimated_rows(self) -> float:
        """Return about how many rows there are, by the size of the file."""
        is_packed = self.compression != "none" and self.path == self.source.path
        return self.path.stat().st_size * (_UNPACKED if is_packed else 1) / max(self.row_bytes(), 1)

    def row_bytes(self) -> float:
        """Return the bytes of a row of text, about, by the first values and a mark after each."""
        return sum(1 + sum(map(len, c.samples)) / max(len(c.samples), 1) for c in self.own_columns)


@dataclass(frozen=True, kw_only=True)
class BinaryLog(LogFile):
    """A file of a binary format, whose columns have types."""

    is_text = False

    def damaged(self, error: BaseException) -> DataError:
        """Return the error for a file that cannot be read."""
        return DataError(f"{self.name}: the {self.title} file is truncated or corrupt ({first_line(error)})")


def typed_columns(source: SourceFile, described: list[Any], halves: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    """Return the columns of a binary file.

    Args:
        source: the file.
        described: name and type of each, as DuckDB describes them.
        halves: names of those that are of half precision in the file.

    Raises:
        DataError: two columns have the same name.
    """
    refuse_equal_names(source, [name for name, *_ in described])
    return tuple(
        Column(
            name, identifier(name), "VARCHAR" if kind.startswith("ENUM") else kind, is_text=False,
            is_nested=_NESTED.search(kind) is not None, is_half=name in halves,
        )
        for name, kind, *_ in described
    )  # fmt: skip


def refuse_equal_names(source: SourceFile, names: list[str]) -> None:
    """Raise DataError if two columns have the same name; to DuckDB, names have no case."""
    lower = [name.lower() for name in names]
    if twice := [name for name in lower if lower.count(name) > 1]:
        raise DataError(f"{source.name}: its schema names {twice[0]!r} twice: {', '.join(names)}")


def first_values(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, markers: Sequence[str]
) -> list[str] | None:
    """Return the first values of a column that are not missing, as text; None where DuckDB refuses the file before."""
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
    """Return the first line of what DuckDB or PyArrow say, without the Python code that a stream of Arrow came from."""
    return str(error).strip().split("\n")[0].split(" Detail: Python exception:")[0]
