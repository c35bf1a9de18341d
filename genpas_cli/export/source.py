"""The sources of `export`: a pairs directory, or an Arrow stream of `augment -o -` on standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import BinaryIO, Protocol

import pyarrow as pa

from genpas_cli.pairs.changes.layout import PairLayout
from genpas_cli.pairs.manifest import NAME, Manifest, read_manifest
from genpas_cli.pairs.reader import LONG_INPUT, PairFiles
from genpas_cli.pairs.shards import ROW_GROUP_ROWS, SPLITS, ShardFile
from genpas_cli.pairs.stream import VOCABULARY
from genpas_cli.pairs.validation import check_batch, check_numbers
from genpas_cli.pairs.vocabulary import IdsInFile, Vocabulary, ids_digest
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError, IntegrityError, UsageError
from genpas_cli.runtime.json.shapes import Shape, is_count, is_text, misshapen
from genpas_cli.runtime.object_storage.locations import Location
from genpas_cli.runtime.progress import Progress

Read = Callable[[], pa.RecordBatch]
"""Reads one batch; callable on any thread."""

_STREAM: dict[str, Shape] = {
    "items": is_count, "users": is_count, "rows": is_count, "ids": lambda value: value in ("num", "raw"),
    "split_out": lambda value: value in SPLITS, "max_input": lambda value: value is None or is_count(value),
    f"{VOCABULARY}?": {"items": is_text, "users": is_text},
}  # fmt: skip
"""Shape of the keys that are used of a stream's manifest."""

_CONTENT = "content_sha256"
_SAME_LOG = "Name a pairs directory of the same log."


class PairReader(Protocol):
    """Reads the pairs of some splits, batch by batch."""

    manifest: Manifest
    splits: tuple[str, ...]
    """The splits that have pairs."""

    @property
    def layout(self) -> PairLayout:
        """The layout of the pairs; only to be read after `check`."""
        ...

    def check(self, splits: Sequence[str], threads: int, progress: Progress) -> None:
        """Verify the pairs of these splits before any of them is read.

        Args:
            splits: the splits that will be read.
            threads: number of files read at a time.
            progress: called with the amount done.

        Raises:
            IntegrityError: a file is missing or differs from the manifest; the message names it.
        """
        ...

    def reads(self, split: str, columns: Sequence[str], limit: int | None) -> Iterator[Read]:
        """Yield a function per batch of a split, in order, that reads the batch.

        Args:
            split: one of `splits`.
            columns: the columns to read.
            limit: maximum number of rows; None for all.
        """
        ...

    def rows(self, split: str) -> int:
        """Return the number of pairs of a split."""
        ...

    def batch_bytes(self) -> int:
        """Return the approximate bytes of the largest batch."""
        ...


