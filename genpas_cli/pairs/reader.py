"""Reads a pairs directory; the result is pairs with all their columns, whichever form the shards have.

In form `items` a shard holds the pairs. In form `cuts` it holds the cuts, and the sequences of all users are stored
once, next to the shards:

    data/train-00000-of-00004.parquet            user_num, input_start, target_position
    sequences/sequences-00000-of-00001.parquet   a row a user, in the order of user_num: train_length, items, [kept
                                                 columns]; what is held out stands at the end of a sequence
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.checked_files import CheckedFiles
from genpas_cli.pairs.gathering import LocatedCuts, cut_schema, gather, pair_schema, sequence_schema
from genpas_cli.pairs.manifest import make_again, manifest_files
from genpas_cli.pairs.shards import (
    ROW_GROUP_ROWS,
    SPLITS,
    ShardFile,
    largest_row_group,
    read_row_group,
    row_groups,
    shard_schema,
)
from genpas_cli.pairs.validation import check_batch, check_numbers, check_pair_schema, check_schema
from genpas_cli.pairs.vocabulary import IdsInFile
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.runtime.object_storage.locations import Location, read_from
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.sampling.cuts import Cuts
from genpas_cli.store.sequences import Sequences

SEQUENCES = "sequences/sequences"
"""Prefix of the names of sequence files."""

LONG_INPUT = 200
"""Assumed items per input where there is no limit, for estimates."""

_RUNS_HELD = 2
"""Number of row groups of sequences kept in memory: those of the shards being read."""


class PairFiles:
    """The shards of a pairs directory. It holds no open file, can be pickled, and can be used from several threads.

    Args:
        directory: the pairs directory, here or on object storage.

    Attributes:
        manifest: of the directory.
        identity: digest of the data set: of the manifest without its run, the digests of all files included.
        files: all that the manifest lists.
        shards: those with pairs, in the order of the numbers of epochs and shards, however many digits these have.

    Raises:
        DataError, IntegrityError: see `read_manifest`.
    """

    def __init__(self, directory: Location) -> None:
        self.directory = directory
        self._checked = CheckedFiles(directory)
        self.manifest, self.identity = self._checked.manifest, self._checked.identity
        self.files = sorted(manifest_files(self.manifest), key=lambda file: path_order(file.path))
        self.shards = [file for file in self.files if file.split is not None]
        if not self.shards:
            raise IntegrityError(f"{directory} is damaged: its manifest lists no shards")

    @cached_property
    def _by_epoch(self) -> dict[str, list[list[ShardFile]]]:
        """The shards of each split, by epoch: each epoch has a directory of its own."""
        found: dict[str, dict[PurePosixPath, list[ShardFile]]] = {}
        for file in self.shards:
            found.setdefault(str(file.split), {}).setdefault(PurePosixPath(file.path).parent, []).append(file)
        order = [*(split for split in SPLITS if split in found), *(split for split in found if split not in SPLITS)]
        return {split: list(found[split].values()) for split in order}

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have shards, in the order of time."""
        return tuple(self._by_epoch)

    def epochs(self, split: str) -> list[list[ShardFile]]:
        """Return the shards of each epoch of a split, in order; held-out splits have one."""
        return self._by_epoch.get(split, [])

    def rows(self, split: str) -> int:
        """Return how many pairs a split has, all epochs together."""
        return sum(file.rows for files in self.epochs(split) for file in files)

    def check_digests(
        self, files: Iterable[ShardFile], *, threads: int | None = None, progress: Progress = silent
    ) -> None:
        """Compare files, and the sequences of cuts, with their digests before anything is read from them.

        Reading a file that has changed since then raises IntegrityError.

        Args:
            files: shards that will be read.
            threads: how many files are read at a time; by default one per core.
            progress: told how far it is.

        Raises:
            IntegrityError: a file is missing or is not the one that the manifest lists; the message names it.
        """
        self._checked.check([*files, *self._sequence_files()], threads=threads, progress=progress)

    def check_same(self) -> None:
        """Raise IntegrityError if the directory has become another data set since it was opened."""
        self._checked.check_same_manifest()

    def ids(self, table: str) -> pa.Array | None:
        """Return the ids of `items` or `users`, by number from 1; None if the directory has none.

        Raises:
            IntegrityError: the file is not the one that the manifest lists.
            DataError: it is no vocabulary.
        """
        found = self.vocabulary(table)
        return None if found is None else found.whole()

    def vocabulary(self, table: str) -> IdsInFile | None:
        """Return the vocabulary of `items` or `users`, which is read when it is used; None if there is none.

        Raises:
            IntegrityError: the file is not the one that the manifest lists.
            DataError: it is no vocabulary.
        """
        file = next((file for file in self.files if file.path == f"{table}.parquet"), None)
        if file is None:
            return None
        self._checked.check([file])
        return IdsInFile(self.directory / file.path, table)

    def item_columns(self) -> pa.Table | None:
        """Return the further columns of `items.parquet` (`--item-info`), by item number from 1; None without the file.

        Raises:
            IntegrityError: the file is not the one that the manifest lists.
        """
        file = next((file for file in self.files if file.path == "items.parquet"), None)
        if file is None:
            return None
        self._checked.check([file])
        with readable(self.directory / file.path) as path:
            names = read_from(path, pq.read_schema).names[2:]
            return read_from(path, lambda opened: pq.read_table(opened, columns=names))

    def _sequence_files(self) -> list[ShardFile]:
        return [file for file in self.files if file.path.startswith(SEQUENCES)] if self._has_cuts else []

    @property
    def _has_cuts(self) -> bool:
        return bool(self.manifest.get("form", "items") == "cuts")

    @cached_property
    def _sequences(self) -> _SequenceFiles | None:
        if not self._has_cuts:
            return None
        names = [file.path for file in self._sequence_files()]
        return _SequenceFiles(self.directory, names, self.manifest["keep"], self._checked)

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of the pairs.

        Raises:
            IntegrityError: a file is missing or damaged.
        """
        schema = self.schema_of(self.shards[0]) if self._sequences is None else self._sequences.pair_schema
        check_pair_schema(schema, self.manifest, self.directory / self.shards[0].path)
        return schema

    @property
    def shard_schema(self) -> pa.Schema:
        """The schema that shards have on disk."""
        return self.schema if self._sequences is None else cut_schema()

    def schema_of(self, file: ShardFile) -> pa.Schema:
        """Return the schema of a shard as it is on disk.

        Raises:
            IntegrityError: it is missing or damaged.
        """
        with readable(self.directory / file.path) as path:
            return shard_schema(path)

    def groups(self, file: ShardFile) -> list[int]:
        """Return the rows of each row group of a shard.

        Raises:
            IntegrityError: it is missing or damaged, or has not as many rows as the manifest says.
        """
        with readable(self.directory / file.path) as path:
            found = row_groups(path)
        if sum(found) != file.rows:
            raise IntegrityError(
                f"{path} has {sum(found):,} rows, but the manifest says {file.rows:,}",
                tip=make_again(self.directory),
            )
        return found

    def read(self, file: ShardFile, group: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """Return the pairs of a row group of a shard, all columns or these, on this thread alone.

        Raises:
            IntegrityError: it is missing or damaged.
        """
        names = self.schema.names if columns is None else list(columns)
        with readable(self.directory / file.path) as path:
            batch = read_row_group(path, group, names if self._sequences is None else None)
        # Checked after reading, so that a file which was replaced in between is noticed.
        self._checked.check_same_file(file.path)
        if self._sequences is None:
            check_batch(batch, pa.schema([self.schema.field(name) for name in names]), path)
            check_numbers(batch, self.manifest, path)
            return batch.select(names)
        check_batch(batch, self.shard_schema, path)
        user, start, target = (batch.column(name).to_numpy() for name in cut_schema().names)
        run = self._sequences.run(user, path)
        run.check(user, start, target, path, train_only=file.split == "train")
        kept = {f"{end}_{name}": name for name in run.sequences.kept for end in ("input", "target")}
        sequences = run.with_kept({kept[name] for name in names if name in kept})
        schema = pair_schema({name: values.type for name, values in sequences.kept.items()})
        cuts = Cuts(user - np.int32(1), start, target)
        located = LocatedCuts(cuts, sequences.index_of(cuts.user, cuts.target))
        (pairs,) = gather(located, sequences, schema, max_input=self.manifest["max_input"], batch_rows=len(cuts))
        return pairs.select(names)

    def batches(self, file: ShardFile, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the pairs of a shard, a row group a batch."""
        for group in range(len(self.groups(file))):
            yield self.read(file, group, columns)

    def batch_bytes(self) -> int:
        """Return the approximate size of the largest batch in bytes."""
        if self._sequences is not None:
            longest = self.manifest["max_input"] or LONG_INPUT
            rows = min(ROW_GROUP_ROWS, max(file.rows for file in self.shards))
            return int(rows * 4 * (longest * (1 + 2 * len(self.manifest["keep"])) + 5))
        largest = 0
        for file in self.shards:
            with readable(self.directory / file.path) as path:
                largest = max(largest, largest_row_group(path))
        return largest


