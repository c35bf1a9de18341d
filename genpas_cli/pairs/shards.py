"""Pairs on disk: writing a shard, hashing it, reading one back."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.pairs.encoding import Encoding, writer_settings
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.object_storage.locations import Location, StorageLocation, file_digest, read_from

ROW_GROUP_ROWS = 1 << 16
"""Rows of a row group: small enough for a shuffling reader to hold several, large enough to compress well.

It affects the bytes of a shard, because the chunks that are written decide where pages end.
"""


SPLITS = ("train", "validation", "test")
"""The splits that pairs can be of, in the order of time."""


@dataclass(frozen=True)
class ShardFile:
    """The manifest's entry for one file."""

    path: str
    """Relative to the directory."""
    split: str | None
    """`train`, `validation` or `test`; None for a vocabulary."""
    rows: int
    bytes: int
    sha256: str


def shard_name(split: str, index: int, count: int, epoch: int | None = None) -> str:
    """Return the relative path of a shard."""
    directory = "data" if epoch is None else f"data/epoch-{epoch:03d}"
    return f"{directory}/{split}-{index:05d}-of-{count:05d}.parquet"


def write_shard(
    directory: Path, name: str, encoding: Encoding, batches: Iterable[pa.RecordBatch], schema: pa.Schema
) -> int:
    """Write a shard, one row group a batch, and return the number of its rows; `finished_file` describes it.

    Raises:
        MachineError: no space, or no permission.
    """
    path, rows = directory / name, 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # By path, not through a Python file object, which would copy every page once more while holding the GIL.
        with pq.ParquetWriter(path, schema, **writer_settings(encoding, schema)) as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(batch.num_rows, 1))
                rows += batch.num_rows
    except OSError as error:
        raise disk_error(error, path) from error
    return rows


def finished_file(directory: Path, name: str, split: str | None, rows: int) -> ShardFile:
    """Return the manifest's entry for a file that has been written.

    Raises:
        MachineError: the disk failed.
    """
    path = directory / name
    try:
        return ShardFile(name, split, rows, path.stat().st_size, file_digest(path))
    except OSError as error:
        raise disk_error(error, path) from error


class FinishedShards:
    """The finished shards of a directory, from a journal with one line per shard.

    A shard is entered after its bytes are synced, so every entry survives whatever stopped the run.

    Args:
        directory: the pairs directory in the making.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files = {file.path: file for file in self._listed()}
        """By path."""

    @property
    def _journal(self) -> Path:
        return self.directory / "shards.jsonl"

    def _listed(self) -> Iterator[ShardFile]:
        lines = self._journal.read_bytes().splitlines() if self._journal.exists() else []
        for line in lines:
            # An unreadable line means that the run was killed while writing it; a file whose size differs from its
            # entry was damaged since. Both are made again.
            with contextlib.suppress(ValueError, TypeError, RecursionError, OSError):
                file = ShardFile(**json.loads(line))
                path = self.directory / file.path
                if path.stat().st_size == file.bytes and file_digest(path) == file.sha256:
                    yield file

    def add(self, file: ShardFile) -> None:
        """Sync a shard to disk, and enter it in the journal.

        Raises:
            MachineError: no space, or the disk failed.
        """
        path = self.directory / file.path
        try:
            with path.open("rb") as written:
                os.fsync(written.fileno())
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write("\n" + json.dumps(asdict(file)))  # the line break first, to end a line that was cut short
        except OSError as error:
            raise disk_error(error, path) from error
        self.files[file.path] = file

    def close(self) -> None:
        """Remove the journal; the manifest replaces it."""
        self._journal.unlink(missing_ok=True)


def read_batches(path: Location, columns: list[str] | None = None) -> Iterator[Any]:
    """Yield the Arrow record batches of a shard, a row group at a time."""
    for index in range(len(row_groups(path))):
        yield read_row_group(path, index, columns)


def row_groups(path: Location) -> list[int]:
    """Return the rows of each row group of a Parquet file."""
    metadata = read_from(path, pq.read_metadata)
    return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def largest_row_group(path: Location) -> int:
    """Return the uncompressed size in bytes of the largest row group of a Parquet file."""
    metadata = read_from(path, pq.read_metadata)
    return max((metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)), default=0)


def read_row_group(path: Location, index: int, columns: list[str] | None = None) -> pa.RecordBatch:
    """Return one row group of a shard, read on the calling thread only."""

    def read(source: Any) -> pa.Table:
        with pq.ParquetFile(source, pre_buffer=isinstance(path, StorageLocation)) as file:
            return file.read_row_group(index, columns=columns, use_threads=False)

    table = read_from(path, read)
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def shard_schema(path: Location) -> pa.Schema:
    """Return the Arrow schema of a Parquet file."""
    return read_from(path, pq.read_schema)


def row_count(path: Location) -> int:
    """Return the rows of a Parquet file."""
    return int(read_from(path, pq.read_metadata).num_rows)


def rows_by_split(files: Iterable[ShardFile]) -> dict[str, int]:
    """Return the rows of each split, all epochs together; in the order of the splits."""
    rows = dict.fromkeys(SPLITS, 0)
    for file in files:
        if file.split is not None:
            rows[file.split] += file.rows
    return {split: count for split, count in rows.items() if count}
