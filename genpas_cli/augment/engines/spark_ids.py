"""Ids in Spark: their text, missing ids, and ids that are written both as 1 and as 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genpas_cli.augment.engines.spark_functions import F
from genpas_cli.ingest.columns.missing import BLANKS, BLANKS_END, most_bytes
from genpas_cli.runtime.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TOLD = "genpas says: "
"""Prefix of errors that an expression raises on a worker and that are meant for the user."""

_DECIMAL = r"\A(-?[0-9]+)[.]0+\z"
_EXACT_BELOW = {"FLOAT": 2.0**24, "DOUBLE": 2.0**53}
_DAYS = ("0001-01-01", "9999-12-31")
"""First and last day whose text is the same in Spark and DuckDB."""


def id_text(value: Column, kind: str, where: str, markers: Sequence[str]) -> Column:
    """Return the text of an id, null if it is missing; a worker raises an error if the text is ambiguous.

    Args:
        value: the column.
        kind: DuckDB type of the column, see `spark_types.is_id`.
        where: the log and the column, for the error message.
        markers: texts that mark a missing value.
    """
    text = value.cast("string")
    if kind == "DATE":
        far = _told(f"{where} contain dates before the year 1 or after the year 9999")
        text = F.when(value.isNull() | value.between(*(F.lit(day).cast("date") for day in _DAYS)), text).otherwise(far)
    elif kind in _EXACT_BELOW:
        number = value.cast("double")
        whole = (number == F.floor(number)) & (F.abs(number) < _EXACT_BELOW[kind])
        wrong = _told(f"{where} contain fractions, or numbers with more digits than a {kind} can represent")
        text = F.when(number.isNull() | F.isnan(number), None).when(whole, number.cast("bigint").cast("string"))
        text = text.otherwise(wrong)
    return F.when(~_is_missing(text, markers), text)


def _told(words: str) -> Column:
    return F.raise_error(F.lit(f"{TOLD}{words}")).cast("string")


def _is_missing(text: Column, markers: Sequence[str]) -> Column:
    """Return the condition of `ingest.columns.missing.missing_sql`; null for null."""
    missing, trimmed = text == "", F.btrim(text, F.lit(BLANKS))
    for marker, most in most_bytes(markers).items():
        missing |= (trimmed == marker) & ((text < BLANKS_END) | (F.octet_length(text) <= most))
    return missing


def with_integers(rows: DataFrame) -> DataFrame:
    """Return the rows with ids such as `1.0` written as `1`."""
    whole = {name: F.regexp_replace(name, _DECIMAL, "$1") for name in ("user_id", "item_id")}
    return rows.withColumns(whole)


def check_decimals(rows: DataFrame) -> None:
    """Raise DataError if an id occurs both as `1` and as `1.0`, which would make two users of one."""
    kinds = ("user", "item")
    some = rows.agg(*(F.bool_or(F.col(f"{kind}_id").rlike(_DECIMAL)) for kind in kinds)).collect()[0]
    for kind, has_decimals in zip(kinds, some, strict=True):
        if has_decimals and (both := _written_twice(rows.select(F.col(f"{kind}_id").alias("id")))):
            count, one, other = both
            raise DataError(
                f"{count:,} {kind} id{'s are' if count > 1 else ' is'} written in two forms: {one!r} and {other!r}; "
                "pandas writes 1 as 1.0 if the column has missing values",
                tip="If they are the same id: --decimal-ids integer; if they are different ids: --decimal-ids text",
            )


def _written_twice(ids: DataFrame) -> tuple[int, str, str] | None:
    """Return the number of ids written in several ways, and two spellings of the shortest; None if there are none."""
    # Of the texts with the same integer value, at most one has no fraction; ordering by length puts it first.
    way: Any = F.struct(F.length("id").alias("size"), F.col("id"))
    whole = ids.distinct().withColumn("whole", F.regexp_replace("id", _DECIMAL, "$1")).groupBy("whole")
    twice = whole.agg(F.count("id").alias("ways"), F.min(way).alias("one"), F.max(way).alias("other"))
    twice = twice.filter("ways > 1")
    first = twice.orderBy(F.length("whole"), "whole").select("one.id", "other.id").head()
    return None if first is None else (twice.count(), first[0], first[1])
