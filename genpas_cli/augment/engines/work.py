"""The shards of a job, and one shard's pairs as a pure function of the sequences and the plan.

A shard is drawn, read, permuted and gathered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

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
"""Of a file of sequences: about what a reader of a shard reads more than it needs."""


@dataclass(frozen=True)
class PairForm:
    """What a pair looks like, whatever was drawn."""

    schema: pa.Schema
    kept: tuple[str, ...]
    """Names of the kept columns that pairs carry."""
    max_input: int | None
    """Inputs are cut to their most recent so many items; None keeps all."""
    order: Order
    """Order of the training rows inside a shard."""
    as_cuts: bool
    """Shards hold where pairs are cut, and the sequences stand beside them once; else shards hold the pairs."""


@dataclass(frozen=True)
class SplitPlan:
    """The shards of one split."""

    split: Split
    sampling: SamplingPlan


class PairShard(NamedTuple):
    """A file of pairs to write, of one split and epoch: the unit of work."""

    plan: SplitPlan
    epoch: int
    """0-based."""
    slice: Slice

    @property
    def split(self) -> Split:
        """Which pairs."""
        return self.plan.split

    @property
    def users(self) -> tuple[int, int]:
        """First and last user that it needs, 0-based and inclusive."""
        return self.slice.first_user, self.slice.last_user

    @property
    def rows(self) -> int:
        """Pairs in it; of an independent draw, about."""
        return self.slice.stop - self.slice.start

    @property
    def name(self) -> str:
        """Path below the pairs directory."""
        sampling = self.plan.sampling
        epoch = self.epoch if sampling.epochs > 1 else None
        return shard_name(self.plan.split, self.slice.index, len(sampling.slices), epoch)

    def schema(self, form: PairForm) -> pa.Schema:
        """Return the schema of the file."""
        return cut_schema() if form.as_cuts else form.schema

    def batches(self, source: SequenceSource, form: PairForm) -> Iterator[pa.RecordBatch]:
        """Yield its rows, a row group a batch."""
        return shard_batches(source, self.plan, self.slice, self.epoch, form)


class SequenceShard(NamedTuple):
    """A file of sequences beside cuts to write, of a run of users."""

    number: int
    """From 0."""
    of: int
    first_user: int
    """0-based."""
    last_user: int
    """Inclusive."""

    @property
    def split(self) -> None:
        """None: these are no pairs."""
        return

    @property
    def users(self) -> tuple[int, int]:
        """First and last user that it needs, 0-based and inclusive."""
        return self.first_user, self.last_user

    @property
    def rows(self) -> int:
        """Users in it."""
        return self.last_user - self.first_user + 1

    @property
    def name(self) -> str:
        """Path below the pairs directory."""
        return f"{SEQUENCES}-{self.number:05d}-of-{self.of:05d}.parquet"

    def schema(self, form: PairForm) -> pa.Schema:
        """Return the schema of the file."""
        return sequence_schema({name: form.schema.field(f"target_{name}").type for name in form.kept})

    def batches(self, source: SequenceSource, form: PairForm) -> Iterator[pa.RecordBatch]:
        """Yield its rows, a row group a batch."""
        schema, first, last = self.schema(form), self.first_user, self.last_user
        runs = source.runs("test", _INTERACTIONS_A_GROUP, kept=form.kept, first=first, last=last)
        for lengths, sequences in runs:
            yield sequence_batch(sequences, lengths.train, schema)


Shard = PairShard | SequenceShard


class Part(NamedTuple):
    """Which shards of a job are made here: those of one of several machines."""

    number: int
    """From 1."""
    of: int
    """How many parts there are."""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shards_of(plans: Iterable[SplitPlan], part: Part | None, *, users_beside: int) -> list[Shard]:
    """Return what there is to write, in its order; or what one part has to, a run of it.

    A run: neighbouring shards read neighbouring users.

    Args:
        plans: of each split.
        part: which part; None for all.
        users_beside: users whose sequences are to stand beside the pairs; 0 where pairs need none.
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
    store: Store, kept: tuple[str, ...], max_input: int | None, order: Order, *, as_cuts: bool = False
) -> PairForm:
    """Return the form of pairs with these kept columns of the store, in the types it stores them in."""
    types = store.column_types()
    return PairForm(pair_schema({name: types[name] for name in kept}), kept, max_input, order, as_cuts)


def shard_batches(  # what is drawn, of what, in which form; and a part of it
    source: SequenceSource, plan: SplitPlan, part: Slice, epoch: int, form: PairForm, *, rows: slice = _ALL
) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of one shard, or those of its `rows`, in the form wanted, a row group a batch."""
    chunks = list(source.lengths(part.first_user, part.last_user, USERS_A_CHUNK))
    lengths = Lengths(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    streams = shard_streams(plan.sampling.seed, epoch, part.index)
    targets = source.user_targets(plan.split, part.first_user, lengths)
    counts = np.split(targets.counts, np.cumsum([len(chunk.total) for chunk in chunks])[:-1])
    # A held-out target is enumerated like a training one; its input is all before it.
    cuts = draw_shard(
        plan.sampling, part, epoch, counts, streams,
        lambda user, number: targets.position(user - part.first_user, number),
    )  # fmt: skip
    is_train = plan.split == "train"
    order = streams.order.permutation(len(cuts)) if is_train and form.order == "shuffled" else _ALL
    if form.as_cuts:
        yield from cut_batches(cuts.take(order).take(rows), max_input=form.max_input, batch_rows=ROW_GROUP_ROWS)
        return
    spans = needed_spans(cuts, form.max_input)
    read = lengths.train if is_train else lengths.total
    sequences = source.spans(part.first_user, read, spans, list(form.kept), train_only=is_train)
    # The cuts are permuted before anything is gathered: permuting gathered rows takes 25 times as long.
    located = locate(cuts, sequences).take(order).take(rows)
    yield from gather(located, sequences, form.schema, max_input=form.max_input, batch_rows=ROW_GROUP_ROWS)
