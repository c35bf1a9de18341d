"""`ingest --append`: the rows of a store go through the passes with those of a new log; only the new rows are sorted.

The result is the store that all logs together would make, except that existing ids keep their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genpas_cli.histories.history import History, history_of, whole_users
from genpas_cli.histories.merging import merged
from genpas_cli.ingest.columns.mixed_units import count_units
from genpas_cli.ingest.earlier import EarlierLog
from genpas_cli.ingest.options import IngestOptions, SplitOptions
from genpas_cli.ingest.passes.numbering import KINDS, Kind, Numbers, final_numbers, read_known
from genpas_cli.ingest.staging.conversion import convert_column, holds
from genpas_cli.ingest.staging.staged import FileReport, FunnelStep, Staged
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.times.readers import INTEGERS
from genpas_cli.store.access import attached_store
from genpas_cli.store.store import Store

_NEED_ALL_ROWS: dict[str, dict[Any, str]] = {
    "dedup": {
        "exact": "the store does not contain all columns that decide whether rows are equal",
        "consecutive": "a new interaction may belong between two interactions of which the second was dropped",
    },
    "ties": {
        "item": "the store does not contain the original order of interactions that share a timestamp",
        "hash": "the store does not contain the original order of interactions that share a timestamp",
    },
}
"""Option → values with which a store cannot be appended to → reason."""

_A_CORE = "the users and items that were dropped may have enough interactions with the new log"

_COLUMNS = ("user", "item", "time", "rating", "time_format", "list_delimiter")
"""Options inherited from the store unless given for the new log."""

_OF_THE_FILE = (
    "format", "delimiter", "header", "quote", "text_encoding", "encoding", "hive", "bad_rows", "decimal_ids",
    "allow_duplicate_files",
)  # fmt: skip
"""Options that are never inherited. All other options must be those of the store. Older stores say `encoding`."""


@contextmanager
def earlier_store(database: Database, path: Path) -> Iterator[Earlier]:
    """Open the store to append to.

    Raises:
        DataError: see `open_store`.
    """
    with attached_store(database, path, "earlier") as store:
        yield Earlier(store)


class Earlier:
    """A store that a new log is appended to, open for reading."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows = int(store.meta["interactions"])
        self.made_with: dict[str, Any] = store.meta["options"]
        self.steps = len(self.funnel())
        self.has_bad_rows = any(step.step == "bad rows" and step.dropped for step in self.funnel())
        self.sources = [FileReport(**source) for source in store.rows("sources")]

    def funnel(self) -> list[FunnelStep]:
        """Return the cleaning steps of all logs ingested so far."""
        return [FunnelStep(**step) for step in self.store.rows("funnel")]

    def known(self, kind: Kind) -> pa.Table:
        """Return the numbers of the store's ids (columns num, id)."""
        return read_known(str(self.store.path), kind)

    def options(self, given: IngestOptions) -> IngestOptions:
        """Return the options for the new log: how to read it as given, all others as when the store was made.

        Raises:
            UsageError: another value was given, or the store's options rule out appending.
        """
        if given.items or given.users:
            raise UsageError("--items and --users cannot be used with --append, which keeps the numbers of the store")
        default, inherited = IngestOptions(), dict[str, Any]()
        # Older versions do not record the options of a split that they did not have.
        usual = {each.name: getattr(default, each.name) for each in fields(SplitOptions)}
        for name, made in {**usual, **self.made_with}.items():
            if name in _OF_THE_FILE or name in ("items", "users"):
                continue
            if name == "unknown_items" and (
                given.unknown_items != default.unknown_items or not self.made_with["items"]
            ):
                continue  # a given value may be stricter; in a store made without --items the option has no effect
            value, wanted = tuple(made) if isinstance(made, list) else made, getattr(given, name)
            if name in _COLUMNS and wanted != getattr(default, name):
                continue
            # The default of --eval follows from --split, which may be repeated for the new log.
            unset = IngestOptions(split=given.split).eval if name == "eval" else getattr(default, name)
            self._check_option(name, value, None if wanted == unset else wanted)
            inherited[name] = value
        return replace(given, **inherited)

    def _check_option(self, name: str, made: Any, wanted: Any) -> None:
        flag = flag_of(name)
        if wanted not in (None, made):
            raise UsageError(
                f"{flag} is {_shown(wanted)}, but {self.store.path} was made with {flag} {_shown(made)}, which also "
                "applies to appended logs",
                tip="Remove the option, or make a new store from all logs.",
            )
        if why := self._needs_all_rows(name, made):
            raise UsageError(
                f"{self.store.path} cannot be appended to: it was made with {flag} {made}, and {why}",
                tip=f"Make a new store from all logs: genpas ingest LOGS... -o STORE {flag} {made}",
            )

    def _needs_all_rows(self, name: str, made: Any) -> str | None:
        if name in ("min_user", "min_item"):
            return _A_CORE if made > 1 else None
        if name == "session_gap":
            return None if made is None else "a new interaction may belong to the last session of its user"
        if name == "dedup" and made == "consecutive" and self.store.meta["time_type"] is None:
            return None  # without times, new rows come after all others
        return _NEED_ALL_ROWS.get(name, {}).get(made)

    def check(self, database: Database, staged: Staged, *, allow_duplicates: bool) -> Staged:
        """Convert the staged columns to the store's types, and return `staged` with these types.

        Raises:
            DataError: a column's type does not fit the store's, or a file is in the store already.
        """
        # Stores of older versions have no content digest.
        there = {source.content_sha256 or source.sha256: source.name for source in self.sources if source.rows}
        again = next((file for file in staged.files if file.rows and file.content_sha256 in there), None)
        if again and not allow_duplicates:
            raise DataError(
                f"{again.name} is already in {self.store.path}: it has the same content as "
                f"{there[again.content_sha256]}",
                tip="Append only new files, or, if this is intended, add --allow-duplicate-files",
            )
        versions = {source.table_id: source.version for source in self.sources if source.table_id is not None}
        tables = (file for file in staged.files if file.table_id is not None and file.table_id in versions)
        if not allow_duplicates and (table := next(tables, None)) is not None:
            raise DataError(
                f"{self.store.path} already contains the rows of version {versions[str(table.table_id)]} of the table "
                f"{table.name}, so version {table.version} would add them again",
                tip=f"Make a new store of the table: genpas ingest {shell_word(table.name)} -o STORE; if this is "
                "intended, add --allow-duplicate-files",
            )
        wanted = {"time": self.store.meta["time_type"], **self.store.meta["kept"]}
        found = {"time": staged.time_type, **staged.kept}
        for column, name in {"time": "time", **{f"keep_{i}": name for i, name in enumerate(staged.kept)}}.items():
            if not _given_type(database, column, found[name], wanted.get(name)):
                raise DataError(
                    f"column {name} is {found[name] or 'missing'} in the new log, but {wanted.get(name) or 'missing'} "
                    f"in {self.store.path}",
                    tip="Append a log with the same columns; --time, --time-format and --keep set how it is read.",
                )
        return replace(staged, time_type=wanted.pop("time"), kept={name: wanted[name] for name in staged.kept})

    def log(self) -> EarlierLog:
        """Return the properties of the store that the new log must agree with."""
        meta, counts = self.store.meta, None
        if meta["time_type"] in ("BIGINT", "DOUBLE"):
            counts = count_units(self.store.database.con, "time", f"{self.store.name}.interactions")
        return EarlierLog(str(self.store.path), counts, {**meta.get("where", {}), **meta["kept"]})

    def joined_with(
        self, database: Database, staged: Staged, known: Mapping[Kind, pa.Table | None], *, allow_duplicates: bool
    ) -> Joined:
        """Return the merger of the new rows with those of the store.

        Raises:
            DataError: the new log does not fit the store, see `check`.
        """
        staged = self.check(database, staged, allow_duplicates=allow_duplicates)
        users, items = (final_numbers(database.con, kind, None, known[kind]) for kind in KINDS)
        return Joined(self.store, (users, items), staged)


