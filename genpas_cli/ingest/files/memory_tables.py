"""Tables in memory as logs: each becomes an Arrow file, which is then read as any other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.library.arguments import TableSource
from genpas_cli.runtime.machine import disk_error

_ROWS = 1 << 20
"""Maximum number of rows that are converted at once: a data frame is often one batch, which would be copied whole."""


def written(source: TableSource, path: Path) -> int:
    """Write a table as an uncompressed Arrow file, a batch at a time, and return the number of its rows.

    Raises:
        UsageError: it is a single column.
        DataError: it has columns that Arrow cannot hold.
        MachineError: no disk space.
    """
    try:
        reader = pa.RecordBatchReader.from_stream(source.table)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if "non-struct" in str(error):  # Arrow's word for a stream of single values
            raise UsageError(
                f"{source} is a single column; a log is a table with a column of users and a column of items",
                tip="Give the whole table instead of one of its columns.",
            ) from error
        raise _unreadable(source, error) from error
    return write_batches(reader.schema, reader, path, source)


def write_batches(given: pa.Schema, batches: Iterable[pa.RecordBatch], path: Path, name: str) -> int:
    """Write record batches as an uncompressed Arrow file, and return the number of rows.

    Args:
        given: the schema of the batches.
        batches: the rows.
        path: the file.
        name: name of the rows in messages.

    Raises:
        DataError: there are columns that Arrow cannot hold.
        MachineError: no disk space.
    """
    schema = pa.schema([pa.field(field.name, _stored(field.type), field.nullable) for field in given])
    rows = 0
    try:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
            for batch in batches:
                rows += batch.num_rows
                for first in range(0, batch.num_rows, _ROWS):
                    part = batch.slice(first, _ROWS)
                    file.write_batch(part.cast(schema) if part.schema.types != schema.types else
                                     pa.RecordBatch.from_arrays(part.columns, schema=schema))  # fmt: skip
    except OSError as error:
        raise disk_error(error, path.parent, option="--temp-dir") from error
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _unreadable(name, error) from error
    return rows


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: cannot be read as an Arrow table: {str(error).splitlines()[0]}")


def _stored(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column in the file: views, which Polars has, become plain texts and bytes."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    return kind