@contextmanager
def readable(path: Location) -> Iterator[Location]:
    """Yield the path; errors in the block name the file.

    Raises:
        IntegrityError: a file that the manifest lists is missing, or is not Parquet, or is damaged.
    """
    try:
        yield path
    except FileNotFoundError as error:
        raise IntegrityError(
            f"{path} is missing, but the manifest lists it",
            tip="Check all files: genpas verify PAIRS",
        ) from error
    except (KeyError, *UNREADABLE) as error:  # KeyError: the file lacks a column
        raise IntegrityError(f"{path} is damaged: {error}", tip="Check all files: genpas verify PAIRS") from error


# ----------------------------------------------------------------------------------------------------------- sequences


class _Run(NamedTuple):
    """The sequences of consecutive users."""

    sequences: Sequences
    train_length: NDArray[np.int32]
    """Training interactions of each user; they come first."""

    def check(
        self, user: NDArray[np.int32], start: NDArray[np.int32], target: NDArray[np.int32], path: Location, *,
        train_only: bool,
    ) -> None:  # fmt: skip
        """Raise IntegrityError if a cut reaches beyond its user's sequence, or into held-out interactions."""
        row = user - 1 - self.sequences.user[0]
        length = self.train_length if train_only else np.diff(self.sequences.offsets)
        wrong = (start < 1) | (start >= target) | (target > length[row])
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise IntegrityError(
                f"{path}: user {user[first]} has no {'training ' if train_only else ''}pair of target position "
                f"{target[first]} and input start {start[first]}; the sequence has {length[row[first]]} items"
            )

    def with_kept(self, names: set[str]) -> Sequences:
        """Return the sequences with these kept columns alone."""
        kept = {name: values for name, values in self.sequences.kept.items() if name in names}
        return replace(self.sequences, kept=kept)


