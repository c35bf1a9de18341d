"""What the steps of staging hand on: the table as it was loaded, the files that were read, what cleaning did."""

from __future__ import annotations

from dataclasses import dataclass

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.formats.log_file import LogFile


@dataclass(frozen=True)
class Part:
    """What one file gave to the table."""

    log: LogFile
    first: int
    """`rowid` of its first row."""
    staged: int
    rejected: int
    """Rows left out because the text is malformed."""

    @property
    def rows(self) -> int:
        """Rows in the file."""
        return self.staged + self.rejected


@dataclass(frozen=True)
class Loaded:
    """The table as loaded."""

    plan: LoadPlan
    parts: tuple[Part, ...]


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
