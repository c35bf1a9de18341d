"""Item information: reads titles, categories and other columns of items from a file, and joins them to a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from genpas_cli.ingest.columns.aliases import ITEM, matches
from genpas_cli.ingest.columns.identity import id_columns, id_sql, value_sql
from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.files.encodings import as_utf8
from genpas_cli.ingest.files.source_files import SourceFile, find_sources
from genpas_cli.ingest.formats.detection import is_binary, open_log
from genpas_cli.ingest.formats.log_file import LogFile
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.ingest.staging.loading import translated
from genpas_cli.ingest.staging.rejects import BadRow, read_again
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.machine import Machine
from genpas_cli.runtime.sql.database import Database, connect
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.text.nearest import nearest

RESERVED = ("item_num", "item_id")
"""Columns of `items.parquet` itself."""

_BATCH_ROWS = 1 << 16
_VOCABULARY = pa.schema([pa.field("num", pa.int32()), pa.field("id", pa.string())])
_SHOWN = 3
_FORM = "--item-info needs Parquet, JSON Lines, or CSV in UTF-8 whose first line has the names of the columns."


@dataclass(frozen=True)
class ItemInfo:
    """The information of the items of a vocabulary."""

    name: str
    """The file."""
    columns: tuple[str, ...]
    """Names of its columns, without the column of ids."""
    missing: int
    """Items of the vocabulary that the file does not have."""
    unused: int
    """Items of the file that the vocabulary does not have."""
    _database: Database

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """Names and types of the columns."""
        found = self._database.con.sql("SELECT * EXCLUDE (id) FROM info LIMIT 0").to_arrow_table().schema
        return tuple(pa.field(field.name, field.type) for field in found)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield `item_num`, `item_id` and the columns, by item number from 1; null where the file lacks an item.

        Args:
            columns: names of the columns; None for all.
        """
        wanted = "".join(f", info.{identifier(name)}" for name in (self.columns if columns is None else columns))
        query = (
            f"SELECT v.num AS item_num, v.id AS item_id{wanted} FROM vocabulary v LEFT JOIN info ON v.id = info.id "
            "ORDER BY v.num"
        )
        return self._database.read(query, _BATCH_ROWS)


@contextmanager
def item_info(
    path: str | Path, items: Iterable[pa.RecordBatch], machine: Machine, scratch: Path, *, id_column: str | None = None
) -> Iterator[ItemInfo]:  # fmt: skip
    """Read a file of item information, and yield what it says about the items of a vocabulary.

    Args:
        path: Parquet, Arrow, JSON Lines, CSV or another format of logs, with one row per item.
        items: batches of (item number, item id) of the vocabulary.
        machine: the limits.
        scratch: directory for temporary files.
        id_column: the column of item ids; by default it is detected by its name, as in a log.

    Raises:
        DataError: the file cannot be read, it has no column of item ids, an item occurs twice with different
            information, or no item of the vocabulary occurs.
    """
    with connect(machine, scratch) as database:
        (source,) = _one_file(path, scratch)
        log = _opened(database.con, source, scratch)
        column = _id_column(log, id_column)
        columns = _columns(log, column)
        _load(database.con, log, column, columns)
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=_VOCABULARY) for batch in items)
        database.feed("CREATE TABLE vocabulary AS SELECT num, id FROM feed", _VOCABULARY, batches)
        yield _checked(database, log.name, column.name, tuple(column.name for column in columns))


def _one_file(path: str | Path, scratch: Path) -> Sequence[SourceFile]:
    found = find_sources([str(path)], scratch=scratch)
    if len(found) > 1:
        raise DataError(f"--item-info {path}: {len(found)} files; item information must be one file")
    return found


def _opened(con: duckdb.DuckDBPyConnection, source: SourceFile, scratch: Path) -> LogFile:
    # A file of information has names of columns; without them its columns could not be used.
    options = ReadingOptions(header=True)
    with _own_tips():
        if not is_binary(source):
            source = as_utf8(source, "utf-8", scratch / "item-info.utf8")
        return open_log(con, source, options, scratch / "item-info.jsonl", whole_rows=True)


