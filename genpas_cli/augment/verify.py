"""`verify`: checks a pairs directory against its manifest, and every pair against the store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.augment.options import TargetOptions
from genpas_cli.augment.target_weights import target_settings, weighted
from genpas_cli.pairs.gathering import COLUMNS, LocatedCuts, differing_rows, gather, needed_spans
from genpas_cli.pairs.manifest import CARD, NAME, Manifest
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.pairs.shards import ShardFile, row_count
from genpas_cli.runtime.errors import DataError, IntegrityError
from genpas_cli.runtime.keywords import MachineKeywords
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import FIXED_MEMORY, Machine, MachineOptions, resolve, scratch_directory
from genpas_cli.runtime.object_storage.locations import Location, files_below, location_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.results.reports import Report
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.sampling.cuts import Cuts
from genpas_cli.sampling.shard_plan import USERS_A_CHUNK
from genpas_cli.sampling.user_targets import TargetPool
from genpas_cli.store.access import open_store, store_memory
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.splits import Split
from genpas_cli.store.store import Store

_CUT_COLUMNS = ("user_num", "input_start", "target_position")
_INPUTS, _TARGET = "input_items", "target_item"


@dataclass(frozen=True, repr=False)
class VerifyReport(Report):
    """The report of a successful check; `genpas verify --json` prints its fields."""

    pairs_dir: str
    files: int
    """Number of files whose digest was checked."""
    rows: int
    """Number of pairs that were checked."""
    slices: bool
    """Whether every pair was compared with the store."""
    shards: int
    """Number of these files that contain pairs."""
    others: list[str]
    """Names of the other ones of these files."""
    unknown: list[str]
    """Files in the directory that the manifest does not list. In `data/` they are an error, because a reader would take
    them for pairs."""


@checked
def verify(
    pairs: str | Path,
    *,
    store: str | Path | None = None,
    machine: MachineOptions | None = None,
    progress: Progress = silent,
    **_: Unpack[MachineKeywords],
) -> VerifyReport:
    """Check a pairs directory.

    Without a store: the manifest is unchanged; all files exist, with no others in `data/`; their bytes, SHA-256, rows
    and schema match; there are no nulls; numbers are within the vocabulary; positions and input lengths are consistent.
    With a store: it has the content from which the pairs were made, and every pair matches the slice of its user's
    training sequence (held-out pairs: whole sequence) at its positions. No target has weight 0 by the options
    with which the pairs were made.

    Args:
        pairs: the pairs directory, local or on object storage.
        store: the store from which the pairs were made.
        machine: limits of threads and memory.
        progress: called with the progress.

    Raises:
        DataError: `pairs` is not a pairs directory, or `store` is not a store.
        IntegrityError: a check fails; the message names the file and the row.
    """
    directory, limits = location_of(pairs), resolve(machine or MachineOptions())
    opened_pairs = PairFiles(directory)
    manifest, files = opened_pairs.manifest, opened_pairs.files
    unknown = _unlisted(directory, files)
    opened_pairs.check_digests(files, threads=limits.threads, progress=progress)
    _check_rows(directory, files)
    shards = opened_pairs.shards
    _check_counts(directory, manifest, shards)
    with _opened(store, limits) as opened:
        if opened is not None:
            check_store(opened, directory, manifest)
        source = None if opened is None else weighted(opened, TargetOptions(**target_settings(manifest)), of_log=False)
        rows, total = 0, sum(file.rows for file in shards)
        threads = _threads(opened_pairs, limits)
        checks = (partial(_Shard(opened_pairs, file).check, source) for file in shards)
        with calling_in_order(threads, "genpas-verify") as run:
            for file, _checked in zip(shards, run(checks), strict=True):
                rows += file.rows
                progress("checking pairs", rows, total)
    others = [file.path for file in files if file not in shards]
    return VerifyReport(str(directory), len(files), rows, source is not None, len(shards), others, unknown)


_ROW_BYTES = 200
"""Bytes per pair while a shard is compared with the store: its positions, and the sequences that it needs."""


def _threads(pairs: PairFiles, limits: Machine) -> int:
    """Return the number of shards that are checked at a time within the memory limit; at least 1."""
    left = limits.memory - FIXED_MEMORY - store_memory(limits.memory)
    shard = max(file.rows for file in pairs.shards) * _ROW_BYTES + 2 * pairs.batch_bytes()
    return int(min(limits.threads, len(pairs.shards), max(left // shard, 1)))


@contextlib.contextmanager
def _opened(path: str | Path | None, limits: Machine) -> Iterator[Store | None]:
    if path is None:
        yield None
        return
    with (
        scratch_directory(limits.temp_dir) as scratch,
        open_store(Path(path), limits, scratch, memory=store_memory(limits.memory)) as store,
    ):
        yield store


def check_store(store: Store, directory: Location, manifest: Manifest) -> None:
    """Raise IntegrityError if a store does not have the content from which the pairs of a directory were made.

    This takes a pass over all rows, because the store's recorded digest may not match its rows.
    """
    made_from = manifest.get("content_sha256")
    if (store.users, store.items) != (manifest["users"], manifest["items"]):
        differs = (
            f"it has {store.users:,} users and {store.items:,} items, but the manifest says {manifest['users']:,} and "
            f"{manifest['items']:,}"
        )
    elif made_from is not None and store.content_digest != made_from:
        differs = "its interactions, their order, the split, the ids or the kept columns (--keep) differ"
    else:
        store.check_content()
        return
    raise IntegrityError(
        f"{store.path} is not the store of {directory}: {differs}",
        tip="Name the store that the pairs were made from. To keep that store when pairs are made: genpas augment "
        "LOGS --store PATH",
    )


def _unlisted(directory: Location, files: list[ShardFile]) -> list[str]:
    """Return the files that the manifest does not list; raise IntegrityError if one of them is in data/."""
    listed = {file.path for file in files}
    found = files_below(directory)
    if extra := sorted(name for name in found if name.startswith("data/") and name not in listed):
        raise IntegrityError(f"{directory / extra[0]} is not in the manifest ({len(extra)} such files)")
    return sorted(name for name in found if name not in listed and name != NAME and not name.startswith("data/"))


def _check_rows(directory: Location, files: list[ShardFile]) -> None:
    """Raise IntegrityError if the number of rows of a file differs from the manifest."""
    for file in files:
        path = directory / file.path
        if file.path != CARD and (rows := row_count(path)) != file.rows:
            raise IntegrityError(f"{path} has {rows:,} rows, but the manifest says {file.rows:,}")


def _check_counts(directory: Location, manifest: Manifest, shards: list[ShardFile]) -> None:
    rows = sum(file.rows for file in shards if file.split == "train")
    if rows != manifest["pairs"] * manifest["epochs"]:
        raise IntegrityError(
            f"{directory} has {rows:,} training pairs, but the manifest says {manifest['pairs']:,} in each of "
            f"{manifest['epochs']} epochs"
        )


class _Shard:
    """Checks one shard."""

    def __init__(self, pairs: PairFiles, file: ShardFile) -> None:
        self._pairs, self._file, self._manifest = pairs, file, pairs.manifest
        self._path = pairs.directory / file.path
        self._schema = pairs.schema
        self._row = 0
        found = pairs.schema_of(file)
        if {field.name: str(field.type) for field in self._schema} != self._manifest["schema"]:
            raise IntegrityError(f"{self._path} does not have the schema in the manifest; it has: {found}")
        if not found.equals(pairs.shard_schema):
            raise IntegrityError(f"{self._path} does not have the schema of the first shard; it has: {found}")
        if tuple(self._schema.names[: len(COLUMNS)]) != COLUMNS:
            raise IntegrityError(f"{self._path} does not have the columns {', '.join(COLUMNS)}")

    def check(self, store: Store | None) -> None:
        """Check every row; with a store, also compare the pairs with its sequences."""
        if store is None:
            for batch in self._pairs.batches(self._file):
                self._check_items(batch, self._check_cuts(batch))
                self._row += batch.num_rows
            return
        parts = []
        for batch in self._pairs.batches(self._file, _CUT_COLUMNS):
            parts.append(self._check_cuts(batch))
            self._row += batch.num_rows
        self._row = 0
        if parts:
            columns = zip(*((part.user, part.start, part.target) for part in parts), strict=True)
            self._check_slices(store, parts, Cuts(*map(np.concatenate, columns)))

    def _check_cuts(self, batch: pa.RecordBatch) -> Cuts:
        u, j, k = (self._numbers(batch, name) for name in _CUT_COLUMNS)
        users = self._manifest["users"]
        self._refuse((u < 1) | (u > users), f"user_num is outside 1..{users}")
        self._refuse((j < 1) | (j >= k), "input_start is not before target_position")
        return Cuts(u - np.int32(1), j, k)

    def _numbers(self, batch: pa.RecordBatch, name: str) -> NDArray[np.int32]:
        """Return the values of a column, flattened if it holds lists; raise IntegrityError if there are nulls."""
        column = batch.column(name)
        is_list = pa.types.is_list(column.type)
        if column.null_count or (is_list and column.values.null_count):
            raise IntegrityError(f"{self._path}: column {name} has missing values")
        numbers: NDArray[np.int32] = (column.flatten() if is_list else column).to_numpy()
        return numbers

    def _check_items(self, batch: pa.RecordBatch, cuts: Cuts) -> None:
        j, k, y, values = cuts.start, cuts.target, self._numbers(batch, _TARGET), self._numbers(batch, _INPUTS)
        limit, items = self._manifest["max_input"], self._manifest["items"]
        length = np.diff(batch.column(_INPUTS).offsets.to_numpy())
        self._refuse((y < 1) | (y > items), f"{_TARGET} is outside 1..{items}")
        self._refuse(
            length != np.minimum(k - j, k if limit is None else limit),
            "the length of input_items does not match its positions",
        )
        wrong = (values < 1) | (values > items)
        if wrong.any():
            row = np.repeat(np.arange(len(length)), length)[np.flatnonzero(wrong)[0]]
            self._refuse(np.arange(len(length)) == row, f"input_items contains a number outside 1..{items}")

    def _refuse(self, wrong: NDArray[np.bool_], reason: str) -> None:
        if wrong.any():
            row = self._row + int(np.flatnonzero(wrong)[0])
            raise IntegrityError(f"{self._path}, row {row} (from 0): {reason}")

    def _check_slices(self, store: Store, parts: list[Cuts], cuts: Cuts) -> None:
        """Gather every pair again from the store, and compare it with the shard."""
        first, last = int(cuts.user.min()), int(cuts.user.max())
        lengths = Lengths(*(np.concatenate(c) for c in zip(*store.lengths(first, last, USERS_A_CHUNK), strict=True)))
        is_train = self._file.split == "train"
        self._check_positions(cuts, lengths, first, store)
        order = np.argsort(cuts.user, kind="stable")
        limit = self._manifest["max_input"]
        spans = needed_spans(cuts.take(order), limit)
        whole = lengths.train if is_train else lengths.total
        kept = list(self._manifest["keep"])
        if missing := [name for name in kept if name not in store.kept]:
            raise DataError(f"the pairs have a kept column {missing[0]!r}, but {store.path} has no such column")
        sequences = store.spans(first, whole, spans, kept, train_only=is_train)
        for found, part in zip(self._pairs.batches(self._file), parts, strict=True):
            self._check_items(found, part)
            located = LocatedCuts(part, sequences.index_of(part.user, part.target))
            (expected,) = gather(located, sequences, self._schema, max_input=limit, batch_rows=max(len(part), 1))
            self._refuse(
                differing_rows(expected, found),
                "the pair does not match its source sequence",
            )
            self._row += found.num_rows

    def _check_positions(self, cuts: Cuts, lengths: Lengths, first: int, store: Store) -> None:
        row, k = cuts.user - first, cuts.target
        split = cast("Split", self._file.split)
        if split == "train":
            self._refuse(k > lengths.train[row], "the target is held out: its position is beyond the training sequence")
        else:
            self._refuse(cuts.start != 1, "a held-out pair's input does not start at the first interaction")
        if split != "train" or store.rule is not None:
            self._refuse(
                ~_can_be_targets(cuts, store.target_pool(split, first, lengths)),
                f"the target is not a {split} target of its user"
                + ("" if store.rule is None else ", or is excluded by the condition or the weights in the manifest"),
            )


def _can_be_targets(cuts: Cuts, pool: TargetPool) -> NDArray[np.bool_]:
    """Return bool (cuts,): whether each target is one of the pool."""
    order = np.argsort(cuts.user, kind="stable")
    user, found = cuts.user[order].astype(np.int64), np.zeros(len(cuts), np.bool_)
    for some, first, targets in pool.runs(user):
        found[order[some]] = targets.has(user[some] - first, cuts.target[order[some]])
    return found
