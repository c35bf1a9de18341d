"""`PairDataset`: the pairs of an epoch as a stream of ready batches."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch.utils.data import IterableDataset, get_worker_info

from genpas_cli.loaders.arguments import at_least, batch_layout, place_in_world, source_of
from genpas_cli.loaders.batches import Pad, Window, packed_batch, window_of
from genpas_cli.loaders.division import (
    Batching,
    Reader,
    ordered_blocks,
    segments_of,
    taken_in_turn,
    window_order,
    window_stream,
)
from genpas_cli.loaders.pair_shards import PairShards
from genpas_cli.loaders.resuming import Position, check_state, pass_of_one, pass_of_workers
from genpas_cli.loaders.tensors import Batch, SentBatch, as_tensors
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.threads import pool

WINDOW_ROWS = 1 << 17
"""Default number of rows that are shuffled together: two row groups, 26 MB at 50 items per pair.

Above 32 MB, glibc requests memory from the system for each window, and touching new memory takes longer than filling
it: with twice the rows, the loader runs at 60% of the speed.
"""


class PairDataset(IterableDataset[Batch]):
    """Pairs as a stream of ready batches, for `DataLoader(dataset, batch_size=None, num_workers=...)`.

    A batch of B pairs is a dictionary of tensors:

    - `input_items`: int32 (B, L), oldest item first, padded with 0; L is `max_input`, or the longest input of the batch
      if `max_input` is unlimited or `bucket_by_length` is set.
    - `input_length`: int32 (B,), number of items of the input.
    - `target_item`, `user_num`: int32 (B,).
    - each of `columns`: (B, L) like the items if it is a list column, else (B,), in its own type. Missing values are
      NaN in floats, else 0.

    With `pad="none"`, `input_items` and other list columns are (V,), the concatenated inputs, and `input_offsets`,
    int64 (B + 1,), replaces `input_length`: the start of each input, and the end of the last.

    **Distribution.** The rows of an epoch are divided among all workers of all ranks, so that each pair is read once
    per epoch. Parts differ by at most one row, but one rank may have up to one batch per worker more than another, and
    DistributedDataParallel would then wait forever for the rank that has finished: either use its context manager
    `join`, or set `even`, which makes all parts as large as the largest and reads up to one pair per worker twice.
    Every rank must have the same number of workers.

    **Order.** It depends only on seed, epoch, batch size, window, ranks and workers. Blocks of rows (row groups of
    shards) are read in random order, and all rows of a window are shuffled. Call `set_epoch` before each epoch; it
    also reaches persistent workers.

    **Resuming.** `state_dict(batches)` returns the position of training, and `load_state_dict` makes the next iteration
    start there, with exactly the batches that would have followed; later iterations are whole. At most one window per
    worker is read again. See `state_dict` for how batches are counted.

    Args:
        source: a pairs directory, or other shards, such as `genpas_cli.fresh_pairs(...)`.
        split: the split of the pairs: `train`, `validation`, `test`.
        batch_size: pairs per batch.
        epoch: the first epoch; see `set_epoch`.
        shuffle: whether the order is random; else it is that of the shards.
        seed: seed of the order.
        pad: side on which inputs are padded with 0: `left` (the newest item is last), `right`, or `none`.
        max_input: maximum number of most recent items of an input; by default the limit of the shards.
        bucket_by_length: make batches of inputs of about the same length, each only as wide as its longest input.
        drop_last: drop incomplete batches, up to one per worker.
        even: give every worker of every rank the same number of rows; some rows are then read twice.
        columns: further columns of the shards, such as `target_position`, `input_price`; they must hold numbers.
        window: rows that are shuffled together, and held in memory by each worker; by default 131,072.
        rank: rank of this process, from 0; by default from torch.distributed, else from the environment (RANK), else 0.
        world_size: number of ranks; by default as for `rank` (WORLD_SIZE), else 1.

    Raises:
        UsageError: an argument has an invalid value, or there is no such split.
        DataError, IntegrityError: `source` is not a pairs directory, or it is damaged: all files that will be read are
            checked against their digests once, here. An iteration raises IntegrityError if they have changed since.
    """

    @checked
    def __init__(  # noqa: PLR0913  # all but two by keyword
        self, source: PairShards | str | Path, split: str = "train", *, batch_size: int = 1024, epoch: int = 0,
        shuffle: bool = True, seed: int = 0, pad: Pad = "left", max_input: int | None = None,
        bucket_by_length: bool = False, drop_last: bool = False, even: bool = False, columns: Sequence[str] = (),
        window: int = WINDOW_ROWS, rank: int | None = None, world_size: int | None = None,
    ) -> None:  # fmt: skip
        for name, value, low in (("batch_size", batch_size, 1), ("epoch", epoch, 0), ("seed", seed, 0),
                                 ("window", window, 1)):  # fmt: skip
            at_least(name, value, low)
        self.source, self.split = source_of(source), split
        self._layout = batch_layout(self.source, pad, max_input, columns, narrow=bucket_by_length)
        rows = max(window // batch_size, 1) * batch_size
        self._batching = Batching(batch_size, rows, drop_last, even)
        self._seed, self._shuffle, self._bucket = seed, shuffle, bucket_by_length
        self._rank, self._world_size = place_in_world(rank, world_size)
        self.source.blocks(split, epoch)
        self._position = Position(epoch)
        self._passes = self._taken = 0
        self._own_state: tuple[int, int] | None = None  # epoch and batches of a worker's own state

    @property
    def epoch(self) -> int:
        """The epoch of the next iteration."""
        return self._position.epoch

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration, and discard a loaded state of another epoch.

        Raises:
            UsageError: `epoch` is not an integer from 0.
        """
        at_least("epoch", epoch, 0)
        if epoch != self.epoch:
            self._position.move(epoch, 0, 1)
            self._taken, self._own_state = 0, None

    def batches(self, workers: int = 0) -> int:
        """Return the number of batches of this rank in the epoch, if its DataLoader has this many workers."""
        at_least("workers", workers, 0)
        return sum(self._batches_of_workers(max(workers, 1), self.epoch))

    def __iter__(self) -> Generator[Batch, None, None]:
        self._passes += 1  # not in the generator, which may never start: all workers must count alike
        return self._iterated(self._passes)

    def _iterated(self, iteration: int) -> Generator[Batch, None, None]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if info is None:
            before = self._position.enter(pass_of_one(iteration), 0, 0)
        else:
            before = self._position.enter(pass_of_workers(info.seed - info.id, iteration), worker, workers)
        turn, first = self._start(worker, workers, *before)
        reader = Reader(self._rank * workers + turn, self._world_size * workers)
        self._taken = first
        for packed in self._packed_batches(reader, first):
            # Counted before the yield, because a caller that asks for a state has this batch already.
            self._taken += 1
            yield as_tensors(packed) if info is None else SentBatch(packed)

    def state_dict(self, batches: int | None = None, *, workers: int = 0) -> dict[str, Any]:
        """Return the position of training: a small dictionary of numbers and texts, to be saved with a checkpoint.

        A DataLoader's workers read ahead, so with workers the training loop must pass the number of batches that it has
        taken. A DataLoader takes batches from its workers in turn (its `in_order`), so this number determines the
        position of each worker. In a worker (torchdata's StatefulDataLoader calls it there), the state is the worker's.

        Args:
            batches: batches taken in this iteration of the DataLoader; by default those taken from this object itself,
                without workers.
            workers: `num_workers` of the DataLoader.

        Raises:
            UsageError: there are workers but `batches` is not given, or `workers` is not their number, or the epoch has
                fewer batches.
        """
        info = get_worker_info()
        at_least("workers", workers, 0)
        if info is not None:
            return {**self._settings(), "worker": info.id, "workers": info.num_workers, "batches": self._taken}
        readers = self._position.readers
        if batches is None:
            if workers or readers:
                raise UsageError(
                    f"state_dict with {workers or readers} workers needs the number of batches consumed so far",
                    tip="Count the batches in the training loop: dataset.state_dict(taken, "
                    f"workers={workers or readers})",
                )
            before, given_by = self._position.before()
            taken, workers = (before, given_by) if readers is None else (self._taken, 1)
            return {**self._settings(), "workers": workers, "batches": taken}
        at_least("batches", batches, 0)
        taken = batches + self._check_workers(batches, max(workers, 1))
        if taken > (most := self.batches(workers)):
            raise UsageError(
                f"batches is {batches}: the epoch has {most} batches, and {taken - batches} were already consumed "
                "before"
            )
        return {**self._settings(), "workers": max(workers, 1), "batches": taken}

    def _check_workers(self, batches: int, workers: int) -> int:
        """Return the batches before this pass; raise UsageError if they, or this pass, have other than `workers`."""
        before, given_by = self._position.before()
        readers = self._position.readers
        expected = [given_by] * (before > 0) + [max(readers or 0, 1)] * (batches > 0 and readers is not None)
        if wrong := next((each for each in expected if each != workers), None):
            raise UsageError(f"workers is {workers}, but the batches of this epoch come from {wrong} workers")
        return before

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Make the next iteration begin at the position of a state; later iterations are whole.

        Raises:
            UsageError: it is not a state, or it has other pairs, another batch size, seed, order or number of ranks.
        """
        check_state(state, self._settings())
        epoch, batches, workers = (int(state[name]) for name in ("epoch", "batches", "workers"))
        most = self._batches_of_workers(workers, epoch)
        if batches > (sum(most) if "worker" not in state else max(most)):
            raise UsageError(f"the state has batches = {batches}, but the epoch has only {sum(most)} batches")
        if "worker" in state:
            self._position.move(epoch, 0, 1)
            self._own_state = epoch, batches
        else:
            self._position.move(epoch, batches, workers)
            self._own_state = None
        self._taken = batches

    def _settings(self) -> dict[str, Any]:
        """Return the settings that determine the batches of an epoch, except the number of workers and the rank."""
        layout, batching = self._layout, self._batching
        return {
            "epoch": self.epoch, "pairs": self.source.identity, "split": self.split, "seed": self._seed,
            "shuffle": self._shuffle, "bucket_by_length": self._bucket, "batch_size": batching.batch_size,
            "window": batching.window, "drop_last": batching.drop_last, "even": batching.even, "pad": layout.pad,
            "max_input": layout.max_input, "world_size": self._world_size,
        }  # fmt: skip

    def _rows(self, epoch: int) -> int:
        return sum(block.rows for block in self.source.blocks(self.split, epoch))

    def _batches_of_workers(self, workers: int, epoch: int) -> list[int]:
        readers = [Reader(self._rank * workers + worker, self._world_size * workers) for worker in range(workers)]
        rows = self._rows(epoch)
        return [self._batching.batches(len(self._batching.part(rows, reader))) for reader in readers]

    def _start(self, worker: int, workers: int, batches: int, then: int) -> tuple[int, int]:
        """Return the number of the part that a worker reads, and the batches of it that have been taken already.

        Args:
            worker: number of the worker, from 0.
            workers: number of workers that share the pass.
            batches: batches taken before the pass.
            then: number of workers from which these were taken.
        """
        own, self._own_state = self._own_state, None
        if own is not None and own[0] == self.epoch:
            return worker, own[1]
        if not batches:
            return worker, 0
        if then != workers:
            raise UsageError(
                f"the state was saved with num_workers = {then}, but this DataLoader has num_workers = {workers}",
                tip="Continue with the same number of workers: the order of the batches depends on it.",
            )
        taken, turn = taken_in_turn(batches, self._batches_of_workers(workers, self.epoch))
        # A DataLoader always starts with its first worker, which must therefore read the part whose turn is next.
        part = (worker + turn) % workers
        return part, taken[part]

    def _packed_batches(self, reader: Reader, first: int) -> Iterator[Any]:
        """Yield the reader's batches, starting with number `first`."""
        epoch, size = self.epoch, self._batching.batch_size
        blocks = ordered_blocks(self.source.blocks(self.split, epoch), self._seed, epoch, shuffle=self._shuffle)
        part = self._batching.part(sum(block.rows for block in blocks), reader)
        last = self._batching.batches(len(part))
        number, skipped = divmod(first * size, self._batching.window)
        rest = part[number * self._batching.window :]
        if first >= last:
            return
        for window in self._windows(epoch, segments_of(blocks, rest)):
            stream = window_stream(self._seed, epoch, reader.number, number) if self._shuffle else None
            order = window_order(window.lengths, stream, size, bucket=self._bucket)
            for begin in range(skipped, len(order), size):
                if first == last:
                    return
                yield packed_batch(window, order[begin : begin + size], self._layout)
                first += 1
            number, skipped = number + 1, 0

    def _windows(self, epoch: int, segments: list[Any]) -> Iterator[Window]:
        """Yield the rows of these segments in windows; the next window is read while the current one is used."""
        columns = self._layout.read
        rows = _runs_of(self.source.read(self.split, epoch, segments, columns), self._batching.window)

        def following() -> Window | None:
            run = next(rows, None)
            return None if run is None else window_of(run, self._layout)

        with pool(1, "genpas-window") as reading:
            try:
                task = reading.submit(following)
                while (window := task.result()) is not None:
                    task = reading.submit(following)
                    yield window
            finally:
                # Closed on the reading thread, because the source's open files may belong to it; this waits for it.
                reading.submit(rows.close).result()


def _runs_of(batches: Iterator[pa.RecordBatch], size: int) -> Generator[list[pa.RecordBatch], None, None]:
    """Yield the rows of record batches in runs of `size` (the last: fewer)."""
    run: list[pa.RecordBatch] = []
    left = size
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            part = batch.slice(at, left)
            run.append(part)
            at, left = at + part.num_rows, left - part.num_rows
            if left == 0:
                yield run
                run, left = [], size
    if run:
        yield run
