"""`augment_stream`: the pairs that `augment` would write, as a stream."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Unpack

import pyarrow as pa

from genpas_cli.augment.engines.local import stream_shards
from genpas_cli.augment.engines.work import SplitPlan
from genpas_cli.augment.job import manifest_of, rejects_beside
from genpas_cli.augment.keywords import AugmentKeywords
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.job_plan import Job, check_room, plan_job, resolve_options
from genpas_cli.augment.source_store import default_output, opened_store
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.pairs.changes.layout import Change, PairLayout, changed
from genpas_cli.pairs.stream import Ids, PairStream, described, raw_ids
from genpas_cli.pairs.vocabulary import ids_digest
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import Sources, TableSource, checked, source_names
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.store.splits import Split
from genpas_cli.store.store import Store


@checked
def augment_stream(  # noqa: PLR0913  # all but two by keyword
    sources: Sources, options: AugmentOptions | None = None, *,
    ingest_options: IngestOptions | None = None, keep_store: str | Path | None = None, split_out: Split = "train",
    ids: Ids = "num", progress: Progress = silent, **_: Unpack[AugmentKeywords],
) -> PairStream:  # fmt: skip
    """Cut pairs as `augment` does, and return them as a stream of Arrow batches or a data frame; no files are written.

    Logs are read at once, into a temporary store, which is kept until the stream is closed. Each pass over the stream
    draws the same pairs from it.

    Args:
        sources: as for `augment`.
        options: as for `augment`; `form` is ignored.
        ingest_options: as for `augment`.
        keep_store: as for `augment`.
        split_out: the split of the pairs.
        ids: `num` for dense numbers; `raw` for the log's own ids as text (`user_id`, `input_items`, `target_item`).
        progress: called with the progress.

    Returns:
        The pairs: iterate over the batches, or `to_arrow()`, `to_pandas()`, `to_polars()`.

    Raises:
        UsageError, DataError, MachineError: see `genpas_cli.runtime.errors`.
    """
    options = replace(options or AugmentOptions(), form="items")
    resolved = resolve_options(options)
    place = Path(_name(source_names(sources)[0]) or default_output(sources, ".pairs"))
    with ExitStack() as stack:
        opened = stack.enter_context(opened_store(
            sources, options, ingest_options, keep_store=keep_store, rejects=rejects_beside(place),
            # Without pairs of that name, the file is that of an earlier stream.
            replace_rejects=not place.exists(), progress=progress,
        ))  # fmt: skip
        job = plan_job(opened.store, resolved, opened.keep, opened.machine)
        check_room(job, opened.machine, None)
        chosen = _chosen(job, split_out)
        rows = chosen.sampling.pairs * chosen.sampling.epochs
        schema, changes = job.form.schema, list[Change]()
        if ids == "raw":
            layout = PairLayout(schema, opened.store.items, job.form.max_input)
            changes = raw_ids(layout, _ids(opened.store, "items"), _ids(opened.store, "users"))
            schema = changes[-1].layout.schema
        manifest = manifest_of(opened.store, job, options)
        digests = None if ids == "raw" else _digests(opened.store)
        schema = described(schema, manifest, split=split_out, ids=ids, rows=rows, vocabulary=digests)
        return PairStream(
            schema, rows, partial(_drawn, opened.store, job, chosen, changes), stack.pop_all().close
        )  # fmt: skip


def _name(source: str) -> str | None:
    """Return a name for a source that is not a file; None for a file."""
    return "table" if isinstance(source, TableSource) else "stdin" if source == "-" else None


def _chosen(job: Job, split: Split) -> SplitPlan:
    for plan in job.plans:
        if plan.split == split:
            return plan
    raise UsageError(f"--split-out {split}: no interactions are held out for this split", tip="See --split.")


def _drawn(store: Store, job: Job, chosen: SplitPlan, changes: list[Change]) -> Generator[pa.RecordBatch, None, None]:
    # Closed here: if the reader stops early, threads are still reading from the store, which is closed next.
    with closing(stream_shards(store, chosen, job.form, threads=job.workers)) as batches:
        for batch in batches:
            yield changed(batch, changes)


def _digests(store: Store) -> dict[str, str]:
    """Return the digests by which `export --vocab` recognizes the vocabulary of the stream."""
    tables: tuple[Literal["items", "users"], ...] = ("items", "users")
    return {table: ids_digest(batch.column(1) for batch in store.vocabulary(table)) for table in tables}


def _ids(store: Store, table: Literal["users", "items"]) -> pa.Array:
    return pa.concat_arrays([batch.column(1) for batch in store.vocabulary(table)])
