"""Reads pairs for figures: from a pairs directory, or from Parquet files of another tool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.manifest import Manifest
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.pairs.shards import read_batches
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.object_storage.locations import Location
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.sampling.cuts import Cuts
from genpas_cli.sampling.kernels import Ints
from genpas_cli.store.splits import Split

_SPLIT_NAMES = {"valid": "validation", "val": "validation", "dev": "validation"}
_SPLIT = re.compile(r"(?<![a-z])(train|validation|valid|val|dev|test)(?![a-z])")


class PairBatch(NamedTuple):
    """A batch of pairs."""

    target: NDArray[np.int32]
    """Item numbers, from 1."""
    values: NDArray[np.int32]
    """Items of all inputs, concatenated."""
    end: Ints
    """Index one past the last item of each input."""
    length: Ints
    """Number of items of each input."""
    cuts: Cuts | None
    """The cuts of the pairs, if the source has them."""


class PairSource(Protocol):
    """Pairs of several splits."""

    items: int
    """Size of the vocabulary."""
    all_items_occur: bool
    """Whether every item of the vocabulary is known to occur in the log."""

    def rows(self, split: Split) -> int:
        """Return how many pairs a split has, all epochs together."""
        ...

    def epochs(self) -> int:
        """Return the number of epochs of training pairs."""
        ...

    def batches(self, split: Split, epoch: int | None = None) -> Iterator[PairBatch]:
        """Yield the pairs of a split, or of one epoch of it."""
        ...


class GenpasPairs:
    """A pairs directory.

    Args:
        directory: the pairs directory, here or on object storage.
        threads: how many files are compared with their digests at a time; by default one per core.
        progress: told how far the comparison is.

    Raises:
        DataError, IntegrityError: see `read_manifest`; or a shard is missing or is not the one that the manifest lists.
    """

    def __init__(self, directory: Location, *, threads: int | None = None, progress: Progress = silent) -> None:
        self.directory = directory
        self._pairs = PairFiles(directory)
        self._pairs.check_digests(self._pairs.shards, threads=threads, progress=progress)
        self.manifest: Manifest = self._pairs.manifest
        self.items = int(self.manifest["items"])
        # Numbers of an earlier run may include items that this log has not.
        self.all_items_occur = self.manifest["ingest"]["options"].get("items") is None

    def rows(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return self._pairs.rows(split)

    def epochs(self) -> int:
        """Return how many epochs of training pairs there are."""
        return len(self._pairs.epochs("train"))

    def batches(self, split: Split, epoch: int | None = None) -> Iterator[PairBatch]:
        """Yield the pairs of a split."""
        columns = ["user_num", "input_items", "target_item", "input_start", "target_position"]
        epochs = self._pairs.epochs(split)
        for file in chain(*(epochs if epoch is None else epochs[epoch : epoch + 1])):
            for batch in self._pairs.batches(file, columns):
                user, inputs, target, start, position = (batch.column(name) for name in columns)
                cuts = Cuts(user.to_numpy() - np.int32(1), start.to_numpy(), position.to_numpy())
                yield _pair_batch(target.to_numpy(), inputs, inputs.values.to_numpy(), cuts)


class OtherPairs:
    """Parquet files of any tool, with a column of input lists and one of targets; ids are compared as text.

    Args:
        paths: files, or directories of them. A file whose name says test or validation is of that split.
        input_column: name of the column of lists.
        target_column: name of the column of targets.
        vocabulary: Arrow strings, the item of each number from 1; by default all that occur.

    Raises:
        DataError: no such file or column, a column of another kind, or an item that the vocabulary lacks.
    """

    def __init__(
        self, paths: Sequence[Path], input_column: str, target_column: str, vocabulary: Any | None = None
    ) -> None:
        self._columns = [input_column, target_column]
        self._files = [(file, _split_of(file)) for path in paths for file in _parquet_files(path)]
        self._check_columns()
        self._vocabulary = self._all_items() if vocabulary is None else vocabulary
        self._in_store = vocabulary is not None
        self.items = len(self._vocabulary)
        self.all_items_occur = vocabulary is None
        self._rows = {split: 0 for _, split in self._files}
        for file, split in self._files:
            with pq.ParquetFile(file) as parquet:
                self._rows[split] += parquet.metadata.num_rows

    def rows(self, split: Split) -> int:
        """Return how many pairs a split has."""
        return self._rows.get(split, 0)

    def epochs(self) -> int:
        """Return 1: files of other tools do not say which epoch they are."""
        return 1

    def batches(self, split: Split, epoch: int | None = None) -> Iterator[PairBatch]:  # noqa: ARG002  # see `epochs`
        """Yield the pairs of a split."""
        for file, its_split in self._files:
            if its_split != split:
                continue
            for inputs, target in self._raw(file):
                yield _pair_batch(self._numbers(file, target), inputs, self._numbers(file, inputs.values), None)

    def _check_columns(self) -> None:
        for file, _ in self._files:
            try:
                schema = pq.read_schema(file)
            except UNREADABLE as error:
                raise DataError(f"{file} is not a Parquet file: {error}") from error
            for name, is_list in zip(self._columns, (True, False), strict=True):
                if name not in schema.names:
                    raise DataError(f"{file}: no column {name!r}; the columns are: {', '.join(schema.names)}")
                kind = schema.field(name).type
                if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) != is_list:
                    needed = "a list of items" if is_list else "one item per row"
                    raise DataError(f"{file}: column {name!r} is of type {kind}; it must be {needed}")

    def _raw(self, file: Path) -> Iterator[tuple[Any, Any]]:
        for batch in read_batches(file, self._columns):
            inputs, target = (batch.column(name) for name in self._columns)
            if inputs.null_count or target.null_count:
                raise DataError(f"{file}: a pair has no input or no target")
            yield inputs, target

    def _all_items(self) -> Any:
        parts = [
            pc.unique(part.cast(pa.string()))
            for file, _ in self._files
            for inputs, target in self._raw(file)
            for part in (inputs.values, target)
        ]
        return pc.unique(pa.concat_arrays(parts))

    def _numbers(self, file: Path, ids: Any) -> NDArray[np.int32]:
        text = ids.cast(pa.string())
        found = pc.index_in(text, value_set=self._vocabulary)
        if found.null_count:
            unknown = text.filter(pc.is_null(found))[0].as_py()
            what = "the store does not contain the item" if self._in_store else "unknown item"
            raise DataError(
                f"{file}: {what} {unknown!r}", tip="Ids are compared as strings, in the form that they have in the log."
            )
        return np.asarray(found.to_numpy(zero_copy_only=False), np.int32) + np.int32(1)


def _pair_batch(target: NDArray[np.int32], inputs: Any, values: NDArray[np.int32], cuts: Cuts | None) -> PairBatch:
    offsets = inputs.offsets.to_numpy().astype(np.int64)
    return PairBatch(target, values, offsets[1:], np.diff(offsets), cuts)


def _parquet_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise DataError(f"no such file or directory: {path}")
    files = sorted(path.rglob("*.parquet"), key=lambda file: path_order(str(file)))
    if not files:
        raise DataError(f"{path} contains no Parquet files")
    return files


def _split_of(file: Path) -> Split:
    found = _SPLIT.search(file.stem.lower())
    name = found[1] if found else "train"
    return _SPLIT_NAMES.get(name, name)  # type: ignore[return-value]  # the pattern allows these alone
