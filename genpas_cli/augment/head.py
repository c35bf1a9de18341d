"""`head`: the first rows of a pairs directory, of a store, or of a log as it would be read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Unpack

import pyarrow as pa

from genpas_cli.augment.source_store import (
    log_names,
    reading_option_given,
    refuse_reading_options,
    refuse_reading_options_for_pairs,
)
from genpas_cli.ingest.checks import check_ingest_options
from genpas_cli.ingest.files.source_files import files_meant
from genpas_cli.ingest.keywords import IngestKeywords
from genpas_cli.ingest.options import IngestOptions, NumberingOptions, PassOptions
from genpas_cli.ingest.staging.staging import first_rows
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import Machine, resolve, scratch_directory
from genpas_cli.runtime.object_storage.locations import location_of
from genpas_cli.runtime.options import MOST_WHOLE, flag_of
from genpas_cli.runtime.results.reports import ShownTable, TableReport, json_value
from genpas_cli.runtime.sql.database import connect
from genpas_cli.runtime.sql.rows import python_rows
from genpas_cli.store.access import open_store
from genpas_cli.store.schema import is_store
from genpas_cli.store.splits import Split


@dataclass(frozen=True, repr=False)
class Head(TableReport):
    """The first rows of a source; `genpas head --json` prints this."""

    kind: Literal["pairs", "store", "log"]
    columns: list[str]
    rows: list[list[Any]]
    """Ids in place of numbers where the source has them; times as they are stored."""

    def shown(self) -> list[ShownTable]:
        """Return the rows; of an input, the most recent items."""
        named = [name for name in ("input_items", "target_item") if name in self.columns and self.kind == "pairs"]
        notes = [f"{' and '.join(named)}: the ids of the log, not the numbers in the files"] if named else []
        return [ShownTable(self.columns, [[_shown(value) for value in row] for row in self.rows], notes)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return the rows, by column."""
        return {name: [row[number] for row in self.rows] for number, name in enumerate(self.columns)}


_SHOWN_ITEMS = 6
"""Maximum number of items of an input in `Head.shown`: the most recent ones."""


def _shown(value: Any) -> str:
    if isinstance(value, list):
        left = f"… {len(value) - _SHOWN_ITEMS} more, " if len(value) > _SHOWN_ITEMS else ""
        return left + " ".join(_shown(each) for each in value[-_SHOWN_ITEMS:])
    if isinstance(value, bytes):
        value = json_value(value)
    return "–" if value is None else str(value)


@checked
def head(
    sources: Sources, rows: int = 10, *, of: Split = "train", options: IngestOptions | None = None,
    **_: Unpack[IngestKeywords],
) -> Head:  # fmt: skip
    """Return the first rows of a source.

    Args:
        sources: a pairs directory, a store, or logs; of several logs, the first one is shown.
        rows: how many.
        of: of pairs, which split.
        options: how logs are read, and which rows of them are shown (`where`, `min_rating`). Options that have no
            effect on what is shown are refused.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`.
    """
    if not 1 <= rows <= MOST_WHOLE:
        limit = "1 or more" if rows < 1 else f"at most {MOST_WHOLE:,}"
        raise UsageError(f"--rows is {rows}; it must be {limit}")
    options, names = options or IngestOptions(), source_names(sources)
    first, machine = location_of(names[0]), resolve(options)
    if is_pairs_directory(first):
        _check_single(names, "pairs directory")
        refuse_reading_options_for_pairs(options, first)
        _refuse_given(options, ("keep",), f"the pairs in {first}: all their columns are shown")
        return _of_pairs(PairFiles(first), of, rows)
    is_stored = is_store(Path(names[0]))
    if of != "train":
        if not is_stored and isinstance(names[0], str):
            next(files_meant(names[0]), None)  # what does not exist is no log
        raise UsageError(
            f"--of {of} can only be used with a pairs directory, and {names[0]} is a {'store' if is_stored else 'log'}",
            tip="Remove the option --of.",
        )
    if is_stored:
        _check_single(names, "store")
        refuse_reading_options(options, Path(names[0]))
        _refuse_given(options, ("keep",), f"the store {names[0]}: all its columns are shown")
        return _of_store(Path(names[0]), rows, machine)
    _refuse_given(options, _LATER, "head, which shows rows as they are read")
    check_ingest_options(options)
    return _of_log(log_names(sources), options, rows, machine)


_LATER = frozenset(
    {field.name for kind in (PassOptions, NumberingOptions) for field in fields(kind)} - {"where", "min_rating"}
    | {"allow_duplicate_files"}
)
"""Options for what `ingest` does after the rows of a log are read and filtered one by one."""


def _check_single(names: list[str], kind: str) -> None:
    if len(names) > 1:
        raise UsageError(
            f"{names[0]} is a {kind}; only one {kind} can be given", tip=f"Remove {' and '.join(names[1:])}."
        )


def _refuse_given(options: IngestOptions, names: Collection[str], what: str) -> None:
    """Raise UsageError if one of these options was given; `what` says what it cannot be used with, and why."""
    if (name := reading_option_given(options, names)) is not None:
        raise UsageError(f"{flag_of(name)} cannot be used with {what}", tip=f"Remove the option {flag_of(name)}.")


def _of_pairs(files: PairFiles, split: Split, rows: int) -> Head:
    items, users = files.ids("items"), files.ids("users")
    columns = [name for name in files.schema.names if name != "user_num" or users is None]
    columns = columns if users is None else ["user_id", *columns]
    found: list[list[Any]] = []
    for batch in _batches(files, split):
        part = batch.slice(0, rows - len(found))
        for row in part.to_pylist():
            named = row | {
                "input_items": _ids(items, row["input_items"]), "target_item": _ids(items, [row["target_item"]])[0],
            }  # fmt: skip
            if users is not None:
                named["user_id"] = _ids(users, [row["user_num"]])[0]
            found.append([named[name] for name in columns])
        if len(found) >= rows:
            break
    return Head("pairs", columns, found)


def _batches(files: PairFiles, split: Split) -> Iterator[pa.RecordBatch]:
    for epoch in files.epochs(split):
        for file in epoch:
            files.check_digests([file])
            yield from files.batches(file)


def _ids(vocabulary: pa.Array | None, numbers: list[int]) -> list[Any]:
    return numbers if vocabulary is None else [vocabulary[number - 1].as_py() for number in numbers]


def _of_store(path: Path, rows: int, machine: Machine) -> Head:
    with scratch_directory(machine.temp_dir) as scratch, open_store(path, machine, scratch) as store:
        relation = store.database.con.sql(
            f"select u.user_id, v.item_id, i.* exclude (user_num, item_num) "
            f"from (select *, rowid as place from {store.name}.interactions limit {rows}) i "
            f"join {store.name}.users u using (user_num) join {store.name}.items v using (item_num) order by place"
        )
        columns = [name for name in relation.columns if name != "place"]
        return Head("store", columns, [list(row[: len(columns)]) for row in python_rows(relation)])


def _of_log(names: list[str], options: IngestOptions, rows: int, machine: Machine) -> Head:
    with scratch_directory(machine.temp_dir) as scratch, connect(machine, scratch) as database:
        found = first_rows(database.con, names, options, rows, scratch=scratch, memory=database.memory)
        return Head("log", found.columns, [list(row) for row in found.rows])
