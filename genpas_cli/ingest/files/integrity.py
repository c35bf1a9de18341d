"""Computes each file's digest and finds defects DuckDB misses, in a thread while DuckDB stages the same files.

DuckDB reads a truncated .zst as a shorter log, does not verify a .gz's checksum, accepts NUL bytes and detects invalid
UTF-8 only in the columns it reads. So every byte is read once more here; hashing and decompression release the GIL.
"""

from __future__ import annotations

import codecs
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from genpas_cli.ingest.files.source_files import Compression, compression_of, decompressed, open_bytes
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.threads import Task, pool

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Subject:
    """One file to check."""

    path: Path
    name: str
    compression: Compression
    is_utf8: bool
    """Whether the file is text, which must be UTF-8 without NUL bytes."""
    packed: Path | None = None
    """The original file, if `path` is a copy decompressed from it."""


class Digests(NamedTuple):
    """SHA-256 digests of a file, in hexadecimal."""

    file: str
    """Digest of the original file."""
    content: str
    """Digest of its decompressed bytes."""


class _Stopped(Exception):  # noqa: N818  # not an error: the staging has ended
    """The check was cancelled because the staging ended."""


@contextmanager
def checking(subjects: Sequence[Subject]) -> Iterator[Task[list[Digests]]]:
    """Check files in a thread while the body runs.

    The task's result is the digests of each file, in order; it raises DataError for the first defect found. If the
    body raises a DataError and the check finds a defect, the defect is raised instead, as the likely cause.
    """
    # The pool waits for its thread even after an error: one still running at exit makes PyArrow report leaks.
    with pool(1, "genpas-integrity") as thread:
        check = thread.submit(_check_all, subjects, thread.stopping)
        try:
            yield check
        except DataError as error:
            try:
                check.result()
            except DataError as defect:
                raise defect from error
            raise


def _check_all(subjects: Sequence[Subject], stop: threading.Event) -> list[Digests]:
    return [_check(subject, stop) for subject in subjects]


class _HashingFile:
    """A file for PyArrow that hashes the bytes read from it, so that one pass both digests and decompresses."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._sha256.update(data)
        return data

    def rest(self) -> str:
        """Hash the bytes that decompression left unread, and return the digest of the whole file."""
        while self.read(_CHUNK):
            pass
        return self._sha256.hexdigest()

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def close(self) -> None:
        self._stream.close()


def _check(subject: Subject, stop: threading.Event) -> Digests:
    try:
        raw = _HashingFile(subject.path)
        content = None
        try:
            stream: Any = raw
            if subject.compression != "none":
                stream = decompressed(pa.PythonFile(raw, mode="r"), subject.compression)
                content = hashlib.sha256()
            _read_all(stream, subject, stop, content)
            file = raw.rest()
        finally:
            raw.close()
        if subject.packed is not None:
            with subject.packed.open("rb") as packed:
                return Digests(hashlib.file_digest(packed, "sha256").hexdigest(), file)
        return Digests(file, file if content is None else content.hexdigest())
    except OSError as error:
        raise unreadable(subject.path, subject.name, error) from error


def _read_all(stream: Any, subject: Subject, stop: threading.Event, content: Any) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    while chunk := stream.read(_CHUNK):
        if stop.is_set():
            raise _Stopped
        if content is not None:
            content.update(chunk)
        if subject.is_utf8:
            if (at := chunk.find(b"\0")) >= 0:
                line = line_of(subject.path, subject.compression, offset + at)
                raise DataError(f"{subject.name}, line {line}: a NUL byte; the file is not a text file, or is damaged")
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line = line_of(subject.path, subject.compression, offset - pending + error.start)
                raise not_utf8(subject.name, line, error) from error
        offset += len(chunk)
    if subject.is_utf8 and decoder.getstate()[0]:
        raise not_utf8(subject.name, line_of(subject.path, subject.compression, offset), None)


def not_utf8(name: str, line: int, error: UnicodeDecodeError | None) -> DataError:
    """Return the DataError for a text that is not UTF-8; without an error, its last character is incomplete."""
    what = "an incomplete character at the end of the file"
    if error is not None:
        what = f"the bytes {error.object[error.start : error.start + 4]!r}"
    return DataError(
        f"{name}, line {line}: not valid UTF-8: {what}",
        tip="Give the encoding of the file: --text-encoding latin-1, cp1252 or utf-16.",
    )


def is_clean(path: Path, compression: Compression) -> bool:
    """Tell whether a file is UTF-8 without NUL bytes, up to its end or to the first damaged compressed data."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_bytes(path, compression) as stream:
            while chunk := stream.read(_CHUNK):
                if b"\0" in chunk:
                    return False
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except OSError:
        return True  # `checking` reports this damage
    return True


def line_of(path: Path, compression: Compression, offset: int) -> int:
    """Return the line number, from 1, of a byte at a decompressed offset; this reads the file up to that offset."""
    lines = 1
    with open_bytes(path, compression) as stream:
        while offset > 0 and (chunk := stream.read(min(_CHUNK, offset))):
            lines += chunk.count(b"\n")
            offset -= len(chunk)
    return lines


def unreadable(path: Path, name: str, error: OSError) -> DataError:
    """Return the DataError for an OSError raised while reading `path`: unreadable, or damaged compressed data."""
    if error.errno:
        return DataError(f"{name}: cannot be read: {error.strerror or error}")
    kind = compression_of(path)
    suffix = {"gzip": "gzip", "zstd": "zstd"}.get(kind, "file")
    return DataError(
        f"{name}: the {suffix} data is truncated or corrupt ({error})",
        tip="Download or compress the file again." if suffix == "file" else f"Check it: {suffix} -t {name}",
    )
