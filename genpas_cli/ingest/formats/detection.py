"""Tells what a file is and how its text is cut into columns, by its content, and by its name where that is not enough.

Two readings of the same file are never guessed between: the error names both and the flag that decides.
"""

from __future__ import annotations

import codecs
import itertools
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from genpas_cli.ingest.files.foreign import foreign, is_utf16
from genpas_cli.ingest.files.integrity import line_of, unreadable
from genpas_cli.ingest.files.sources import Compression, SourceFile, compression_of, open_bytes
from genpas_cli.ingest.formats.dialects import (
    asked_positions,
    check_sequences,
    find_delimiter,
    has_header,
    is_recbole,
    recbole_delimiter,
)
from genpas_cli.ingest.formats.json_values import is_array, is_python, is_spread
from genpas_cli.ingest.formats.records import Dialect, Record, not_text, read_records
from genpas_cli.ingest.formats.sequence_text import check_counts
from genpas_cli.ingest.options import Format, ReadingOptions
from genpas_cli.runtime.errors import DataError

_SAMPLE_BYTES = 1 << 18
_MOST_BYTES = 1 << 22
_FEW_LINES = 10
_SAMPLE_RECORDS = 1000
_READ = "CSV, TSV, JSON, Parquet and Arrow are read, plain or as .gz, .zst, .bz2, .xz or .zip (of one file)."


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
    header: tuple[str, ...] = ()
    """The header of delimited text as the file has it, if it has one."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it is read."""


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
    lines = _lines(source, compression, head, is_whole=is_whole, skip=options.bad_rows == "skip")
    detected = Detected(options.format or "csv", compression, tuple(lines))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError(f"{source.name}: the file is empty")
    if (json_format := _json_format(source, first, detected.lines, options)) is not None:
        return replace(detected, format=json_format)
    newline = "\n" if b"\n" in head else "\r"
    return _text(source, detected, newline, options)


def _json_format(
    source: SourceFile, first: str, lines: Sequence[str], options: ReadingOptions
) -> Literal["jsonl", "json"] | None:
    """Return whether a text is JSON Lines or other JSON; None if it is neither.

    Raises:
        DataError: it is Python's way of writing, not JSON.
    """
    asked = options.format in ("jsonl", "json")
    if not asked and options.format is not None:
        return None
    text = "\n".join(lines).lstrip()
    if is_array(text[:1000], certain=asked or re.search(r"\.json\b", source.name) is not None):
        first = text.removeprefix("[").lstrip().partition("\n")[0]
        kind: Literal["jsonl", "json"] = "json"
    elif first.lstrip().startswith("{"):
        kind = "json" if is_spread(text) else "jsonl"
    else:
        return "jsonl" if asked else None
    if is_python(first.rstrip(", ]")):
        raise DataError(
            f"{source.name}, line 1: a Python literal (single quotes, None, True), not JSON: {first[:80]!r}",
            tip=_python_tip(source, kind),
        )
    return kind


def _python_tip(source: SourceFile, kind: Literal["jsonl", "json"]) -> str:
    if source.name == "stdin":
        return "Write it as JSON: json.dumps, not str or print."
    read = {".gz": "zcat", ".zst": "zstdcat", ".bz2": "bzcat", ".xz": "xzcat"}.get(Path(source.name).suffix, "cat")
    line_by_line = "[print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]"
    convert = line_by_line if kind == "jsonl" else "json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)"
    script = shlex.quote(f"import ast, json, sys; {convert}")
    return f"Convert it: {read} {shlex.quote(source.name)} | python3 -c {script} > log.{kind}"


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
            tip=f"Decompress it first: {'gunzip' if compression == 'gzip' else 'zstd -d'} {shlex.quote(source.name)}",
        )
    if found is None and compression != "none" and (inner := _compressed_again(head)) is not None:
        raise DataError(f"{source.name}: {inner} inside {compression}, which is not read", tip="Decompress it first.")
    if found is None and expected in ("parquet", "arrow") and foreign(head) is None:
        raise DataError(f"{source.name}: not a {expected.capitalize()} file, or cut: it starts with {head[:8]!r}")
    return found


def _compressed_again(head: bytes) -> str | None:
    """Return what decompressed bytes are compressed with, if they are once more."""
    kinds = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "ZIP"}
    if head.startswith(b"BZh") and head[3:4].isdigit():
        return "bzip2"
    return next((kind for magic, kind in kinds.items() if head.startswith(magic)), None)


def _by_suffix(name: str) -> Format | None:
    suffixes = {".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"}
    return cast("Format | None", suffixes.get(Path(name).suffix.lower()))


