"""Reads the live rows of a Delta Lake table, by the extra `delta`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyarrow import dataset, fs

from genpas_cli.ingest.files.lake_tables import Snapshot, Version, in_order_added

_ROWS = 1 << 16
_READ = frozenset({"deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "variantType"})
"""Reader features of tables that this module reads; `variantType` says only that there may be such columns."""


def opened(path: Path) -> Snapshot:
    """Return the newest version of the table in a directory.

    Raises:
        Exception: the table cannot be read; the message says why.
    """
    table = DeltaTable(path)
    features = set(table.protocol().reader_features or ())
    if unread := sorted(features - _READ):
        raise ValueError(f"reader features that genpas does not read: {', '.join(unread)}")
    schema = pa.schema(table.schema().to_arrow())
    version = Version("delta", str(table.metadata().id), str(table.version()))
    return Snapshot(version, schema, _rows(table, path, schema))


def _rows(table: DeltaTable, directory: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    # The reader of the library itself does not keep the order of the rows, which decides between equal timestamps.
    added = {row["path"]: row for row in pa.table(table.get_add_actions(flatten=True)).to_pylist()}
    kept = _kept_rows(table)
    for name in in_order_added({path: row["modification_time"] for path, row in added.items()}):
        file = directory / unquote(name)
        keep, first = kept.get(file.resolve()), 0
        for batch in _of_file(file, schema, added[name]):
            if keep is None:
                yield batch
            else:
                yield batch.filter(_mask(keep, first, batch.num_rows))
            first += batch.num_rows


def _of_file(file: Path, schema: pa.Schema, added: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a data file, with the columns of the table, in order."""
    values = {name.removeprefix("partition."): value for name, value in added.items() if name.startswith("partition.")}
    partition = pc.scalar(True)  # noqa: FBT003  # no condition
    for name, value in values.items():
        is_value = pc.field(name).is_null() if value is None else (
            pc.field(name) == pa.scalar(value, schema.field(name).type)
        )  # fmt: skip
        partition &= is_value
    fragment = dataset.ParquetFileFormat().make_fragment(
        str(file), filesystem=fs.LocalFileSystem(), partition_expression=partition
    )
    yield from fragment.to_batches(
        schema=schema, batch_size=_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
    )


def _kept_rows(table: DeltaTable) -> dict[Path, pa.Array]:
    """Return data file → for each of its rows, whether it is live; only for files with deletion vectors."""
    found = pa.table(table.deletion_vectors())
    return {
        Path(unquote(uri.as_py().removeprefix("file://"))).resolve(): rows.values
        for uri, rows in zip(found["filepath"], found["selection_vector"], strict=True)
    }


def _mask(keep: pa.Array, first: int, count: int) -> pa.Array:
    """Return the part of a mask for `count` rows from `first` on; rows after its end are live."""
    part = keep.slice(first, count)
    return pa.concat_arrays([part, pa.repeat(pa.scalar(True), count - len(part))])  # noqa: FBT003  # live
