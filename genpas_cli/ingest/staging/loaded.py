"""The loaded table of a log, and the rows of each file in it."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.columns.roles import Column
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

    def time_at(self, row: int) -> tuple[LoadedFile, Column]:
        """Return the file of a row, given its `rowid`, and the file's time column; there must be times."""
        number = bisect.bisect_right([part.first for part in self.parts], row) - 1
        column = self.plan.roles[number].time
        assert column is not None, "there are times"
        return self.parts[number], column