def _lines(source: SourceFile, compression: Compression, head: bytes, *, is_whole: bool, skip: bool) -> list[str]:
    if head[8:12] == b"DUCK":
        raise DataError(
            f"{source.name}: a DuckDB database, not a log", tip=f"If it is a store: genpas augment {source.name}"
        )
    if (what := foreign(head)) is not None:
        inside = "" if compression == "none" else f" inside {compression}"
        tip = f"Unpack it first; {_READ}" if "archive" in what or what.startswith("compressed") else _READ
        raise DataError(f"{source.name}: {what}{inside}, which is not read", tip=tip)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{source.name}, line 1: not UTF-8; it looks like UTF-32", tip="Add --encoding utf-32.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or is_utf16(head):
        raise DataError(f"{source.name}, line 1: not UTF-8; it looks like UTF-16", tip="Add --encoding utf-16.")
    lines = _split(head, is_whole=is_whole)
    good = [line for line in lines if not_text(line) is None]
    first = next((line for line in lines if line.strip()), "")
    if len(good) < len(lines) and not (skip and len(good) * 2 > len(lines) and not_text(first) is None):
        raise _no_text(source, compression, head)
    return good


def _split(head: bytes, *, is_whole: bool) -> list[str]:
    # A character cut by the sample's end is no defect: `final=False` keeps it back.
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head, final=is_whole).removeprefix("\ufeff")
    lines = (text if "\n" in text else text.replace("\r", "\n")).split("\n")
    if not is_whole and len(lines) > 1:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _no_text(source: SourceFile, compression: Compression, head: bytes) -> DataError:
    if (at := head.find(b"\0")) >= 0:
        line = line_of(source.path, compression, at)
        return DataError(f"{source.name}, line {line}: a NUL byte; this is a binary file, or a damaged one")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        line = line_of(source.path, compression, error.start)
        return DataError(
            f"{source.name}, line {line}: not UTF-8: the bytes {head[error.start : error.start + 4]!r}",
            tip="Say which encoding it has, such as --encoding latin-1, --encoding cp1252 or --encoding utf-16.",
        )
    raise AssertionError("it was found to be no text")


def _text(source: SourceFile, detected: Detected, newline: str, options: ReadingOptions) -> Detected:
    lines = detected.lines
    first = next(line for line in lines if line.strip())
    if options.format == "sequences":
        if options.delimiter is None:
            check_sequences(source, lines)
        if options.delimiter in (None, " "):
            return detected  # any number of blanks
        return replace(detected, dialect=Dialect(options.delimiter, "", header=False, width=1, newline=newline))
    recbole = is_recbole(first, source.name, options)
    delimiter: str | None = recbole_delimiter(first, options) if recbole else find_delimiter(source, lines, options)
    if delimiter is None:
        check_counts(source, lines)
        return replace(detected, format="sequences")
    unquoted = recbole or delimiter == "::"
    quote = options.quote if options.quote is not None else "" if unquoted else '"'
    skip = next(n for n, line in enumerate(lines) if line)
    dialect = Dialect(delimiter, quote, header=False, width=0, newline=newline, skip=skip)
    records = _sample(lines, dialect)
    header = True if recbole else has_header(source, records, options, delimiter)
    names = _names(source, records, header=header, recbole=recbole)
    detected = replace(detected, format="recbole" if recbole else "csv", names=names)
    if header:
        _check_width(source, records)
        note = _header_note(source, records[0], options)
        detected = replace(detected, header=tuple(records[0].fields), notes=note)
        # A header alone is no defect of a part file among others; staging refuses a log without any row.
        records = records[1:]
    dialect = replace(dialect, header=header, width=len(names))
    # A header that stands there again says nothing about the values.
    good = tuple(r for r in records if len(r.fields) == dialect.width and tuple(r.fields) != detected.header)
    return replace(detected, dialect=dialect, records=good)


def _header_note(source: SourceFile, header: Record, options: ReadingOptions) -> tuple[str, ...]:
    if options.header is not None or not asked_positions(options):
        return ()
    shown = f"{source.name}, line {header.line} is read as the header: {header.text[:80]!r}"
    return (f"{shown}; --no-header reads it as a row",)


def _check_width(source: SourceFile, records: Sequence[Record]) -> None:
    """Raise DataError if most rows have more fields than the header: a field's column is anybody's guess.

    Delimiters at the end of a line, with nothing after them, are no fields.
    """
    header, rows = records[0], records[1:]
    longer = [row for row in rows if len(row.fields) > len(header.fields)]
    telling = [row for row in longer if any(field.strip() for field in row.fields[len(header.fields) :])]
    if len(longer) * 2 <= len(rows) or len(telling) * 2 <= len(longer):
        return
    first = telling[0]
    raise DataError(
        f"{source.name}, line {header.line}: the header names {len(header.fields)} columns, but the rows have "
        f"{len(first.fields)} fields, such as line {first.line}: {first.text[:80]!r}",
        tip="Add the missing name to the header, at its place; an index that pandas or R wrote is the first column.",
    )


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
