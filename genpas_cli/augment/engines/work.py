"""The shards of a job, and the pairs of one shard as a pure function of the sequences and the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from genpas_cli.pairs.encoding import Encoding
from genpas_cli.pairs.gathering import (
    cut_batches,
    cut_schema,
    gather,
    locate,
    needed_spans,
    pair_schema,
    sequence_batch,
    sequence_schema,
)
from genpas_cli.pairs.reader import SEQUENCES
from genpas_cli.pairs.shards import ROW_GROUP_ROWS, shard_name
from genpas_cli.sampling.cuts import draw_shard, shard_streams
from genpas_cli.sampling.shard_plan import USERS_A_CHUNK, SamplingPlan, Slice
from genpas_cli.store.sequence_source import Lengths, SequenceSource
from genpas_cli.store.splits import Split
from genpas_cli.store.store import Store

Order = Literal["shuffled", "user"]

_ALL = slice(None)

_USERS_A_FILE = 1 << 20
_INTERACTIONS_A_GROUP = 1 << 18
"""Interactions per row group of a file of sequences: about the number that a reader of one shard reads in vain."""


@dataclass(frozen=True)
class ShardForm:
    """The form in which pairs are written."""

    schema: pa.Schema
    kept: tuple[str, ...]
    """Names of the kept columns that pairs carry."""
    max_input: int | None
    """Maximum number of most recent items of an input; None: no limit."""
    order: Order
    """Order of the training rows in a shard."""
    as_cuts: bool
    """Whether shards hold only positions (cuts), with the sequences in separate files; else shards hold the items."""
    encoding: Encoding
    """Encoding of all files. Cuts and their sequences are always `compact`: only genpas reads them."""


@dataclass(frozen=True)
class SplitPlan:
    """The shards of one split."""

    split: Split
    sampling: SamplingPlan


class PairShard(NamedTuple):
    """A file of pairs of one split and epoch: the unit of work."""

    plan: SplitPlan
    epoch: int
    """0-based."""
    slice: Slice

    @property
    def split(self) -> Split:
        """Split of the pairs."""
        return self.plan.split

    @property
    def users(self) -> tuple[int, int]:
        """First and last user that the shard needs, 0-based and inclusive."""
        return self.slice.first_user, self.slice.last_user

    @property
    def rows(self) -> int:
        """Number of pairs; approximate for an independent draw."""
        return self.slice.stop - self.slice.start

    @property
    def name(self) -> str:
        """Path below the pairs directory."""
        sampling = self.plan.sampling
        epoch = self.epoch if sampling.epochs > 1 else None
        return shard_name(self.plan.split, self.slice.index, len(sampling.slices), epoch)

    def schema(self, form: ShardForm) -> pa.Schema:
        """Return the schema of the file."""
        return cut_schema() if form.as_cuts else form.schema

    def batches(self, source: SequenceSource, form: ShardForm) -> Iterator[pa.RecordBatch]:
        """Yield the rows, one batch per row group."""
        return shard_batches(source, self.plan, self.slice, self.epoch, form)


class SequenceShard(NamedTuple):
    """A file with the sequences of a run of users, for pairs in the form `cuts`."""

    number: int
    """From 0."""
    of: int
    """Number of such files."""
    first_user: int
    """0-based."""
    last_user: int
    """Inclusive."""

    @property
    def split(self) -> None:
        """None: the file holds no pairs."""
        return

    @property
    def users(self) -> tuple[int, int]:
        """First and last user, 0-based and inclusive."""
        return self.first_user, self.last_user

    @property
    def rows(self) -> int:
        """Number of users."""
        return self.last_user - self.first_user + 1

    @property
    def name(self) -> str:
        """Path below the pairs directory."""
        return f"{SEQUENCES}-{self.number:05d}-of-{self.of:05d}.parquet"

    def schema(self, form: ShardForm) -> pa.Schema:
        """Return the schema of the file."""
        return sequence_schema({name: form.schema.field(f"target_{name}").type for name in form.kept})

    def batches(self, source: SequenceSource, form: ShardForm) -> Iterator[pa.RecordBatch]:
        """Yield the rows, one batch per row group."""
        schema, first, last = self.schema(form), self.first_user, self.last_user
        runs = source.runs("test", _INTERACTIONS_A_GROUP, kept=form.kept, first=first, last=last)
        for lengths, sequences in runs:
            yield sequence_batch(sequences, lengths.train, schema)


Shard = PairShard | SequenceShard


class Part(NamedTuple):
    """One part of a job that is split over several machines."""

    number: int
    """From 1."""
    of: int
    """Number of parts."""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shards_of(plans: Iterable[SplitPlan], part: Part | None, *, users_beside: int) -> list[Shard]:
    """Return all shards in order, or those of one part.

    A part is a run of consecutive shards, because neighbouring shards read neighbouring users.

    Args:
        plans: the plan of each split.
        part: the part; None for all shards.
        users_beside: number of users whose sequences are written in separate files; 0 if pairs hold their items.
    """
    count = -(-users_beside // _USERS_A_FILE)
    shards: list[Shard] = [
        SequenceShard(index, count, index * _USERS_A_FILE, min((index + 1) * _USERS_A_FILE, users_beside) - 1)
        for index in range(count)
    ]
    shards += [
        PairShard(plan, epoch, slice_)
        for plan in plans
        for epoch in range(plan.sampling.epochs)
        for slice_ in plan.sampling.slices
    ]
    if part is None:
        return shards
    return shards[(part.number - 1) * len(shards) // part.of : part.number * len(shards) // part.of]


def pair_form(
    store: Store, kept: tuple[str, ...], max_input: int | None, order: Order, encoding: Encoding, *, as_cuts: bool
) -> ShardForm:
    """Return the form of pairs with these kept columns, in their types in the store."""
    types = store.column_types()
    schema = pair_schema({name: types[name] for name in kept})
    return ShardForm(schema, kept, max_input, order, as_cuts, "compact" if as_cuts else encoding)


def shard_batches(
    source: SequenceSource, plan: SplitPlan, part: Slice, epoch: int, form: ShardForm, *, rows: slice = _ALL
) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of one shard, or only its `rows`, one batch per row group."""
    chunks = list(source.lengths(part.first_user, part.last_user, USERS_A_CHUNK))
    lengths = Lengths(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    streams = shard_streams(plan.sampling.seed, epoch, part.index)
    targets = source.target_counts(plan.split, part.first_user, lengths)
    counts = np.split(targets, np.cumsum([len(chunk.total) for chunk in chunks])[:-1])
    # Held-out targets are enumerated by Multi-Target: the input is everything before the target.
    cuts = draw_shard(
        plan.sampling, part, epoch, counts, streams, source.target_pool(plan.split, part.first_user, lengths)
    )  # fmt: skip
    is_train = plan.split == "train"
    order = streams.order.permutation(len(cuts)) if is_train and form.order == "shuffled" else _ALL
    if form.as_cuts:
        yield from cut_batches(cuts.take(order).take(rows), max_input=form.max_input, batch_rows=ROW_GROUP_ROWS)
        return
    spans = needed_spans(cuts, form.max_input)
    read = lengths.train if is_train else lengths.total
    sequences = source.spans(part.first_user, read, spans, list(form.kept), train_only=is_train)
    # Cuts are permuted before gathering, because permuting gathered rows takes 25 times as long.
    located = locate(cuts, sequences).take(order).take(rows)
    yield from gather(located, sequences, form.schema, max_input=form.max_input, batch_rows=ROW_GROUP_ROWS)
