"""`fresh_pairs`: the pairs that `augment` would write, drawn from the store on reading, for any epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pyarrow as pa

from genpas_cli.augment.engines.work import ShardForm, SplitPlan, shard_batches
from genpas_cli.augment.job import manifest_of
from genpas_cli.augment.keywords import FreshPairsKeywords
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.job_plan import check_room, plan_job, resolve_options
from genpas_cli.augment.source_store import OpenedSource, opened_store
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.loaders.pair_shards import Block, Segment
from genpas_cli.pairs.checked_files import identity_digest
from genpas_cli.runtime.errors import IntegrityError, UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.threads import made_ahead, pool
from genpas_cli.sampling.cuts import shard_row_counts
from genpas_cli.store.access import check_is_store

_AHEAD = 3
"""Batches that are drawn before they are taken."""


class FreshPairs:
    """A source of pairs that draws shards from a store when they are read; made by `fresh_pairs`.

    It holds a plan but no open file, so that it can be pickled; each `read` opens and closes the store. A block is a
    shard. Reading a part of a shard draws all of its cuts, but looks up only the items of the part.

    Attributes:
        name: name of the source in messages.
        schema: Arrow schema of the pairs.
        max_input: maximum number of items of an input; None: no limit.
        identity: digest of the store and of all options that determine the pairs.
        pairs: rows per epoch, by split.
    """

    def __init__(
        self, store: Path, options: AugmentOptions, form: ShardForm, plans: tuple[SplitPlan, ...], identity: str
    ) -> None:
        self.identity = identity
        self.name = f"store {store}"
        self.schema: pa.Schema = form.schema
        self.max_input = form.max_input
        self.pairs = {plan.split: plan.sampling.pairs for plan in plans}
        self._store, self._options, self._form = store.absolute(), options, form
        self._plans: dict[str, SplitPlan] = {plan.split: plan for plan in plans}
        self._version = _version(self._store)

    def blocks(self, split: str, epoch: int) -> Sequence[Block]:
        """Return the shards of an epoch; raise UsageError if there is no such split."""
        if split not in self._plans:
            raise UsageError(f"{self.name} has no split {split!r}; it has: {', '.join(self._plans)}")
        plan = self._plans[split]
        counts = shard_row_counts(plan.sampling, _drawn(plan, epoch)).tolist()
        return [Block(shard, 0, rows) for shard, rows in enumerate(counts)]

    def read(self, split: str, epoch: int, segments: Sequence[Segment], columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Draw the shards of these segments, and yield their rows.

        Raises:
            IntegrityError: the store has changed since `fresh_pairs` was called.
            DataError: the store does not exist any more.
        """
        plan = self._plans[split]
        with _opened(self._store, self._options, self._form.kept) as opened:
            if _version(self._store) != self._version:
                raise IntegrityError(
                    f"{self.name} has changed since fresh_pairs was called", tip="Call fresh_pairs again."
                )
            parts = (
                (plan.sampling.slices[segment.block.shard], slice(segment.start, segment.stop)) for segment in segments
            )
            drawn = (
                batch.select(columns)
                for part, rows in parts
                for batch in shard_batches(opened.store, plan, part, _drawn(plan, epoch), self._form, rows=rows)
            )
            # Drawn on a second thread, so that making batches does not wait for it.
            try:
                with pool(1, "genpas-draw") as worker:
                    yield from made_ahead(worker, drawn, ahead=_AHEAD)
            finally:
                drawn.close()


@checked
def fresh_pairs(
    store: str | Path, options: AugmentOptions | None = None, *, keep: Sequence[str] = (),
    **_: Unpack[FreshPairsKeywords],
) -> FreshPairs:  # fmt: skip
    """Plan pairs that are drawn anew for each epoch while a trainer reads them; nothing is written.

    Epoch e has the same shards and rows as epoch e that `augment` writes with the same options. With a balanced draw,
    `options.epochs` is the number of epochs that together form one balanced draw; a later epoch e has the same targets
    as epoch e mod `epochs`, with inputs and an order of its own. An enumeration has the same pairs in every epoch.

    Args:
        store: a store made by `ingest`.
        options: as for `augment`; `user_ids` and `form` are ignored.
        keep: kept columns of the store that pairs carry, as `input_<name>` and `target_<name>`.

    Returns:
        A source for `genpas_cli.loaders.PairDataset`; it can be pickled.

    Raises:
        UsageError, DataError, MachineError: see `genpas_cli.runtime.errors`.
    """
    path, options = Path(store), replace(options or AugmentOptions(), form="items")
    resolved = resolve_options(options)
    with _opened(path, options, tuple(keep)) as opened:
        job = plan_job(opened.store, resolved, opened.keep, opened.machine)
        # One reader draws one shard at a time.
        check_room(job, replace(opened.machine, threads=1), None)
        identity = identity_digest({**manifest_of(opened.store, job, options), "files": []})
        return FreshPairs(path, options, job.form, job.plans, identity)


def _drawn(plan: SplitPlan, epoch: int) -> int:
    """Return the epoch number for the random stream; held-out splits always use epoch 0."""
    return epoch if plan.split == "train" else 0


@contextmanager
def _opened(store: Path, options: AugmentOptions, keep: tuple[str, ...]) -> Iterator[OpenedSource]:
    check_is_store(store)
    with opened_store(store, options, IngestOptions(keep=keep)) as opened:
        yield opened


def _version(store: Path) -> tuple[int, int]:
    """Return the size and modification time of a store, by which a replaced store is detected."""
    found = store.stat()
    return found.st_size, found.st_mtime_ns
