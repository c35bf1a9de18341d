"""What came of reading logs: the files, the steps of cleaning, and the columns of the staged rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
    """Digest of the decompressed bytes: that of the file, where it is not compressed."""


@dataclass(frozen=True)
class FunnelStep:
    """A step of cleaning."""

    step: str
    dropped: int
    kept: int


@dataclass(frozen=True)
class Staged:
    """What is in `stage.rows`, and what is not."""

    files: tuple[FileReport, ...]
    time_type: str | None
    """SQL type of column `time`: BIGINT, DOUBLE, TIMESTAMP (UTC) or TIMESTAMP_NS; None without such a column."""
    kept: dict[str, str]
    """Kept columns and their SQL types, in the order asked; they are `keep_0`, `keep_1` ..."""
    funnel: tuple[FunnelStep, ...]
    where: dict[str, str]
    """Columns that `--where` refers to, and their SQL types."""
    overlapping: bool
    """Whether the times of one file do not all come before those of the next, so that events of two may be tied."""
    first_rows: tuple[int, ...]
    """`rowid` of the first row of each file in `stage.rows`, as `files`."""
    notes: tuple[str, ...]
    """What a user should know about how the logs were read."""


def relative_names(files: Sequence[FileReport]) -> list[FileReport]:
    """Return the files named from the directory that holds them all: where that lies is nobody's business."""
    here = [not (file.name == "stdin" or is_remote(file.name)) for file in files]
    places = [os.path.abspath(file.name) for file, is_here in zip(files, here, strict=True) if is_here]  # noqa: PTH100  # links stay
    top = os.path.commonpath([os.path.dirname(place) for place in places]) if places else ""  # noqa: PTH120
    names = [
        Path(os.path.relpath(file.name, top)).as_posix() if is_here else file.name
        for file, is_here in zip(files, here, strict=True)
    ]
    return [replace(file, name=name) for file, name in zip(files, names, strict=True)]
