"""The tasks of Spark's workers: the local engine's kernels, applied to Arrow batches of sorted rows.

Each task is a frozen dataclass that is pickled to the workers and called there with a partition's batches
(`mapInArrow`). Workers have no store: the sorted rows of a shard are the `SequenceSource`.

Rows have the columns user_id (text), item (number from 0), [time], row_hash and keep_0, keep_1, ..., as in staging.
"""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.augment.engines.work import Shard, ShardForm
from genpas_cli.histories.cleaning import not_repeated
from genpas_cli.histories.history import History, same_as_previous, whole_users
from genpas_cli.histories.log_figures import RowFigures, user_lengths
from genpas_cli.histories.names import Dedup
from genpas_cli.histories.split import TRAIN, VALIDATION, SplitRule, drop_unevaluated, split_codes
from genpas_cli.pairs.shards import ShardFile, finished_file, write_shard
from genpas_cli.runtime.machine import disk_error
from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.user_targets import UserTargets
from genpas_cli.store.row_order import RowOrder, cut_spans
from genpas_cli.store.sequence_source import Lengths, SequenceSource, possible_targets
from genpas_cli.store.sequences import Sequences, Spans
from genpas_cli.store.splits import InOrder, Split

Batches = Iterator[pa.RecordBatch]

TASKS = ".tasks"
"""Directory below the output in which each run of a task has a directory of its own: Spark may run a task twice, even
at the same time, and files of a killed run must not be taken for finished ones."""

USERS = ".users"
"""Directory below the output for the users of each partition."""


def _own_directory(output: Path) -> Path:
    directory = output / TASKS / uuid.uuid4().hex
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise disk_error(error, output) from error
    return directory


def _partition() -> int:
    """Return the number of the current task's partition."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None, "runs on a worker"
    return int(context.partitionId())


class _Users:
    """Numbers the users of a partition from 0, in order.

    Attributes:
        ids: ids of the users seen so far.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []

    def histories(self, batches: Batches) -> Iterator[History]:
        """Yield the rows by whole users; `History.user` is the user's number in the partition."""
        return whole_users(self._numbered(batch) for batch in batches if batch.num_rows)

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        ids = batch.column("user_id").cast(pa.string())
        last = pa.array(self.ids[-1:], pa.string()) if self.ids else pa.nulls(1, pa.string())
        before = pa.concat_arrays([last, ids.slice(0, len(ids) - 1)])
        opens = pc.fill_null(pc.not_equal(ids, before), True)  # noqa: FBT003  # a value, not a flag
        number = len(self.ids) - 1 + np.cumsum(opens.to_numpy(zero_copy_only=False))
        self.ids += ids.filter(opens).to_pylist()
        rest = batch.schema.names[1:]
        columns = [pa.array(number.astype(np.int32)), *(batch.column(name) for name in rest)]
        return pa.RecordBatch.from_arrays(columns, names=["user", *rest])


# --------------------------------------------------------------------------------------------------------------- tasks


@dataclass(frozen=True)
class DropRepeats:
    """Yields the rows without the repeats that a dedup rule drops."""

    rule: Dedup

    def __call__(self, batches: Batches) -> Batches:
        """Run on a partition."""
        users = _Users()
        for history in users.histories(batches):
            left, first = history.filter(not_repeated(history, self.rule)), int(history.user[0])
            ids = pa.array(users.ids[first:], pa.string()).take(pa.array(left.user - np.int32(first)))
            rest = left.rows.schema.names[1:]
            columns = [ids, *(left.rows.column(name) for name in rest)]
            yield pa.RecordBatch.from_arrays(columns, names=["user_id", *rest])