class _Group(NamedTuple):
    """A row group of sequences."""

    name: str
    """Of its file, relative to the pairs directory."""
    number: int
    first_user: int
    """0-based."""


class _SequenceFiles:
    """The sequences stored with cuts.

    Args:
        directory: the pairs directory.
        names: the files, relative to it, in the order of users.
        keep: kept columns.
        checked: called with every file that is read.

    Raises:
        IntegrityError: there are none, or they cannot be read.
    """

    def __init__(self, directory: Location, names: Sequence[str], keep: Sequence[str], checked: CheckedFiles) -> None:
        self._directory, self._checked = directory, checked
        if not names:
            raise IntegrityError("the manifest says that the pairs are cuts, but lists no sequence files")
        self._groups: list[_Group] = []
        users = 0
        for name in names:
            with readable(directory / name) as path:
                for number, rows in enumerate(row_groups(path)):
                    self._groups.append(_Group(name, number, users))
                    users += rows
        self._first_users = np.array([*(group.first_user for group in self._groups), users])
        with readable(directory / names[0]) as path:
            found = shard_schema(path)
        lists = {field.name: field.type for field in found if pa.types.is_list(field.type)}
        kept = {name: lists[name].value_type for name in keep if name in lists}
        self._schema = sequence_schema(kept)
        check_schema(found, self._schema, directory / names[0])
        self.pair_schema = pair_schema(kept)
        self._kept = list(kept)
        self._forget()

    def _forget(self) -> None:
        self._lock, self._held = threading.Lock(), OrderedDict[tuple[int, int], _Run]()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_held")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def run(self, user: NDArray[np.int32], wanted_by: Location) -> _Run:
        """Return the sequences of a run of users that contains all of these users, numbered from 1."""
        low, high = int(user.min()), int(user.max())
        if not 1 <= low <= high <= self._first_users[-1]:
            wrong = low if low < 1 else high
            raise IntegrityError(f"{wanted_by}: user_num {wrong} is outside 1..{self._first_users[-1]}")
        first, last = np.searchsorted(self._first_users, (low - 1, high - 1), side="right") - 1
        key = int(first), int(last)
        with self._lock:
            if key not in self._held:
                self._held[key] = self._unpacked(*key)
                if len(self._held) > _RUNS_HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(key)
            return self._held[key]

    def _unpacked(self, first: int, last: int) -> _Run:
        tables = []
        for group in self._groups[first : last + 1]:
            with readable(self._directory / group.name) as path:
                batch = read_row_group(path, group.number)
            self._checked.check_same_file(group.name)
            check_batch(batch, self._schema, path)
            tables.append(batch)
        rows = pa.Table.from_batches(tables).combine_chunks().to_batches()[0]
        items, train = rows.column("items"), rows.column("train_length").to_numpy()
        length = np.diff(items.offsets.to_numpy())
        kept = [rows.column(name) for name in self._kept]
        if ((train < 0) | (train > length)).any() or any(not column.offsets.equals(items.offsets) for column in kept):
            name = self._groups[first].name
            raise IntegrityError(f"{self._directory / name} is damaged: its lists have different lengths")
        users = np.arange(self._first_users[first], self._first_users[last + 1], dtype=np.int32)
        sequences = Sequences(
            users, items.offsets.to_numpy().astype(np.int64), np.zeros(len(users), np.int64), items.values.to_numpy(),
            {name: column.values for name, column in zip(self._kept, kept, strict=True)},
        )  # fmt: skip
        return _Run(sequences, train)
