"""Delimited text logs: CSV, TSV and the like, with or without a header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Self

import duckdb

from genpas_cli.ingest.columns.roles import Column, Named
from genpas_cli.ingest.files.source_files import SourceFile
from genpas_cli.ingest.formats.dialects import asked_positions, find_delimiter, has_header
from genpas_cli.ingest.formats.log_file import SAMPLES, Start, TextLog
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.ingest.formats.records import Dialect, Record, read_lines, read_records, rewrite
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.text.wording import counted

_SAMPLE_RECORDS = 1000


@dataclass(frozen=True, kw_only=True)
class DelimitedLog(TextLog):
    """A text file of rows whose columns are separated by a delimiter."""

    format: ClassVar[LogFormat] = "csv"
    title = "CSV, TSV"
    endings: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".txt", ".dat")

    dialect: Dialect

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log with the detected delimiter and columns; None if the file is sequence text."""
        delimiter = find_delimiter(start.source, start.lines, start.options)
        return None if delimiter is None else cls.cut_at(start, delimiter, "" if delimiter == "::" else '"')

    @classmethod
    def cut_at(cls, start: Start, delimiter: str, quote: str) -> Self:
        """Return the log with this delimiter, and with this quote character unless the options give another."""
        quote = start.options.quote if start.options.quote is not None else quote
        skip = next(n for n, line in enumerate(start.lines) if line)
        dialect = Dialect(delimiter, quote, header=False, width=0, newline=start.newline, skip=skip)
        records = [r for r in islice(read_records(start.lines, dialect), _SAMPLE_RECORDS) if r.fields]
        if not records:
            raise DataError(
                f"{start.source.name}: the first lines contain no complete record", tip="Check --delimiter and --quote."
            )
        header, notes = tuple[str, ...](), tuple[str, ...]()
        if (given := cls.given_names(start, records, delimiter)) is not None:
            names = _checked_names(start.source, records, given)
            header, notes = tuple(records[0].fields), _header_note(start.source, records[0], start.options)
            # A part file may hold only a header; staging refuses a log without any row.
            records = records[1:]
        else:
            width = Counter(len(record.fields) for record in records).most_common(1)[0][0]
            names = tuple(f"column{n}" for n in range(1, width + 1))
        # Repeated headers (concatenated files) are not values.
        rows = [r.fields for r in records if len(r.fields) == len(names) and tuple(r.fields) != header][:SAMPLES]
        columns = tuple(
            Column(name, identifier(name), "VARCHAR", is_text=True, samples=tuple(row[n] for row in rows if row[n]))
            for n, name in enumerate(names)
        )
        return cls(
            source=start.source, compression=start.compression, columns=columns, notes=notes, header=header,
            dialect=replace(dialect, header=given is not None, width=len(names)),
        )  # fmt: skip

    @classmethod
    def given_names(cls, start: Start, records: Sequence[Record], delimiter: str) -> list[str] | None:
        """Return the column names from the first record; None if that is a row."""
        return records[0].fields if has_header(start.source, records, start.options, delimiter) else None

    @property
    def named(self) -> Named:
        """The columns as error messages show them."""
        return Named(self.name, self.columns, self.dialect.header, self.dialect.delimiter, self.elements)

    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:  # noqa: ARG002  # DuckDB's reader needs neither
        """Return a call of DuckDB's CSV reader with the whole dialect given."""
        # A clean copy has neither header nor blank lines.
        dialect = replace(self.dialect, quote='"', header=False, skip=0) if self.copy else self.dialect
        return self.read_csv(
            [column.name for column in self.own_columns], delimiter=dialect.delimiter, quote=dialect.quote,
            header=dialect.header, skip=dialect.skip,
        )  # fmt: skip

    def records(self) -> Iterator[Record]:
        """Yield the rows after the header."""
        return read_records(read_lines(self.source.path, self.compression, self.dialect.newline), self.dialect)

    def clean_line(self, record: Record) -> str:
        """Return the record as a line that parses to the same fields with `"` as the quote character."""
        return rewrite(record, self.dialect.delimiter, self.dialect.quote)


def _checked_names(source: SourceFile, records: Sequence[Record], given: Sequence[str]) -> tuple[str, ...]:
    """Return the names, empty ones as `column<n>`; raise DataError for equal names, or rows wider than the header."""
    names = tuple(name or f"column{n}" for n, name in enumerate(given, 1))
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise DataError(
            f"{source.name}, line {records[0].line}: the header contains the column {twice[0]!r} twice: "
            f"{', '.join(names)}",
            tip="Rename one of the columns in the file; if this line is not a header: --no-header",
        )
    _check_width(source, records)
    return names


def _header_note(source: SourceFile, header: Record, options: ReadingOptions) -> tuple[str, ...]:
    if options.header is not None or not asked_positions(options):
        return ()
    shown = f"{source.name}, line {header.line} is read as the header: {header.text[:80]!r}"
    return (f"{shown}; to read it as data: --no-header",)


def _check_width(source: SourceFile, records: Sequence[Record]) -> None:
    """Raise DataError if most rows have more fields than the header, so that fields have no certain column.

    Empty fields at the end of a line do not count.
    """
    header, rows = records[0], records[1:]
    longer = [row for row in rows if len(row.fields) > len(header.fields)]
    telling = [row for row in longer if any(field.strip() for field in row.fields[len(header.fields) :])]
    if len(longer) * 2 <= len(rows) or len(telling) * 2 <= len(longer):
        return
    first = telling[0]
    raise DataError(
        f"{source.name}, line {header.line}: the header has {counted(len(header.fields), 'column')}, but the rows have "
        f"{len(first.fields)} fields, for example line {first.line}: {first.text[:80]!r}",
        tip="Add the missing column name to the header. If pandas or R wrote the file with an index, the index is "
        "the first column.",
    )


FORMAT = DelimitedLog
