"""The local engine: shards on the threads of one machine.

A shard is the unit of work. Which thread writes it, and when, changes nothing in it: NumPy, Parquet and zstd release
the interpreter's lock, so that two threads on two shards are nearly twice as fast as one.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from genpas_cli.engines.work import PairForm, SplitPlan, shard_batches
from genpas_cli.progress import Progress
from genpas_cli.sampling.shard_plan import Slice
from genpas_cli.shards import ShardFile, shard_name, sync_file, write_shard
from genpas_cli.store import Store
from genpas_cli.threads import Task, in_order, pool

_TELL_SECONDS = 0.2
_THREADS = "genpas-shard"


class _StoppedError(Exception):
    """The run was stopped while this shard was being made."""


class _Watched:
    """Counts the rows that pass on any thread, and ends the passing when the run is stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._lock = stop, threading.Lock()
        self.rows = 0

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if self._stop.is_set():
                raise _StoppedError
            with self._lock:
                self.rows += batch.num_rows
            yield batch


def write_shards(
    store: Store, plans: list[SplitPlan], form: PairForm, directory: Path, *, threads: int, progress: Progress
) -> list[ShardFile]:
    """Write every shard of these plans below `directory`; return the files in the order of plans, epochs and shards."""
    total = sum(plan.sampling.pairs * plan.sampling.epochs for plan in plans)
    # The disk is waited for on a thread of its own, while the others go on with the next shards.
    with pool(1, "genpas-disk") as disk, pool(threads, _THREADS) as workers:
        watched = _Watched(workers.stopping)

        def write(plan: SplitPlan, epoch: int, index: int) -> tuple[ShardFile, Task[None]]:
            sampling = plan.sampling
            name = shard_name(plan.split, index, len(sampling.slices), epoch if sampling.epochs > 1 else None)
            batches = shard_batches(store, plan, sampling.slices[index], epoch, form)
            file = write_shard(directory, name, plan.split, form.schema, watched(batches))
            return file, disk.submit(sync_file, directory / name)

        tasks = [
            workers.submit(write, plan, epoch, index)
            for plan in plans
            for epoch in range(plan.sampling.epochs)
            for index in range(len(plan.sampling.slices))
        ]
        for task in tasks:
            while not task.done(_TELL_SECONDS):
                progress("writing pairs", watched.rows, total)
            task.result()
            progress("writing pairs", watched.rows, total)
        written = [task.result() for task in tasks]
        for _, synced in written:
            synced.result()
        return [file for file, _ in written]


def stream_shards(
    store: Store, plan: SplitPlan, form: PairForm, *, threads: int
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the pairs of a plan, shard by shard in order, while later shards are being made on other threads.

    Closed early, it waits for these threads.
    """
    with pool(threads, _THREADS) as workers:
        watched = _Watched(workers.stopping)

        def collect(epoch: int, part: Slice) -> list[pa.RecordBatch]:
            return list(watched(shard_batches(store, plan, part, epoch, form)))

        calls = (
            partial(collect, epoch, part) for epoch in range(plan.sampling.epochs) for part in plan.sampling.slices
        )
        for batches in in_order(workers, calls, ahead=threads + 1):
            yield from batches
