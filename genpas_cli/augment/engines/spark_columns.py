"""Converts the columns of a log in Spark to the values that the local engine reads, or refuses them.

Type names are DuckDB's. The local engine plans how files are read; Spark follows this plan or raises an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from genpas_cli.augment.engines.spark_functions import F
from genpas_cli.augment.engines.spark_ids import TOLD, id_text
from genpas_cli.augment.engines.spark_types import arrow_type, is_carried, is_id, is_number, spark_type, time_type
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.times.readers import BIGINT, DOUBLE, INTEGERS, TIMESTAMP_NS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

FILE, ROW = "genpas_file", "genpas_row"
"""Columns with the place of a row: number of the file, row within the file."""

_LOCAL = "Use --engine local, or cast the column in a DataFrame and call genpas_cli.spark.augment."
_INFINITE = 2**63 - 1
"""DuckDB treats this number of micro- or nanoseconds since 1970, and its negative, as an infinite time."""
_MOST_DAYS = 106_751_991
"""Largest number of days whose microseconds fit into 64 bits."""
_WHOLE = r"\A[+-]?[0-9]+[.]0+\z"


@dataclass(frozen=True)
class LogColumns:
    """The columns of a file or a DataFrame by role."""

    name: str
    """Name of the log in messages."""
    user: str
    item: str
    time: str | None
    rating: str | None
    keep: tuple[str, ...]
    types: tuple[tuple[str, str], ...]
    """Name and type of every column."""

    def ids(self) -> dict[str, str]:
        """Return the names of the id columns by `user` and `item`."""
        return {"user": self.user, "item": self.item}

    def used(self) -> list[str]:
        """Return the columns whose values are read."""
        return [*self.ids().values(), *(name for name in (self.time, self.rating, *self.keep) if name is not None)]

    def type_of(self, column: str) -> str:
        """Return the DuckDB type of a column."""
        return dict(self.types)[column]


@dataclass(frozen=True)
class LogTypes:
    """How values are read, common to all files."""

    time: str | None
    """BIGINT, DOUBLE, TIMESTAMP (microseconds) or TIMESTAMP_NS; None without times."""
    kept: tuple[tuple[str, str], ...]
    """Names of the kept columns, and their types in a store."""
    markers: tuple[str, ...]
    """Texts that mark a missing id."""

    def arrow(self) -> dict[str, pa.DataType]:
        """Return the Arrow types of the kept columns by name."""
        return {name: arrow_type(kind) for name, kind in self.kept}


def check_columns(columns: LogColumns, types: LogTypes, *, exact: bool) -> None:
    """Raise DataError if Spark does not read a column as the local engine does.

    Args:
        columns: the columns.
        types: the types that must result.
        exact: whether whole rows are compared (`--dedup exact`).
    """
    lower = [name.lower() for name, _ in columns.types]
    if same := next((name for name, _ in columns.types if lower.count(name.lower()) > 1), None):
        raise DataError(
            f"{columns.name}: Spark cannot distinguish column {same!r} from another column of that name", tip=_LOCAL
        )
    for role, column in columns.ids().items():
        if not is_id(columns.type_of(column)):
            raise _unread(columns, f"{role} ids", column)
    if columns.time is not None and time_type(columns.type_of(columns.time)) is None:
        raise _unread(columns, "times", columns.time)
    if columns.rating is not None and not is_number(columns.type_of(columns.rating)):
        raise _unread(columns, "ratings", columns.rating)
    for column, (_, kind) in zip(columns.keep, types.kept, strict=True):
        if not is_carried(columns.type_of(column), kind):
            raise _unread(columns, "values", column)
    if exact and (column := next((name for name, kind in columns.types if spark_type(kind) is None), "")):
        raise _unread(columns, "values (--dedup exact)", column)


def canonical(
    frame: DataFrame, columns: LogColumns, types: LogTypes, *, exact: bool, order: Sequence[str]
) -> DataFrame:
    """Return the columns user_id, item_id, [time], [rating], [row_hash], keep_0, ..., order_0, ... (from `order`)."""
    selected = [_id(columns, name, types).alias(f"{role}_id") for role, name in columns.ids().items()]
    if columns.time is not None:
        selected.append(_time(columns.time, columns.type_of(columns.time), str(types.time)).alias("time"))
    if columns.rating is not None:
        selected.append(_finite(quoted(columns.rating)).alias("rating"))
    if exact:
        selected.append(_row_hash(columns).alias("row_hash"))
    for n, (column, (_, kind)) in enumerate(zip(columns.keep, types.kept, strict=True)):
        value = quoted(column)
        if columns.type_of(column) != kind:
            value = value.cast(spark_type(kind))
        selected.append(value.alias(f"keep_{n}"))
    return frame.select(*selected, *(quoted(name).alias(f"order_{n}") for n, name in enumerate(order)))


def quoted(name: str) -> Any:
    """Return the column with exactly this name, whatever characters it contains."""
    return F.col("`" + name.replace("`", "``") + "`")


def _unread(columns: LogColumns, what: str, column: str) -> DataError:
    kind = columns.type_of(column)
    return DataError(
        f"{columns.name}: {what} in column {column!r} have the type {kind}, which --engine spark does not support",
        tip=_LOCAL,
    )


def _id(columns: LogColumns, column: str, types: LogTypes) -> Column:
    where = f"{columns.name}: ids in column {column!r}"
    return id_text(quoted(column), columns.type_of(column), where, types.markers)


def _time(column: str, kind: str, wanted: str) -> Any:
    value = quoted(column)
    if kind in INTEGERS or time_type(kind) == TIMESTAMP_NS:
        number = value.cast("double" if wanted == DOUBLE else "bigint")
        return number if kind != TIMESTAMP_NS else F.when(~number.isin(_INFINITE, -_INFINITE), number)
    if time_type(kind) == BIGINT:
        return value.try_cast("bigint").cast("double" if wanted == DOUBLE else "bigint")
    if wanted == DOUBLE:
        return _finite(value)
    if kind == "TIMESTAMP WITH TIME ZONE":
        micros = F.unix_micros(value)
        return F.when(~micros.isin(_INFINITE, -_INFINITE), micros)
    return _micros(value)


def _micros(value: Column) -> Column:
    """Return the microseconds since 1970 of a date or a time without a zone, independent of the session's time zone."""
    # Spark's own functions interpret such a time in the session's zone, where some hours do not exist.
    far = F.raise_error(F.lit(f"{TOLD}a time is infinite, or {_MOST_DAYS:,} days or more away from 1970")).cast("int")
    time, days = value.cast("timestamp_ntz"), F.unix_date(value.cast("date"))
    second = (F.extract(F.lit("SECOND"), time) * 1_000_000).cast("bigint")
    minutes = F.hour(time).cast("bigint") * 60 + F.minute(time)
    near = F.when(days.isNull() | (F.abs(days) < _MOST_DAYS), days).otherwise(far)
    return (near.cast("bigint") * 1440 + minutes) * 60_000_000 + second


def _finite(value: Any) -> Any:
    """Return a number as a double, null if it is null or not finite."""
    number = value.cast("double")
    return F.when(~F.isnan(number) & (F.abs(number) != float("inf")), number)


def _row_hash(columns: LogColumns) -> Column:
    """Return a hash of all values, equal for rows that `ingest.staging.row_hash` treats as equal."""
    values, read = [], (columns.user, columns.item, columns.time)
    for name, kind in sorted(columns.types):
        value = quoted(name)
        if kind in ("FLOAT", "DOUBLE"):  # so that 0.0 and -0.0, and all NaNs, hash alike
            value = F.when(F.isnan(value), float("nan")).otherwise(value + F.lit(0.0))
        elif kind == "VARCHAR" and name not in read:
            value = F.when(value.rlike(_WHOLE), F.substring_index(value, ".", 1)).otherwise(value)
        values += [value.isNull(), value]  # Spark's hash skips null: (null, 1) would equal (1, null)
    return F.xxhash64(*values)
