"""Reads the live rows of an Iceberg table, by the extra `iceberg`."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import numpy as np
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent, ManifestEntry
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, ManifestGroupPlanner, StaticTable

from genpas_cli.ingest.files.lake_tables import Snapshot, Version, in_order_added
from genpas_cli.runtime.sql.quoting import identifier

_ROW = "genpas_row"
"""A column of the query that finds the rows that are left."""


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
    manifests = current.manifests(table.io)
    entries = [entry for manifest in manifests for entry in manifest.fetch_manifest_entry(table.io)]
    numbers = {entry.data_file.file_path: entry.sequence_number or 0 for entry in entries}
    planner = ManifestGroupPlanner(table.metadata, table.io)
    # PyIceberg plans position deletes, and refuses equality deletes, which `_EqualityDeletes` applies.
    tasks = {task.file.file_path: task for task in planner.plan_files(manifests, lambda entry: not _is_equality(entry))}
    deletes = _EqualityDeletes(table, schema, [entry for entry in entries if _is_equality(entry)])
    for name in in_order_added({path: numbers[path] for path in tasks}):
        # One file at a time: a scan of all files reads ahead without a limit.
        deleted = deletes.of(tasks[name].file, numbers[name])
        for batch in _scanned(table, table.schema(), schema, tasks[name]):
            yield functools.reduce(_left, deleted, batch)


def _is_equality(entry: ManifestEntry) -> bool:
    return entry.data_file.content == DataFileContent.EQUALITY_DELETES


def _scanned(table: StaticTable, fields: Schema, schema: pa.Schema, task: FileScanTask) -> Iterator[pa.RecordBatch]:
    scan = ArrowScan(table.metadata, table.io, fields, AlwaysTrue())
    for batch in scan.to_record_batches([task]):
        yield pa.RecordBatch.from_arrays(
            [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema
        )


class _EqualityDeletes:
    """The equality deletes of a snapshot: rows are deleted whose values in some columns are those of a deleted row.

    Such a file applies to data files of an earlier commit, in its partition, or in all if it has none (Iceberg
    specification, "Scan Planning"). A missing value equals another one.

    Args:
        table: the table.
        schema: its Arrow schema.
        entries: the files of equality deletes.
    """

    def __init__(self, table: StaticTable, schema: pa.Schema, entries: Sequence[ManifestEntry]) -> None:
        self._table, self._schema, self._entries = table, schema, entries
        self._deleted: dict[str, pa.Table] = {}

    def of(self, file: DataFile, number: int) -> list[pa.Table]:
        """Return the deleted values that apply to a data file of the commit `number`, a table per set of columns."""
        by_columns: dict[tuple[str, ...], list[pa.Table]] = {}
        for entry in self._entries:
            if self._applies(entry, file, number):
                found = self._rows_of(entry.data_file)
                by_columns.setdefault(tuple(found.column_names), []).append(found)
        return [pa.concat_tables(tables) for tables in by_columns.values()]

    def _applies(self, entry: ManifestEntry, file: DataFile, number: int) -> bool:
        if (entry.sequence_number or 0) <= number:
            return False
        deletes = entry.data_file
        is_everywhere = self._table.metadata.specs()[deletes.spec_id or 0].is_unpartitioned()
        return is_everywhere or (deletes.spec_id, deletes.partition) == (file.spec_id, file.partition)

    def _rows_of(self, file: DataFile) -> pa.Table:
        if file.file_path not in self._deleted:
            fields = Schema(*(self._table.schema().find_field(number) for number in file.equality_ids or []))
            columns = pa.schema([self._schema.field(field.name) for field in fields.fields])
            found = _scanned(self._table, fields, columns, FileScanTask(file))
            self._deleted[file.file_path] = pa.Table.from_batches(found, columns)
        return self._deleted[file.file_path]


def _left(batch: pa.RecordBatch, deleted: pa.Table) -> pa.RecordBatch:
    """Return the rows of a batch whose values in the columns of `deleted` are in none of its rows."""
    same = " and ".join(
        f"d.{identifier(name)} is not distinct from b.{identifier(name)}" for name in deleted.column_names
    )
    rows = pa.table({**{name: batch[name] for name in deleted.column_names}, _ROW: np.arange(len(batch))})
    with duckdb.connect() as con:
        con.register("deleted", deleted)
        con.register("batch", rows)
        query = f"select {_ROW} from batch b where not exists (select 1 from deleted d where {same}) order by all"
        return batch.take(con.sql(query).to_arrow_table().column(0).combine_chunks())
