"""Where the rows of a log are staged: in memory, or in a file, by how many they are going to be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import duckdb

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.runtime.machine import check_disk
from genpas_cli.runtime.quoting import literal

_SHARE = 0.5
"""Of the memory, that a stage may take; the rest is for the sort."""

_IN_MEMORY, _IN_FILE = 12, 4
"""Bytes of a value in memory, and in a file, which is compressed. Measured at 150 million rows of text ids."""


class StagePlace(NamedTuple):
    """Where rows are staged."""

    in_file: bool
    bytes: int
    """Of the rows, about: in memory, or in the file."""
    rows: tuple[float, ...]
    """Of each file, see `LogFile.estimated_rows`."""


def stage_place(plan: LoadPlan, memory: int) -> StagePlace:
    """Return where rows are staged: in memory, or in a file if so much would spill.

    A file has a third of the bytes that the same rows take in memory or spilled, but takes three times as long to fill.

    Args:
        plan: what is going to be staged.
        memory: bytes that the connection may take.
    """
    rows = tuple(log.estimated_rows() for log in plan.logs)
    values = sum(rows) * len(plan.columns())
    in_file = values * _IN_MEMORY > memory * _SHARE
    return StagePlace(in_file, math.ceil(values * (_IN_FILE if in_file else _IN_MEMORY)), rows)


def attach_stage(con: duckdb.DuckDBPyConnection, place: StagePlace, scratch: Path) -> None:
    """Attach the database `stage`.

    Raises:
        MachineError: the disk has no space for the file.
    """
    if place.in_file:
        check_disk(
            scratch.parent, place.bytes, what="the rows of the log",
            tip="Choose another place with --temp-dir, or allow more memory with --memory-limit.",
        )  # fmt: skip
    con.execute(f"ATTACH {literal(str(scratch / 'stage') if place.in_file else ':memory:')} AS stage")
