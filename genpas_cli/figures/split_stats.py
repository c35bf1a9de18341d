"""The job of `genpas stats --split-of`: audits a split of interactions that any tool has written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Unpack

from genpas_cli.figures.reports.split_files import split_files
from genpas_cli.figures.reports.split_report import SplitRows, split_figures
from genpas_cli.figures.results import SplitReport
from genpas_cli.ingest.keywords import IngestKeywords
from genpas_cli.ingest.options import IngestOptions, ReadingOptions
from genpas_cli.ingest.staging.staged import Staged
from genpas_cli.ingest.staging.staging import stage
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import MachineOptions, made_with, resolve, scratch_directory
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.sql.database import connect
from genpas_cli.runtime.text.wording import counted

_UNUSED = ("rating", "keep", "hive", "allow_duplicate_files")
"""Options for reading logs that have no effect on the parts of a split."""


@checked
def split_stats(
    directory: str | Path, options: IngestOptions | None = None, *, progress: Progress = silent,
    **_: Unpack[IngestKeywords],
) -> SplitReport:  # fmt: skip
    """Audit a split of interactions: sizes, shared rows, training from the future, cold targets, ties, gaps.

    Args:
        directory: files train, validation and test, or train, validation_input, validation_target, test_input and
            test_target, in any format that `ingest` reads; validation may be missing.
        options: how the files are read, and the limits of the machine; other options are refused.
        progress: called with the name of each step.

    Returns:
        The report; each figure is described in `genpas_cli.figures.split_figures`.

    Raises:
        UsageError: an option is for logs only.
        DataError: a part is missing, or a file cannot be read.
        MachineError: disk or memory ran out.
    """
    check_local(directory, "--split-of")
    options = options or IngestOptions()
    reading, files, machine = _reading(options), split_files(Path(directory)), resolve(options)
    with scratch_directory(machine.temp_dir) as scratch, connect(machine, scratch) as database:
        staged = stage(
            database.con, [str(path) for path in files.values()], reading, scratch=scratch,
            rejects=scratch / "rejects.csv", memory=database.memory, progress=progress,
        )  # fmt: skip
        rows = SplitRows(database, tuple(files), staged.first_rows, staged.time_type)
        figures = split_figures(rows, progress)
        unit = "seconds" if rows.seconds() is not None else None
    return SplitReport(
        str(directory), {part: path.name for part, path in files.items()}, unit, figures, made_with(reading=options),
        tuple(_notes(staged, unit)),
    )  # fmt: skip


def _reading(options: IngestOptions) -> ReadingOptions:
    """Return the options for reading the files; raise UsageError for options that only logs have."""
    usual, names = IngestOptions(), {each.name for each in fields(ReadingOptions)} - set(_UNUSED)
    machine = {each.name for each in fields(MachineOptions)}
    given = (each.name for each in fields(options) if getattr(options, each.name) != getattr(usual, each.name))
    if unused := next((name for name in given if name not in names | machine), None):
        raise UsageError(
            f"{flag_of(unused)} cannot be used with --split-of, which only reads the rows of a split",
            tip=f"Remove {flag_of(unused)}.",
        )
    # The input of a split may equal its training part.
    return ReadingOptions(**{name: getattr(options, name) for name in names}, allow_duplicate_files=True)


def _notes(staged: Staged, unit: str | None) -> list[str]:
    lost = [step for step in staged.funnel if step.dropped]
    notes = [f"{counted(step.dropped, 'row')} left out: {step.step}" for step in lost]
    if staged.time_type is None:
        notes.append("the files have no timestamps, so figures that compare times are missing")
    elif unit is None:
        notes.append("the unit of the timestamps is not known, so gaps are in the unit of the files")
    return notes