_HOLDS = {
    **dict.fromkeys(INTEGERS, INTEGERS),
    "DOUBLE": {*INTEGERS, "FLOAT", "DECIMAL"},
    "TIMESTAMP": {"DATE", "TIMESTAMP_MS"},
}
"""Type in the store → other types whose values it holds unchanged; of integers, only those in its range."""


def _given_type(database: Database, column: str, found: str | None, wanted: str | None) -> bool:
    """Convert a staged column to the store's type; return False if its type or a value does not fit."""
    if found == wanted:
        return True
    if found is None or wanted is None or found.partition("(")[0] not in _HOLDS.get(wanted, ()):
        return False
    if not holds(database.con, column, wanted):
        return False
    convert_column(database.con, column, wanted)
    return True


@dataclass(frozen=True)
class Joined:
    """Merges the rows of a new log into those of a store."""

    store: Store
    numbers: tuple[Numbers, Numbers]
    """Final numbers of the new log's users and items."""
    staged: Staged
    """The new log, with the types of the store."""

    def __call__(self, new: Iterator[History]) -> Iterator[History]:
        """Yield the rows of both in order; user and item are final numbers less 1."""
        return merged(whole_users(self.store.in_order()), (_renumbered(each, *self.numbers) for each in new))


def _renumbered(history: History, users: Numbers, items: Numbers) -> History:
    columns = [
        pa.array(numbers.by_provisional[provisional] - np.int32(1))
        for numbers, provisional in ((users, history.user), (items, history.item))
    ]
    rest = history.rows.columns[2:]
    return history_of([pa.RecordBatch.from_arrays([*columns, *rest], schema=history.rows.schema)])


def same_numbers(numbers: Numbers) -> Numbers:
    """Return the `Numbers` for rows that already carry final numbers less 1."""
    return Numbers(np.arange(1, numbers.count + 1, dtype=np.int32), numbers.count)


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
