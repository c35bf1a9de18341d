"""The files of a log as relations for DuckDB, whatever their format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.ingest.columns.columns import Column, Named
from genpas_cli.ingest.files.sources import Compression, SourceFile
from genpas_cli.ingest.formats.detection import Detected, detect
from genpas_cli.ingest.formats.json_keys import all_keys, converted, first_keys, json_field, suffice
from genpas_cli.ingest.formats.records import Dialect
from genpas_cli.ingest.options import Format, ReadingOptions
from genpas_cli.ingest.quoting import identifier, literal
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

_ROWS_WITHOUT_BYTES = 1 << 20
"""Rows of an Arrow batch that may have less than a bit of data each."""
SAMPLES = 1000
"""Values of a column that tell what it holds."""
_ARROW_FILE = b"ARROW1"
_NESTED = re.compile(r"\[\d*\]$|^(STRUCT|MAP|UNION|VARIANT|JSON)\b")
"""Types of DuckDB whose values are lists, objects or whatever."""


@dataclass(frozen=True)
class LogFile:
    """A file and how it is read."""

    source: SourceFile
    format: Format
    compression: Compression
    columns: tuple[Column, ...]
    """Its own columns, then those in its path."""
    dialect: Dialect | None = None
    whole_json: bool = False
    """Whether each row is read as one column `json`."""
    header: tuple[str, ...] = ()
    """The header of delimited text as the file has it, if it has one."""
    lines: Path | None = None
    """JSON Lines made of other JSON, that DuckDB reads instead."""
    is_suspect: bool = False
    """Whether some rows are malformed although DuckDB reads them."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it is read."""
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
    def is_json(self) -> bool:
        """Whether its rows are JSON objects."""
        return self.format in ("json", "jsonl")

    @property
    def named(self) -> Named:
        """Its columns as the user sees them."""
        has_names = self.format != "csv" or (self.dialect is not None and self.dialect.header)
        delimiter = self.dialect.delimiter if self.dialect is not None and self.format == "csv" else None
        return Named(self.name, self.columns, has_names, delimiter)

    @property
    def path(self) -> Path:
        """The file that DuckDB reads."""
        return self.copy or self.lines or self.source.path

    def relation(self, con: duckdb.DuckDBPyConnection) -> str:
        """Return what stands after FROM to read the rows in order; a stream of Arrow can be read once."""
        path = literal(str(self.path))
        if self.format == "parquet":
            return f"read_parquet({path}, hive_partitioning = false)"
        if self.format == "arrow":
            con.register("genpas_arrow", _arrow_reader(self.source, [c.name for c in self.columns if not c.in_path]))
            return "genpas_arrow"
        if self.is_json:
            return _jsonl_relation(self, path)
        return _text_relation(self, path)


def open_log(
    con: duckdb.DuckDBPyConnection, source: SourceFile, options: ReadingOptions, lines: Path, *, whole_rows: bool
) -> LogFile:
    """Find out what a file is and which columns it has.

    Args:
        con: a connection.
        source: the file; text is UTF-8.
        options: what the user has decided.
        lines: where a copy of JSON as JSON Lines goes, if that is needed.
        whole_rows: whether rows are going to be hashed as a whole.

    Raises:
        DataError: the file cannot be used.
    """
    detected = detect(source, options)
    openers: dict[str, Callable[[], LogFile]] = {
        "parquet": lambda: _open_parquet(con, source, detected),
        "arrow": lambda: _open_arrow(con, source, detected),
        "jsonl": lambda: _open_json(con, source, detected, options, lines=lines, whole_rows=whole_rows),
        "json": lambda: _open_json(con, source, detected, options, lines=lines, whole_rows=whole_rows),
        "sequences": lambda: _open_sequences(source, detected),
    }
    log = openers.get(detected.format, lambda: _open_delimited(source, detected))()
    if not options.hive:
        return log
    # The file's own column wins, as names are compared by DuckDB: writers that keep the partition's column in the file
    # write the same value there.
    own = {column.name.lower() for column in log.columns}
    extra = tuple(
        Column(key, f"nullif({literal(value)}, '')", "VARCHAR", is_text=True, samples=(value,), in_path=True)
        for key, value in source.partitions
        if key.lower() not in own
    )
    return replace(log, columns=log.columns + extra)


