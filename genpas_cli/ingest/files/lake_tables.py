"""Tables of Delta Lake and Iceberg as logs: the live rows of one version, copied to an Arrow file.

Data files of deleted or replaced rows are not read: the table's own library says which files and rows are live.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa

from genpas_cli.ingest.files.memory_tables import write_batches
from genpas_cli.runtime.errors import DataError, GenpasError
from genpas_cli.runtime.extras import has_extra
from genpas_cli.runtime.text.natural_order import natural_key
from genpas_cli.runtime.text.wording import listed

METADATA = ".metadata.json"
_NUMBER = re.compile(r"v?(\d+)")

Kind = Literal["delta", "iceberg"]
TITLES: dict[Kind, str] = {"delta": "Delta Lake", "iceberg": "Iceberg"}
"""Kind of a table, which is also the name of its extra → its name in messages."""


@dataclass(frozen=True)
class LakeTable:
    """A local table of Delta Lake or Iceberg."""

    kind: Kind
    path: Path
    """The directory, or a metadata file of Iceberg."""
    name: str
    """Name in messages, as the user gave it."""


class Version(NamedTuple):
    """A version of a table."""

    kind: Kind
    table_id: str
    """The table's own id, which stays when it is changed."""
    version: str
    """Number of the version (Delta Lake) or id of the snapshot (Iceberg); `none` for a table without a snapshot."""


class Snapshot(NamedTuple):
    """The live rows of a version of a table."""

    version: Version
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    """The rows, in the order in which their files were added to the table."""


def lake_table(path: Path, name: str) -> LakeTable | None:
    """Return the table of Delta Lake or Iceberg at a path; None if there is none."""
    if (path / "_delta_log").is_dir():
        return LakeTable("delta", path, name)
    is_metadata = path.name.endswith(METADATA) and path.parent.name == "metadata" and path.is_file()
    if is_metadata or (path.is_dir() and any((path / "metadata").glob(f"*{METADATA}"))):
        return LakeTable("iceberg", path, name)
    return None


def is_readable(kind: Kind) -> bool:
    """Tell whether the extra for tables of a kind is installed."""
    return has_extra(kind)


def copied(table: LakeTable, copy: Path) -> tuple[Version, int]:
    """Write the live rows of a table to an Arrow file, and return the version that was read and the number of rows.

    Raises:
        DataError: the table is damaged, or has a feature that its library does not read.
        MachineError: no disk space.
    """
    with _own_errors(table):
        snapshot = _opened(table)
    batches = _checked(table, snapshot.batches)
    return snapshot.version, write_batches(snapshot.schema, batches, copy, table.name)


def version_of(table: LakeTable) -> Version:
    """Return the version of a table that `copied` would read."""
    with _own_errors(table):
        return _opened(table).version


def _opened(table: LakeTable) -> Snapshot:
    # Each library takes about half a second to import.
    if table.kind == "delta":
        from genpas_cli.ingest.files.delta import opened as delta

        return delta(table.path)
    from genpas_cli.ingest.files.iceberg import opened as iceberg

    return iceberg(table.path if table.path.is_file() else newest_metadata(table))


def newest_metadata(table: LakeTable) -> Path:
    """Return the metadata file of the current version of an Iceberg table in a directory.

    Raises:
        DataError: two files have the highest number, so that only a catalogue knows which is current.
    """
    directory = table.path / "metadata"
    hint = directory / "version-hint.text"
    if hint.is_file():
        said = hint.read_text(encoding="utf-8").strip()
        for name in (said, f"{said}{METADATA}", f"v{said}{METADATA}"):
            if name.endswith(METADATA) and (directory / name).is_file():
                return directory / name
    files = {path: match for path in directory.glob(f"*{METADATA}") if (match := _NUMBER.match(path.name))}
    highest = max((int(match[1]) for match in files.values()), default=-1)
    newest = sorted((path for path, match in files.items() if int(match[1]) == highest), key=lambda p: p.name)
    if len(newest) == 1:
        return newest[0]
    if not newest:
        raise DataError(f"{table.name}: no metadata file of this Iceberg table has a version number")
    raise DataError(
        f"{table.name}: two metadata files have the highest version: {listed([path.name for path in newest[:2]])}",
        tip=f"Name the one that the catalogue of the table names, such as {newest[0]}",
    )


class _own_errors:  # noqa: N801  # a context manager
    """Turn the errors of a table's library into DataError."""

    def __init__(self, table: LakeTable) -> None:
        self._table = table

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, GenpasError | MemoryError):
            return
        said = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"{self._table.name} is a table of {TITLES[self._table.kind]} that cannot be read ({said})",
            tip="Export the current rows to Parquet, with the engine that wrote the table.",
        ) from error


def _checked(table: LakeTable, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        with _own_errors(table):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def in_order_added(files: dict[str, int]) -> list[str]:
    """Return paths in the order in which they were added to a table, those of one commit in natural order.

    Args:
        files: path → number of the commit, or its time.
    """
    return sorted(files, key=lambda path: (files[path], natural_key((path,))))
