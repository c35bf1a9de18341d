"""Finds the files named by the SOURCE arguments, and opens their bytes."""

from __future__ import annotations

import difflib
import glob
import io
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, TypeVar, cast
from urllib.parse import unquote

import pyarrow as pa

from genpas_cli.ingest.files.lake_tables import Version, copied, is_readable, lake_table
from genpas_cli.ingest.files.memory_tables import written
from genpas_cli.ingest.files.tables import refuse_address, refuse_remote_tables, refuse_tables
from genpas_cli.pairs.exported import exported_format
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.runtime.errors import DataError, GenpasError, UsageError
from genpas_cli.runtime.library.arguments import TableSource
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.object_storage.locations import file_version
from genpas_cli.runtime.object_storage.remote import fetched, find
from genpas_cli.runtime.object_storage.uris import is_remote
from genpas_cli.runtime.text.natural_order import natural_key
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.visible import is_unicode

Compression = Literal["none", "gzip", "zstd"]

COMPRESSED_ENDINGS = (".gz", ".zst", ".bz2", ".xz", ".zip")
"""Name endings of compressed files."""

STDIN = "-"
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_DOCUMENTS = frozenset({"copying", "licence", "license", "readme"})
"""Names of documents, without their endings and in lower case."""
_PROSE = frozenset({"", ".txt", ".md", ".rst", ".html", ".pdf"})
"""Endings that documents have; `readme.csv` is a log."""
_NO_LOGS = frozenset({
    ".md", ".pdf", ".html", ".py", ".ipynb", ".r", ".sh", ".sql", ".yaml", ".yml", ".toml", ".ini", ".png", ".jpg",
    ".svg",
})  # fmt: skip
"""Endings of documents, programs, settings and pictures, which contain no interactions whatever their name is."""
_T = TypeVar("_T")
_NAMED = 5
"""Number of names in the tip for a file that does not exist."""
_UNUSUAL, _ENDING = re.compile(r"[^A-Za-z0-9.]"), 40
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class SourceFile:
    """One file to read."""

    path: Path
    """The file to open: the original, or a copy in the scratch directory."""
    name: str
    """Name in errors and the manifest: as the user gave it; `stdin` for `-`."""
    partitions: tuple[tuple[str, str], ...] = ()
    """(name, value) of each column in the path, as in `day=2024-01-01`, from the outermost directory inwards."""
    version: tuple[int, ...] = ()
    """The `file_version` before reading, to detect changes; empty for a copy in the scratch directory."""
    table: Version | None = None
    """The table of Delta Lake or Iceberg, and the version of it, whose live rows the copy holds; None for a file."""
    rows: int | None = None
    """Number of rows of a table that was copied; None for a file."""


@contextmanager
def unchanging(files: Sequence[SourceFile]) -> Iterator[None]:
    """Check after the block that none of the files read in it has changed.

    Raises:
        DataError: a file was changed or deleted. It replaces a GenpasError raised in the block.
    """
    try:
        yield
    except GenpasError as error:
        _check_unchanged(files, error)
        raise
    _check_unchanged(files, None)


def _check_unchanged(files: Sequence[SourceFile], error: GenpasError | None) -> None:
    for file in files:
        if file.version and _version(file.path) != file.version:
            raise DataError(
                f"{file.name} changed while genpas was reading it",
                tip="Run the command again when no other program writes to the file.",
            ) from error


def _version(path: Path) -> tuple[int, ...]:
    try:
        return file_version(path)
    except OSError:
        return ()


def find_sources(
    arguments: Sequence[str], *, scratch: Path, skipped: list[str] | None = None
) -> tuple[SourceFile, ...]:  # fmt: skip
    """Return the files named by the arguments, in their order; those of a directory or a pattern in natural order.

    In a directory, paths with a part that starts with `.` or `_` (`_SUCCESS`) are skipped, and documents, programs and
    the like, such as `README.md`, whose names are added to `skipped`. Sources that can be read only once (stdin, a
    pipe), remote files, and tables of Delta Lake and Iceberg are copied into `scratch` first.

    Raises:
        DataError: an argument names no file, or a file cannot be read.
        UsageError: no argument, or one file named twice.
        MachineError: not enough disk space for a copy.
    """
    if not arguments:
        raise UsageError("no SOURCE given", tip="Name a file, a pattern or a directory, or use - for standard input.")
    found: list[SourceFile] = []
    seen: dict[Path, str] = {}
    for argument in arguments:
        if isinstance(argument, TableSource):
            copy = scratch / f"source-{len(found)}"
            found.append(SourceFile(copy, argument, rows=written(argument, copy)))
            continue
        for path, name in files_meant(argument, skipped):
            key = path.resolve() if path.exists() else Path(name)
            if key in seen:
                other = "" if seen[key] == name else f" (also as {seen[key]})"
                raise UsageError(f"{name} is given twice{other}")
            seen[key] = name
            found.append(_source(path, name, scratch / f"source-{len(found)}"))
    return tuple(found)


def files_meant(argument: str, skipped: list[str] | None = None) -> Iterator[tuple[Path, str]]:
    """Yield (path, name) of each file or lake table named by an argument; stdin and remote files have no path.

    Args:
        argument: a file, a pattern, a directory, or `-`.
        skipped: gets the names of the documents in a directory, which are not yielded; None if nobody needs them.
    """
    skipped = [] if skipped is None else skipped
    refuse_address(argument)
    if argument == STDIN:
        yield Path(STDIN), STDIN
    elif is_remote(argument):
        files = find(argument)
        if not glob.has_magic(argument) and [file.uri for file in files] != [argument]:
            files = _without_documents(files, lambda file: file.uri, skipped)
        refuse_remote_tables(file.uri for file in files)
        yield from ((Path(file.uri), file.uri) for file in files)
    elif (table := lake_table(Path(argument), argument)) is not None and is_readable(table.kind):
        yield table.path, argument
    else:
        refuse_tables([Path(argument)])  # a table without data files would otherwise go unnoticed
        meant = list(_paths(argument, skipped))
        refuse_tables(path for path, _ in meant)
        yield from meant


