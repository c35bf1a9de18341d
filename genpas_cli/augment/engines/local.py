"""The local engine: shards on the threads of one machine.

A shard is the unit of work; its content does not depend on the thread that writes it, nor on the order. NumPy, Parquet
and zstd release the GIL, so that two threads on two shards are nearly twice as fast as one.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from functools import partial

import pyarrow as pa

from genpas_cli.augment.engines.work import Shard, ShardForm, SplitPlan, shard_batches
from genpas_cli.pairs.shards import FinishedShards, ShardFile, finished_file, write_shard
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import Task, in_order, pool
from genpas_cli.sampling.shard_plan import Slice
from genpas_cli.store.store import Store

_TELL_SECONDS = 0.2
_THREADS = "genpas-shard"


class _StoppedError(Exception):
    """The run was stopped while this shard was being made."""


class _Watched:
    """Counts the rows of all threads' batches, and raises `_StoppedError` when the run is stopped."""

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
    store: Store, shards: Sequence[Shard], form: ShardForm, finished: FinishedShards, *, threads: int,
    progress: Progress,
) -> list[ShardFile]:  # fmt: skip
    """Write the shards that are not finished yet; return the files of all shards, in order."""
    total, before = sum(shard.rows for shard in shards), sum(file.rows for file in finished.files.values())
    # A separate thread hashes files and waits for the disk, while workers go on with the next shards. It finishes its
    # queue even if a worker fails: shards that are written already are then recorded, for a run that resumes.
    with pool(1, "genpas-disk", finish=True) as disk, pool(threads, _THREADS) as workers:
        watched = _Watched(workers.stopping)

        def write(shard: Shard) -> Task[None]:
            batches = watched(shard.batches(store, form))
            rows = write_shard(finished.directory, shard.name, form.encoding, batches, shard.schema(form))
            return disk.submit(finish, shard, rows)

        def finish(shard: Shard, rows: int) -> None:
            finished.add(finished_file(finished.directory, shard.name, shard.split, rows))

        missing = [shard for shard in shards if shard.name not in finished.files]
        tasks = [workers.submit(write, shard) for shard in missing]
        for task in tasks:
            while not task.done(_TELL_SECONDS):
                progress("writing pairs", before + watched.rows, total)
            task.result()
            progress("writing pairs", before + watched.rows, total)
        for task in tasks:
            task.result().result()
    return [finished.files[shard.name] for shard in shards]


def stream_shards(
    store: Store, plan: SplitPlan, form: ShardForm, *, threads: int
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the pairs of a plan, shard by shard in order, while other threads make later shards.

    Closing the generator early waits for these threads.
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
