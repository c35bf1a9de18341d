"""Logs of awkward shapes under a memory limit: time and memory of each job, beside those of an ordinary log.

    python tests/benchmarks/bench_shapes.py [--memory-limit 2GB] [--only SHAPE ...]

| shape | is |
|---|---|
| ordinary | 15 million interactions of 700 thousand users with 43 thousand items |
| one long user | the ordinary one, and a user with 50,000 interactions more |
| items seen once | the ordinary one, with a million items more, each in one interaction of its own |
| short users | 20 million interactions of 10 million users, two each |

Each measurement is a process of its own that starts its clock after its imports. `x` is the time for an interaction
over that of the ordinary log.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log, measured, print_measures, ran_step

LONG_USER, RARE_ITEMS = 50_000, 1_000_000


@contextmanager
def _timed() -> Iterator[None]:
    started = time.perf_counter()
    yield
    print_measures(time.perf_counter() - started)


def step_ingest(limit: str, log: str, store: str) -> None:
    """Time `ingest`."""
    from genpas_cli import IngestOptions, ingest
    from genpas_cli.ingest.staging import staging  # noqa: F401  # imported before the clock starts, like everything of a process

    with _timed():
        ingest(log, store, IngestOptions(memory_limit=limit))


def step_augment(limit: str, store: str, pairs: str) -> None:
    """Time `augment`, as many pairs as Multi-Target, drawn by (1, 0, 0)."""
    from genpas_cli import AugmentOptions, augment

    with _timed():
        augment(store, pairs, AugmentOptions(alpha=1.0, memory_limit=limit))


def step_verify(limit: str, pairs: str) -> None:
    """Time `verify`."""
    from genpas_cli import verify
    from genpas_cli.runtime.machine import MachineOptions

    with _timed():
        verify(pairs, machine=MachineOptions(memory_limit=limit))


def step_stats(limit: str, store: str) -> None:
    """Time `stats`."""
    from genpas_cli import StatsOptions, stats

    with _timed():
        stats(store, StatsOptions(memory_limit=limit))


STEPS: dict[str, Callable[..., None]] = {
    "ingest": step_ingest,
    "augment": step_augment,
    "verify": step_verify,
    "stats": step_stats,
}


def ordinary(path: Path) -> None:
    """Make the ordinary log."""
    make_log(path, users=700_000, interactions=15_000_000, items=43_000)


def short_users(path: Path) -> None:
    """Make the log of users with two interactions each."""
    make_log(path, users=10_000_000, interactions=20_000_000, items=43_000)


def _with_more(path: Path, more: str) -> None:
    import duckdb

    first = path.with_suffix(".ordinary")
    ordinary(first)
    query = f"select * from read_parquet('{first}') union all by name {more}"
    duckdb.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")
    first.unlink()


def one_long_user(path: Path) -> None:
    """Make the log with one long user."""
    _with_more(
        path, f"select 'long' as user_id, format('i{{:05d}}', 1 + i * 7919 % 43000) as item_id, 1104537600 + i * 60 as "
        f"timestamp from range({LONG_USER}) r(i)",
    )  # fmt: skip


def items_seen_once(path: Path) -> None:
    """Make the log with many items that are seen once, by users all over it."""
    _with_more(
        path, f"select format('u{{:07d}}', 1 + i * 7919 % 700000) as user_id, format('rare{{:07d}}', i) as item_id, "
        f"1104537600 + i * 60 as timestamp from range({RARE_ITEMS}) r(i)",
    )  # fmt: skip


SHAPES: dict[str, Callable[[Path], None]] = {
    "ordinary": ordinary,
    "one long user": one_long_user,
    "items seen once": items_seen_once,
    "short users": short_users,
}


def measure(shape: str, limit: str, scratch: Path) -> dict[str, dict[str, float]]:
    """Return what each job took for a log of this shape."""
    import pyarrow.parquet as pq

    log, store, pairs = (str(scratch / f"log.{kind}") for kind in ("parquet", "store", "pairs"))
    SHAPES[shape](Path(log))
    rows = pq.read_metadata(log).num_rows
    jobs = {"ingest": (log, store), "augment": (store, pairs), "verify": (pairs,), "stats": (store,)}
    return {job: {**measured(__file__, job, limit, *paths), "rows": rows} for job, paths in jobs.items()}


def main() -> None:
    """Parse the command line, measure, and print a line a job."""
    if ran_step(STEPS):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory-limit", default="2GB")
    parser.add_argument("--only", nargs="+", choices=SHAPES, default=list(SHAPES))
    given = parser.parse_args()
    base: dict[str, Any] = {}
    for shape in given.only:
        with tempfile.TemporaryDirectory(prefix="genpas-shapes-") as scratch:
            found = measure(shape, given.memory_limit, Path(scratch))
        base = base or found
        for job, took in found.items():
            ratio = took["seconds"] / took["rows"] / (base[job]["seconds"] / base[job]["rows"])
            line = f"{shape:<16} {job:<8} {took['seconds']:7.1f} s  x {ratio:5.2f}  {took['peak_mb']:7,.0f} MB"
            print(line, flush=True)


if __name__ == "__main__":
    main()
