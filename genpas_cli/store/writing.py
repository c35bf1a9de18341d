"""Writes a store: its tables one after the other, and `meta` last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.json.sealed import SEAL
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.visible import is_unicode, visible
from genpas_cli.store.schema import CONTENT, FORMAT_VERSION, SPLITS, content_digest_of, seal
from genpas_cli.store.table_digest import TableDigest


def attach_new(con: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Create an empty store and attach it as `store`.

    Args:
        con: the connection.
        path: the file to create; None for a store in memory.

    Raises:
        UsageError: its path is not UTF-8.
    """
    if path is not None and not is_unicode(path):
        raise UsageError(
            f"the path of the store is not valid UTF-8: {path}", tip="Choose another path with -o or --store."
        )
    con.execute(f"attach {literal(':memory:' if path is None else str(path))} as store")
    with _transaction(con):
        con.execute("create type store.split_kind as enum " + str(SPLITS))
        con.execute(
            "create table store.sources (name varchar, format varchar, bytes bigint, sha256 varchar, rows bigint, "
            "content_sha256 varchar, table_id varchar, version varchar)"
        )
        con.execute("create table store.funnel (step varchar, dropped bigint, kept bigint)")
        con.execute("create table store.meta (key varchar primary key, value varchar)")


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit the statements of a block together: each commit waits for the disk."""
    con.execute("begin")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # of an interrupted statement, which has ended the transaction
            con.execute("rollback")
        raise
    con.execute("commit")


def write_interactions(
    database: Database, schema: pa.Schema, parts: Iterable[Iterable[pa.RecordBatch]], kept: list[str]
) -> str:
    """Create `interactions` from batches with columns user_num, item_num, [time], split (code), kept...

    Returns:
        The digest of all rows.
    """
    digest = TableDigest(schema)
    time = "time, " if "time" in schema.names else ""
    more = "".join(f", {identifier(name)}" for name in kept)
    # Each name is cast once: indexing a list of names and casting each row takes a third of the time of the insertion.
    cases = " ".join(f"when {code} then '{name}'::store.split_kind" for code, name in enumerate(SPLITS))
    select = f"select user_num, item_num, {time}case split {cases} end as split{more} from feed"
    database.create("store.interactions", select, schema, (_digested(part, digest) for part in parts))
    return digest.hexdigest()


def _digested(batches: Iterable[pa.RecordBatch], digest: TableDigest) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        digest.add(batch)
        yield batch


def write_items(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Create `items` from a query of (num, id) in the order of numbers."""
    con.execute(f"create table store.items as select num::integer as item_num, id as item_id from ({query})")


def write_users(con: duckdb.DuckDBPyConnection, query: str, lengths: pa.Table) -> None:
    """Create `users` from a query of (num, id), and their numbers of interactions by num."""
    con.register("lengths", lengths)
    con.execute(
        "create table store.users as select ids.num::integer as user_num, ids.id as user_id, lengths.* exclude (num) "
        f"from ({query}) ids join lengths on lengths.num = ids.num order by ids.num"
    )
    con.unregister("lengths")


def write_counted_users(database: Database, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Create `users` from batches with its columns, in the order of numbers."""
    database.feed("create table store.users as select * from feed", schema, batches)


def write_provenance(con: duckdb.DuckDBPyConnection, sources: Sequence[Any], funnel: Sequence[Any]) -> None:
    """Fill `sources` and `funnel` from dataclasses with the fields of their columns."""
    with _transaction(con):
        con.executemany(
            "insert into store.sources values (?, ?, ?, ?, ?, ?, ?, ?)", [_texts(asdict(s)) for s in sources]
        )
        con.executemany("insert into store.funnel values (?, ?, ?)", [list(asdict(step).values()) for step in funnel])


def _texts(fields: dict[str, Any]) -> list[Any]:
    """Return the values of a row; bytes of a file name that are not UTF-8 are escaped."""
    return [visible(value) if isinstance(value, str) else value for value in fields.values()]


def finish(con: duckdb.DuckDBPyConnection, meta: dict[str, Any], interactions: str | None) -> None:
    """Write `meta`, the last table.

    Args:
        con: the store is attached there as `store`, with all other tables written.
        meta: what the store says of itself.
        interactions: digest of the rows of `interactions`; None for a store that has none of its own.
    """
    content = None if interactions is None else content_digest_of(con, "store", interactions)
    known = {"format_version": FORMAT_VERSION, **meta, CONTENT: content}
    known[SEAL] = seal(con, "store", known)
    rows = [(key, json.dumps(value)) for key, value in known.items()]
    with _transaction(con):
        con.executemany("insert into store.meta values (?, ?)", rows)


def close(con: duckdb.DuckDBPyConnection) -> None:
    """Checkpoint and detach the store, so that it is a single file without a write-ahead log."""
    con.execute("checkpoint store")
    con.execute("detach store")