def _open_parquet(con: duckdb.DuckDBPyConnection, source: SourceFile, detected: Detected) -> LogFile:
    relation = f"read_parquet({literal(str(source.path))}, hive_partitioning = false)"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        # DuckDB gives the second of two equal names another one, without a word.
        schema = pq.read_schema(source.path)
    except (duckdb.Error, *UNREADABLE) as error:
        if isinstance(error, duckdb.InterruptException):
            raise
        raise DataError(f"{source.name}: the Parquet file is truncated or corrupt ({first_line(error)})") from error
    _refuse_twice(source, schema.names)
    halves = frozenset(field.name for field in schema if pa.types.is_float16(field.type))
    return LogFile(source, "parquet", detected.compression, _typed(source, described, halves))


def _open_arrow(con: duckdb.DuckDBPyConnection, source: SourceFile, detected: Detected) -> LogFile:
    con.register("genpas_arrow", _arrow_reader(source, None))
    try:
        described = con.execute("DESCRIBE SELECT * FROM genpas_arrow").fetchall()
    finally:
        con.unregister("genpas_arrow")
    return LogFile(source, "arrow", detected.compression, _typed(source, described))


def _typed(source: SourceFile, described: list[Any], halves: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    _refuse_twice(source, [name for name, *_ in described])
    return tuple(
        Column(
            name, identifier(name), "VARCHAR" if kind.startswith("ENUM") else kind, is_text=False,
            is_nested=_NESTED.search(kind) is not None, is_half=name in halves,
        )
        for name, kind, *_ in described
    )  # fmt: skip


def _refuse_twice(source: SourceFile, names: list[str]) -> None:
    # DuckDB's names of columns have no case.
    lower = [name.lower() for name in names]
    if twice := [name for name in lower if lower.count(name) > 1]:
        raise DataError(f"{source.name}: its schema names {twice[0]!r} twice: {', '.join(names)}")


def _arrow_reader(source: SourceFile, names: list[str] | None) -> Any:
    try:
        mapped = pa.memory_map(str(source.path))
        is_file = mapped.read(len(_ARROW_FILE)) == _ARROW_FILE
        mapped.seek(0)
        stream = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
    except UNREADABLE as error:
        raise DataError(f"{source.name}: the Arrow data is truncated or corrupt ({first_line(error)})") from error
    batches = (stream.get_batch(n) for n in range(stream.num_record_batches)) if is_file else stream
    schema = stream.schema
    if names is not None and len(set(schema.names)) == len(schema.names):
        # DuckDB gives a column without a name one of its own.
        if any(name not in schema.names for name in names):
            nameless = [name for name in schema.names if name not in names] or schema.names
            raise DataError(f"{source.name}: a column has a name that cannot be used: {', '.join(map(repr, nameless))}")
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


def _open_json(  # the last two by keyword
    con: duckdb.DuckDBPyConnection, source: SourceFile, detected: Detected, options: ReadingOptions, *, lines: Path,
    whole_rows: bool,
) -> LogFile:  # fmt: skip
    log = LogFile(source, detected.format, detected.compression, (), notes=detected.notes)
    first = detected.lines
    if detected.format == "json":
        first = converted(source, detected.compression, lines)
        log = replace(log, lines=lines)
    keys = first_keys(source.name, first)
    # Keys that differ in case only need it too: the other reader takes them for one column.
    whole_rows = whole_rows or keys.differ_in_case_only
    if whole_rows or not suffice([*keys.values], options):
        keys = all_keys(con, log.path, _compression(log), keys, skip=options.bad_rows == "skip")
        whole_rows = whole_rows or keys.differ_in_case_only
    columns = tuple(
        Column(
            key, json_field(key) if whole_rows else identifier(key), "VARCHAR", is_text=True,
            samples=tuple(v if isinstance(v, str) else json.dumps(v) for v in values),
            is_nested=bool(values) and all(isinstance(v, list | dict) for v in values),
        )
        for key, values in keys.values.items()
    )  # fmt: skip
    return replace(log, columns=columns, whole_json=whole_rows, is_suspect=keys.is_twice)


def with_json_ids(log: LogFile, ids: Sequence[Column]) -> LogFile:
    """Return a JSON log that reads some columns as JSON, so that texts, numbers, lists and objects are told apart."""
    if not log.is_json:
        return log
    raw = {column.name: json_field(column.name, "->") if log.whole_json else identifier(column.name) for column in ids}
    columns = tuple(
        replace(c, json=raw[c.name], sql=c.sql if log.whole_json else f"({raw[c.name]} ->> '$')") if c in ids else c
        for c in log.columns
    )
    return replace(log, columns=columns)


def _jsonl_relation(log: LogFile, path: str) -> str:
    kind = f"compression = {_compression(log)}"
    if log.whole_json:
        return f"read_ndjson_objects({path}, {kind})"
    types = ((c.name, "JSON" if c.json else "VARCHAR") for c in log.columns if not c.in_path)
    fields = ", ".join(f"{literal(name)}: '{json_type}'" for name, json_type in types)
    return f"read_json({path}, format = 'newline_delimited', records = true, {kind}, columns = {{{fields}}})"


def _open_delimited(source: SourceFile, detected: Detected) -> LogFile:
    columns = tuple(
        Column(name, identifier(name), "VARCHAR", is_text=True, samples=_column(detected, position))
        for position, name in enumerate(detected.names)
    )
    return LogFile(
        source, detected.format, detected.compression, columns, detected.dialect, header=detected.header,
        notes=detected.notes,
    )  # fmt: skip


def _column(detected: Detected, position: int) -> tuple[str, ...]:
    return tuple(record.fields[position] for record in detected.records[:SAMPLES] if record.fields[position])


def _open_sequences(source: SourceFile, detected: Detected) -> LogFile:
    names = ("user_id", "item_id")
    columns = tuple(Column(name, identifier(name), "VARCHAR", is_text=True) for name in names)
    return LogFile(source, "sequences", detected.compression, columns, detected.dialect)


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
    return literal("none" if log.copy or log.lines else log.compression)


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
    # A user without items is a row without an item: counted as such, not lost.
    items = "unnest(CASE WHEN len(parts) > 1 THEN parts[2:] ELSE [NULL] END)"
    return f"(SELECT parts[1] AS user_id, {items} AS item_id FROM {_sequence_lines(log, path)})"


def sequence_users(log: LogFile) -> str:
    """Return what stands after FROM to read `user_id`, the first field, of each line of sequence text."""
    return f"(SELECT parts[1] AS user_id FROM {_sequence_lines(log, literal(str(log.path)))})"


def _sequence_lines(log: LogFile, path: str) -> str:
    options = {"delim": "'\x01'", "quote": "''", "escape": "''", "header": "false"}
    lines = _read_csv(log, path, ["line"], options)
    if log.dialect:
        parts = f"string_split(line, {literal(log.dialect.delimiter)})"
    else:
        parts = "regexp_split_to_array(trim(line, ' \t'), '[ \t]+')"
    return f"(SELECT {parts} AS parts FROM {lines} WHERE trim(line, ' \t') <> '')"


def first_values(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, markers: Sequence[str]
) -> list[str] | None:
    """Return the first values of a column that are not missing, as text; None where DuckDB refuses the file before."""
    missing = ", ".join(map(literal, ("", *markers)))
    value = f"CAST({column.sql} AS VARCHAR)"
    query = f"SELECT {value} FROM {log.relation(con)} WHERE trim({value}) NOT IN ({missing}) LIMIT {SAMPLES}"
    try:
        return [value for (value,) in con.execute(query).fetchall()]
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        return None


def first_line(error: BaseException) -> str:
    """Return the first line of what DuckDB or PyArrow say, without the Python code that a stream of Arrow came from."""
    return str(error).strip().split("\n")[0].split(" Detail: Python exception:")[0]
