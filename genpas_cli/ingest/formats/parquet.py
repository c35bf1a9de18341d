"""Parquet logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.log_file import BinaryLog, Start, refuse_equal_names, typed_columns
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.sql.quoting import literal


@dataclass(frozen=True, kw_only=True)
class ParquetLog(BinaryLog):
    """A Parquet file, read by DuckDB itself."""

    format = "parquet"
    title = "Parquet"
    endings = (".parquet", ".pq")
    knows_rows = True
    magic = (b"PAR1",)

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log with the columns of its schema."""
        log = cls(source=start.source, compression=start.compression, columns=())
        try:
            described = start.con.execute(f"DESCRIBE SELECT * FROM {log.rows(start.con)}").fetchall()
            # DuckDB silently renames the second of two equal names, so names are checked in PyArrow's schema.
            schema = pq.read_schema(log.path)
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, *UNREADABLE) as error:
            raise log.damaged(error) from error
        refuse_equal_names(start.source, schema.names)
        halves = frozenset(field.name for field in schema if pa.types.is_float16(field.type))
        return replace(log, columns=typed_columns(start.source, described, halves))

    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:  # noqa: ARG002  # DuckDB's reader needs neither
        """Return a call of DuckDB's Parquet reader."""
        return f"read_parquet({literal(str(self.path))}, hive_partitioning = false)"

    def rows_in_file(self) -> float:
        """Return the number of rows in the footer."""
        return int(pq.read_metadata(self.path).num_rows)

    def estimated_rows(self) -> float:
        """Return the number of rows, or of elements in the lists; an empty list counts as one element."""
        item = None if self.lists is None else self.lists.items
        if item is None or item.form is None or item.form.is_text:
            return super().estimated_rows()
        metadata = pq.read_metadata(self.path)
        groups = (metadata.row_group(n) for n in range(metadata.num_row_groups))
        leaves = [metadata.schema.column(n).path.split(".")[0] for n in range(metadata.num_columns)]
        return float(sum(group.column(leaves.index(item.name)).num_values for group in groups))


FORMAT = ParquetLog
