"""The columns of a log in Spark, as the values that the local engine reads; what it would read otherwise is refused.

Types are DuckDB's, as in `logs/`: a plan of the local engine says how files are read, and Spark follows it or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from genpas_cli.errors import DataError
from genpas_cli.logs.times import BIGINT, DOUBLE, INTEGERS, TIMESTAMP, TIMESTAMP_NS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NULL_VALUES = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", r"\N", "<NA>", "#N/A")
"""Texts that mean a missing id, as an empty one does; blanks around them do not matter."""

FILE, ROW = "genpas_file", "genpas_row"
"""Where a row of files stands: number of the file, row in it."""

TOLD = "genpas says: "
"""What an error begins with that an expression raises on a worker for the user to read."""

_BLANKS = " \t\r\n"
_LOCAL = "Use --engine local, or cast the column in a DataFrame and call genpas_cli.spark.augment."
_SPARK_TYPES = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT", "float": "FLOAT",
    "double": "DOUBLE", "string": "VARCHAR", "boolean": "BOOLEAN", "date": "DATE", "binary": "BLOB",
    "timestamp": "TIMESTAMP WITH TIME ZONE", "timestamp_ntz": "TIMESTAMP",
}  # fmt: skip
_EXACT_DIGITS = 15
"""Digits of a decimal number up to which a double holds it exactly, however it is computed."""
_KEPT = {
    "BIGINT": ("bigint", pa.int64()), "DOUBLE": ("double", pa.float64()), "BOOLEAN": ("boolean", pa.bool_()),
    "VARCHAR": ("string", pa.string()), "TIMESTAMP": ("timestamp_ntz", pa.timestamp("us")),
}  # fmt: skip
"""Type in Spark and in Arrow of a kept column, by its type in a store."""


@dataclass(frozen=True)
class LogColumns:
    """Which columns of some files, or of a DataFrame, are what."""

    name: str
    """What messages call the log."""
    user: str
    item: str
    time: str | None
    rating: str | None
    keep: tuple[str, ...]
    types: tuple[tuple[str, str], ...]
    """Name and type of every column."""

    def type_of(self, column: str) -> str:
        """Return the type of a column."""
        return dict(self.types)[column]


@dataclass(frozen=True)
class LogTypes:
    """What comes out, for all files together."""

    time: str | None
    """BIGINT, DOUBLE, TIMESTAMP (microseconds) or TIMESTAMP_NS; None without times."""
    kept: tuple[tuple[str, str], ...]
    """Kept columns, and their types in a store."""

    def arrow(self) -> dict[str, pa.DataType]:
        """Return the kept columns and their types in Arrow."""
        return {name: _KEPT[kind][1] for name, kind in self.kept}


def types_of(frame: DataFrame) -> dict[str, str]:
    """Return the types of a DataFrame's columns; one that has no name here keeps Spark's, in capitals."""
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    return {name: _SPARK_TYPES.get(kind, kind.upper()) for name, kind in found.items()}


def kept_type(kind: str) -> str | None:
    """Return the type that a kept column has in a store; None if Spark does not give the same values."""
    if kind in INTEGERS:
        return "BIGINT"
    if kind in ("FLOAT", "DOUBLE") or _digits(kind) is not None:
        return "DOUBLE"
    if kind in ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"):
        return "TIMESTAMP"
    return kind if kind in ("BOOLEAN", "VARCHAR") else None


def time_type(kind: str) -> str | None:
    """Return the type that times of this type have in a store; None if Spark does not read them."""
    if kind in INTEGERS or kind == "UBIGINT" or _is_whole_decimal(kind, 20):
        return BIGINT
    if kind in ("TIMESTAMP_NS", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"):
        return TIMESTAMP_NS
    return {"BIGINT": None, "VARCHAR": None, "BOOLEAN": None}.get(kind, kept_type(kind))


def check_columns(columns: LogColumns, types: LogTypes, *, exact: bool) -> None:
    """Raise DataError if Spark does not read a column as the local engine does.

    Args:
        columns: the columns.
        types: what should come out.
        exact: whether whole rows are compared (`--dedup exact`).
    """
    lower = [name.lower() for name, _ in columns.types]
    if same := next((name for name, _ in columns.types if lower.count(name.lower()) > 1), None):
        raise DataError(f"{columns.name}: Spark does not tell column {same!r} from another of that name", tip=_LOCAL)
    for role in ("user", "item"):
        column = getattr(columns, role)
        if not _is_id(columns.type_of(column)):
            raise _unread(columns, f"{role} ids", column)
    if columns.time is not None and time_type(columns.type_of(columns.time)) is None:
        raise _unread(columns, "times", columns.time)
    if columns.rating is not None and kept_type(columns.type_of(columns.rating)) not in ("BIGINT", "DOUBLE"):
        raise _unread(columns, "ratings", columns.rating)
    for column, (_, kind) in zip(columns.keep, types.kept, strict=True):
        found = kept_type(columns.type_of(column))
        if found != kind and (found, kind) != ("BIGINT", "DOUBLE"):
            raise _unread(columns, "values", column)
    if exact and (column := next((name for name, kind in columns.types if _is_unhashed(kind)), "")):
        raise _unread(columns, "values (--dedup exact)", column)


def canonical(
    frame: DataFrame, columns: LogColumns, types: LogTypes, *, exact: bool, order: Sequence[str]
) -> DataFrame:
    """Return user_id, item_id, [time], [rating], [row_hash], keep_0, ... and the columns of `order`."""
    selected = [_id(columns, columns.user, "user_id"), _id(columns, columns.item, "item_id")]
    if columns.time is not None:
        selected.append(_time(columns.time, columns.type_of(columns.time), str(types.time)).alias("time"))
    if columns.rating is not None:
        selected.append(_finite(quoted(columns.rating)).alias("rating"))
    if exact:
        selected.append(_row_hash(columns).alias("row_hash"))
    for n, (column, (_, kind)) in enumerate(zip(columns.keep, types.kept, strict=True)):
        value = quoted(column)
        if columns.type_of(column) != "TIMESTAMP WITH TIME ZONE":  # its cast would depend on the session's zone
            value = value.cast(_KEPT[kind][0])
        selected.append(value.alias(f"keep_{n}"))
    return frame.select(*selected, *(quoted(name).alias(f"order_{n}") for n, name in enumerate(order)))


def quoted(name: str) -> Any:
    """Return the column of exactly this name."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    return F.col("`" + name.replace("`", "``") + "`")


def _unread(columns: LogColumns, what: str, column: str) -> DataError:
    kind = columns.type_of(column)
    return DataError(
        f"{columns.name}: {what} in column {column!r} are of type {kind}, which the Spark engine does not read",
        tip=_LOCAL,
    )


def _digits(kind: str) -> int | None:
    """Return the digits of a decimal type whose numbers a double holds exactly; None for any other type."""
    match = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", kind)
    return int(match[1]) if match and int(match[1]) <= _EXACT_DIGITS else None


def _is_whole_decimal(kind: str, most: int) -> bool:
    match = re.fullmatch(r"DECIMAL\((\d+), ?0\)", kind)
    return match is not None and int(match[1]) <= most


def _is_id(kind: str) -> bool:
    known = ("UBIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "VARCHAR")
    return kind in INTEGERS or kind in known or _is_whole_decimal(kind, 38)


def _is_unhashed(kind: str) -> bool:
    return kept_type(kind) is None and kind not in ("UBIGINT", "BLOB") and time_type(kind) is None


def _id(columns: LogColumns, column: str, alias: str) -> Any:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    value, kind = quoted(column), columns.type_of(column)
    text = value.cast("string")
    if kind in ("FLOAT", "DOUBLE"):
        exact = 2.0**24 if kind == "FLOAT" else 2.0**53
        number = value.cast("double")
        wrong = F.raise_error(F.lit(
            f"{TOLD}{columns.name}: ids in column {column!r} hold fractions or numbers that are not exact, "
            "whose text is a matter of taste"
        )).cast("string")  # fmt: skip
        whole = (number == F.floor(number)) & (F.abs(number) < exact)
        text = F.when(number.isNull() | F.isnan(number), None).when(whole, number.cast("bigint").cast("string"))
        text = text.otherwise(wrong)
    missing = F.btrim(text, F.lit(_BLANKS)).isin("", *NULL_VALUES)
    return F.when(~missing, text).alias(alias)


def _time(column: str, kind: str, wanted: str) -> Any:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    value = quoted(column)
    if kind in INTEGERS or time_type(kind) == TIMESTAMP_NS:
        return value.cast("double" if wanted == DOUBLE else "bigint")
    if time_type(kind) == BIGINT:
        return value.try_cast("bigint").cast("double" if wanted == DOUBLE else "bigint")
    if wanted == DOUBLE:
        return _finite(value)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return F.unix_micros(value)
    # Not by a cast to timestamp: that would take them for times of the session's zone, and they are UTC.
    epoch = F.lit("1970-01-01").cast("timestamp_ntz")
    return F.timestamp_diff("MICROSECOND", epoch, value.cast("timestamp_ntz"))


def _finite(value: Any) -> Any:
    """Return a number as a double; null where it is none, or not finite."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    number = value.cast("double")
    return F.when(~F.isnan(number) & (F.abs(number) != float("inf")), number)


def _row_hash(columns: LogColumns) -> Any:
    """Return a hash of all values: equal for rows that are equal in every column, in whatever order columns are."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    values = []
    for name, kind in sorted(columns.types):
        value = quoted(name)
        if kind in ("FLOAT", "DOUBLE"):  # one zero and one NaN
            value = F.when(F.isnan(value), float("nan")).otherwise(value + F.lit(0.0))
        values += [value.isNull(), value]  # Spark leaves null out of a hash: (null, 1) would be (1, null)
    return F.xxhash64(*values)


__all__ = [
    "FILE", "NULL_VALUES", "ROW", "TIMESTAMP", "TOLD", "LogColumns", "LogTypes", "canonical", "check_columns",
    "kept_type", "quoted", "time_type", "types_of",
]  # fmt: skip
