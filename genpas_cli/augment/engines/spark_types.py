"""Which types of columns Spark reads as the local engine does, by DuckDB's names for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from genpas_cli.ingest.columns.times import BIGINT, DOUBLE, INTEGERS, TIMESTAMP, TIMESTAMP_NS

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
"""Type in Spark and in Arrow by the type in DuckDB; Spark reads nanoseconds as numbers (`spark_files.read_alike`)."""

_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_EXACT_DIGITS = 15
"""Digits of a decimal number up to which a double holds it exactly, however it is computed."""
_WHOLE_DIGITS = 20
"""Digits of an unsigned integer of 64 bits, which is a decimal number to Spark."""


def types_of(frame: DataFrame) -> dict[str, str]:
    """Return the types of a DataFrame's columns; one that has no name here keeps Spark's, in capitals."""
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    return {name: _DUCKDB_TYPES.get(kind, kind.upper()) for name, kind in found.items()}


def spark_type(kind: str) -> str | None:
    """Return as what Spark reads a column of Parquet; None if it does not read it as the local engine does."""
    if kind in _NANOSECONDS:
        return "bigint"
    if match := _DECIMAL.fullmatch(kind):
        return f"decimal({match[1]},{match[2]})"
    return _TYPES[kind][0] if kind in _TYPES else None


def arrow_type(kind: str) -> pa.DataType:
    """Return the type in Arrow of a column that `is_carried`."""
    match = _DECIMAL.fullmatch(kind)
    return pa.decimal128(int(match[1]), int(match[2])) if match else _TYPES[kind][1]


def is_carried(found: str, kind: str) -> bool:
    """Tell whether Spark gives a kept column of one type the values that the local engine gives it as another."""
    if found == kind:
        return kind in _TYPES or _DECIMAL.fullmatch(kind) is not None
    if kind == BIGINT:
        return found in INTEGERS
    if kind == DOUBLE:
        return is_number(found)
    return (found, kind) == ("DATE", TIMESTAMP)


def is_number(kind: str) -> bool:
    """Tell whether numbers of a type become the same doubles, however they are converted."""
    return kind in INTEGERS or kind in ("FLOAT", "DOUBLE") or _is_short_decimal(kind)


def is_id(kind: str) -> bool:
    """Tell whether Spark writes the values of a type, or its whole numbers, as the local engine does."""
    match = _DECIMAL.fullmatch(kind)
    known = ("UBIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "VARCHAR")
    return kind in INTEGERS or kind in known or (match is not None and match[2] == "0")


def time_type(kind: str) -> str | None:
    """Return the type that times of this type have in a store; None if Spark does not read them."""
    if kind in ("FLOAT", "DOUBLE") or _is_short_decimal(kind):
        return DOUBLE
    match = _DECIMAL.fullmatch(kind)
    if kind in INTEGERS or kind == "UBIGINT" or (match and match[2] == "0" and int(match[1]) <= _WHOLE_DIGITS):
        return BIGINT
    if kind in _NANOSECONDS:
        return TIMESTAMP_NS
    return TIMESTAMP if kind in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") else None


def _is_short_decimal(kind: str) -> bool:
    match = _DECIMAL.fullmatch(kind)
    return match is not None and int(match[1]) <= _EXACT_DIGITS
