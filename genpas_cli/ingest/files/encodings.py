"""Text of other encodings than UTF-8, as a UTF-8 copy: DuckDB knows two of them, and asks the network for the rest."""

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
    """Tell whether an encoding is UTF-8, with or without its mark.

    Raises:
        UsageError: Python knows no such encoding of text.
    """
    try:
        name = codecs.lookup(encoding).name
        "".encode(encoding)
    except LookupError as error:
        raise UsageError(f"--encoding {encoding!r} is not known", tip="For example latin-1, cp1252, utf-16.") from error
    return name in ("utf-8", "utf-8-sig", "ascii")


def as_utf8(source: SourceFile, encoding: str, copy: Path) -> SourceFile:
    """Return a text as a UTF-8 copy.

    Raises:
        DataError: the text is not of this encoding.
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
            f"{source.name}, after line {line}: not {encoding}: {error}", tip="Say which --encoding the text has."
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
        raise MachineError(f"{copy.parent}: no UTF-8 copy can be written: {error.strerror or error}") from error
