"""Sources of pairs for a loader: anything that lists the rows of an epoch as blocks, and can read parts of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

from genpas_cli.pairs.reader import PairFiles
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.object_storage.locations import StorageLocation, location_of
from genpas_cli.runtime.threads import pool

_READERS = 2
"""Threads per reader that decode a pairs directory: decoding takes twice as long as making batches."""


class Block(NamedTuple):
    """A unit of reading, such as a row group."""

    shard: int
    """0-based number of the shard."""
    group: int
    """0-based number of the block within its shard."""
    rows: int


class Segment(NamedTuple):
    """Rows start..stop − 1 of a block, 0-based."""

    block: Block
    start: int
    stop: int


class PairShards(Protocol):
    """The shards of every epoch; the rows of an epoch are those of its blocks, in order.

    An instance is pickled to the workers of a DataLoader, so it holds no open file; `read` opens the files it needs.

    Attributes:
        name: name of the source in messages.
        schema: Arrow schema of the pairs (`genpas_cli.pairs.gathering.pair_schema`).
        max_input: maximum number of items of an input; None: no limit.
        identity: text that differs for different pairs, so that a loader's state is refused for other pairs.
    """

    name: str
    max_input: int | None
    identity: str

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the pairs."""
        ...

    def blocks(self, split: str, epoch: int) -> Sequence[Block]:
        """Return the blocks of an epoch, in the order of shards; raise UsageError if there is no such split."""
        ...

    def read(self, split: str, epoch: int, segments: Sequence[Segment], columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these segments, in this order, in batches of any size."""
        ...


class PairsDirectory:
    """The shards of a pairs directory made by `genpas augment`.

    Epoch e of the training split is `data/epoch-{e mod K}` if K > 1 epochs were drawn; a single epoch has the same rows
    every time. A block is a row group.

    Args:
        directory: the pairs directory, local or on object storage.

    Raises:
        DataError, IntegrityError: see `read_manifest`.
    """

    def __init__(self, directory: str | Path | StorageLocation) -> None:
        self.directory = location_of(directory).absolute()
        self.name = f"pairs directory {directory}"
        self._pairs = PairFiles(self.directory)
        self.max_input: int | None = self._pairs.manifest["max_input"]
        self.identity = self._pairs.identity
        self._pairs.check_digests(())  # the files of sequences, which all splits of the form `cuts` read
        self._blocks: dict[tuple[str, int], list[Block]] = {}

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the pairs."""
        return self._pairs.schema

    def blocks(self, split: str, epoch: int) -> Sequence[Block]:
        """Return the row groups of an epoch.

        Raises:
            UsageError: there is no such split.
            IntegrityError: a shard of the split, of any epoch, is missing or differs from the manifest.
        """
        epochs = self._pairs.epochs(split)
        if not epochs:
            raise UsageError(f"{self.name} has no split {split!r}; it has: {', '.join(self._pairs.splits)}")
        drawn = epoch % len(epochs)
        if (split, drawn) not in self._blocks:
            # Checks all epochs here, before pickling, so that the workers of a DataLoader do not repeat it.
            self._pairs.check_digests(file for files in epochs for file in files)
            self._blocks[split, drawn] = [
                Block(shard, group, rows)
                for shard, file in enumerate(epochs[drawn])
                for group, rows in enumerate(self._pairs.groups(file))
            ]
        return self._blocks[split, drawn]

    def read(self, split: str, epoch: int, segments: Sequence[Segment], columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these segments, one batch per segment.

        Raises:
            IntegrityError: the directory or a shard has changed since it was opened.
        """
        self._pairs.check_same()
        epochs = self._pairs.epochs(split)
        files = epochs[epoch % len(epochs)]

        def decoded(segment: Segment) -> pa.RecordBatch:
            batch = self._pairs.read(files[segment.block.shard], segment.block.group, columns)
            return batch.slice(segment.start, segment.stop - segment.start)

        with pool(_READERS, "genpas-read") as readers:
            tasks = deque(readers.submit(decoded, segment) for segment in segments[:_READERS])
            for ahead in [*segments[_READERS:], *[None] * len(tasks)]:
                batch = tasks.popleft().result()
                if ahead is not None:
                    tasks.append(readers.submit(decoded, ahead))
                yield batch
