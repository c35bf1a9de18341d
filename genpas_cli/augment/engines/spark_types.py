"""The column types that Spark reads as the local engine does, by DuckDB's names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from genpas_cli.runtime.times.readers import BIGINT, DOUBLE, INTEGERS, TIMESTAMP, TIMESTAMP_NS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DUCKDB_TYPES = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "string": "VARCHAR", "boolean": "BOOLEAN", "date": "DATE", "binary": "BLOB",
    "timestamp": "TIMESTAMP WITH TIME ZONE", "timestamp_ntz": "TIMESTAMP",
}  # fmt: skip
_NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE")
_TYPES = {
    "TINYINT": ("tinyint", pa.int8()), "SMALLINT": ("smallint", pa.int16()), "INTEGER": ("int", pa.int32()),
    "BIGINT": ("bigint", pa.int64()), "UTINYINT": ("smallint", pa.uint8()), "USMALLINT": ("int", pa.uint16()),
    "UINTEGER": ("bigint", pa.uint32()), "UBIGINT": ("decimal(20,0)", pa.uint64()), "FLOAT": ("float", pa.float32()),
    "DOUBLE": ("double", pa.float64()), "BOOLEAN": ("boolean", pa.bool_()), "VARCHAR": ("string", pa.string()),
    "BLOB": ("binary", pa.binary()), "DATE": ("date", pa.date32()), "TIMESTAMP": ("timestamp_ntz", pa.timestamp("us")),
    "TIMESTAMP WITH TIME ZONE": ("timestamp", pa.timestamp("us", "UTC")),
    "TIMESTAMP_NS": ("bigint", pa.timestamp("ns")),
}  # fmt: skip
"""Spark and Arrow type by DuckDB type; Spark reads nanosecond times as numbers (`spark_files.read_alike`)."""

_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_EXACT_DIGITS = 15
"""Maximum digits of a decimal that every conversion turns into the same double."""
_WHOLE_DIGITS = 20
"""Digits of an unsigned 64-bit integer, which Spark reads as a decimal."""


def types_of(frame: DataFrame) -> dict[str, str]:
    """Return the DuckDB types of a DataFrame's columns; unknown types keep Spark's name, in capitals."""
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    return {name: _DUCKDB_TYPES.get(kind, kind.upper()) for name, kind in found.items()}


def spark_type(kind: str) -> str | None:
    """Return the type as which Spark reads a Parquet column; None if the values differ from the local engine's."""
    if kind in _NANOSECONDS:
        return "bigint"
    if match := _DECIMAL.fullmatch(kind):
        return f"decimal({match[1]},{match[2]})"
    return _TYPES[kind][0] if kind in _TYPES else None


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type of a column type accepted by `is_carried`."""
    match = _DECIMAL.fullmatch(kind)
    return pa.decimal128(int(match[1]), int(match[2])) if match else _TYPES[kind][1]


def is_carried(found: str, kind: str) -> bool:
    """Tell whether Spark converts a kept column from type `found` to type `kind` as the local engine does."""
    if found == kind:
        return kind in _TYPES or _DECIMAL.fullmatch(kind) is not None
    if kind == BIGINT:
        return found in INTEGERS
    if kind == DOUBLE:
        return is_number(found)
    return (found, kind) == ("DATE", TIMESTAMP)


def is_number(kind: str) -> bool:
    """Tell whether every conversion turns numbers of a type into the same doubles."""
    return kind in INTEGERS or kind in ("FLOAT", "DOUBLE") or _is_short_decimal(kind)


def is_id(kind: str) -> bool:
    """Tell whether Spark gives ids of a type (floats: its whole numbers) the same text as the local engine."""
    match = _DECIMAL.fullmatch(kind)
    known = ("UBIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "VARCHAR")
    return kind in INTEGERS or kind in known or (match is not None and match[2] == "0")


def time_type(kind: str) -> str | None:
    """Return the type in a store of times of this type; None if Spark does not read them."""
    match = _DECIMAL.fullmatch(kind)
    if kind in INTEGERS or kind == "UBIGINT" or (match and match[2] == "0" and int(match[1]) <= _WHOLE_DIGITS):
        return BIGINT
    if kind in ("FLOAT", "DOUBLE") or _is_short_decimal(kind):
        return DOUBLE
    if kind in _NANOSECONDS:
        return TIMESTAMP_NS
    return TIMESTAMP if kind in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") else None


def _is_short_decimal(kind: str) -> bool:
    match = _DECIMAL.fullmatch(kind)
    return match is not None and int(match[1]) <= _EXACT_DIGITS
