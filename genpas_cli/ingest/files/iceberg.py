"""Reads the live rows of an Iceberg table, by the extra `iceberg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.table import StaticTable

from genpas_cli.ingest.files.lake_tables import Snapshot, Version, in_order_added


def opened(metadata: Path) -> Snapshot:
    """Return the current snapshot of the table that a metadata file describes.

    Raises:
        Exception: the table cannot be read; the message says why.
    """
    table = StaticTable.from_metadata(str(metadata.absolute()))
    if urlsplit(table.location()).scheme not in ("", "file"):
        raise ValueError(f"its data is on object storage: {table.location()}")
    current = table.current_snapshot()
    schema = schema_to_pyarrow(table.schema(), include_field_ids=False)
    snapshot = "none" if current is None else str(current.snapshot_id)
    version = Version("iceberg", str(table.metadata.table_uuid), snapshot)
    return Snapshot(version, schema, _rows(table, schema))


def _rows(table: StaticTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    current = table.current_snapshot()
    if current is None:
        return
    numbers = {
        entry.data_file.file_path: entry.sequence_number or 0
        for manifest in current.manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io)
    }
    tasks = {task.file.file_path: task for task in table.scan().plan_files()}
    for name in in_order_added({path: numbers[path] for path in tasks}):
        # One file at a time: a scan of all files reads ahead without a limit.
        scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
        for batch in scan.to_record_batches([tasks[name]]):
            yield pa.RecordBatch.from_arrays(
                [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
            )