@dataclass(frozen=True)
class CountUsers:
    """Writes the users of each partition, with the lengths of their sequences, as Parquet; yields counts."""

    output: Path
    """The output directory under construction; the users are written below `USERS`."""
    rule: SplitRule

    def __call__(self, batches: Batches) -> Batches:
        """Run on a partition; yield one row: the partition's number, and its counts as JSON."""
        users, counted, lengths = _Users(), list[RowFigures](), list[tuple[NDArray[np.int32], ...]]()
        for history in users.histories(batches):
            codes = split_codes(history, self.rule)
            targets = drop_unevaluated(history, codes, self.rule.evaluated)
            counted.append(RowFigures.of(history, codes, targets, targets))
            lengths.append(user_lengths(history, codes))
        number, figures = _partition(), RowFigures.total(counted)
        self._write(number, users.ids, lengths)
        low, high = figures.times
        found = {
            "users": len(users.ids), "counts": figures.targets.tolist(), "parts": figures.parts.tolist(), "low": low,
            "high": high, "alone": sum(int((train == total).sum()) for total, train, _ in lengths),
            "ties": dataclasses.asdict(figures.ties),
        }  # fmt: skip
        yield pa.RecordBatch.from_arrays(
            [pa.array([number], pa.int32()), pa.array([json.dumps(found)])], names=["partition", "found"]
        )

    def _write(self, number: int, ids: list[str], lengths: list[tuple[NDArray[np.int32], ...]]) -> None:
        columns = zip(*lengths, strict=True) if lengths else ([], [], [])
        names = ("length", "train_length", "validation_length")
        table = {
            name: pa.array(np.concatenate(column) if lengths else [], pa.int32())
            for name, column in zip(names, columns, strict=True)
        }
        mine = _own_directory(self.output) / "users.parquet"
        pq.write_table(pa.table({"user_id": pa.array(ids, pa.string()), **table}), mine, compression="zstd")
        path = self.output / USERS / f"{number:06d}.parquet"
        path.parent.mkdir(exist_ok=True)
        mine.replace(path)


class Series(NamedTuple):
    """Runs of users, one per piece of work: those of the shards of one split, or of the files of sequences."""

    first_piece: int
    first: NDArray[np.int64]
    """0-based first user of each run, ascending."""
    last: NDArray[np.int64]
    """Last user of each run, inclusive, ascending."""
    train_only: bool
    """Whether the pieces need only training rows."""

    def pieces(self, user: Ints) -> tuple[Ints, Ints]:
        """Return the first piece that needs each user, and the number of such pieces, which are consecutive."""
        low = np.searchsorted(self.last, user, side="left")
        high = np.searchsorted(self.first, user, side="right")
        return self.first_piece + low, np.maximum(high - low, 0)


@dataclass(frozen=True)
class HandOut:
    """Yields each row once per piece of work that needs it.

    Columns: piece, user (number from 0), position (from 0), item, code (of the split), keep_0, ...
    """

    before: tuple[int, ...]
    """Number of users before each partition."""
    series: tuple[Series, ...]
    rule: SplitRule

    def __call__(self, batches: Batches) -> Batches:
        """Run on a partition."""
        users, before = _Users(), self.before[_partition()]
        for history in users.histories(batches):
            codes, user = split_codes(history, self.rule), before + history.user.astype(np.int64)
            position = np.arange(len(history)) - np.maximum.accumulate(
                np.where(~same_as_previous(history.user), np.arange(len(history)), 0)
            )
            kept = [name for name in history.rows.schema.names if name.startswith("keep_")]
            for series in self.series:
                rows = np.flatnonzero(codes == TRAIN) if series.train_only else np.arange(len(history))
                first, count = series.pieces(user[rows])
                again = np.repeat(np.arange(len(rows)), count)
                piece = first[again] + np.arange(len(again)) - np.repeat(np.cumsum(count) - count, count)
                taken = rows[again]
                columns = [
                    pa.array(piece.astype(np.int32)), pa.array(user[taken].astype(np.int32)),
                    pa.array(position[taken].astype(np.int32)), pa.array(history.item[taken]),
                    pa.array(codes[taken].astype(np.int8)),
                    *(history.rows.column(name).take(pa.array(taken)) for name in kept),
                ]  # fmt: skip
                names = ["piece", "user", "position", "item", "code", *kept]
                yield pa.RecordBatch.from_arrays(columns, names=names)


@dataclass(frozen=True)
class WriteShards:
    """Writes the shards of each piece, whose rows are consecutive; yields the files."""

    directory: Path
    pieces: tuple[tuple[Shard, ...], ...]
    form: ShardForm
    evaluated: InOrder

    def __call__(self, batches: Batches) -> Batches:
        """Run on a partition; yield one row per shard with the fields of `ShardFile`."""
        for piece, rows in _by_piece(batches):
            source = PieceOfSequences(rows, self.pieces[piece][0].users, self.form, self.evaluated)
            for shard in self.pieces[piece]:
                file = self._write(shard, source)
                values = dataclasses.asdict(file)
                yield pa.RecordBatch.from_pydict({name: [value] for name, value in values.items()}, schema=_SHARD_FILES)

    def _write(self, shard: Shard, source: PieceOfSequences) -> ShardFile:
        mine = _own_directory(self.directory)
        batches = shard.batches(source, self.form)
        rows = write_shard(mine, shard.name, self.form.encoding, batches, shard.schema(self.form))
        file = finished_file(mine, shard.name, shard.split, rows)
        path = self.directory / shard.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with (mine / shard.name).open("rb") as written:
            os.fsync(written.fileno())
        (mine / shard.name).replace(path)
        return file


