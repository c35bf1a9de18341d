"""How the columns of shards are encoded in Parquet, and the settings of PyArrow's writer for it.

Dictionaries and statistics are off in all of them: item numbers in random order gain nothing from either, and a
dictionary costs 40% of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Encoding = Literal["fast", "compact", "plain"]

DELTA = "DELTA_BINARY_PACKED"


def writer_settings(encoding: Encoding, schema: pa.Schema) -> dict[str, Any]:
    """Return the keyword arguments of `pyarrow.parquet.ParquetWriter` for an encoding.

    - `fast`: integers and times as DELTA_BINARY_PACKED, other columns as PLAIN, all with LZ4. PyArrow 14 and newer,
      DuckDB 1.0, Spark 3.5, fastparquet and Polars 2 read it.
    - `compact`: integers and floats as BYTE_STREAM_SPLIT, other columns as PLAIN, all with zstd. PyArrow 16, DuckDB 2.0
      and Polars 1.0 read it, but not DuckDB 1.5, Spark 3.5 and fastparquet.
    - `plain`: PLAIN with zstd, as in format version 1, which every Parquet reader reads.

    Args:
        encoding: the encoding.
        schema: of the shard; the child of a list must have the name `element`.
    """
    import pyarrow as pa  # not above: the options of `augment` import this module, and their help needs no Arrow

    settings: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
    leaves = {
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name: getattr(
            field.type, "value_type", field.type
        )
        for field in schema
    }
    if encoding == "fast":
        delta = {name: DELTA for name, kind in leaves.items() if _is_stored_as_integer(kind)}
        return settings | {"compression": "lz4", "column_encoding": delta}
    settings |= {"compression": "zstd", "compression_level": 1}
    if encoding == "compact":
        settings["use_byte_stream_split"] = [name for name, kind in leaves.items() if _is_split(kind)]
    return settings


def _is_stored_as_integer(kind: pa.DataType) -> bool:
    """Tell whether Parquet stores a type as INT32 or INT64."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind))


def _is_split(kind: pa.DataType) -> bool:
    """Tell whether a type has values of 4 or 8 bytes that BYTE_STREAM_SPLIT takes apart."""
    import pyarrow as pa

    is_float = pa.types.is_float32(kind) or pa.types.is_float64(kind)
    return bool(_is_stored_as_integer(kind) or is_float)