class DirectoryReader:
    """A pairs directory.

    Args:
        directory: the directory.
        epoch: epoch whose training pairs are read, from 0; None for all epochs in order.

    Raises:
        DataError, IntegrityError: see `read_manifest`.
        UsageError: the epoch does not exist.
    """

    def __init__(self, directory: Location, epoch: int | None = None) -> None:
        self._pairs = PairFiles(directory)
        self.manifest, self.splits = self._pairs.manifest, self._pairs.splits
        epochs = len(self._pairs.epochs("train"))
        if epoch is not None and not 0 <= epoch < epochs:
            raise UsageError(f"--epoch {epoch}: the pairs have {epochs} epoch{'s' * (epochs != 1)}, counted from 0")
        self._epoch = epoch

    @cached_property
    def layout(self) -> PairLayout:
        """The layout of the pairs."""
        return PairLayout(self._pairs.schema, int(self.manifest["items"]), self.manifest["max_input"])

    def check(self, splits: Sequence[str], threads: int, progress: Progress) -> None:
        """Verify the digests of all files of these splits."""
        files = [file for split in splits for file in self._files(split)]
        self._pairs.check_digests(files, threads=threads, progress=progress)

    def reads(self, split: str, columns: Sequence[str], limit: int | None) -> Iterator[Read]:
        """Yield a function per row group of a split, in order, that reads it."""
        left = limit
        for file in self._files(split):
            for index, rows in enumerate(self._pairs.groups(file)):
                if left == 0:
                    return
                wanted = rows if left is None else min(rows, left)
                yield partial(self._first_rows_of, file, index, columns, wanted)
                left = None if left is None else left - wanted

    def rows(self, split: str) -> int:
        """Return the number of pairs of a split."""
        return sum(file.rows for file in self._files(split))

    def batch_bytes(self) -> int:
        """Return the uncompressed bytes of the largest row group."""
        return self._pairs.batch_bytes()

    def vocabulary(self, table: str) -> Vocabulary | None:
        """Return the ids of `items` or `users` by number from 1; None if the directory does not have them."""
        return self._pairs.vocabulary(table)

    def item_columns(self) -> pa.Table | None:
        """Return the further columns of `items.parquet`, by item number from 1; None if there is no such file."""
        return self._pairs.item_columns()

    def _files(self, split: str) -> list[ShardFile]:
        epochs = self._pairs.epochs(split)
        return epochs[self._epoch] if split == "train" and self._epoch is not None else list(chain(*epochs))

    def _first_rows_of(self, file: ShardFile, index: int, columns: Sequence[str], rows: int) -> pa.RecordBatch:
        return _first_rows(self._pairs.read(file, index, columns), rows)


class StreamReader:
    """An Arrow stream written by `genpas augment -o -`.

    Raises:
        DataError: the stream is empty, not Arrow, or has no manifest of genpas.
    """

    def __init__(self, stream: BinaryIO) -> None:
        try:
            self._reader = pa.ipc.open_stream(stream)
        except UNREADABLE as error:
            raise DataError(
                f"standard input is not an Arrow stream of pairs ({error})",
                tip="Pipe the output of genpas augment: genpas augment LOGS -o - | genpas export - --to jsonl -o -",
            ) from error
        schema = self._reader.schema
        try:
            self.manifest = json.loads((schema.metadata or {})[b"genpas"])
            if wrong := misshapen(self.manifest, _STREAM):
                raise ValueError(wrong)  # noqa: TRY301  # translated below
            self.splits: tuple[str, ...] = (self.manifest["split_out"],)
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise DataError(
                "standard input is an Arrow stream, but not a stream of pairs: its schema contains no genpas manifest",
                tip="Pipe the output of genpas augment: genpas augment LOGS -o - | genpas export - --to jsonl -o -",
            ) from error
        largest = int(self.manifest["items"]) if self.manifest["ids"] == "num" else None
        self.layout = PairLayout(schema.remove_metadata(), largest, self.manifest["max_input"])

    def check(self, splits: Sequence[str], threads: int, progress: Progress) -> None:
        """Do nothing: `reads` checks the stream as it comes."""

    def reads(self, split: str, columns: Sequence[str], limit: int | None) -> Iterator[Read]:  # noqa: ARG002  # one split
        """Yield a function per batch that returns it, in the order of the stream.

        Raises:
            IntegrityError: a batch is malformed, or the stream ends before all its pairs have come.
        """
        seen = 0
        while limit is None or seen < limit:
            try:
                batch = self._reader.read_next_batch()
                batch.validate(full=True)
            except StopIteration:
                break
            except UNREADABLE as error:
                raise IntegrityError(f"the stream on standard input ended after {seen:,} pairs ({error})") from error
            check_batch(batch, self.layout.schema, "standard input")
            if self.manifest["ids"] == "num":
                check_numbers(batch, self.manifest, "standard input")
            wanted = batch.num_rows if limit is None else min(batch.num_rows, limit - seen)
            seen += wanted
            yield partial(_first_rows, batch.select(list(columns)), wanted)
        if limit is None and seen != self.manifest["rows"]:
            raise IntegrityError(
                f"the stream on standard input is incomplete: {seen:,} of {self.manifest['rows']:,} pairs were "
                "received",
                tip="Check the messages of the command before the pipe; with set -o pipefail, the shell reports its "
                "failure too.",
            )

    def rows(self, split: str) -> int:  # noqa: ARG002  # a stream has one split
        """Return the number of pairs of the stream, by its manifest."""
        return int(self.manifest["rows"])

    def batch_bytes(self) -> int:
        """Return the estimated bytes of a row group whose inputs all have the maximum length."""
        longest = self.layout.max_input or LONG_INPUT
        return min(ROW_GROUP_ROWS, self.rows("")) * 4 * (longest * (1 + 2 * len(self.layout.kept)) + 5)