def _without_documents(files: Iterable[_T], name_of: Callable[[_T], str], skipped: list[str]) -> list[_T]:
    """Return the files that can be logs by their names; add the names of the others to `skipped`."""
    logs = []
    for file in files:
        path = PurePosixPath(name_of(file))
        is_document = path.stem.lower() in _DOCUMENTS and path.suffix.lower() in _PROSE
        if is_document or path.suffix.lower() in _NO_LOGS:
            skipped.append(name_of(file))
        else:
            logs.append(file)
    return logs


def _paths(argument: str, skipped: list[str]) -> Iterator[tuple[Path, str]]:
    path = Path(argument)
    try:
        if path.is_dir():
            _refuse_split(path, argument)
            files = _in_order(p for p in path.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(path)))
            inside = _without_documents(files, str, skipped)
            if not inside:
                raise DataError(f"{argument}: the directory contains no {'logs' if files else 'files'}")
            yield from ((p, str(p)) for p in inside)
        elif path.exists():
            yield path, argument
        elif glob.has_magic(argument):
            matches = _in_order(Path(m) for m in glob.glob(argument, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
            files = [m for m in matches if m.is_file()]
            if not files:
                raise DataError(f"{argument}: no file matches this pattern", tip=_near(path))
            yield from ((m, str(m)) for m in files)
        else:
            raise DataError(f"{argument}: no such file or directory", tip=_near(path))
    except PermissionError as error:
        raise DataError(f"{argument}: cannot be read: permission denied") from error


def _refuse_split(path: Path, argument: str) -> None:
    """Raise DataError for a split that `genpas export` wrote: its parts repeat rows, so together they are no log."""
    if exported_format(path) == "splits":
        raise DataError(
            f"{argument} is a split that genpas export wrote, not a log",
            tip=f"To audit it: genpas stats --split-of {shell_word(argument)}",
        )


def _in_order(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.parts))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _near(path: Path) -> str:
    parent = next(p for p in (path.parent, *path.parent.parents) if p.is_dir() or p == p.parent)
    try:
        names = sorted(p.name for p in parent.iterdir() if not p.name.startswith(".") and not is_pairs_directory(p))
    except OSError:
        return f"The directory {parent} cannot be listed."
    where = "this directory" if parent == Path() else str(parent)
    # Without their endings, since those of all logs are alike.
    stems = [name.partition(".")[0] for name in names]
    wanted = re.sub(r"[*?\[\]]", "", path.name.partition(".")[0])
    if close := difflib.get_close_matches(wanted, dict.fromkeys(stems), n=5, cutoff=0.65):
        similar = [name for name, stem in zip(names, stems, strict=True) if stem in close]
        return f"Similar names in {where}: {', '.join(similar[:_NAMED])}"
    more = ", ..." if len(names) > _NAMED else ""
    return f"Names in {where}: {', '.join(names[:_NAMED])}{more}" if names else f"{parent} contains no logs."


def _source(path: Path, name: str, spool: Path) -> SourceFile:
    if name == STDIN:
        return SourceFile(_spool(sys.stdin.buffer, spool), "stdin")
    if is_remote(name):
        # The copy keeps the end of the name, which tells the format, but no character with a meaning in a glob.
        copy = spool.with_name(f"{spool.name}-{_UNUSUAL.sub('_', name)[-_ENDING:]}")
        return SourceFile(fetched(name, copy, option="--temp-dir"), name, tuple(_partitions(Path(name))))
    if (table := lake_table(path, name)) is not None:
        version, rows = copied(table, spool)
        return SourceFile(spool, name, tuple(_partitions(Path(name))), table=version, rows=rows)
    if not stat.S_ISREG(path.stat().st_mode):
        # A named pipe such as `<(zcat ...)` can be read once, but detection, digest and staging each read the file.
        with path.open("rb") as stream:
            return SourceFile(_spool(stream, spool), name)
    try:
        path.open("rb").close()
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error
    if not is_unicode(path):
        spool.symlink_to(path.absolute())  # DuckDB takes no path that is not UTF-8
        path = spool
    return SourceFile(path, name, tuple(_partitions(Path(name))), _version(path))


def _partitions(path: Path) -> Iterator[tuple[str, str]]:
    for part in path.parts[:-1]:
        key, equals, value = part.partition("=")
        if equals and key:
            yield unquote(key), "" if value == HIVE_NULL else unquote(value)


def _spool(stream: BinaryIO, spool: Path) -> Path:
    try:
        with spool.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
    except OSError as error:
        raise disk_error(error, spool.parent, option="--temp-dir") from error
    return spool


def compression_of(path: Path) -> Compression:
    """Return the compression by the first bytes; names mislead: `curl --compressed` leaves plain text in a `.gz`."""
    with path.open("rb") as stream:
        head = stream.read(4)
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "none")


def open_bytes(path: Path, compression: Compression) -> BinaryIO:
    """Open a file for reading its decompressed bytes."""
    if compression == "none":
        return path.open("rb")
    return decompressed(pa.OSFile(str(path)), compression)


def decompressed(raw: Any, compression: Compression) -> BinaryIO:
    """Return a reader of the decompressed bytes of `raw` (a PyArrow file); it raises OSError on damaged data."""
    return io.BufferedReader(cast("io.RawIOBase", pa.CompressedInputStream(raw, compression)), 1 << 20)
