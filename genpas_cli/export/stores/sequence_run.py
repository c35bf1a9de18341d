"""Exports of whole sequences from a store: the sequence of each user, for trainers that hold out and cut themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.export.directory import foreign_in_export, write_about
from genpas_cli.export.item_data import ItemData, information_of, with_titles
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.report import ExportReport
from genpas_cli.export.stores.opening import StoreKeys, check_store_options, opened_store, store_keys
from genpas_cli.pairs.codes.files import open_codes
from genpas_cli.pairs.codes.item_codes import item_codes
from genpas_cli.pairs.codes.sid import sid_pattern
from genpas_cli.pairs.codes.spreading import Room
from genpas_cli.runtime.atomic_output import Foreign
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.machine import Machine, scratch_directory
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.text.wording import counted
from genpas_cli.store.item_ids import StoreIds
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.sequences import Sequences
from genpas_cli.store.store import Store

INTERACTIONS_AT_ONCE = 1 << 20
SHORTEST = 3
"""Interactions that a trainer needs which holds out the last two itself: one is left to train on."""


class SequencesKeys(TypedDict):
    """The content of `export.json` in a directory of whole sequences."""

    format: str
    """Value of `--to`."""
    sequences: dict[str, int]
    """Number of sequences, by file."""
    interactions: int
    """Number of interactions of all sequences of the store that were read."""
    of: StoreKeys
    files: dict[str, int]
    """Size in bytes of each other file, by name."""
    sha256: str
    """Digest of all other keys."""


class Histories(NamedTuple):
    """The sequences of a run of consecutive users."""

    first: int
    """0-based number of the first user."""
    lengths: Lengths
    sequences: Sequences
    """All interactions of these users."""


@dataclass
class SequenceFiles(ABC):
    """The files of one format."""

    store: Store
    options: ExportOptions
    name: str
    """Name of the output directory."""
    items: ItemData
    written: dict[str, int] = field(default_factory=dict)
    """Number of sequences by file, after `write`."""
    left_out: int = 0
    """Users left out, because their sequences are too short."""

    format: ClassVar[str] = ""
    used: ClassVar[frozenset[str]] = frozenset()
    """Options of `export` that the format uses; with `semantic_ids` among them, codes are needed."""

    @abstractmethod
    def write(self, directory: Path, runs: Iterator[Histories]) -> None:
        """Write the files of the sequences."""

    def write_items(self, directory: Path) -> None:  # noqa: B027  # not every format has such files
        """Write the files of the items."""

    @property
    def columns(self) -> list[str]:
        """Columns of the store that are read beside the items."""
        return []

    def notes(self) -> list[str]:
        """Return notes for users of the output."""
        return []


@contextmanager
def opened_sequences(
    source: str | Path, options: ExportOptions, machine: Machine, _: Progress, *, name: str
) -> Iterator[SequenceRun]:  # fmt: skip
    """Open the store and check all options, before anything is written.

    Raises:
        UsageError: the source is not a store, or an option is invalid.
        DataError: the store or a file of codes or item information cannot be used.
    """
    kind: type[SequenceFiles] = import_module(f"genpas_cli.export.stores.{options.to.replace('-', '_')}").FILES
    check_store_options(source, options, kind.used)
    if "semantic_ids" in kind.used and options.semantic_ids is None:
        raise UsageError(
            f"--to {options.to} writes the codes of items, but --semantic-ids is missing",
            tip="Make codes with genpas semantic-ids, and name their file: --semantic-ids codes.parquet",
        )
    with scratch_directory(machine.temp_dir) as scratch, opened_store(source, machine, scratch) as store:
        yield SequenceRun(store, kind(store, options, name, _items(store, options, kind, machine, scratch)))


def _items(
    store: Store, options: ExportOptions, kind: type[SequenceFiles], machine: Machine, scratch: Path
) -> ItemData:
    if not kind.used & {"semantic_ids", "item_info"}:
        return ItemData()
    ids = StoreIds(store)
    found = ItemData(ids, pattern=sid_pattern(options.sid_format or "minionerec"))
    if options.item_info is not None:
        found = with_titles(replace(found, info=information_of(ids, options, machine, scratch)), options)
    if options.semantic_ids is not None:
        codes = open_codes(Path(options.semantic_ids))
        found = replace(found, codes=item_codes(
            ids, codes, missing=options.missing_codes, colliding=options.colliding_codes, room=Room.of(machine, scratch)
        ))  # fmt: skip
    return found


@dataclass(frozen=True)
class SequenceRun:
    """A running export of whole sequences."""

    store: Store
    files: SequenceFiles

    def check_name(self, output: Path) -> None:
        """Accept any name: the output is a directory."""

    @property
    def foreign(self) -> Foreign:
        """What recognizes an existing output."""
        return foreign_in_export

    def write(self, new: Path, progress: Progress) -> None:
        """Write all files in one pass over the store, then `export.json`."""
        new.mkdir()
        self.files.write(new, self._runs(progress))
        self.files.write_items(new)
        write_about(new, {
            "format": self.files.format, "sequences": self.files.written,
            "interactions": int(self.store.meta["interactions"]), "of": store_keys(self.store),
        })  # fmt: skip

    def _runs(self, progress: Progress) -> Iterator[Histories]:
        first, done, total = 0, 0, int(self.store.meta["interactions"])
        for lengths, sequences in self.store.histories("test", INTERACTIONS_AT_ONCE, self.files.columns):
            yield Histories(first, lengths, sequences)
            first += len(lengths.total)
            done += len(sequences.items)
            progress("writing sequences", done, total)

    def report(self, output: str, seconds: float) -> ExportReport:
        """Return the report, after `write`."""
        return ExportReport(
            output, self.files.format, {}, 0, None, round(seconds, 3), sequences=self.files.written,
            notes=self.files.notes(),
        )  # fmt: skip


def check_not_empty(sequences: int, what: str = "interactions") -> None:
    """Raise DataError if all users were left out.

    Args:
        sequences: number of sequences written.
        what: what a user needs `SHORTEST` of.
    """
    if not sequences:
        raise DataError(
            f"no user has {SHORTEST} or more {what}, so no sequence can be written: the trainer holds out the last two"
        )


def left_out_note(users: int, what: str = "interactions") -> list[str]:
    """Return the note of users that were left out, because they have fewer than `SHORTEST` of something."""
    why = f"fewer than {SHORTEST} {what}, of which the trainer would hold out two"
    return [f"{counted(users, 'user')} left out: {why}"] if users else []


def lists_of(values: NDArray[Any], offsets: NDArray[np.int64]) -> pa.ListArray:
    """Return an Arrow list per user."""
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))
