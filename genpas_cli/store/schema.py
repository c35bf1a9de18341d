"""The schema of a store: one DuckDB file with a cleaned, ordered, numbered and split log.

Tables (documented for users in docs/reference/formats.md):

    interactions  user_num INTEGER, item_num INTEGER, [time], split ENUM, [kept columns]; in the order of
                  (user_num, time, tie rule, row of the log)
    users         user_num INTEGER, user_id VARCHAR, length INTEGER, train_length INTEGER, validation_length INTEGER;
                  in the order of user_num; training interactions come first, then validation, then test
    items         item_num INTEGER, item_id VARCHAR; in the order of item_num
    sources       name, format, bytes, sha256, rows, content_sha256, table_id, version: the files it was made from
    funnel        step, dropped, kept: what cleaning did, in order
    meta          key, value (JSON): format version, versions, options, counts, digest of the content

The digest of the content identifies a store: it covers all rows of `interactions`, `users` and `items` in their order,
so stores of the same files in another order, or with other item numbers, have different digests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from genpas_cli.runtime.file_names import check_file_name
from genpas_cli.runtime.json.sealed import SEAL, content_digest
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.store.table_digest import TableDigest

FORMAT_VERSION = 1


SPLITS = ("train", "validation", "test", "unused")
"""Values of interactions.split, in the order of their codes. `unused`: held out, but no target (--eval first, last,
random; --drop-cold); it still stands in the inputs of later targets."""


BATCH_ROWS = 1 << 18


CONTENT = "content_sha256"


USER_LENGTHS = ("length", "train_length", "validation_length")
"""Columns of users: numbers of all, training and validation interactions."""


USER_TARGETS = ("validation_targets", "test_targets")
"""Further columns of users in a store whose held-out targets are told by its rows: numbers of targets with an input."""


TABLES = frozenset({"interactions", "users", "items", "sources", "funnel", "meta"})


def is_store(path: Path) -> bool:
    """Tell whether a file is a DuckDB database: by its magic bytes, as `duckdb.connect('x.csv')` succeeds."""
    try:
        with path.open("rb") as file:
            return file.read(12)[8:] == b"DUCK"
    except OSError:
        return False


def check_store_name(path: Path, *, option: str = "-o") -> None:
    """Raise UsageError if the name of a new store promises another format."""
    check_file_name(path, (".store", ".duckdb", ".db", ".ddb"), "a store is a DuckDB file", option=option)


def foreign_in_store(path: Path) -> str | None:
    """Return what `path` is if it is no store of genpas, or what else it holds, see `atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    if path.stat().st_size == 0:
        return None
    if not is_store(path):
        return "it is not a store"
    try:
        with duckdb.connect(config={"threads": "1"}) as con:
            con.execute(f"attach {literal(str(path))} as found (read_only)")
            listed = con.sql(
                "select table_name from duckdb_tables() where database_name = 'found' union all "
                "select view_name from duckdb_views() where database_name = 'found' and not internal"
            )
            names = {name for (name,) in listed.fetchall()}
            ours = names >= TABLES and con.sql("select key from found.meta where key = 'format_version'").fetchall()
    except duckdb.Error as error:
        return f"it cannot be opened as a store ({(str(error).splitlines() or [''])[0]})"
    if not ours:
        return "it is a DuckDB database, but not a genpas store"
    more = sorted(names - TABLES)
    return f"it contains {more[0]}, which is not a table of a store" if more else None


def seal(con: duckdb.DuckDBPyConnection, name: str, meta: dict[str, Any]) -> str:
    """Return the digest of the settings, sources and funnel of an attached store."""
    told = [con.sql(f"from {name}.{table}").fetchall() for table in ("sources", "funnel")]
    return content_digest([{key: value for key, value in meta.items() if key != SEAL}, *told])


def content_digest_of(con: duckdb.DuckDBPyConnection, name: str, interactions: str) -> str:
    """Return the digest of the content of an attached store, given that of its interactions."""
    parts = [interactions]
    for table in ("users", "items"):
        cursor = con.cursor()
        reader = cursor.sql(f"select * from {name}.{table}").to_arrow_reader(BATCH_ROWS)
        digest = TableDigest(reader.schema)
        for batch in reader:
            digest.add(batch)
        parts.append(digest.hexdigest())
        cursor.close()
    return content_digest(parts)
