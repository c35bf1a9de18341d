"""Detects the format of a file by its content, and by its name if the content is not enough.

A file with two possible readings is an error, which names both readings and the option that chooses one.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

import duckdb

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.files.foreign import foreign, is_utf16
from genpas_cli.ingest.files.integrity import line_of, not_utf8, unreadable
from genpas_cli.ingest.files.source_files import COMPRESSED_ENDINGS, Compression, SourceFile, compression_of, open_bytes
from genpas_cli.ingest.formats import all_formats
from genpas_cli.ingest.formats.log_file import LogFile, Start
from genpas_cli.ingest.formats.records import not_text
from genpas_cli.ingest.lists.columns import with_lists
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.text.shell import shell_word

_SAMPLE_BYTES = 1 << 18
_MOST_BYTES = 1 << 22
_FEW_LINES = 10


def open_log(
    con: duckdb.DuckDBPyConnection, source: SourceFile, options: ReadingOptions, scratch: Path, *, whole_rows: bool
) -> LogFile:
    """Return a file opened in its detected format, with its columns, those in its path, and its lists.

    Args:
        con: a DuckDB connection.
        source: the file; if it is text, it is UTF-8.
        options: the user's choices of format, delimiter, header and columns.
        scratch: path for a copy of JSON as JSON Lines, if one is needed.
        whole_rows: whether whole rows will be hashed, so that every column is needed.

    Raises:
        DataError: the file is empty, damaged, of no known format, or has two possible readings.
    """
    compression, head, is_whole = _head(source)
    start = Start(
        con=con, source=source, compression=compression, options=options, scratch=scratch, whole_rows=whole_rows,
        newline="\n" if b"\n" in head else "\r",
    )  # fmt: skip
    log = _binary_log(start, head) or _text_log(start, head, is_whole=is_whole)
    return with_lists(con, _with_partitions(log, source) if options.hive else log, options)


def _with_partitions(log: LogFile, source: SourceFile) -> LogFile:
    """Return the log with the columns in its path."""
    # A column of the file hides a partition of the same name (ignoring case, as in DuckDB): writers that keep the
    # partition's column in the file write the same value there.
    own = {column.name.lower() for column in log.columns}
    extra = tuple(
        Column(key, f"nullif({literal(value)}, '')", "VARCHAR", is_text=True, samples=(value,), in_path=True)
        for key, value in source.partitions
        if key.lower() not in own
    )
    return replace(log, columns=log.columns + extra)


def is_binary(source: SourceFile) -> bool:
    """Tell whether a file is of a binary format.

    Raises:
        DataError: the file cannot be read.
    """
    _, head, _ = _head(source)
    return any(each.begins(head) for each in all_formats())


def _head(source: SourceFile) -> tuple[Compression, bytes, bool]:
    """Return a file's compression, its first bytes (decompressed; ten lines or more), and whether these are all."""
    head = b""
    try:
        compression = compression_of(source.path)
        with open_bytes(source.path, compression) as stream:
            while len(head) < _MOST_BYTES and head.count(b"\n") < _FEW_LINES:
                chunk = stream.read(_SAMPLE_BYTES)
                head += chunk
                if len(chunk) < _SAMPLE_BYTES:
                    return compression, head, True
            return compression, head, False
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error


def _binary_log(start: Start, head: bytes) -> LogFile | None:
    """Return the log if the file is of a binary format; else None.

    Raises:
        DataError: a binary file is compressed, compressed data is compressed again, or the name or `--format` says
            another format than the content.
    """
    name, compression, asked = start.source.name, start.compression, start.options.format
    found = next((each for each in all_formats() if each.begins(head)), None)
    if found is not None:
        if asked not in (None, found.format):
            raise DataError(f"{name}: --format {asked} was given, but the content is {found.title}")
        if compression != "none":
            unpack = "gunzip" if compression == "gzip" else "zstd -d"
            tip = f"Decompress it first: {unpack} {shell_word(name)}"
            raise DataError(f"{name}: {found.title} inside {compression}", tip=tip)
        return found.opened(start)
    if compression != "none" and (inner := _compressed_again(head)) is not None:
        raise DataError(
            f"{name}: {inner} inside {compression}, which is not a supported format", tip="Decompress it first."
        )
    suffix = Path(name).suffix.lower()
    expected = next((e for e in all_formats() if asked == e.format or (not asked and suffix in e.endings)), None)
    if expected is not None and not expected.is_text and foreign(head) is None:
        if not head:
            raise DataError(f"{name}: the file is empty")
        article = "an" if expected.title[0] in "AEIO" else "a"
        raise DataError(f"{name}: not {article} {expected.title} file, or truncated: the file starts with {head[:8]!r}")
    return None


