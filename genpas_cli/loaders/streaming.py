"""`PairDataset`: the pairs of an epoch as a stream of ready batches."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch.utils.data import IterableDataset, get_worker_info

from genpas_cli.loaders.arguments import at_least, batch_form, place_in_world, source_of
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
from genpas_cli.runtime.arguments import checked
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.threads import pool

WINDOW_ROWS = 1 << 17
"""Rows that are shuffled together by default: those of two row groups.

26 MB at 50 items a pair. What glibc hands out above 32 MB it gets from the system anew each time, and touching new
memory takes longer than filling it: with twice the rows, batches come at 60% of the speed.
"""


class PairDataset(IterableDataset[Batch]):
    """Pairs as a stream of ready batches, for `DataLoader(dataset, batch_size=None, num_workers=...)`.

    A batch is a dictionary of tensors, with B pairs in one order:

    - `input_items`: int32 (B, L), oldest item first, 0 where there is none; L is `max_input`, or the longest input of
      the batch where that is unlimited or `bucket_by_length` is set.
    - `input_length`: int32 (B,), how many items of it are the input.
    - `target_item`, `user_num`: int32 (B,).
    - each of `columns`: (B, L) like the items where it is a list, else (B,); in its own type. What is missing is NaN
      among floats and 0 among others.

    With `pad="none"`, `input_items` and the other lists are (V,), one input after the other, and in place of
    `input_length` there is `input_offsets`, int64 (B + 1,): where each begins, and where the last ends.

    **Who reads what.** The rows of an epoch are divided evenly among all workers of all ranks, so that each pair is
    read once an epoch, whatever their numbers. The parts differ by one row at most, yet one rank may have one batch a
    worker more than another, and DistributedDataParallel would wait for ever for the one that is at its end: either
    join uneven inputs there, or set `even`: then all parts are as large as the largest, and up to one pair a worker is
    read twice. Every rank must have the same number of workers.

    **Order.** It follows from seed, epoch, batch size, window, ranks and workers: the same again for the same, another
    for another epoch. Blocks of rows (row groups of shards) are read in random order, and all rows of a window are
    shuffled. Call `set_epoch` before each epoch; it reaches persistent workers too.

    **Resuming.** `state_dict(batches)` says where training is, and `load_state_dict` has the next iteration start
    there, with exactly the batches that would have come; later iterations are whole. Nothing that was trained on is
    read again but for the rest of the window. See there for how batches are counted.

    Args:
        source: a pairs directory, or other shards, such as `genpas_cli.fresh_pairs(...)`.
        split: which pairs: `train`, `validation`, `test`.
        batch_size: pairs of a batch.
        epoch: the first epoch; see `set_epoch`.
        shuffle: whether the order is random; else it is that of the shards.
        seed: of the order.
        pad: on which side of an input the 0s are: `left` (the newest item is last), `right`, or `none`.
        max_input: inputs are cut to their most recent so many items; by default what the shards were made with.
        bucket_by_length: make batches of inputs of about the same length, each only as wide as its longest.
        drop_last: leave out batches that are not full: up to one a worker.
        even: give every worker of every rank equally many rows, some of them twice.
        columns: further columns of the shards, such as `target_position`, `input_price`; they must be of numbers.
        window: rows that are shuffled together, and held in memory by each worker; by default 131,072.
        rank: of this process, from 0; by default that of torch.distributed, else of the environment (RANK), else 0.
        world_size: number of ranks, likewise.

    Raises:
        UsageError: a value that an argument does not take, or a split that is not there.
        DataError, IntegrityError: no pairs directory, or one that is damaged: all its files that will be read are
            compared with their digests once, here. An iteration raises IntegrityError where they have changed since.
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
        self._form = batch_form(self.source, pad, max_input, columns, narrow=bucket_by_length)
        rows = max(window // batch_size, 1) * batch_size
        self._batching = Batching(batch_size, rows, drop_last, even)
        self._seed, self._shuffle, self._bucket = seed, shuffle, bucket_by_length
        self._rank, self._world_size = place_in_world(rank, world_size)
        self.source.blocks(split, epoch)
        self._position = Position(epoch)
        self._passes = self._taken = 0
        self._own_state: tuple[int, int] | None = None  # epoch and batches, of this worker alone

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration goes through."""
        return self._position.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, before it is iterated; a loaded state of another epoch is forgotten.

        Raises:
            UsageError: not a whole number from 0.
        """
        at_least("epoch", epoch, 0)
        if epoch != self.epoch:
            self._position.move(epoch, 0, 1)
            self._taken, self._own_state = 0, None

    def batches(self, workers: int = 0) -> int:
        """Return how many batches this rank has in the epoch, with so many workers of its DataLoader."""
        at_least("workers", workers, 0)
        return sum(self._batches_of_workers(max(workers, 1), self.epoch))

    def __iter__(self) -> Generator[Batch, None, None]:
        self._passes += 1  # here, not with the first batch: all workers of a pass count alike
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
            # Counted before it is given out: what asks for a state has this batch already.
            self._taken += 1
            yield as_tensors(packed) if info is None else SentBatch(packed)

    def state_dict(self, batches: int | None = None, *, workers: int = 0) -> dict[str, Any]:
        """Return where training is: a small dictionary of numbers and texts, to be kept with a checkpoint.

        A DataLoader's workers read ahead, so only the training loop knows how far it is: with workers, it says how many
        batches it took. As a DataLoader takes them from its workers in turn (its `in_order`), that number says how many
        each worker gave. In a worker itself (torchdata's StatefulDataLoader asks there), the state is that worker's.

        Args:
            batches: batches that were taken in this iteration of the DataLoader; by default those that were taken of
                this object itself, without workers.
            workers: `num_workers` of the DataLoader.

        Raises:
            UsageError: workers read the pairs and `batches` is not given, or `workers` is another number than theirs;
                or the epoch has fewer batches.
        """
        info = get_worker_info()
        at_least("workers", workers, 0)
        if info is not None:
            return {**self._settings(), "worker": info.id, "workers": info.num_workers, "batches": self._taken}
        readers = self._position.readers
        if batches is None:
            if workers or readers:
                raise UsageError(
                    f"state_dict with {workers or readers} workers needs the number of batches that were taken",
                    tip=f"Count them in the training loop: dataset.state_dict(taken, workers={workers or readers})",
                )
            before, given_by = self._position.before()
            taken, workers = (before, given_by) if readers is None else (self._taken, 1)
            return {**self._settings(), "workers": workers, "batches": taken}
        at_least("batches", batches, 0)
        taken = batches + self._check_workers(batches, max(workers, 1))
        if taken > (most := self.batches(workers)):
            raise UsageError(f"batches is {batches}: the epoch has {most}, and {taken - batches} were taken before")
        return {**self._settings(), "workers": max(workers, 1), "batches": taken}

    def _check_workers(self, batches: int, workers: int) -> int:
        """Return the batches before this pass; raise UsageError if its workers, or theirs, are another number."""
        before, given_by = self._position.before()
        readers = self._position.readers
        expected = [given_by] * (before > 0) + [max(readers or 0, 1)] * (batches > 0 and readers is not None)
        if wrong := next((each for each in expected if each != workers), None):
            raise UsageError(f"workers is {workers}; the batches of this epoch come from {wrong}")
        return before

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration begin where the state was taken; those after it are whole.

        Raises:
            UsageError: it is no state, or one of other pairs, or of another batch size, seed, order or number of ranks.
        """
        check_state(state, self._settings())
        epoch, batches, workers = (int(state[name]) for name in ("epoch", "batches", "workers"))
        most = self._batches_of_workers(workers, epoch)
        if batches > (sum(most) if "worker" not in state else max(most)):
            raise UsageError(f"batches of the state is {batches}; the epoch has {sum(most)}")
        if "worker" in state:
            self._position.move(epoch, 0, 1)
            self._own_state = epoch, batches
        else:
            self._position.move(epoch, batches, workers)
            self._own_state = None
        self._taken = batches

    def _settings(self) -> dict[str, Any]:
        """Return what decides the batches of an epoch, apart from the workers; the rank's own place is not in it."""
        form, batching = self._form, self._batching
        return {
            "epoch": self.epoch, "pairs": self.source.identity, "split": self.split, "seed": self._seed,
            "shuffle": self._shuffle, "bucket_by_length": self._bucket, "batch_size": batching.batch_size,
            "window": batching.window, "drop_last": batching.drop_last, "even": batching.even, "pad": form.pad,
            "max_input": form.max_input, "world_size": self._world_size,
        }  # fmt: skip

    def _rows(self, epoch: int) -> int:
        return sum(block.rows for block in self.source.blocks(self.split, epoch))

    def _batches_of_workers(self, workers: int, epoch: int) -> list[int]:
        readers = [Reader(self._rank * workers + worker, self._world_size * workers) for worker in range(workers)]
        rows = self._rows(epoch)
        return [self._batching.batches(len(self._batching.part(rows, reader))) for reader in readers]

    def _start(self, worker: int, workers: int, batches: int, then: int) -> tuple[int, int]:
        """Return whose part a worker reads, and how many batches of it have been taken already.

        Args:
            worker: its number, from 0.
            workers: how many share the pass.
            batches: that were taken before the pass.
            then: how many workers gave these.
        """
        own, self._own_state = self._own_state, None
        if own is not None and own[0] == self.epoch:
            return worker, own[1]
        if not batches:
            return worker, 0
        if then != workers:
            raise UsageError(
                f"the state was taken with num_workers = {then}; this DataLoader has {workers}",
                tip="Which batches have been taken depends on it; go on with the same number of workers.",
            )
        taken, turn = taken_in_turn(batches, self._batches_of_workers(workers, self.epoch))
        # A DataLoader begins with its first worker: that one goes on where it is the next one's turn.
        part = (worker + turn) % workers
        return part, taken[part]

    def _packed_batches(self, reader: Reader, first: int) -> Iterator[Any]:
        """Yield the reader's batches, from the one with this number on."""
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
                yield packed_batch(window, order[begin : begin + size], self._form)
                first += 1
            number, skipped = number + 1, 0

    def _windows(self, epoch: int, segments: list[Any]) -> Iterator[Window]:
        """Yield the rows of these segments, a window at a time; the next one is read while one is being used."""
        columns = self._form.read
        rows = _runs_of(self.source.read(self.split, epoch, segments, columns), self._batching.window)

        def following() -> Window | None:
            run = next(rows, None)
            return None if run is None else window_of(run, self._form)

        with pool(1, "genpas-window") as reading:
            try:
                task = reading.submit(following)
                while (window := task.result()) is not None:
                    task = reading.submit(following)
                    yield window
            finally:
                # There, as what the source has open may be the thread's own; and closing waits for it.
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
