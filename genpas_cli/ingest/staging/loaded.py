"""The table of a log as it was loaded, file by file."""

from __future__ import annotations

from dataclasses import dataclass

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.formats.log_file import LogFile


@dataclass(frozen=True)
class LoadedFile:
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
    parts: tuple[LoadedFile, ...]
