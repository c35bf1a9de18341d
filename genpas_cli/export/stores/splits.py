"""`--to splits`: the interactions of a store, one row each, in the parts of its split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.export.column_names import named_columns
from genpas_cli.export.directory import foreign_in_export, write_about
from genpas_cli.export.file_types import chosen_file_type
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.report import ExportReport
from genpas_cli.export.stores.interaction_files import FILE_TYPES, InteractionFiles
from genpas_cli.export.stores.opening import StoreKeys, check_store_options, opened_store, store_keys
from genpas_cli.runtime.atomic_output import Foreign
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import Machine, scratch_directory
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.wording import counted
from genpas_cli.store.sequence_source import USERS_A_READ, Lengths
from genpas_cli.store.splits import HeldOut
from genpas_cli.store.store import Store
from genpas_cli.store.target_positions import first_positions

Mask = NDArray[np.bool_]

HELD_OUT: tuple[HeldOut, ...] = ("validation", "test")

_OWN = ("user_id", "item_id", "timestamp")
_USED = frozenset({"file_type", "ids", "columns"})


class SplitsKeys(TypedDict):
    """The content of `export.json` in a directory of `--to splits`."""

    format: str
    """`splits`."""
    file_type: str
    """Value of `--file-type`."""
    ids: str
    """`raw` for the ids of the log, `num` for numbers from 1."""
    columns: list[str]
    """Columns of all files."""
    interactions: dict[str, int]
    """Number of rows, by part."""
    left_out: int
    """Held-out interactions that are not targets, because of `--eval` or because no interaction precedes them."""
    of: StoreKeys
    files: dict[str, int]
    """Size in bytes of each other file, by name."""
    sha256: str
    """Digest of all other keys."""


@contextmanager
def opened_splits(
    source: str | Path, options: ExportOptions, machine: Machine, _: Progress, *, name: str
) -> Iterator[SplitsRun]:  # fmt: skip
    """Open the store and check all options, before anything is written.

    Args:
        source: the store.
        options: those of `export`; options that only pairs have are refused.
        machine: the limits.
        name: name of the output directory.

    Raises:
        UsageError: the source is not a store, or an option is invalid.
        DataError: the store cannot be opened.
    """
    file_type = chosen_file_type(options, tuple(FILE_TYPES))
    check_store_options(source, options, _USED)
    with (
        scratch_directory(machine.temp_dir) as scratch,
        opened_store(source, machine, scratch) as store,
    ):
        columns = _columns(store, named_columns(options), file_type)
        yield SplitsRun(store, columns, options.ids or "raw", file_type, name)


def _columns(store: Store, wanted: tuple[str, ...] | None, file_type: str) -> dict[str, str]:
    """Return output column → SQL of its values in `interactions`, empty for the ids.

    A kept column with the name of one of the first three columns has the prefix `kept_`.

    Raises:
        UsageError: a column is not available.
    """
    time = store.seconds()
    if time is not None and FILE_TYPES[file_type].keeps_types and _is_decimal(store, time):
        time = "time"  # more readers know timestamps than decimals
    own = {"user_id": "", "item_id": ""} | ({} if time is None else {"timestamp": time})
    kept = {f"kept_{name}" if name.lower() in own else name: identifier(name) for name in store.kept}
    there = own | kept
    if wanted is None:
        return there
    if unknown := next((name for name in wanted if name not in there), None):
        raise UsageError(f"--columns {unknown}: no such column; the columns are {', '.join(there)}")
    if lacking := next((name for name in ("user_id", "item_id") if name not in wanted), None):
        raise UsageError(
            f"--columns {','.join(wanted)}: {lacking} is missing, without which a row is no interaction",
            tip=f"Add it: --columns {shell_word(','.join((lacking, *wanted)))}",
        )
    return {name: there[name] for name in wanted}


def _is_decimal(store: Store, time: str) -> bool:
    return bool(pa.types.is_decimal(store.types_of(f"{time} as seconds")["seconds"]))


@dataclass(frozen=True)
class SplitsRun:
    """A running export of a split."""

    store: Store
    columns: dict[str, str]
    """Output column → SQL of its values in `interactions`, empty for the ids."""
    ids: str
    file_type: str
    name: str
    """Name of the output directory."""
    written: dict[str, int] = field(default_factory=dict)
    """Number of rows by part, after `write`."""
    notes: list[str] = field(default_factory=list)

    def check_name(self, output: Path) -> None:
        """Accept any name: the output is a directory."""

    @property
    def foreign(self) -> Foreign:
        """What recognizes an existing output."""
        return foreign_in_export

    def write(self, new: Path, progress: Progress) -> None:
        """Write all parts in one pass over the store, then `export.json`."""
        new.mkdir()
        parts = self._parts()
        items = None if self.ids == "num" else _vocabulary(self.store)
        done, total = 0, int(self.store.meta["interactions"])
        with FILE_TYPES[self.file_type](new, self._schema(), self.name, whole=len(parts) == 1) as files:
            for part in parts:
                files.open(part)
                self.written[part] = 0
            for rows, masks in self._rows(items):
                self._write_rows(files, rows, masks)
                done += rows.num_rows
                progress("writing interactions", done, total)
        for name, text in files.companions(parts).items():
            (new / name).write_text(text, encoding="utf-8")
        self.notes.extend([*self._own_notes(), *files.notes(parts)])
        write_about(new, self._about())

    def _parts(self) -> tuple[str, ...]:
        """Return the names of the parts; a held-out split without targets has none."""
        targets = dict.fromkeys(HELD_OUT, 0)
        for first, lengths in self._users():
            for split in HELD_OUT:
                targets[split] += int(self.store.target_counts(split, first, lengths).sum())
        held_out = [f"{split}_{kind}" for split in HELD_OUT if targets[split] for kind in ("input", "target")]
        return ("train", *held_out)

    def _users(self) -> Iterator[tuple[int, Lengths]]:
        first = 0
        for lengths in self.store.lengths(0, self.store.users - 1, USERS_A_READ):
            yield first, lengths
            first += len(lengths.total)

    def _schema(self) -> pa.Schema:
        ids = pa.int32() if self.ids == "num" else pa.string()
        query = ", ".join(f"{sql} as {identifier(name)}" for name, sql in self.columns.items() if sql) or "1 as nothing"
        found = self.store.types_of(query)
        return pa.schema([(name, found[name] if sql else ids) for name, sql in self.columns.items()])

    def _rows(self, items: pa.Array | None) -> Iterator[tuple[pa.RecordBatch, dict[str, Mask]]]:
        """Yield all rows of the store in order, and which of them belong to each part."""
        further_columns = [sql for sql in self.columns.values() if sql]
        for first, lengths in self._users():
            users = None if self.ids == "num" else self.store.user_ids(first, len(lengths.total))
            ids = {"user_id": users, "item_id": items}
            offsets = {"user_id": first + 1, "item_id": 1}
            of_splits = {}
            for split in HELD_OUT:
                targets = self.store.user_targets(split, first, lengths)
                of_splits[split] = (first_positions(targets), targets)
            for batch, position in self.store.interactions(first, lengths, further_columns):
                user = batch.column(0).to_numpy() - np.int32(first + 1)
                masks = {"train": position <= lengths.train[user]}
                for split, (first_target, targets) in of_splits.items():
                    masks[f"{split}_input"] = position < first_target[user]
                    masks[f"{split}_target"] = targets.has(user, position)
                numbers = {"user_id": batch.column(0), "item_id": batch.column(1)}
                further = iter(batch.columns[2:])
                columns = [
                    next(further) if sql else _named(numbers[name], ids[name], offsets[name])
                    for name, sql in self.columns.items()
                ]
                yield pa.RecordBatch.from_arrays(columns, list(self.columns)), masks

    def _write_rows(self, files: InteractionFiles, rows: pa.RecordBatch, masks: dict[str, Mask]) -> None:
        encoded = files.encoded(rows)
        for part in self.written:
            if count := int(np.count_nonzero(masks[part])):
                files.write(part, encoded.filter(pa.array(masks[part])))
                self.written[part] += count

    @property
    def _left_out(self) -> int:
        kept = sum(rows for part, rows in self.written.items() if not part.endswith("_input"))
        return int(self.store.meta["interactions"]) - kept

    def _own_notes(self) -> list[str]:
        notes = []
        if lacking := [split for split in HELD_OUT if f"{split}_target" not in self.written]:
            rule = self.store.meta["split"]["rule"]
            notes.append(f"no files of {' and '.join(lacking)}: the store has no targets there (--split {rule})")
        if self._left_out:
            notes.append(
                f"{counted(self._left_out, 'held-out interaction')} "
                f"{'is not a target' if self._left_out == 1 else 'are not targets'}, because of --eval or because "
                "nothing precedes them; they are in no target file"
            )
        if (time := self.columns.get("timestamp")) and _is_decimal(self.store, time):
            notes.append(
                "the timestamps have more digits than a 64-bit float, so programs that read them as floats confuse "
                "different times; to write a column of timestamps: --file-type parquet"
            )
        return notes

    def _about(self) -> dict[str, Any]:
        store = self.store
        return {
            "format": "splits", "file_type": self.file_type, "ids": self.ids, "columns": list(self.columns),
            "interactions": self.written, "left_out": self._left_out,
            "of": store_keys(store),
        }  # fmt: skip

    def report(self, output: str, seconds: float) -> ExportReport:
        """Return the report, after `write`."""
        return ExportReport(
            output, "splits", {}, 0, None, round(seconds, 3), interactions=self.written, notes=self.notes
        )  # fmt: skip


def _vocabulary(store: Store) -> pa.Array:
    """Return the id of each item number, from 1."""
    parts = [batch.column(1) for batch in store.vocabulary("items")]
    return pa.concat_arrays(parts) if parts else pa.array([], pa.string())


def _named(numbers: pa.Array, ids: pa.Array | None, first: int) -> pa.Array:
    """Return numbers, or their ids as an Arrow dictionary; `first` is the number of the first id."""
    if ids is None:
        return numbers
    return pa.DictionaryArray.from_arrays(pa.array(numbers.to_numpy() - np.int32(first)), ids)