def _compressed_again(head: bytes) -> str | None:
    """Return the compression of bytes that are still compressed after decompression; else None."""
    kinds = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "ZIP"}
    if head.startswith(b"BZh") and head[3:4].isdigit():
        return "bzip2"
    return next((kind for magic, kind in kinds.items() if head.startswith(magic)), None)


def _text_log(start: Start, head: bytes, *, is_whole: bool) -> LogFile:
    """Return the log in the first text format that accepts the file; raise DataError if none does."""
    source, asked = start.source, start.options.format
    _refuse_foreign(source, start.compression, head)
    lines = _lines(source, start.compression, head, is_whole=is_whole, skip=start.options.bad_rows == "skip")
    if not any(line.strip() for line in lines):
        raise DataError(f"{source.name}: the file is empty")
    start = replace(start, lines=tuple(lines))
    tried = [e for e in all_formats() if e.is_text and asked in (None, e.format, *e.asked_as)]
    if (log := next((log for each in tried if (log := each.opened(start)) is not None), None)) is None:
        titles = " or ".join(each.title for each in tried)
        raise DataError(f"{source.name}: the file is not {titles}; the first line is {start.first[:80]!r}")
    return log


def _refuse_foreign(source: SourceFile, compression: Compression, head: bytes) -> None:
    """Raise DataError for files that are not logs, and for UTF-16 and UTF-32 text."""
    if head[8:12] == b"DUCK":
        raise DataError(
            f"{source.name}: the file is a DuckDB database, not a log",
            tip=f"If it is a genpas store, give it alone: genpas augment {shell_word(source.name)}",
        )
    if (what := foreign(head)) is not None:
        inside = "" if compression == "none" else f" inside {compression}"
        *titles, last = dict.fromkeys(each.title for each in all_formats())
        *endings, zipped = COMPRESSED_ENDINGS
        tip = (
            f"{', '.join(titles)} and {last} are supported, uncompressed or as {', '.join(endings)} or {zipped} (with "
            "one file)."
        )
        unpack = "archive" in what or what.startswith("compressed")
        raise DataError(
            f"{source.name}: {what}{inside}, which is not a supported format",
            tip=f"Unpack it first; {tip}" if unpack else tip,
        )
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(
            f"{source.name}, line 1: not valid UTF-8; the text looks like UTF-32", tip="Add --text-encoding utf-32."
        )
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or is_utf16(head):
        raise DataError(
            f"{source.name}, line 1: not valid UTF-8; the text looks like UTF-16", tip="Add --text-encoding utf-16."
        )


def _lines(source: SourceFile, compression: Compression, head: bytes, *, is_whole: bool, skip: bool) -> list[str]:
    lines = _split(head, is_whole=is_whole)
    good = [line for line in lines if not_text(line) is None]
    first = next((line for line in lines if line.strip()), "")
    if len(good) < len(lines) and not (skip and len(good) * 2 > len(lines) and not_text(first) is None):
        raise _no_text(source, compression, head)
    return good


def _split(head: bytes, *, is_whole: bool) -> list[str]:
    # `final=False` drops a character cut by the sample's end, which is not a defect of the file.
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head, final=is_whole).removeprefix("\ufeff")
    lines = (text if "\n" in text else text.replace("\r", "\n")).split("\n")
    if not is_whole and len(lines) > 1:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _no_text(source: SourceFile, compression: Compression, head: bytes) -> DataError:
    if (at := head.find(b"\0")) >= 0:
        line = line_of(source.path, compression, at)
        return DataError(f"{source.name}, line {line}: a NUL byte; the file is binary, or damaged")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return not_utf8(source.name, line_of(source.path, compression, error.start), error)
    raise AssertionError("it was found to be no text")