@contextmanager
def _own_tips() -> Iterator[None]:
    """Replace the tips that name options of reading a log, which item information does not have."""
    try:
        yield
    except DataError as error:
        if error.tip is None or "--" not in error.tip:
            raise
        raise DataError(error.message, tip=_FORM) from error


def _id_column(log: LogFile, wanted: str | None) -> Column:
    names = [column.name for column in log.columns]
    if wanted is not None:
        found = log.named.find(wanted)
        if found is not None:
            return found
        near = nearest(wanted, names)
        raise DataError(
            f"{log.name}: no column {wanted!r} (--item-info-id); the columns are: {', '.join(names)}",
            tip=f"Did you mean --item-info-id {near}?" if near else None,
        )
    # `pid` and `id` are too general for logs, but usual in files about items.
    for found_at in (matches(names, ITEM[:3]), matches(names, (frozenset(("pid", "id")),))):
        if len(found_at) == 1:
            return log.columns[found_at[0]]
    raise DataError(
        f"{log.name}: the column of item ids was not detected; the columns are: {', '.join(names)}",
        tip="Name it: --item-info-id COLUMN",
    )


def _columns(log: LogFile, column: Column) -> list[Column]:
    others = [each for each in log.columns if each.name != column.name]
    if not others:
        raise DataError(f"{log.name} has no column besides {column.name!r}, so it says nothing about the items")
    if reserved := [each.name for each in others if each.name in RESERVED]:
        raise DataError(
            f"{log.name}: a column is called {reserved[0]!r}, which is a column of items.parquet itself",
            tip="Rename the column, or name the column of ids with --item-info-id.",
        )
    return others


def _load(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, columns: Sequence[Column]) -> None:
    """Create the table `info`, with `id` and the columns, without repeated rows and rows without an id."""
    kind, (read,) = id_columns(con, [log], [column])
    values = "".join(
        f", {value_sql(each, each.type)} AS {identifier(each.name)}" for each in columns
    )  # fmt: skip
    query = (
        f"CREATE TABLE info AS SELECT DISTINCT * FROM (SELECT CAST({id_sql(read, kind)} AS VARCHAR) AS id{values} FROM "
        f"{log.relation(con, log.columns)}) WHERE id IS NOT NULL"
    )
    if log.is_suspect:
        _refuse_bad_row(log)
    try:
        con.execute(query)
    except duckdb.Error as error:
        failure = translated(log, error)
        _refuse_bad_row(log)
        raise failure from error


def _refuse_bad_row(log: LogFile) -> None:
    for record in read_again(log):
        if record.defect:
            raise BadRow(log.name, record.line, record.defect, record.text).error("Correct the file.")


def _checked(database: Database, name: str, column: str, columns: tuple[str, ...]) -> ItemInfo:
    query = f"SELECT id FROM info GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT {_SHOWN}"
    twice = database.con.sql(query).fetchall()
    if twice:
        shown = ", ".join(repr(item) for (item,) in twice)
        raise DataError(
            f"{name}: items occur in several rows with different information, such as {shown}",
            tip=f"Keep one row per value of {column}.",
        )
    counts = (
        "SELECT (SELECT count(*) FROM info), (SELECT count(*) FROM vocabulary), "
        "(SELECT count(*) FROM vocabulary v SEMI JOIN info ON v.id = info.id)"
    )
    rows, items, known = database.con.sql(counts).fetchall()[0]
    if not rows:
        raise DataError(f"{name} has no row with an item id in its column {column!r}")
    if not known:
        example = database.con.sql(
            "SELECT (SELECT id FROM info LIMIT 1), (SELECT id FROM vocabulary LIMIT 1)"
        ).fetchall()
        raise DataError(
            f"{name} has none of the {items:,} items: an id in its column {column!r} is {example[0][0]!r}, an item id "
            f"of the log is {example[0][1]!r}",
            tip="Name the column of item ids: --item-info-id COLUMN",
        )
    return ItemInfo(name, columns, items - known, rows - known, database)
