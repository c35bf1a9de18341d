"""The store: one DuckDB file with a cleaned, ordered, numbered and split log. The only owner of its schema.

Tables (documented for users in docs/reference/formats.md):

    interactions  user_num INTEGER, item_num INTEGER, [time], split ENUM, [kept columns]; in the order of
                  (user_num, time, tie rule, row of the log)
    users         user_num INTEGER, user_id VARCHAR, length INTEGER, train_length INTEGER, validation_length INTEGER;
                  in the order of user_num; training interactions come first, then validation, then test
    items         item_num INTEGER, item_id VARCHAR; in the order of item_num
    sources       name, format, bytes, sha256, rows, content_sha256: the files it was made from
    funnel        step, dropped, kept: what cleaning did, in order
    meta          key, value (JSON): format version, versions, options, counts, digest of the content

The digest of the content is what a store is known by: it covers all rows of `interactions`, `users` and `items` in
their order, so two stores of the same files in another order, or with other item numbers, are told apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.runtime.database import Database, connect
from genpas_cli.runtime.errors import DataError, IntegrityError, UsageError
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.sealed import SEAL, content_digest
from genpas_cli.runtime.shapes import Shape, is_count, is_number, is_text, misshapen
from genpas_cli.runtime.visible import is_unicode, visible
from genpas_cli.sampling.user_targets import UserTargets
from genpas_cli.store.row_order import RowOrder, cut_spans
from genpas_cli.store.sequence_source import USERS_A_READ, Evaluated, Lengths, SequenceSource, Split, possible_targets
from genpas_cli.store.sequences import Sequences, Spans
from genpas_cli.store.table_digest import TableDigest
from genpas_cli.store.target_rule import TargetRule, pick_targets

FORMAT_VERSION = 1

SPLITS = ("train", "validation", "test", "unused")
"""Values of interactions.split, in the order of their codes. `unused`: held out, but no target (--eval first, last);
it still stands in the inputs of later targets."""

_BATCH_ROWS = 1 << 18

LEAST_STORE_MEMORY = 64 * 2**20
"""Bytes that DuckDB takes at least to read a store."""

_CONTENT = "content_sha256"

_TABLES = frozenset({"interactions", "users", "items", "sources", "funnel", "meta"})


def is_store(path: Path) -> bool:
    """Tell whether a file is a DuckDB database: by its magic bytes, as `duckdb.connect('x.csv')` succeeds."""
    try:
        with path.open("rb") as file:
            return file.read(12)[8:] == b"DUCK"
    except OSError:
        return False


def foreign_in_store(path: Path) -> str | None:
    """Return what `path` is, or holds beside a store of ours, see `genpas_cli.runtime.atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    if path.stat().st_size == 0:
        return None
    if not is_store(path):
        return "it is not a store"
    try:
        with duckdb.connect(config={"threads": "1"}) as con:
            con.execute(f"attach {_literal(path)} as found (read_only)")
            listed = con.sql(
                "select table_name from duckdb_tables() where database_name = 'found' union all "
                "select view_name from duckdb_views() where database_name = 'found' and not internal"
            )
            names = {name for (name,) in listed.fetchall()}
            ours = names >= _TABLES and con.sql("select key from found.meta where key = 'format_version'").fetchall()
    except duckdb.Error as error:
        return f"it cannot be opened as a store ({(str(error).splitlines() or [''])[0]})"
    if not ours:
        return "it is a DuckDB database, but not a store of genpas"
    more = sorted(names - _TABLES)
    return f"it holds {more[0]}, which is no table of a store" if more else None


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


# ---------------------------------------------------------------------------------------------------------- writing


def attach_new(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Create an empty store file and attach it as `store`.

    Raises:
        UsageError: its path is not UTF-8.
    """
    if not is_unicode(path):
        raise UsageError(f"the path of the store is not UTF-8: {path}", tip="Name another store with -o or --store.")
    con.execute(f"attach {_literal(path)} as store")
    con.execute("create type store.split_kind as enum " + str(SPLITS))
    con.execute(
        "create table store.sources (name varchar, format varchar, bytes bigint, sha256 varchar, rows bigint, "
        "content_sha256 varchar)"
    )
    con.execute("create table store.funnel (step varchar, dropped bigint, kept bigint)")
    con.execute("create table store.meta (key varchar primary key, value varchar)")


def write_interactions(
    database: Database, schema: pa.Schema, parts: Iterable[Iterable[pa.RecordBatch]], kept: list[str]
) -> str:
    """Create `interactions` from batches with columns user_num, item_num, [time], split (code), kept...

    Returns:
        The digest of all rows.
    """
    digest = TableDigest(schema)
    time = "time, " if "time" in schema.names else ""
    more = "".join(f", {quoted(name)}" for name in kept)
    names = "[" + ", ".join(f"'{name}'" for name in SPLITS) + "]"
    select = f"select user_num, item_num, {time}{names}[split + 1]::store.split_kind as split{more} from feed"
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
    """Create `users` from a query of (num, id), and their lengths by num."""
    con.register("lengths", lengths)
    con.execute(
        "create table store.users as select ids.num::integer as user_num, ids.id as user_id, length, train_length, "
        f"validation_length from ({query}) ids join lengths on lengths.num = ids.num order by ids.num"
    )
    con.unregister("lengths")


def write_counted_users(database: Database, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Create `users` from batches with its columns, in the order of numbers."""
    database.feed("create table store.users as select * from feed", schema, batches)


def write_provenance(con: duckdb.DuckDBPyConnection, sources: Sequence[Any], funnel: Sequence[Any]) -> None:
    """Fill `sources` and `funnel` from dataclasses with the fields of their columns."""
    con.executemany("insert into store.sources values (?, ?, ?, ?, ?, ?)", [_texts(asdict(s)) for s in sources])
    con.executemany("insert into store.funnel values (?, ?, ?)", [list(asdict(step).values()) for step in funnel])


def _texts(fields: dict[str, Any]) -> list[Any]:
    """Return the values of a row; bytes of a file's name that are not UTF-8 are written out."""
    return [visible(value) if isinstance(value, str) else value for value in fields.values()]


def finish(con: duckdb.DuckDBPyConnection, meta: dict[str, Any], interactions: str | None) -> None:
    """Write `meta`, and leave one file that needs no write-ahead log beside it.

    Args:
        con: the store is attached there as `store`, with all other tables written.
        meta: what the store says of itself.
        interactions: digest of the rows of `interactions`; None for a store that has none of its own.
    """
    content = None if interactions is None else _content_digest(con, "store", interactions)
    known = {"format_version": FORMAT_VERSION, **meta, _CONTENT: content}
    known[SEAL] = _seal(con, "store", known)
    rows = [(key, json.dumps(value)) for key, value in known.items()]
    con.executemany("insert into store.meta values (?, ?)", rows)
    con.execute("checkpoint store")
    con.execute("detach store")


def _seal(con: duckdb.DuckDBPyConnection, name: str, meta: dict[str, Any]) -> str:
    """Return the digest of what an attached store says of itself and of how it was made."""
    told = [con.sql(f"from {name}.{table}").fetchall() for table in ("sources", "funnel")]
    return content_digest([{key: value for key, value in meta.items() if key != SEAL}, *told])


def _content_digest(con: duckdb.DuckDBPyConnection, name: str, interactions: str) -> str:
    """Return the digest of the content of an attached store, given that of its interactions."""
    parts = [interactions]
    for table in ("users", "items"):
        cursor = con.cursor()
        reader = cursor.sql(f"select * from {name}.{table}").to_arrow_reader(_BATCH_ROWS)
        digest = TableDigest(reader.schema)
        for batch in reader:
            digest.add(batch)
        parts.append(digest.hexdigest())
        cursor.close()
    return content_digest(parts)


# ---------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Store(SequenceSource):
    """A store open for reading."""

    path: Path
    database: Database
    meta: dict[str, Any]
    rule: TargetRule | None = field(default=None, kw_only=True)
    """Picks which interactions can be targets; None for all that have another before them."""
    name: str = field(default="store", kw_only=True)
    """What it is attached as."""

    @property
    def kept(self) -> list[str]:
        """Names of the kept columns."""
        return list(self.meta["kept"])

    @property
    def users(self) -> int:
        """Number of users, those without interactions included."""
        return int(self.meta["users"])

    @property
    def items(self) -> int:
        """Number of items in the vocabulary."""
        return int(self.meta["items"])

    @cached_property
    def content_digest(self) -> str | None:
        """Digest of the content; None where the store was made without its interactions, for the Spark engine.

        Of a store that an earlier version made without a digest, it is computed: a pass over all rows.
        """
        if _CONTENT in self.meta:
            found = self.meta[_CONTENT]
            return None if found is None else str(found)
        return self.compute_content_digest()

    def compute_content_digest(self) -> str:
        """Return the digest of what the store holds now, whatever it says of itself: a pass over all rows."""
        time = "" if self.meta["time_type"] is None else "time, "
        kept = "".join(f", {quoted(name)}" for name in self.kept)
        query = (
            f"select user_num, item_num, {time}enum_code(split)::utinyint as split{kept} from {self.name}.interactions"
        )
        digest: TableDigest | None = None
        for batch in self.database.read(query, _BATCH_ROWS):
            digest = digest or TableDigest(batch.schema)
            digest.add(batch)
        return _content_digest(self.database.con, self.name, "" if digest is None else digest.hexdigest())

    def check_content(self) -> None:
        """Raise IntegrityError if the store holds something else than when it was made: a pass over all rows."""
        if self.content_digest not in (None, self.compute_content_digest()):
            raise IntegrityError(
                f"{self.path} was changed after genpas wrote it: its content does not agree with its digest",
                tip="Make it again from the logs: genpas ingest LOGS -o STORE",
            )

    def rows(self, table: Literal["sources", "funnel"]) -> list[dict[str, Any]]:
        """Return a small table as dictionaries."""
        relation = self.database.con.sql(f"select * from {self.name}.{table}")
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    def column_types(self) -> dict[str, pa.DataType]:
        """Return the Arrow types of the columns of `interactions`, by name."""
        schema = self.database.con.sql(f"select * from {self.name}.interactions limit 0").to_arrow_table().schema
        return {field.name: field.type for field in schema}

    def train_length_histogram(self) -> NDArray[np.int64]:
        """Return int64 (longest + 1,): how many users have each training length."""
        query = f"select train_length, count(*) from {self.name}.users group by train_length"
        found = self.database.con.sql(query).fetchall()
        if any(length is None or length < 0 for length, _ in found):
            raise IntegrityError(f"{self.path}: a number is missing from table users", tip=self._again())
        counts = np.array(found, np.int64).reshape(-1, 2)
        histogram = np.zeros(int(counts[:, 0].max(initial=0)) + 1, np.int64)
        histogram[counts[:, 0]] = counts[:, 1]
        return histogram

    def target_histogram(self) -> NDArray[np.int64]:
        """Return int64 (M + 1,): how many users offer each number of training targets m; those of m = 0 included."""
        if self.rule is not None:
            return np.bincount(self.rule.count["train"])
        lengths = self.train_length_histogram()
        histogram = lengths[1:].copy() if len(lengths) > 1 else np.zeros(1, np.int64)
        histogram[0] = lengths[:2].sum()
        return histogram

    def lengths(self, first: int, last: int, rows: int) -> Iterator[Lengths]:
        """Yield the lengths of the 0-based users first..last, in chunks of exactly `rows` users (the last: fewer)."""
        query = (
            f"select train_length, validation_length, length from {self.name}.users "
            f"where user_num between {first + 1} and {last + 1}"
        )
        held, seen = np.zeros((3, 0), np.int64), 0
        for batch in self._without_nulls(self.database.read(query, _BATCH_ROWS)):
            held = np.concatenate((held, np.array([column.to_numpy() for column in batch.columns], np.int64)), axis=1)
            while held.shape[1] >= rows:
                yield Lengths(*held[:, :rows])
                held, seen = held[:, rows:], seen + rows
        if held.shape[1]:
            yield Lengths(*held)
        if seen + held.shape[1] != last - first + 1:
            raise IntegrityError(f"{self.path}: table users lacks some of the users {first + 1}..{last + 1}")

    def target_counts(self, split: Split, first: int, lengths: Lengths) -> NDArray[np.int64]:
        """Return how many targets of a split each user of a run has, given the first user and their lengths."""
        if self.rule is not None:
            return self.rule.count[split][first : first + len(lengths.total)].astype(np.int64)
        return possible_targets(split, lengths, self.meta["split"]["eval"]).counts

    def user_targets(self, split: Split, first: int, lengths: Lengths) -> UserTargets:
        """Return the targets of a split that the users of a run have, given the first user and their lengths."""
        if self.rule is not None:
            return self.rule.targets(split, first, len(lengths.total))
        return possible_targets(split, lengths, self.meta["split"]["eval"])

    def restricted(self, condition: str) -> Store:
        """Return the store with no other targets than interactions that satisfy a condition.

        Args:
            condition: an SQL expression, checked to be one and to compute from the columns of `interactions` alone.

        Raises:
            duckdb.Error: it fails on some value.
        """
        chunks = zip(*self.lengths(0, self.users - 1, USERS_A_READ), strict=True)
        lengths = Lengths(*(np.concatenate(column) for column in chunks))
        splits: tuple[Split, ...] = ("train", "validation", "test")
        possible = {split: possible_targets(split, lengths, self.meta["split"]["eval"]) for split in splits}
        ranges: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {
            split: (targets.low, targets.counts) for split, targets in possible.items()
        }
        return replace(self, rule=pick_targets(self.database, condition, lengths.total, ranges))

    def times(self, split: Split) -> Iterator[NDArray[np.float64]]:
        """Yield the times of a split's interactions, in the log's unit; timestamps in seconds."""
        kind = self.meta["time_type"]
        time = "time::double" if kind in ("BIGINT", "DOUBLE") else "epoch(time)"
        query = f"select {time} from {self.name}.interactions where split = '{split}'"
        for batch in self._without_nulls(self.database.read(query, _BATCH_ROWS)):
            yield batch.column(0).to_numpy()

    def spans(
        self, first: int, lengths: NDArray[np.int64], spans: Spans, kept: list[str], *, train_only: bool
    ) -> Sequences:  # fmt: skip
        """Read parts of the sequences of a run of consecutive users, see `SequenceSource.spans`."""
        last = first + len(lengths) - 1
        columns = "".join(f", {quoted(name)}" for name in kept)
        query = (
            f"select user_num, item_num{columns} from {self.name}.interactions "
            f"where user_num between {first + 1} and {last + 1}" + (" and split = 'train'" if train_only else "")
        )
        order = RowOrder(str(self.path), first, lengths)
        return cut_spans(self._sound(self.database.read(query, _BATCH_ROWS), first=1), order, spans, kept)

    def in_order(self) -> Iterator[Any]:
        """Yield all interactions in their order, as Arrow batches of user and item (from 0), [time], keep_0, ..."""
        time = "" if self.meta["time_type"] is None else ", time"
        kept = "".join(f", {quoted(name)} as keep_{i}" for i, name in enumerate(self.kept))
        query = f"select user_num - 1 as user, item_num - 1 as item{time}{kept} from {self.name}.interactions"
        return self._sound(self.database.read(query, _BATCH_ROWS), first=0, has_time=bool(time))

    def _without_nulls(self, batches: Iterator[Any], columns: int | None = None) -> Iterator[Any]:
        """Yield batches whose first columns, or all of them, hold no null."""
        for batch in batches:
            if any(column.null_count for column in batch.columns[:columns]):
                raise IntegrityError(f"{self.path}: a number or an id is missing", tip=self._again())
            yield batch

    def _sound(self, batches: Iterator[Any], *, first: int, has_time: bool = False) -> Iterator[Any]:
        """Yield batches of users, items, [times] and more: items are in the vocabulary, which counts from `first`."""
        for batch in self._without_nulls(batches, 2 + has_time):
            items = batch.column(1).to_numpy()
            if len(items) and not first <= items.min() <= items.max() < first + self.items:
                wrong = items.min() if items.min() < first else items.max()
                raise IntegrityError(f"{self.path}: item_num {wrong} is outside the vocabulary", tip=self._again())
            yield batch

    def _again(self) -> str:
        return f"Make it again: genpas ingest LOGS -o {self.path} --force"

    def histories(self, through: Split, interactions: int) -> Iterator[tuple[Lengths, Sequences]]:
        """Yield the sequences of all users, see `runs`."""
        return self.runs(through, interactions, first=0, last=self.users - 1)

    def vocabulary(self, table: Literal["users", "items"]) -> Iterator[Any]:
        """Yield Arrow batches (number, id) in the order of numbers."""
        name = table[:-1]
        query = f"select {name}_num, {name}_id from {self.name}.{table}"
        yield from self._without_nulls(self.database.read(query, _BATCH_ROWS))


def store_memory(memory: int) -> int:
    """Return the bytes that DuckDB may take of a limit to read a store; `FIXED_MEMORY` has its least."""
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
        database.con.execute(f"attach {_literal(path)} as {name} (read_only)")
        yield Store(path, database, _read_meta(database.con, path, name), name=name)
    except duckdb.Error as error:
        if unreadable := _unreadable(path, error):
            raise unreadable from error
        raise


def check_is_store(path: Path) -> None:
    """Raise DataError if there is no store at `path` that DuckDB can open; UsageError if that is written like a URI."""
    check_local(path, "a store")
    if not is_unicode(path):
        raise DataError(f"the path of the store is not UTF-8: {path}", tip="Rename it first.")
    if not path.exists():
        raise DataError(f"no such store: {path}", tip=f"Make it first: genpas ingest LOGS -o {path}")
    if not is_store(path):
        raise DataError(
            f"{path} is not a genpas store (no DuckDB file)",
            tip="A store is made of a log: genpas ingest LOGS -o STORE",
        )


def _unreadable(path: Path, error: Exception) -> DataError | None:
    """Return what DuckDB says of a store that cannot be read, at once or, where a block is damaged, later."""
    detail = (str(error).splitlines() or [""])[0]
    if "Could not set lock" in detail:
        return DataError(
            f"the store {path} is locked by another process ({detail})", tip="Wait until it is closed there."
        )
    if any(sign in detail for sign in ("Corrupt", "corrupt", "checksum", "Could not read enough bytes", "not a valid")):
        return DataError(
            f"the store {path} is damaged, or of another DuckDB ({detail})",
            tip=f"Make it again: genpas ingest LOGS -o {path} --force",
        )
    return None


_META: dict[str, Shape] = {
    "users": is_count, "items": is_count, "interactions": is_count,
    "time_type": lambda value: value is None or is_text(value),
    "kept": lambda value: isinstance(value, dict) and all(map(is_text, value.values())),
    "split": {
        "rule": is_text, "eval": lambda value: value in get_args(Evaluated), "train": is_count,
        "validation": is_count, "test": is_count, "users_in_train_only": is_count,
    },
    "options": {}, "versions": {},
    "ties": dict.fromkeys(("tied_events", "tied_test", "tied_validation", "tied_either"), is_number),
    "length": dict.fromkeys(("min", "median", "mean", "p99", "max"), is_number),
    "time_range": lambda value: value is None or (isinstance(value, list) and len(value) == len(("first", "last"))),
}  # fmt: skip
"""What is read of `meta`."""

_COLUMNS = {
    "interactions.user_num": "INTEGER", "interactions.item_num": "INTEGER", "interactions.split": "ENUM",
    "users.user_num": "INTEGER", "users.user_id": "VARCHAR", "users.length": "INTEGER",
    "users.train_length": "INTEGER", "users.validation_length": "INTEGER", "items.item_num": "INTEGER",
    "items.item_id": "VARCHAR", "sources.name": "VARCHAR",
    "sources.format": "VARCHAR", "sources.bytes": "BIGINT", "sources.sha256": "VARCHAR", "sources.rows": "BIGINT",
    "funnel.step": "VARCHAR", "funnel.dropped": "BIGINT", "funnel.kept": "BIGINT",
}  # fmt: skip


def _read_meta(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> dict[str, Any]:
    try:
        meta = {key: json.loads(value) for key, value in con.sql(f"select key, value from {name}.meta").fetchall()}
        version = meta["format_version"]
    except (duckdb.Error, KeyError, ValueError, TypeError, RecursionError) as error:
        tip = "genpas stores are made by: genpas ingest LOGS -o STORE"
        raise DataError(f"{path} is a DuckDB file, but no genpas store", tip=tip) from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} is a store of format version {version}; this genpas reads version {FORMAT_VERSION}",
            tip=f"Make it again with this version: genpas ingest LOGS -o {path}",
        )
    wrong = misshapen(meta, _META) or _wrong_column(con, name, meta)
    # A store that has no digest of its content is of a version that sealed nothing.
    if not wrong and _CONTENT in meta and meta.get(SEAL) != _seal(con, name, meta):
        wrong = "what it says of itself and of its logs"
    if wrong:
        raise DataError(
            f"the store {path} is damaged: {wrong} is not as genpas writes it",
            tip=f"Make it again: genpas ingest LOGS -o {path} --force",
        )
    return meta


def _wrong_column(con: duckdb.DuckDBPyConnection, name: str, meta: dict[str, Any]) -> str | None:
    """Return the first column of the tables that is missing or of another type."""
    query = "select table_name, column_name, data_type from duckdb_columns() where database_name = $1"
    found = {f"{table}.{column}": kind for table, column, kind in con.execute(query, [name]).fetchall()}
    interactions = [*(["time"] if meta["time_type"] else []), *meta["kept"]]
    needed = _COLUMNS | {f"interactions.{column}": "" for column in interactions}
    return next((column for column, kind in needed.items() if not found.get(column, "-").startswith(kind)), None)
