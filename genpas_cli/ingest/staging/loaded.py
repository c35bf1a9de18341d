"""The loaded table of a log, and the rows of each file in it."""

from __future__ import annotations

from dataclasses import dataclass

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.formats.log_file import LogFile


@dataclass(frozen=True)
class LoadedFile:
    """The rows of one file in the table."""

    log: LogFile
    first: int
    """`rowid` of the file's first row."""
    staged: int
    """Number of rows in the table."""
    rejected: int
    """Number of rows left out because their text is malformed."""

    @property
    def rows(self) -> int:
        """Number of rows in the file."""
        return self.staged + self.rejected


@dataclass(frozen=True)
class Loaded:
    """The loaded table: its plan and its files."""

    plan: LoadPlan
    parts: tuple[LoadedFile, ...]
