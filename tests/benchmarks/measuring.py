"""What the benchmarks share: steps that are processes of their own and time themselves, and the floor."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def measured(script: str, *step: str) -> dict[str, float]:
    """Run one step of a benchmark in a process of its own; return what it printed."""
    os.sync()  # else what the step before left to be written is written at the cost of this one
    run = subprocess.run([sys.executable, script, "--step", *step], check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(run.stdout)
    return result


def print_measures(seconds: float, **more: float) -> None:
    """Print what a step took, from within it: seconds, seconds of all its threads, most memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": time.process_time(), "peak_mb": peak, **more}))


GROUP_ROWS = 4_000_000
"""Rows in memory at a time where the floor is measured."""


def seconds_to_write(pairs: str, output: str) -> float:
    """Time bare PyArrow writing the rows of a pairs directory, a file a shard, with as many threads as cores.

    Rows are written from memory, the shards of some million at a time; reading them is not timed.
    """
    from genpas_cli.machine import cores
    from genpas_cli.shards import read_batches

    Path(output).mkdir(exist_ok=True)
    seconds = 0.0
    with ThreadPoolExecutor(cores()) as pool:
        for paths in _groups(sorted(Path(pairs, "data").glob("*.parquet"))):
            shards = [(Path(output, path.name), list(read_batches(path))) for path in paths]
            started = time.perf_counter()
            list(pool.map(_write, shards))
            seconds += time.perf_counter() - started
    return seconds


def _groups(paths: list[Path]) -> Iterator[list[Path]]:
    import pyarrow.parquet as pq

    group: list[Path] = []
    rows = 0
    for path in paths:
        group.append(path)
        rows += pq.read_metadata(path).num_rows
        if rows >= GROUP_ROWS:
            yield group
            group, rows = [], 0
    yield group


def _write(shard: tuple[Path, list[Any]]) -> None:
    import pyarrow.parquet as pq

    path, batches = shard
    with pq.ParquetWriter(
        path, batches[0].schema, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=False
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)
