"""Copies text of other encodings to UTF-8: DuckDB has only two others built in, and downloads the rest."""

from __future__ import annotations

import codecs
import io
from dataclasses import replace
from pathlib import Path

from genpas_cli.ingest.files.integrity import unreadable
from genpas_cli.ingest.files.source_files import SourceFile, compression_of, open_bytes
from genpas_cli.runtime.errors import DataError, MachineError, UsageError

_CHUNK = 1 << 20


def is_utf8(encoding: str) -> bool:
    """Tell whether an encoding is UTF-8 (with or without a byte order mark) or ASCII.

    Raises:
        UsageError: Python has no text encoding of this name.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)
    except LookupError as error:
        raise UsageError(
            f"unknown encoding: --text-encoding {encoding!r}",
            tip="Examples: --text-encoding latin-1, --text-encoding cp1252, --text-encoding utf-16.",
        ) from error
    return name in ("utf-8", "utf-8-sig", "ascii")


def as_utf8(source: SourceFile, encoding: str, copy: Path) -> SourceFile:
    """Write a UTF-8 copy of a text, decompressed, and return it as the source.

    Raises:
        DataError: the text is not in this encoding, or its compressed data is damaged.
        MachineError: the copy cannot be written.
    """
    compression, line = compression_of(source.path), 1
    try:
        with (
            io.TextIOWrapper(open_bytes(source.path, compression), encoding, newline="") as text,
            copy.open("w", encoding="utf-8", newline="") as utf8,
        ):
            while chunk := _read(text, source):
                line += chunk.count("\n")
                _write(utf8, chunk, copy)
    except UnicodeError as error:
        raise DataError(
            f"{source.name}, after line {line}: the text is not valid {encoding}: {error}",
            tip="Give the encoding of the text, for example: --text-encoding latin-1",
        ) from error
    return replace(source, path=copy)


def _read(text: io.TextIOWrapper, source: SourceFile) -> str:
    try:
        return text.read(_CHUNK)
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error


def _write(utf8: io.TextIOWrapper, chunk: str, copy: Path) -> None:
    try:
        utf8.write(chunk)
    except OSError as error:
        raise MachineError(f"{copy.parent}: the UTF-8 copy cannot be written: {error.strerror or error}") from error
