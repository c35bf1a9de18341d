"""Print as JSON the pairs that a library reads from files, or null if it cannot: `read_shards.py LIBRARY FILE...`.

The libraries are pyarrow, duckdb, polars and fastparquet.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def of_pyarrow(path: str) -> list[dict[str, Any]]:
    """Read with PyArrow."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def of_duckdb(path: str) -> list[dict[str, Any]]:
    """Read with DuckDB."""
    import duckdb

    found = duckdb.connect().execute("select * from read_parquet(?)", [path])
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def of_polars(path: str) -> list[dict[str, Any]]:
    """Read with Polars."""
    import polars as pl

    rows: list[dict[str, Any]] = pl.read_parquet(path).to_dicts()
    return rows


def of_fastparquet(path: str) -> list[dict[str, Any]]:
    """Read with fastparquet."""
    from fastparquet import ParquetFile

    frame = ParquetFile(path).to_pandas()
    return [{name: _plain(row[name]) for name in frame.columns} for _, row in frame.iterrows()]


def _plain(value: Any) -> Any:
    return [int(each) for each in value] if hasattr(value, "__len__") else int(value)


READERS = {"pyarrow": of_pyarrow, "duckdb": of_duckdb, "polars": of_polars, "fastparquet": of_fastparquet}


def main() -> None:
    """Read the files that the command line names."""
    library, *paths = sys.argv[1:]
    try:
        print(json.dumps([row for path in paths for row in READERS[library](path)]))
    except BaseException as error:  # noqa: BLE001  # Polars panics with an exception that is no Exception
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        print("null")


if __name__ == "__main__":
    main()
