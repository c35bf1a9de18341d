"""The result of staging logs: the files, the steps of cleaning, and the columns of the staged rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genpas_cli.ingest.columns.roles import ReadColumns
from genpas_cli.runtime.object_storage.uris import is_remote


@dataclass(frozen=True)
class FileReport:
    """A file that was read."""

    name: str
    format: str
    bytes: int
    sha256: str
    rows: int
    """Rows in the file, bad ones included."""
    content_sha256: str = ""
    """SHA-256 of the decompressed bytes; equal to `sha256` for an uncompressed file."""
    table_id: str | None = None
    """Id of a table of Delta Lake or Iceberg; the digests and `bytes` are then those of its live rows as Arrow."""
    version: str | None = None
    """The version or snapshot of this table."""


@dataclass(frozen=True)
class FunnelStep:
    """A step of cleaning, with the rows it dropped and kept."""

    step: str
    dropped: int
    kept: int


@dataclass(frozen=True)
class Staged:
    """The result of staging: the content of `stage.rows`, and the rows dropped before."""

    files: tuple[FileReport, ...]
    time_type: str | None
    """SQL type of column `time`: BIGINT, DOUBLE, TIMESTAMP (UTC) or TIMESTAMP_NS; None without such a column."""
    kept: dict[str, str]
    """Kept column → SQL type, in the order of `--keep`; in `stage.rows` they are `keep_0`, `keep_1` ..."""
    funnel: tuple[FunnelStep, ...]
    where: dict[str, str]
    """Column that `--where` refers to → SQL type."""
    overlapping: bool
    """Whether the first time of a file is not later than the last one before it, so that times may tie across files."""
    first_rows: tuple[int, ...]
    """`rowid` in `stage.rows` of the first row of each of `files`."""
    columns: ReadColumns
    """The columns of the first file that were read."""
    notes: tuple[str, ...]
    """Notes for the user about how the logs were read."""


def relative_names(files: Sequence[FileReport]) -> list[FileReport]:
    """Return the files with names relative to their common directory, since its path may be private."""
    here = [not (file.name == "stdin" or is_remote(file.name)) for file in files]
    places = [os.path.abspath(file.name) for file, is_here in zip(files, here, strict=True) if is_here]  # noqa: PTH100  # resolve() would follow links
    top = os.path.commonpath([os.path.dirname(place) for place in places]) if places else ""  # noqa: PTH120
    names = [
        Path(os.path.relpath(file.name, top)).as_posix() if is_here else file.name
        for file, is_here in zip(files, here, strict=True)
    ]
    return [replace(file, name=name) for file, name in zip(files, names, strict=True)]
