"""Ids of the items or users of pairs by number, read in blocks: 100 million ids do not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.object_storage.locations import Location, StorageLocation, read_from
from genpas_cli.store.table_digest import TableDigest

_BLOCK_ROWS = 1 << 17
_GROUPS_AT_ONCE = 8


class Vocabulary(Protocol):
    """The id of each number, from 1."""

    def __len__(self) -> int:
        """Return the number of ids."""
        ...

    def blocks(self) -> Iterator[pa.Array]:
        """Yield the ids in the order of their numbers."""
        ...

    def whole(self) -> pa.Array:
        """Return all ids in memory, as texts: (ids,)."""
        ...


class HeldIds:
    """Ids in memory.

    Args:
        ids: texts, (ids,).
    """

    def __init__(self, ids: pa.Array) -> None:
        self._ids = ids

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._ids)

    def blocks(self) -> Iterator[pa.Array]:
        """Yield slices of the ids."""
        for begin in range(0, len(self), _BLOCK_ROWS):
            yield self._ids[begin : begin + _BLOCK_ROWS]

    def whole(self) -> pa.Array:
        """Return the ids."""
        return self._ids


class IdsInFile:
    """Ids in `items.parquet` or `users.parquet`, read when they are used.

    Args:
        path: the file.
        table: `items` or `users`.

    Raises:
        DataError: the file is not a vocabulary.
    """

    def __init__(self, path: Location, table: str) -> None:
        self._path, self._name = path, table[:-1]
        with _readable(path):
            self._rows, names = read_from(path, _rows_and_names)
        if lacking := [name for name in self._columns if name not in names]:
            raise DataError(f"{path} is not a vocabulary written by genpas: it has no column {lacking[0]}")

    def __len__(self) -> int:
        """Return the number of ids."""
        return int(self._rows)

    def blocks(self) -> Iterator[pa.Array]:
        """Yield the ids in the order of their numbers.

        Raises:
            DataError: the file is not a vocabulary.
        """
        with _readable(self._path):
            yield from self._checked(self._remote() if isinstance(self._path, StorageLocation) else self._local())

    def _local(self) -> Iterator[pa.RecordBatch]:
        # With pre_buffer, all bytes read would stay in memory.
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            yield from file.iter_batches(_BLOCK_ROWS, columns=self._columns)

    def _remote(self) -> Iterator[pa.RecordBatch]:
        # A request per few row groups, so that it can be repeated if the connection breaks.
        groups = read_from(self._path, lambda file: pq.read_metadata(file).num_row_groups)
        for begin in range(0, groups, _GROUPS_AT_ONCE):
            some = range(begin, min(begin + _GROUPS_AT_ONCE, groups))
            yield from read_from(self._path, partial(_row_groups, some, self._columns)).to_batches()

    def whole(self) -> pa.Array:
        """Return all ids in memory.

        Raises:
            DataError: the file is not a vocabulary.
        """
        with _readable(self._path):
            table = read_from(self._path, lambda file: pq.read_table(file, columns=self._columns)).combine_chunks()
            parts = list(self._checked(table.to_batches()))
            return pa.concat_arrays(parts) if parts else table[1].combine_chunks()

    @property
    def _columns(self) -> list[str]:
        return [f"{self._name}_num", f"{self._name}_id"]

    def _checked(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Array]:
        seen = 0
        for batch in batches:
            batch.validate(full=True)
            numbers = batch.column(self._columns[0]).to_numpy()
            if not np.array_equal(numbers, np.arange(seen + 1, seen + 1 + len(numbers))):
                raise DataError(f"{self._path} is not a vocabulary written by genpas: its numbers are not 1, 2, 3, ...")
            seen += len(numbers)
            yield batch.column(self._columns[1])


def ids_digest(blocks: Iterable[pa.Array]) -> str:
    """Return the digest of the ids of a vocabulary; equal digests mean that each number has the same id.

    Args:
        blocks: the ids in the order of their numbers, as texts.
    """
    digest = TableDigest(pa.schema([("id", pa.string())]))
    for ids in blocks:
        digest.add(pa.RecordBatch.from_arrays([ids], names=["id"]))
    return digest.hexdigest()


def _rows_and_names(file: Any) -> tuple[int, list[str]]:
    about = pq.read_metadata(file)
    return about.num_rows, about.schema.to_arrow_schema().names


def _row_groups(some: range, columns: list[str], file: Any) -> pa.Table:
    return pq.ParquetFile(file).read_row_groups(some, columns=columns)


class _readable:  # noqa: N801  # used as a function
    """Raises DataError for a file that is not a vocabulary."""

    def __init__(self, path: Location) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, UNREADABLE):
            raise DataError(f"{self._path} is not a vocabulary written by genpas: {error}") from error
