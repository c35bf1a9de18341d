"""Dry run of `ingest`: what it would read and what it would need, from the first values of each file."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from genpas_cli.ingest.checks import check_ingest_options
from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.columns.roles import ReadColumns
from genpas_cli.ingest.estimates import sort_bytes, sorts, spilled_bytes, store_bytes
from genpas_cli.ingest.keywords import IngestKeywords
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.ingest.passes.appending import earlier_store
from genpas_cli.ingest.staging.stage_place import stage_place
from genpas_cli.ingest.staging.staging import plan_of
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import resolve, scratch_directory
from genpas_cli.runtime.results.reports import Report
from genpas_cli.runtime.sql.database import COUNTED, OUTSIDE_DUCKDB, connect
from genpas_cli.store.access import check_is_store


class PlannedFile(TypedDict):
    """One file that would be read."""

    name: str
    format: str
    rows: int
    exact: bool
    """Whether `rows` is exact, as for Parquet and ORC; else it is estimated from the size and the first values."""


@dataclass(frozen=True, repr=False)
class IngestPlan(Report):
    """How logs would be read, and the resources needed; `genpas ingest --dry-run` prints this.

    Byte figures count all rows, because the number of rows that cleaning drops is unknown.
    """

    files: list[PlannedFile]
    """`name`, `format`, `rows`, and whether `rows` is `exact`; else it is an estimate."""
    columns: ReadColumns
    """The columns of the first file that would be read."""
    interactions: int
    """Rows of all files, plus those of the store that they are appended to; exact if those of all files are."""
    staged_in: str
    """Where rows are staged before the sort: `memory`, or a `file` in the temporary directory."""
    sorts: int
    """Number of parts (runs of users) that are sorted one after another."""
    memory: int
    """Estimated memory in bytes; each user and item, whose numbers are unknown yet, adds about 44."""
    temporary: int
    """Estimated bytes in the temporary directory."""
    bytes: int
    """Estimated bytes of the store."""
    threads: int
    """Threads for reading and sorting."""


@checked
def plan_ingest(
    sources: Sources, options: IngestOptions | None = None, *, append_to: str | Path | None = None,
    **_: Unpack[IngestKeywords],
) -> IngestPlan:  # fmt: skip
    """Return how `ingest` would read logs and the resources it would need, without writing a store.

    Args:
        sources: as for `ingest`; standard input, pipes and remote files are copied in full.
        options: as for `ingest`.
        append_to: the store that the logs would be appended to.

    Raises:
        UsageError, DataError, MachineError: see `ingest`.
    """
    options = options or IngestOptions()
    check_ingest_options(options)
    machine = resolve(options)
    if append_to is not None:
        check_is_store(Path(append_to))
    with (
        scratch_directory(machine.temp_dir) as scratch,
        connect(machine, scratch) as database,
        earlier_store(database, Path(append_to)) if append_to is not None else nullcontext() as earlier,
    ):
        if earlier is not None:
            options = earlier.options(options)
        plan = plan_of(database.con, source_names(sources), options, scratch)
        before = 0 if earlier is None else earlier.rows
        return _planned(plan, before, database.memory, machine.threads)


def _planned(plan: LoadPlan, before: int, memory: int, threads: int) -> IngestPlan:
    place, kept = stage_place(plan, memory), len(plan.keep)
    of_files = [round(rows) for rows in place.rows]
    rows = sum(of_files)
    held, in_file = (0, place.bytes) if place.in_file else (place.bytes, 0)
    for_sort = memory - held
    return IngestPlan(
        files=[
            {"name": log.name, "format": log.kind, "rows": count, "exact": log.rows_are_exact}
            for log, count in zip(plan.logs, of_files, strict=True)
        ],
        columns=plan.read_columns,
        interactions=before + rows,
        staged_in="file" if place.in_file else "memory",
        sorts=sorts(rows, kept, for_sort),
        memory=OUTSIDE_DUCKDB + int((held + min(sort_bytes(rows, kept, for_sort), for_sort)) / COUNTED),
        temporary=in_file + spilled_bytes(rows, kept, for_sort),
        bytes=store_bytes(before + rows, kept),
        threads=threads,
    )  # fmt: skip
