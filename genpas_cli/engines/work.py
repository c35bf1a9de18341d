"""One shard's pairs, as a pure function of the store and the plan: draw, read, permute, gather."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs import gather, locate, needed_spans, pair_schema
from genpas_cli.sampling.cuts import Cuts, draw_shard, shard_streams
from genpas_cli.sampling.shard_plan import USERS_A_CHUNK, SamplingPlan, Slice
from genpas_cli.shards import ROW_GROUP_ROWS
from genpas_cli.store import Evaluated, Lengths, Split, Store

Order = Literal["shuffled", "user"]


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


@dataclass(frozen=True)
class SplitPlan:
    """The shards of one split."""

    split: Split
    sampling: SamplingPlan
    evaluated: Evaluated = "all"
    """For the held-out splits: which interactions of a user are targets."""


def pair_form(store: Store, kept: tuple[str, ...], max_input: int | None, order: Order) -> PairForm:
    """Return the form of pairs with these kept columns of the store, in the types it stores them in."""
    types = store.column_types()
    return PairForm(pair_schema({name: types[name] for name in kept}), kept, max_input, order)


def target_counts(lengths: Lengths, split: Split, evaluated: Evaluated = "all") -> NDArray[np.int64]:
    """Return how many targets each user offers to a split: k = 2..n to training, to the others those held out."""
    return np.maximum(lengths.train - 1, 0) if split == "train" else lengths.held_out(split, evaluated)[1]


def shard_batches(store: Store, plan: SplitPlan, part: Slice, epoch: int, form: PairForm) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of one shard, a row group a batch."""
    chunks = list(store.lengths(part.first_user, part.last_user, USERS_A_CHUNK))
    lengths = Lengths(*(np.concatenate(column) for column in zip(*chunks, strict=True)))
    streams = shard_streams(plan.sampling.seed, epoch, part.index)
    counts = (target_counts(chunk, plan.split, plan.evaluated) for chunk in chunks)
    cuts = draw_shard(plan.sampling, part, epoch, counts, streams)
    is_train = plan.split == "train"
    if not is_train:
        cuts = _held_out_cuts(cuts, lengths, part.first_user, plan)
    spans = needed_spans(cuts, form.max_input)
    read = lengths.train if is_train else lengths.total
    sequences = store.spans(part.first_user, read, spans, list(form.kept), train_only=is_train)
    located = locate(cuts, sequences)
    if is_train and form.order == "shuffled":
        # The cuts are permuted before anything is gathered: permuting gathered rows takes 25 times as long.
        located = located.take(streams.order.permutation(len(cuts)))
    yield from gather(located, sequences, form.schema, max_input=form.max_input, batch_rows=ROW_GROUP_ROWS)


def _held_out_cuts(cuts: Cuts, lengths: Lengths, first_user: int, plan: SplitPlan) -> Cuts:
    """Turn the running number of a held-out target (drawn as k − 2) into its position; its input is all before it."""
    assert plan.split != "train"
    base, _ = lengths.held_out(plan.split, plan.evaluated)
    position = base[cuts.user - first_user] + cuts.target - 2
    return Cuts(cuts.user, np.ones_like(cuts.start), position.astype(np.int32))