_SHARD_FILES = pa.schema(
    {"path": pa.string(), "split": pa.string(), "rows": pa.int64(), "bytes": pa.int64(), "sha256": pa.string()}
)
"""Schema of the rows that `WriteShards` yields: the fields of `ShardFile`."""


def _by_piece(batches: Batches) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the number and all rows of each piece."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        piece = batch.column("piece").to_numpy()
        borders = np.flatnonzero(np.diff(piece)) + 1
        for begin, end in zip([0, *borders.tolist()], [*borders.tolist(), len(piece)], strict=True):
            if begin == end:
                continue
            if held and held[-1].column("piece")[0].as_py() != piece[begin]:
                yield held[0].column("piece")[0].as_py(), pa.concat_batches(held)
                held = []
            held.append(batch.slice(begin, end - begin))
    if held:
        yield held[0].column("piece")[0].as_py(), pa.concat_batches(held)


class PieceOfSequences(SequenceSource):
    """The sequences of a run of users, in memory.

    Args:
        rows: rows of one piece, with the columns of `HandOut`.
        users: first and last user of the run, 0-based and inclusive; some may have no rows.
        form: names and types of the kept columns.
        evaluated: which held-out interactions are targets.
    """

    def __init__(self, rows: pa.RecordBatch, users: tuple[int, int], form: ShardForm, evaluated: InOrder) -> None:
        self._first, self._evaluated = users[0], evaluated
        user, self._code = rows.column("user").to_numpy(), rows.column("code").to_numpy()
        count = users[1] - users[0] + 1
        train, validation, total = (
            np.bincount(user[mask] - self._first, minlength=count)
            for mask in (self._code == TRAIN, self._code == VALIDATION, slice(None))
        )
        self._lengths = Lengths(train, validation, total)
        types = {name: form.schema.field(f"target_{name}").type for name in form.kept}
        self._rows = pa.RecordBatch.from_arrays(
            [
                pa.array(user + np.int32(1)), pa.array(rows.column("item").to_numpy() + np.int32(1)),
                *(rows.column(f"keep_{i}").cast(types[name]) for i, name in enumerate(form.kept)),
            ],
            names=["user_num", "item_num", *form.kept],
        )  # fmt: skip

    def lengths(self, first: int, last: int, rows: int) -> Iterator[Lengths]:
        """Yield the lengths of these users, in chunks of exactly `rows` users (the last: fewer)."""
        columns = [column[first - self._first : last - self._first + 1] for column in self._lengths]
        for begin in range(0, len(columns[0]), rows):
            yield Lengths(*(column[begin : begin + rows] for column in columns))

    def user_targets(self, split: Split, first: int, lengths: Lengths) -> UserTargets:  # noqa: ARG002  # in the base class's signature
        """Return the targets of these users in one split."""
        return possible_targets(split, lengths, self._evaluated)

    def spans(
        self, first: int, lengths: NDArray[np.int64], spans: Spans, kept: list[str], *, train_only: bool
    ) -> Sequences:  # fmt: skip
        """Return parts of these users' sequences."""
        user = self._rows.column("user_num").to_numpy()
        begin, end = np.searchsorted(user, (first + 1, first + 1 + len(lengths)))
        rows = self._rows.slice(begin, end - begin).select(["user_num", "item_num", *kept])
        if train_only:
            rows = rows.filter(pa.array(self._code[begin:end] == TRAIN))
        return cut_spans([rows], RowOrder("a shard's rows", first, lengths), spans, kept)


def pieces_of(shards: Sequence[Shard]) -> list[tuple[Shard, ...]]:
    """Group the shards by the run of users that they need: the epochs of one slice form one piece."""
    pieces: dict[Any, list[Shard]] = {}
    for shard in shards:
        pieces.setdefault((shard.split, shard.users), []).append(shard)
    return [tuple(piece) for piece in pieces.values()]
