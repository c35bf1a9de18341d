"""Tells what a file is and how its text is cut into columns, by its content, and by its name where that is not enough.

Two readings of the same file are never guessed between: the error names both and the flag that decides.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from genpas_cli.errors import DataError
from genpas_cli.logs.dialects import find_delimiter, has_header, is_recbole, recbole_delimiter
from genpas_cli.logs.integrity import line_of, unreadable
from genpas_cli.logs.options import Format, ReadingOptions
from genpas_cli.logs.records import Dialect, Record, read_records
from genpas_cli.logs.sources import Compression, SourceFile, compression_of, open_bytes

_SAMPLE_BYTES = 1 << 18
_MOST_BYTES = 1 << 22
_FEW_LINES = 10
_SAMPLE_RECORDS = 1000
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive (or an Excel workbook)",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"FEA1": "a Feather file of version 1",
    b"%PDF": "a PDF document",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}


@dataclass(frozen=True)
class Detected:
    """What a file is."""

    format: Format
    compression: Compression
    lines: tuple[str, ...] = ()
    """First lines of a text file."""
    dialect: Dialect | None = None
    """Of delimited text; of sequence text where a delimiter was given."""
    names: tuple[str, ...] = ()
    """Columns of delimited text: `column1` and so on without a header."""
    records: tuple[Record, ...] = ()
    """First good records of delimited text."""


def detect(source: SourceFile, options: ReadingOptions) -> Detected:
    """Tell the format of a file, and the dialect of its text.

    Args:
        source: the file; its text is UTF-8.
        options: what the user has decided already.

    Raises:
        DataError: empty, binary, of no known format, or open to two readings.
    """
    try:
        compression = compression_of(source.path)
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error
    head, is_whole = _head(source, compression)
    if (binary := _binary_format(source, head, compression, options)) is not None:
        return Detected(binary, compression)
    lines = _lines(source, compression, head, is_whole=is_whole)
    detected = Detected(options.format or "csv", compression, tuple(lines))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError(f"{source.name}: the file is empty")
    if options.format == "jsonl" or (options.format is None and first.lstrip().startswith("{")):
        return replace(detected, format="jsonl")
    if options.format is None and first.lstrip().startswith("[") and re.search(r"\.json\b", source.name):
        raise DataError(
            f"{source.name}: one JSON array, where one object a line is needed",
            tip=f"Convert it: jq -c '.[]' {source.name} | genpas ingest - -o STORE",
        )
    newline = "\n" if b"\n" in head else "\r"
    return _text(source, detected, newline, options)


def _head(source: SourceFile, compression: Compression) -> tuple[bytes, bool]:
    """Return the first bytes, and whether they are all; more of them where lines are long."""
    head = b""
    try:
        with open_bytes(source.path, compression) as stream:
            while len(head) < _MOST_BYTES and head.count(b"\n") < _FEW_LINES:
                chunk = stream.read(_SAMPLE_BYTES)
                head += chunk
                if len(chunk) < _SAMPLE_BYTES:
                    return head, True
            return head, False
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error


def _binary_format(source: SourceFile, head: bytes, compression: Compression, options: ReadingOptions) -> Format | None:
    found: Format | None = None
    if head.startswith(b"PAR1"):
        found = "parquet"
    elif head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        found = "arrow"
    expected = options.format or _by_suffix(source.name)
    if found and options.format not in (None, found):
        raise DataError(f"{source.name}: --format {options.format}, but the content is {found.capitalize()}")
    if found and compression != "none":
        raise DataError(
            f"{source.name}: {found.capitalize()} inside {compression}",
            tip=f"Decompress it first: {'gunzip' if compression == 'gzip' else 'zstd -d'} {source.name}",
        )
    if found is None and expected in ("parquet", "arrow"):
        raise DataError(f"{source.name}: not a {expected.capitalize()} file, or cut: it starts with {head[:8]!r}")
    return found


def _by_suffix(name: str) -> Format | None:
    suffixes = {".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"}
    return cast("Format | None", suffixes.get(Path(name).suffix.lower()))


def _lines(source: SourceFile, compression: Compression, head: bytes, *, is_whole: bool) -> list[str]:
    if head[8:12] == b"DUCK":
        raise DataError(
            f"{source.name}: a DuckDB database, not a log", tip=f"If it is a store: genpas augment {source.name}"
        )
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(
                f"{source.name}: {what}, which is not read",
                tip="Give CSV, TSV, JSON Lines, Parquet or Arrow, plain or as .gz or .zst.",
            )
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head[1:64:2].count(0) > len(head[1:64:2]) // 2:
        raise DataError(f"{source.name}, line 1: not UTF-8; it looks like UTF-16", tip="Add --encoding utf-16.")
    if (at := head.find(b"\0")) >= 0:
        line = line_of(source.path, compression, at)
        raise DataError(f"{source.name}, line {line}: a NUL byte; this is a binary file, or a damaged one")
    try:
        # A character cut by the sample's end is no defect: `final=False` keeps it back.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
    except UnicodeDecodeError as error:
        line = line_of(source.path, compression, error.start)
        raise DataError(
            f"{source.name}, line {line}: not UTF-8: the bytes {head[error.start : error.start + 4]!r}",
            tip="Say which encoding it has, such as --encoding latin-1, --encoding cp1252 or --encoding utf-16.",
        ) from error
    text = text.removeprefix("\ufeff")
    lines = (text if "\n" in text else text.replace("\r", "\n")).split("\n")
    if not is_whole and len(lines) > 1:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _text(source: SourceFile, detected: Detected, newline: str, options: ReadingOptions) -> Detected:
    lines = detected.lines
    first = next(line for line in lines if line.strip())
    if options.format == "sequences":
        given = Dialect(options.delimiter, "", header=False, width=1, newline=newline) if options.delimiter else None
        return replace(detected, dialect=given)
    recbole = is_recbole(first, source.name, options)
    delimiter: str | None = recbole_delimiter(first, options) if recbole else find_delimiter(source, lines, options)
    if delimiter is None:
        return replace(detected, format="sequences")
    unquoted = recbole or delimiter == "::"
    quote = options.quote if options.quote is not None else "" if unquoted else '"'
    skip = next(n for n, line in enumerate(lines) if line)
    dialect = Dialect(delimiter, quote, header=False, width=0, newline=newline, skip=skip)
    records = _sample(lines, dialect)
    header = True if recbole else has_header(source, records, options, delimiter)
    names = _names(source, records, header=header, recbole=recbole)
    if header:
        # A header alone is no defect of a part file among others; staging refuses a log without any row.
        records = records[1:]
    dialect = replace(dialect, header=header, width=len(names))
    good = tuple(record for record in records if len(record.fields) == dialect.width)
    return replace(detected, format="recbole" if recbole else "csv", dialect=dialect, names=names, records=good)


def _sample(lines: tuple[str, ...], dialect: Dialect) -> list[Record]:
    records = read_records(lines, dialect)
    return [r for r in itertools.islice(records, _SAMPLE_RECORDS) if r.fields]


def _names(source: SourceFile, records: list[Record], *, header: bool, recbole: bool) -> tuple[str, ...]:
    if not records:
        raise DataError(f"{source.name}: no complete record in its first lines", tip="See --delimiter and --quote.")
    if not header:
        width = Counter(len(record.fields) for record in records).most_common(1)[0][0]
        return tuple(f"column{n}" for n in range(1, width + 1))
    given = [name.rsplit(":", 1)[0] if recbole else name for name in records[0].fields]
    names = tuple(name or f"column{n}" for n, name in enumerate(given, 1))
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise DataError(
            f"{source.name}, line {records[0].line}: the header names {twice[0]!r} twice: {', '.join(names)}",
            tip="Rename one of them in the file; or, if this line is a row, say --no-header.",
        )
    return names
