"""The files of a log as relations for DuckDB, whatever their format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.errors import DataError
from genpas_cli.logs.columns import Column, Named
from genpas_cli.logs.detection import Detected, detect
from genpas_cli.logs.options import Format, ReadingOptions
from genpas_cli.logs.quoting import identifier, literal
from genpas_cli.logs.records import Dialect
from genpas_cli.logs.sources import Compression, SourceFile

_SAMPLES = 1000
_ROWS_WITHOUT_BYTES = 1 << 20
"""Rows of an Arrow batch that may have less than a bit of data each."""
_ARROW_FILE = b"ARROW1"


@dataclass(frozen=True)
class LogFile:
    """A file and how it is read."""

    source: SourceFile
    format: Format
    compression: Compression
    columns: tuple[Column, ...]
    """Its own columns, then those in its path."""
    row: str
    """SQL for all of a row, for its hash."""
    dialect: Dialect | None = None
    copy: Path | None = None
    """Clean copy of a text, without its bad rows, that DuckDB reads instead; `"` is its quote and it has no header."""

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.source.name

    @property
    def is_text(self) -> bool:
        """Whether it is a text format."""
        return self.format not in ("parquet", "arrow")

    @property
    def named(self) -> Named:
        """Its columns as the user sees them."""
        has_names = self.format != "csv" or (self.dialect is not None and self.dialect.header)
        delimiter = self.dialect.delimiter if self.dialect is not None and self.format == "csv" else None
        return Named(self.name, self.columns, has_names, delimiter)

    def relation(self, con: duckdb.DuckDBPyConnection) -> str:
        """Return what stands after FROM to read the rows in order; a stream of Arrow can be read once."""
        path = literal(str(self.copy or self.source.path))
        if self.format == "parquet":
            return f"read_parquet({path}, hive_partitioning = false)"
        if self.format == "arrow":
            con.register("genpas_arrow", _arrow_reader(self.source, [c.name for c in self.columns if not c.in_path]))
            return "genpas_arrow"
        if self.format == "jsonl":
            return _jsonl_relation(self, path)
        return _text_relation(self, path)


def open_log(
    con: duckdb.DuckDBPyConnection, source: SourceFile, options: ReadingOptions, *, whole_rows: bool
) -> LogFile:
    """Find out what a file is and which columns it has.

    Args:
        con: a connection.
        source: the file; text is UTF-8.
        options: what the user has decided.
        whole_rows: whether rows are going to be hashed as a whole.

    Raises:
        DataError: the file cannot be used.
    """
    detected = detect(source, options)
    openers: dict[str, Callable[[], LogFile]] = {
        "parquet": lambda: _open_parquet(con, source, detected),
        "arrow": lambda: _open_arrow(con, source, detected),
        "jsonl": lambda: _open_jsonl(source, detected, whole_rows=whole_rows),
        "sequences": lambda: _open_sequences(source, detected),
    }
    log = openers.get(detected.format, lambda: _open_delimited(source, detected))()
    if not options.hive:
        return log
    own = {column.name for column in log.columns}
    # The file's own column wins: writers that keep the partition's column in the file write the same value there.
    extra = tuple(
        Column(key, f"nullif({literal(value)}, '')", "VARCHAR", is_text=True, samples=(value,), in_path=True)
        for key, value in source.partitions
        if key not in own
    )
    return replace(log, columns=log.columns + extra)


def _open_parquet(con: duckdb.DuckDBPyConnection, source: SourceFile, detected: Detected) -> LogFile:
    relation = f"read_parquet({literal(str(source.path))}, hive_partitioning = false)"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        # DuckDB gives the second of two equal names another one, without a word.
        names = pq.read_schema(source.path).names
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if isinstance(error, duckdb.InterruptException):
            raise
        raise DataError(f"{source.name}: the Parquet file is truncated or corrupt ({first_line(error)})") from error
    _refuse_twice(source, names)
    return LogFile(source, "parquet", detected.compression, _typed(source, described), _row(described))


def _open_arrow(con: duckdb.DuckDBPyConnection, source: SourceFile, detected: Detected) -> LogFile:
    con.register("genpas_arrow", _arrow_reader(source, None))
    try:
        described = con.execute("DESCRIBE SELECT * FROM genpas_arrow").fetchall()
    finally:
        con.unregister("genpas_arrow")
    return LogFile(source, "arrow", detected.compression, _typed(source, described), _row(described))


def _typed(source: SourceFile, described: list[Any]) -> tuple[Column, ...]:
    _refuse_twice(source, [name for name, *_ in described])
    return tuple(
        Column(name, identifier(name), "VARCHAR" if kind.startswith("ENUM") else kind, is_text=False)
        for name, kind, *_ in described
    )


def _refuse_twice(source: SourceFile, names: list[str]) -> None:
    # DuckDB's names of columns have no case.
    lower = [name.lower() for name in names]
    if twice := [name for name in lower if lower.count(name) > 1]:
        raise DataError(f"{source.name}: its schema names {twice[0]!r} twice: {', '.join(names)}")


def _row(described: list[Any]) -> str:
    return ", ".join(identifier(name) for name, *_ in described)


def _arrow_reader(source: SourceFile, names: list[str] | None) -> Any:
    try:
        mapped = pa.memory_map(str(source.path))
        is_file = mapped.read(len(_ARROW_FILE)) == _ARROW_FILE
        mapped.seek(0)
        stream = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{source.name}: the Arrow data is truncated or corrupt ({first_line(error)})") from error
    batches = (stream.get_batch(n) for n in range(stream.num_record_batches)) if is_file else stream
    schema = stream.schema
    if names is not None and len(set(schema.names)) == len(schema.names):
        schema = pa.schema([schema.field(name) for name in names])
        batches = (batch.select(names) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, _validated(batches))


def _validated(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield record batches of a file, each checked before DuckDB follows its offsets: a wrong one ends the process.

    Columns of nulls or runs take no bytes per row, so a damaged length of them would keep DuckDB busy for ever.
    """
    for batch in batches:
        batch.validate(full=True)
        if batch.num_rows > max(8 * batch.get_total_buffer_size(), _ROWS_WITHOUT_BYTES):
            raise pa.ArrowInvalid(f"a batch of {batch.num_rows:,} rows in {batch.get_total_buffer_size():,} bytes")
        yield batch


