"""Arrow IPC logs: files (Feather) and streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import duckdb
import pyarrow as pa

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.log_file import BinaryLog, Start, first_line, typed_columns
from genpas_cli.ingest.formats.names import LogFormat
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

STREAM = "genpas_arrow"
"""Name in DuckDB of the stream of rows that is being read."""

_FILE, _MESSAGE = b"ARROW1", b"\xff\xff\xff\xff"
_VALUE = 8
"""Approximate bytes per value in an Arrow file."""

_ROWS_WITHOUT_BYTES = 1 << 20
"""Maximum rows of an Arrow batch with less than one bit of data per row."""


@dataclass(frozen=True, kw_only=True)
class ArrowLog(BinaryLog):
    """An Arrow IPC file or stream, mapped into memory and passed to DuckDB batch by batch."""

    format: ClassVar[LogFormat] = "arrow"
    title: ClassVar[str] = "Arrow"
    endings: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")
    magic: ClassVar[tuple[bytes, ...]] = (_FILE, _MESSAGE)

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log with the columns of its schema."""
        log = cls(source=start.source, compression=start.compression, columns=())
        stream = log._stream()
        try:
            described = _described(start.con, stream)
        except duckdb.NotImplementedException as error:
            raise _unsupported(start.con, log.name, stream.schema, error) from error
        halves = frozenset(field.name for field in log._given()[0] if field.type != _readable(field.type))
        columns, names = typed_columns(start.source, described, halves), stream.schema.names
        # DuckDB invents a name for a column whose name is empty.
        unknown = [name for name in names if name not in [column.name for column in columns]]
        if unknown and len(set(names)) == len(names):
            shown = ", ".join(map(repr, unknown))
            raise DataError(f"{log.name}: a column name cannot be used: {shown}")
        return replace(log, columns=columns)

    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:
        """Register a stream of the rows, which can be read once, and return its name."""
        con.register(STREAM, self._stream([column.name for column in needed if not column.in_path]))
        return STREAM

    def rows_in_file(self) -> float:
        """Return the number of rows of a table that was copied; else estimate it from the size of the file."""
        if self.source.rows is not None:
            return self.source.rows
        per_row = 1 if self.lists is None else self.lists.per_row
        values = sum(1 if column.form is None else per_row for column in self.own_columns)
        return self.path.stat().st_size / max(_VALUE * values, 1)

    def batches(self, names: Sequence[str]) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:  # noqa: ARG002  # batches have all columns
        """Return the schema and the record batches of the file.

        Args:
            names: the needed columns; empty for all. The batches may have further columns.

        Raises:
            ArrowException, UnicodeDecodeError, OSError: the file is damaged.
        """
        mapped = pa.memory_map(str(self.path))
        is_file = mapped.read(len(_FILE)) == _FILE
        mapped.seek(0)
        if not is_file:
            stream = pa.ipc.open_stream(mapped)
            return stream.schema, stream
        file = pa.ipc.open_file(mapped)
        return file.schema, (file.get_batch(n) for n in range(file.num_record_batches))

    def _given(self, names: Sequence[str] = ()) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        try:
            return self.batches(names)
        except UNREADABLE as error:
            raise self.damaged(error) from error

    def _stream(self, names: Sequence[str] = ()) -> pa.RecordBatchReader:
        given, batches = self._given(names)
        schema = pa.schema([field.with_type(_readable(field.type)) for field in given])
        valid = _validated(batches)
        return pa.RecordBatchReader.from_batches(
            schema, valid if schema.types == given.types else (batch.cast(schema) for batch in valid)
        )


def _readable(kind: pa.DataType) -> pa.DataType:
    """Return the type with half-precision floats, which DuckDB does not read from Arrow, replaced by FLOAT."""
    if pa.types.is_float16(kind.value_type if pa.types.is_dictionary(kind) else kind):
        return pa.float32()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_readable(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_readable(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_readable(kind.value_type)), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_readable(field.type)) for field in kind])
    return kind


def _described(con: duckdb.DuckDBPyConnection, stream: pa.RecordBatchReader) -> list[Any]:
    con.register(STREAM, stream)
    try:
        return con.execute(f"DESCRIBE SELECT * FROM {STREAM}").fetchall()
    finally:
        con.unregister(STREAM)


def _unsupported(
    con: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, error: duckdb.NotImplementedException
) -> DataError:
    """Return the error that names the first column whose type DuckDB does not read."""
    for field in schema:
        try:
            _described(con, pa.RecordBatchReader.from_batches(pa.schema([field]), []))
        except duckdb.NotImplementedException:
            return DataError(
                f"{name}: column {field.name!r} has the Arrow type {field.type}, which cannot be read",
                tip="Convert the column to another type, or leave it out of the log.",
            )
    return DataError(f"{name}: a column has an Arrow type that cannot be read ({first_line(error)})")


def _validated(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield record batches after validating them, because a wrong offset would crash DuckDB.

    Null and run-end encoded columns take no bytes per row, so with a damaged length DuckDB would run forever.
    """
    for batch in batches:
        batch.validate(full=True)
        if batch.num_rows > max(8 * batch.get_total_buffer_size(), _ROWS_WITHOUT_BYTES):
            raise pa.ArrowInvalid(f"a batch claims {batch.num_rows:,} rows in {batch.get_total_buffer_size():,} bytes")
        yield batch


FORMAT = ArrowLog
