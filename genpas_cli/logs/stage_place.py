"""Where the rows of a log are staged: in memory, or in a file, by how many they are going to be."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from genpas_cli.logs.columns import Column
from genpas_cli.logs.plans import Plan
from genpas_cli.logs.quoting import literal
from genpas_cli.logs.readers import LogFile
from genpas_cli.machine import check_disk

_SHARE = 0.5
"""Of the memory, that a stage may take; the rest is for the sort."""

_IN_MEMORY, _IN_FILE = 12, 4
"""Bytes of a value in memory, and in a file, which is compressed. Measured at 150 million rows of text ids."""

_UNPACKED = 4
"""Bytes of text for one of compressed text."""

_ARROW_VALUE, _ITEM = 8, 8
"""Bytes of a value in an Arrow file, and of an item in a line of a sequence, about."""


def attach_stage(con: duckdb.DuckDBPyConnection, plan: Plan, scratch: Path, memory: int) -> None:
    """Attach the database `stage`: in memory, or as a file if so much would spill.

    A file has a third of the bytes that the same rows take in memory or spilled, but takes three times as long to fill.

    Args:
        con: a connection.
        plan: what is going to be staged.
        scratch: where the file goes.
        memory: bytes that the connection may take.

    Raises:
        MachineError: the disk has no space for the file.
    """
    values = sum(map(rows_of, plan.logs)) * len(plan.columns())
    place = ":memory:"
    if values * _IN_MEMORY > memory * _SHARE:
        place = str(scratch / "stage")
        check_disk(
            scratch.parent, math.ceil(values * _IN_FILE), what="the rows of the log",
            tip="Choose another place with --temp-dir, or allow more memory with --memory-limit.",
        )  # fmt: skip
    con.execute(f"ATTACH {literal(place)} AS stage")


def rows_of(log: LogFile) -> float:
    """Return how many rows a file has: of Parquet exactly, of others estimated by its size and its first values."""
    path = log.copy or log.source.path
    if log.format == "parquet":
        return int(pq.read_metadata(path).num_rows)
    size = path.stat().st_size * (1 if log.compression == "none" else _UNPACKED)
    if log.format == "sequences":
        return size / _ITEM
    return size / max(sum(_bytes_of(column, log.format) for column in log.columns if not column.in_path), 1)


def _bytes_of(column: Column, kind: str) -> float:
    if kind == "arrow":
        return _ARROW_VALUE
    around = len(column.name) + len('"": "", ') if kind == "jsonl" else 1
    return around + sum(map(len, column.samples)) / max(len(column.samples), 1)