def standard_input() -> BinaryIO:
    """Return stdin as a binary file.

    Raises:
        UsageError: stdin is a terminal.
    """
    if sys.stdin.isatty():
        raise UsageError(
            "- reads an Arrow stream from standard input, but standard input is a terminal",
            tip="Pipe the output of genpas augment: genpas augment LOGS -o - | genpas export - --to jsonl -o -",
        )
    return sys.stdin.buffer


def vocabularies_of_stream(reader: PairReader, directory: Location) -> tuple[Vocabulary, Vocabulary | None]:
    """Return the ids of items and users by number from 1, from the directory of `--vocab`; None for users without one.

    Args:
        reader: the stream. If it has numbers, the directory must have the ids of the same numbers.
        directory: a pairs directory, or a directory with `items.parquet` alone.

    Raises:
        UsageError: the directory has no `items.parquet`, or its ids are not those of the stream.
        DataError: a file is not a vocabulary.
        IntegrityError: a file differs from the directory's manifest.
    """
    items, users = (_read_vocabulary(directory, table) for table in ("items", "users"))
    if items is None:
        raise UsageError(f"--vocab {directory}: the directory has no items.parquet", tip=_SAME_LOG)
    if reader.layout.largest is not None:
        _check_same_ids(reader.manifest, reader.layout.largest, directory, {"items": items, "users": users})
    return items, users


def _read_vocabulary(directory: Location, table: str) -> Vocabulary | None:
    if (directory / NAME).is_file():
        return PairFiles(directory).vocabulary(table)
    path = directory / f"{table}.parquet"
    return IdsInFile(path, table) if path.is_file() else None


def _check_same_ids(manifest: Manifest, items: int, directory: Location, found: dict[str, Vocabulary | None]) -> None:
    """Raise UsageError if a vocabulary is not that of a stream of numbers.

    Pairs of the same store have the same vocabulary. Those of another store can have it too, for example if only the
    kept columns differ: then the digests of the ids decide, if the stream has them.
    """
    ids = found["items"]
    assert ids is not None
    if len(ids) != items:
        raise UsageError(
            f"--vocab {directory} has {len(ids):,} items, but the stream has {items:,}: they are from different logs",
            tip=_SAME_LOG,
        )
    has_manifest = (directory / NAME).is_file()
    ours, theirs = manifest.get(_CONTENT), read_manifest(directory).get(_CONTENT) if has_manifest else None
    if ours is not None and ours == theirs:
        return
    if VOCABULARY not in manifest:
        if ours is not None and theirs is not None:
            raise UsageError(
                f"--vocab {directory} was made from another store than the stream, so its item numbers can mean other "
                "items",
                tip="Name a pairs directory of the same store.",
            )
        return
    for table, vocabulary in found.items():
        if vocabulary is not None and ids_digest(vocabulary.blocks()) != manifest[VOCABULARY][table]:
            raise UsageError(
                f"--vocab {directory} has other {table} than the stream: they are from different logs", tip=_SAME_LOG
            )


def _first_rows(batch: pa.RecordBatch, rows: int) -> pa.RecordBatch:
    """Return the first rows of a batch, copied so that the values of lists have no further rows."""
    return batch if rows == batch.num_rows else batch.take(pa.array(range(rows), pa.int64()))
