"""Opens a store, and checks that the file is one and that its tables and settings are as genpas wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import duckdb

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.json.sealed import SEAL
from genpas_cli.runtime.json.shapes import Shape, is_count, is_number, is_text, misshapen
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.sql.database import Database, connect
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.text.nearest import nearest_path
from genpas_cli.runtime.text.visible import is_unicode
from genpas_cli.store.schema import CONTENT, FORMAT_VERSION, USER_LENGTHS, USER_TARGETS, is_store, seal
from genpas_cli.store.splits import Evaluated, told_by_lengths
from genpas_cli.store.store import Store

LEAST_STORE_MEMORY = 64 * 2**20
"""Least bytes that DuckDB needs to read a store."""


def store_memory(memory: int) -> int:
    """Return DuckDB's share in bytes of a memory limit when it reads a store."""
    return max(memory // 4, LEAST_STORE_MEMORY)


@contextmanager
def open_store(path: Path, machine: Machine, scratch: Path, *, memory: int | None = None) -> Iterator[Store]:
    """Open a store for reading.

    Args:
        path: the store file.
        machine: limits for DuckDB.
        scratch: directory for spills.
        memory: bytes for DuckDB, by default what the limit leaves for it.

    Raises:
        DataError: no such file, not a store, of another format version, damaged, or locked by another process.
    """
    check_is_store(path)
    with connect(machine, scratch, memory=memory) as database, attached_store(database, path, "store") as store:
        yield store


@contextmanager
def attached_store(database: Database, path: Path, name: str) -> Iterator[Store]:
    """Attach a store to a database for reading, under this name.

    Raises:
        DataError: see `open_store`.
    """
    check_is_store(path)
    try:
        database.con.execute(f"attach {literal(str(path))} as {name} (read_only)")
        yield attached(database, path, name)
    except duckdb.Error as error:
        if unreadable := _unreadable(path, error):
            raise unreadable from error
        raise


def attached(database: Database, path: Path, name: str) -> Store:
    """Return the store that is attached under a name; `path` is its path in messages.

    Raises:
        DataError: it is no store, of another format version, or damaged.
    """
    return Store(path, database, _read_meta(database.con, path, name), name=name)


def check_is_store(path: Path) -> None:
    """Raise DataError if there is no store at `path` that DuckDB can open; UsageError if `path` looks like a URI."""
    check_local(path, "a store")
    if not is_unicode(path):
        raise DataError(f"the path of the store is not valid UTF-8: {path}", tip="Rename the file or directory first.")
    if not path.exists():
        near = nearest_path(path, is_store)
        make = f"Create the store first: genpas ingest LOGS -o {path}"
        raise DataError(f"no such store: {path}", tip=f"Did you mean {near}?" if near else make)
    if not is_store(path):
        raise DataError(
            f"{path} is not a genpas store (no DuckDB file)",
            tip="Create a store from a log: genpas ingest LOGS -o STORE",
        )


def _unreadable(path: Path, error: Exception) -> DataError | None:
    """Return the error for a store that DuckDB cannot read."""
    detail = (str(error).splitlines() or [""])[0]
    if "Could not set lock" in detail:
        return DataError(
            f"the store {path} is locked by another process ({detail})",
            tip="Wait until the other process has closed the store.",
        )
    if any(sign in detail for sign in ("Corrupt", "corrupt", "checksum", "Could not read enough bytes", "not a valid")):
        return DataError(
            f"the store {path} is damaged, or was written with another DuckDB version ({detail})",
            tip=f"Create it again: genpas ingest LOGS -o {path} --force",
        )
    return None


_META: dict[str, Shape] = {
    "users": is_count, "items": is_count, "interactions": is_count,
    "time_type": lambda value: value is None or is_text(value),
    "kept": lambda value: isinstance(value, dict) and all(map(is_text, value.values())),
    "split": {
        "rule": is_text, "eval": lambda value: value in get_args(Evaluated), "train": is_count,
        "validation": is_count, "test": is_count, "users_in_train_only": is_count,
        "cold?": {"validation": is_count, "test": is_count},
    },
    "options": {}, "versions": {},
    "ties": dict.fromkeys(("tied_events", "tied_test", "tied_validation", "tied_either"), is_number),
    "length": dict.fromkeys(("min", "median", "mean", "p99", "max"), is_number),
    "time_range": lambda value: value is None or (isinstance(value, list) and len(value) == len(("first", "last"))),
}  # fmt: skip
"""The keys of `meta` that are read."""


_COLUMNS = {
    "interactions.user_num": "INTEGER", "interactions.item_num": "INTEGER", "interactions.split": "ENUM",
    "users.user_num": "INTEGER", "users.user_id": "VARCHAR",
    **{f"users.{name}": "INTEGER" for name in USER_LENGTHS},
    "items.item_num": "INTEGER", "items.item_id": "VARCHAR", "sources.name": "VARCHAR",
    "sources.format": "VARCHAR", "sources.bytes": "BIGINT", "sources.sha256": "VARCHAR", "sources.rows": "BIGINT",
    "funnel.step": "VARCHAR", "funnel.dropped": "BIGINT", "funnel.kept": "BIGINT",
}  # fmt: skip


def _read_meta(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> dict[str, Any]:
    try:
        meta = {key: json.loads(value) for key, value in con.sql(f"select key, value from {name}.meta").fetchall()}
        version = meta["format_version"]
    except (duckdb.Error, KeyError, ValueError, TypeError, RecursionError) as error:
        tip = "Create a store from a log: genpas ingest LOGS -o STORE"
        raise DataError(f"{path} is a DuckDB file, but not a genpas store, or not a complete one", tip=tip) from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} is a store with format version {version}, but this version of genpas reads format version "
            f"{FORMAT_VERSION}",
            tip=f"Create the store again with this version: genpas ingest LOGS -o {path}",
        )
    wrong = misshapen(meta, _META) or _wrong_column(con, name, meta)
    # Stores without a content digest are from a version that had no seals.
    if not wrong and CONTENT in meta and meta.get(SEAL) != seal(con, name, meta):
        wrong = "the metadata"
    if wrong:
        raise DataError(
            f"the store {path} is damaged: {wrong} was changed or is invalid",
            tip=f"Create it again: genpas ingest LOGS -o {path} --force",
        )
    return meta


def _wrong_column(con: duckdb.DuckDBPyConnection, name: str, meta: dict[str, Any]) -> str | None:
    """Return the first column of the tables that is missing or of another type."""
    query = "select table_name, column_name, data_type from duckdb_columns() where database_name = $1"
    found = {f"{table}.{column}": kind for table, column, kind in con.execute(query, [name]).fetchall()}
    interactions = [*(["time"] if meta["time_type"] else []), *meta["kept"]]
    needed = _COLUMNS | {f"interactions.{column}": "" for column in interactions}
    if told_by_lengths(meta["split"]) is None:
        needed |= {f"users.{name}": "INTEGER" for name in USER_TARGETS}
    return next((column for column, kind in needed.items() if not found.get(column, "-").startswith(kind)), None)
