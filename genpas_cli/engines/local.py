"""The local engine: shards on the threads of one machine.

A shard is the unit of work. Which thread writes it, and when, changes nothing in it: NumPy, Parquet and zstd release
the interpreter's lock, so that two threads on two shards are nearly twice as fast as one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from genpas_cli.engines.work import PairForm, SplitPlan, shard_batches
from genpas_cli.progress import Progress
from genpas_cli.shards import ShardFile, shard_name, sync_file, write_shard
from genpas_cli.store import Store

T = TypeVar("T")

_TELL_SECONDS = 0.2


class _StoppedError(Exception):
    """The run was stopped while this shard was being made."""


@contextmanager
def _pool(threads: int) -> Iterator[tuple[ThreadPoolExecutor, threading.Event]]:
    """Give a pool and the event that stops its work; on the way out no thread is left running."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="genpas-shard")
    try:
        yield pool, stop
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


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
    with _pool(1) as (disk, _), _pool(threads) as (pool, stop):
        watched, synced = _Watched(stop), deque[Future[None]]()

        def write(plan: SplitPlan, epoch: int, index: int) -> ShardFile:
            sampling = plan.sampling
            name = shard_name(plan.split, index, len(sampling.slices), epoch if sampling.epochs > 1 else None)
            batches = shard_batches(store, plan, sampling.slices[index], epoch, form)
            file = write_shard(directory, name, plan.split, form.schema, watched(batches))
            synced.append(disk.submit(sync_file, directory / name))
            return file

        futures = [
            pool.submit(write, plan, epoch, index)
            for plan in plans
            for epoch in range(plan.sampling.epochs)
            for index in range(len(plan.sampling.slices))
        ]
        waiting: set[Future[ShardFile]] = set(futures)
        while waiting:
            finished, waiting = wait(waiting, timeout=_TELL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            progress("writing pairs", watched.rows, total)
        for sync in synced:
            sync.result()
        return [future.result() for future in futures]


def stream_shards(store: Store, plan: SplitPlan, form: PairForm, *, threads: int) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of a plan, shard by shard in order, while later shards are being made on other threads."""
    with _pool(threads) as (pool, stop):
        watched = _Watched(stop)

        def collect(epoch: int, index: int) -> list[pa.RecordBatch]:
            batches = shard_batches(store, plan, plan.sampling.slices[index], epoch, form)
            return list(watched(batches))

        for batches in _ordered(pool, collect, plan, ahead=threads + 1):
            yield from batches


def _ordered(pool: ThreadPoolExecutor, work: Callable[[int, int], T], plan: SplitPlan, *, ahead: int) -> Iterator[T]:
    """Yield the results in order, with at most `ahead` of them in the making or waiting."""
    running: deque[Future[T]] = deque()
    for epoch in range(plan.sampling.epochs):
        for index in range(len(plan.sampling.slices)):
            running.append(pool.submit(work, epoch, index))
            if len(running) >= ahead:
                yield running.popleft().result()
    while running:
        yield running.popleft().result()
