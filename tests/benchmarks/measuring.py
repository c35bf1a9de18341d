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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from genpas_cli.pairs.encoding import Encoding

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


def measured_whole(*command: str) -> dict[str, float]:
    """Run a command to its end; return its wall time, the CPU time of all its threads, and its peak memory.

    These are of the whole process: the start of the interpreter and the imports count.
    """
    os.sync()
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None, "a pipe"
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode()}")
    seconds, cpu = time.perf_counter() - started, used.ru_utime + used.ru_stime
    return {"seconds": seconds, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024}


def print_measures(seconds: float, **more: float) -> None:
    """Print what a step took, from within it: seconds, seconds of all its threads, most memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": time.process_time(), "peak_mb": peak, **more}))


GROUP_ROWS = 4_000_000
"""Rows in memory at a time where the floor is measured."""


class Writing(NamedTuple):
    """What writing took."""

    seconds: float
    cpu: float
    """Seconds of all threads."""


def time_to_write(pairs: str, output: str, encoding: Encoding = "plain") -> Writing:
    """Time bare PyArrow writing the rows of a pairs directory, a file a shard, with as many threads as cores.

    Rows are written from memory, the shards of some million at a time; reading them is not timed.

    Args:
        pairs: the pairs directory.
        output: directory for the files.
        encoding: `plain` is what PyArrow does with `compression="zstd"`.
    """
    from genpas_cli.pairs.shards import read_batches
    from genpas_cli.runtime.machine import cores

    Path(output).mkdir(exist_ok=True)
    seconds = cpu = 0.0
    with ThreadPoolExecutor(cores()) as pool:
        for paths in _groups(sorted(Path(pairs, "data").glob("*.parquet"))):
            shards = [(Path(output, path.name), list(read_batches(path))) for path in paths]
            started, used = time.perf_counter(), time.process_time()
            list(pool.map(partial(_write, encoding), shards))
            seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - used
    return Writing(seconds, cpu)


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


def _write(encoding: Encoding, shard: tuple[Path, list[Any]]) -> None:
    import pyarrow.parquet as pq

    from genpas_cli.pairs.encoding import writer_settings

    path, batches = shard
    with pq.ParquetWriter(path, batches[0].schema, **writer_settings(encoding, batches[0].schema)) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)


def recbole(python: str, *words: str) -> dict[str, Any]:
    """Time RecBole's own cutting, by the Python of an environment that has it; see recbole_peer.py."""
    os.sync()
    command = [python, str(HERE / "recbole_peer.py"), *words]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result
