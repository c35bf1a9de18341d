"""What the benchmarks share: logs, steps that are processes of their own and time themselves, the floor, RecBole."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def make_log(path: Path | str, **options: object) -> None:
    """Make a log by generate.py, with these of its options."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(HERE / "generate.py"), *words, "--out", str(path)]
    subprocess.run(command, check=True, stdout=sys.stderr)


def ran_step(steps: Mapping[str, Callable[..., None]]) -> bool:
    """Run the step that the command line names; return whether it names one."""
    if sys.argv[1:2] != ["--step"]:
        return False
    steps[sys.argv[2]](*sys.argv[3:])
    return True


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
    from genpas_cli.pairs.shards import read_batches
    from genpas_cli.runtime.machine import cores

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


def recbole(python: str, *words: str) -> dict[str, Any]:
    """Time RecBole's own cutting, by the Python of an environment that has it; see recbole_peer.py."""
    os.sync()
    command = [python, str(HERE / "recbole_peer.py"), *words]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result