def _open_jsonl(source: SourceFile, detected: Detected, *, whole_rows: bool) -> LogFile:
    values: dict[str, list[str]] = {}
    for line in detected.lines[:_SAMPLES]:
        for key, value in _object(line).items():
            texts = values.setdefault(key, [])
            if value is not None:
                texts.append(value if isinstance(value, str) else json.dumps(value))
    if not values:
        raise DataError(f"{source.name}, line 1: not a JSON object: {detected.lines[0][:80]!r}")
    # Keys that differ in case only need it too: the other reader takes them for one column.
    whole_rows = whole_rows or len({key.lower() for key in values}) < len(values)
    columns = tuple(
        Column(key, _json_field(key) if whole_rows else identifier(key), "VARCHAR", is_text=True, samples=tuple(texts))
        for key, texts in values.items()
    )
    return LogFile(source, "jsonl", detected.compression, columns, "json" if whole_rows else "")


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _json_field(key: str) -> str:
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    # A line that is no object would give NULLs, and pass for a row without a user.
    return f"CASE WHEN json_type(json) = 'OBJECT' THEN json ->> {literal(pointer)} ELSE error('not an object') END"


def _jsonl_relation(log: LogFile, path: str) -> str:
    kind = f"compression = {_compression(log)}"
    if log.row:
        return f"read_ndjson_objects({path}, {kind})"
    fields = ", ".join(f"{literal(c.name)}: 'VARCHAR'" for c in log.columns if not c.in_path)
    return f"read_json({path}, format = 'newline_delimited', {kind}, columns = {{{fields}}})"


def _open_delimited(source: SourceFile, detected: Detected) -> LogFile:
    columns = tuple(
        Column(name, identifier(name), "VARCHAR", is_text=True, samples=_column(detected, position))
        for position, name in enumerate(detected.names)
    )
    row = ", ".join(column.sql for column in columns)
    return LogFile(source, detected.format, detected.compression, columns, row, detected.dialect)


def _column(detected: Detected, position: int) -> tuple[str, ...]:
    return tuple(record.fields[position] for record in detected.records[:_SAMPLES] if record.fields[position])


def _open_sequences(source: SourceFile, detected: Detected) -> LogFile:
    names = ("user_id", "item_id")
    columns = tuple(Column(name, identifier(name), "VARCHAR", is_text=True) for name in names)
    return LogFile(source, "sequences", detected.compression, columns, ", ".join(names), detected.dialect)


def _text_relation(log: LogFile, path: str) -> str:
    if log.format == "sequences":
        return _sequence_relation(log, path)
    dialect = log.dialect
    assert dialect is not None  # delimited text has one
    names = [c.name for c in log.columns if not c.in_path]
    if log.copy:
        dialect = replace(dialect, quote='"', header=False, skip=0)
    options = {
        "delim": literal(dialect.delimiter),
        "quote": literal(dialect.quote),
        "escape": literal(dialect.quote),
        "header": str(dialect.header).lower(),
        "skip": str(dialect.skip),
    }
    return _read_csv(log, path, names, options)


def _compression(log: LogFile) -> str:
    return literal("none" if log.copy else log.compression)


def _read_csv(log: LogFile, path: str, names: list[str], options: dict[str, str]) -> str:
    # Never let DuckDB sniff: one odd row turned whole files into one column, without an error.
    fixed = {
        "auto_detect": "false",
        "hive_partitioning": "false",
        "compression": _compression(log),
        "columns": "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names) + "}",
    }
    return f"read_csv({path}, {', '.join(f'{key} = {value}' for key, value in (fixed | options).items())})"


def _sequence_relation(log: LogFile, path: str) -> str:
    options = {"delim": "'\x01'", "quote": "''", "escape": "''", "header": "false"}
    lines = _read_csv(log, path, ["line"], options)
    if log.dialect:
        parts = f"string_split(line, {literal(log.dialect.delimiter)})"
    else:
        parts = "regexp_split_to_array(trim(line, ' \t'), '[ \t]+')"
    # A user without items is a row without an item: counted as such, not lost.
    items = "unnest(CASE WHEN len(parts) > 1 THEN parts[2:] ELSE [NULL] END)"
    split = f"SELECT {parts} AS parts FROM {lines} WHERE trim(line, ' \t') <> ''"
    return f"(SELECT parts[1] AS user_id, {items} AS item_id FROM ({split}))"


def first_values(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column) -> tuple[str, ...]:
    """Return the first values of a text column that are there; nothing where the file cannot be read that far."""
    query = f"SELECT {column.sql} FROM {log.relation(con)} WHERE trim({column.sql}) <> '' LIMIT {_SAMPLES}"
    try:
        return tuple(value for (value,) in con.execute(query).fetchall())
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return ()  # loading meets the same error, and says where


def first_line(error: BaseException) -> str:
    """Return the first line of what DuckDB or PyArrow say, without the Python code that a stream of Arrow came from."""
    return str(error).strip().split("\n")[0].split(" Detail: Python exception:")[0]
