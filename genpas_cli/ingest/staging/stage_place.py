"""Decides by the estimated number of rows whether a log is staged in memory or in a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import duckdb

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.runtime.machine import check_disk
from genpas_cli.runtime.sql.quoting import literal

_SHARE = 0.5
"""Share of the memory for the stage; the rest is for the sort."""

_IN_MEMORY, _IN_FILE = 12, 4
"""Bytes per value in memory, and in a (compressed) file. Measured at 150 million rows of text ids."""


class StagePlace(NamedTuple):
    """Place and size of the stage."""

    in_file: bool
    bytes: int
    """Estimated bytes of the rows, in memory or in the file."""
    rows: tuple[float, ...]
    """`LogFile.estimated_rows` of each file."""


def stage_place(plan: LoadPlan, memory: int) -> StagePlace:
    """Choose memory for the stage, or a file if the rows would spill.

    A file takes a third of the bytes of the same rows in memory or spilled, but three times as long to fill.

    Args:
        plan: the plan of the load.
        memory: memory limit of the connection in bytes.
    """
    rows = tuple(log.estimated_rows() for log in plan.logs)
    values = sum(rows) * len(plan.columns())
    in_file = values * _IN_MEMORY > memory * _SHARE
    return StagePlace(in_file, math.ceil(values * (_IN_FILE if in_file else _IN_MEMORY)), rows)


def attach_stage(con: duckdb.DuckDBPyConnection, place: StagePlace, scratch: Path) -> None:
    """Attach the database `stage`.

    Raises:
        MachineError: not enough disk space for the file.
    """
    if place.in_file:
        check_disk(
            scratch.parent, place.bytes, what="the rows of the log",
            tip="Choose another disk with --temp-dir, or increase --memory-limit.",
        )  # fmt: skip
    con.execute(f"ATTACH {literal(str(scratch / 'stage') if place.in_file else ':memory:')} AS stage")
