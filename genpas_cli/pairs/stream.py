"""Pairs as one object that Arrow, pandas and Polars read: drawn, or read from a directory, while they are consumed."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa

from genpas_cli.pairs.changes.ids import Plain, RawIds
from genpas_cli.pairs.changes.layout import Change, PairLayout, changed
from genpas_cli.pairs.manifest import identity_of
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.pairs.shards import ShardFile
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.object_storage.locations import location_of
from genpas_cli.runtime.results.frames import Frames
from genpas_cli.runtime.results.reports import Shown, ShownTable
from genpas_cli.runtime.threads import in_order, pool
from genpas_cli.store.splits import Split

Ids = Literal["num", "raw"]

VOCABULARY = "vocabulary"
"""Key of the digests of the ids of items and users in a stream of numbers."""

_READERS = 2
"""Threads that decode shards."""


class PairStream(Shown, Frames):
    """Pairs, made while they are consumed; each pass over them gives the same rows in the same order.

    It is iterated by batch, or read as a whole: `to_arrow`, `to_pandas`, `to_polars`. Libraries that read Arrow streams
    take it directly: `pyarrow.RecordBatchReader.from_stream(pairs)`, `duckdb.sql("from pairs")`. Its open files are
    closed when it is no longer used, at the end of a `with` block, or by `close`.

    Args:
        schema: of the batches; its metadata has the manifest under `genpas`.
        rows: number of pairs.
        read: starts a pass: returns a generator of batches, which is closed after the pass.
        close: closes what `read` needs.

    Attributes:
        schema: Arrow schema; its metadata holds the manifest under `genpas`, with the number of rows of the stream.
    """

    def __init__(
        self, schema: pa.Schema, rows: int, read: Callable[[], Generator[pa.RecordBatch, None, None]],
        close: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.schema, self._rows, self._read = schema, rows, read
        self._passes: weakref.WeakSet[Generator[pa.RecordBatch, None, None]] = weakref.WeakSet()
        self._closed = weakref.finalize(self, close)  # at the latest when Python ends

    @property
    def batches(self) -> Iterator[pa.RecordBatch]:
        """A new pass over the pairs.

        Raises:
            UsageError: the stream is closed.
        """
        if not self._closed.alive:
            raise UsageError(
                "the pairs are closed and cannot be read any more",
                tip="Read them inside the `with` block, or call the function again.",
            )
        started = self._one_pass()
        self._passes.add(started)
        return started

    def _one_pass(self) -> Generator[pa.RecordBatch, None, None]:
        # A generator refers to `self`, so that nothing is closed before the pass is over.
        with closing(self._read()) as batches:
            yield from batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self._rows

    def to_arrow(self) -> pa.Table:
        """Return all pairs as an Arrow table in memory."""
        return pa.Table.from_batches(self.batches, self.schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a pass by the Arrow PyCapsule interface; batches are made when they are read."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches)
        return reader.__arrow_c_stream__(requested_schema)

    def close(self) -> None:
        """End all passes, and close what they read from."""
        for started in list(self._passes):
            with suppress(ValueError):  # it runs in another thread, and ends there
                started.close()
        self._closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def shown(self) -> list[ShownTable]:
        """Return the number of pairs and the columns with their types."""
        rows = [("pairs", f"{len(self):,}"), *((field.name, str(field.type)) for field in self.schema)]
        return [ShownTable(("", "value"), rows)]


def raw_ids(layout: PairLayout, items: pa.Array, users: pa.Array | None) -> list[Change]:
    """Return the changes that replace numbers by the log's ids, as text.

    Args:
        layout: of the pairs.
        items: id of each item number from 1.
        users: id of each user number from 1; None leaves the numbers of users.
    """
    raw = RawIds(layout, items, users)
    return [raw, Plain(raw.layout)]


def described(
    schema: pa.Schema, manifest: dict[str, Any], *, split: str, ids: Ids, rows: int,
    vocabulary: dict[str, str] | None = None,
) -> pa.Schema:  # fmt: skip
    """Return a schema whose metadata has the manifest, and which pairs of it are in the stream.

    Args:
        schema: of the pairs.
        manifest: of the data set that the pairs belong to.
        split: the split of the pairs.
        ids: how items and users are written.
        rows: number of pairs.
        vocabulary: `ids_digest` of `items` and `users`, where they are known.
    """
    about = {**manifest, "split_out": split, "ids": ids, "rows": rows}
    if vocabulary is not None:
        about[VOCABULARY] = vocabulary
    return schema.with_metadata({"genpas": json.dumps(about)})


@checked
def read_pairs(pairs: str | Path, split: Split = "train", *, epoch: int | None = None, ids: Ids = "num") -> PairStream:
    """Read a pairs directory, of either form, as a stream, a table or a data frame.

    Args:
        pairs: the pairs directory, local or on object storage.
        split: the split to read.
        epoch: epoch of the training pairs, from 0; None for all epochs, one after the other.
        ids: `num` for dense numbers; `raw` for the log's own ids as text (`input_items`, `target_item`, and `user_id`
            if the directory was written with `user_ids="raw"`).

    Returns:
        The pairs, with the columns `user_num`, `input_items`, `target_item`, `input_start`, `target_position`, and
        `input_<name>` and `target_<name>` for each kept column.

    Raises:
        UsageError: there is no such split or epoch, or no vocabulary for `ids="raw"`.
        DataError: `pairs` is not a pairs directory.
        IntegrityError: a file is missing or differs from the manifest.
    """
    files = PairFiles(location_of(pairs))
    chosen = _chosen(files, split, epoch)
    files.check_digests(chosen)
    layout, changes = (
        PairLayout(files.schema, int(files.manifest["items"]), files.manifest["max_input"]),
        list[Change](),
    )
    if ids == "raw":
        if (items := files.ids("items")) is None:
            raise UsageError(f"{pairs} has no items.parquet, so the ids of the items are unknown", tip='Use ids="num".')
        changes = raw_ids(layout, items, files.ids("users"))
        layout = changes[-1].layout
    rows = sum(file.rows for file in chosen)
    manifest = {key: value for key, value in identity_of(files.manifest).items() if key != "files"}
    schema = described(layout.schema, manifest, split=split, ids=ids, rows=rows)
    return PairStream(schema, rows, partial(_read, files, chosen, changes))


def _chosen(files: PairFiles, split: str, epoch: int | None) -> list[ShardFile]:
    """Return the shards to read; raise UsageError if there is no such split or epoch."""
    epochs = files.epochs(split)
    if not epochs:
        raise UsageError(f"{files.directory} has no split {split!r}; it has: {', '.join(files.splits)}")
    if epoch is None:
        return list(chain(*epochs))
    if not 0 <= epoch < len(epochs):
        found = "one epoch, 0" if len(epochs) == 1 else f"the epochs 0 to {len(epochs) - 1}"
        raise UsageError(f"{files.directory} has no epoch {epoch} of the split {split!r}; it has {found}")
    return epochs[epoch]


def _read(
    files: PairFiles, chosen: list[ShardFile], changes: list[Change]
) -> Generator[pa.RecordBatch, None, None]:  # fmt: skip
    """Yield the pairs of shards, one row group per batch; other threads decode the next ones."""
    files.check_same()

    def decoded(file: ShardFile, group: int) -> pa.RecordBatch:
        return changed(files.read(file, group), changes)

    calls = (partial(decoded, file, group) for file in chosen for group in range(len(files.groups(file))))
    with pool(_READERS, "genpas-read") as readers:
        yield from in_order(readers, calls, ahead=_READERS + 1)
