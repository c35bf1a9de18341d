"""Parquet files."""

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
from genpas_cli.runtime.quoting import literal


@dataclass(frozen=True, kw_only=True)
class ParquetLog(BinaryLog):
    """A Parquet file, which DuckDB reads itself."""

    format = "parquet"
    title = "Parquet"
    endings = (".parquet", ".pq")
    magic = (b"PAR1",)

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return a file as it is read."""
        log = cls(source=start.source, compression=start.compression, columns=())
        try:
            described = start.con.execute(f"DESCRIBE SELECT * FROM {log.relation(start.con)}").fetchall()
            # DuckDB gives the second of two equal names another one, without a word.
            schema = pq.read_schema(log.path)
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, *UNREADABLE) as error:
            raise log.damaged(error) from error
        refuse_equal_names(start.source, schema.names)
        halves = frozenset(field.name for field in schema if pa.types.is_float16(field.type))
        return replace(log, columns=typed_columns(start.source, described, halves))

    def relation(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:  # noqa: ARG002  # DuckDB's own
        """Return DuckDB's own reader."""
        return f"read_parquet({literal(str(self.path))}, hive_partitioning = false)"

    def estimated_rows(self) -> float:
        """Return how many rows there are, as the footer says."""
        return int(pq.read_metadata(self.path).num_rows)


FORMAT = ParquetLog
