"""The Spark engine: the steps of `ingest` and the local engine, for a log that is too large to sort on one machine.

    DataFrame ─roles, filters─▶ rows ─dedup, k-core─▶ rows ─item numbers─▶ sorted by (MD5 of user, time, tie rule, row)
        sorted ──CountUsers──▶ users and their lengths ──(driver)──▶ a store without interactions ──▶ plan
        sorted ──HandOut─────▶ rows by piece of work ──shuffle, sort──▶ WriteShards ──▶ shards

Sorting by MD5 puts users in the order of their numbers, so that rows are not joined with a table of users. The plan
needs only the lengths. The code that runs on the workers is in `spark_tasks`; only modules named `spark*` import
pyspark.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from genpas_cli.augment.engines.spark_columns import LogColumns, LogTypes, canonical, check_columns, quoted
from genpas_cli.augment.engines.spark_functions import F
from genpas_cli.augment.engines.spark_ids import check_decimals, with_integers
from genpas_cli.augment.engines.spark_tasks import (
    CountUsers,
    DropRepeats,
    HandOut,
    Series,
    WriteShards,
    pieces_of,
)
from genpas_cli.augment.engines.spark_types import time_type, types_of
from genpas_cli.augment.engines.work import Shard, ShardForm
from genpas_cli.histories.cleaning import core_step
from genpas_cli.histories.names import Dedup
from genpas_cli.histories.split import SplitRule
from genpas_cli.ingest.columns.columns import find_roles
from genpas_cli.ingest.columns.missing import BLANKS, parse_null_values
from genpas_cli.ingest.columns.roles import Column, Named
from genpas_cli.ingest.options import CleaningOptions, ReadingOptions, Ties
from genpas_cli.ingest.staging.staged import FunnelStep
from genpas_cli.pairs.shards import ShardFile
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.times.units import UnitCounts, border_places, counts_in, spans, time_after

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_CALENDAR = "^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])(([01][0-9]|2[0-3])([0-5][0-9]){0,2})?$"
_MOSTLY = 0.9
_LOOKED_AT = 1000
"""Number of values of a column that are read to detect its role."""
_LOCAL = "Use --engine local, or convert them to timestamps in a DataFrame and call genpas_cli.spark.augment."


@dataclass(frozen=True)
class Frame:
    """Rows of a log in a DataFrame, and their metadata."""

    rows: DataFrame
    """Columns user_id, item_id (later item), [time], [row_hash], keep_0, ..., and those of `order`."""
    order: tuple[str, ...]
    """Columns that order rows of equal user and time; empty if nothing does."""
    time_type: str | None
    """BIGINT, DOUBLE, TIMESTAMP (microseconds) or TIMESTAMP_NS; None without a time column."""
    kept: dict[str, pa.DataType]
    """Types of the kept columns by name, in the order of keep_0, ..."""
    funnel: tuple[FunnelStep, ...]
    held: tuple[DataFrame, ...] = ()
    """DataFrames that are persisted on the workers until `forget`."""

    def forget(self) -> None:
        """Unpersist the workers' copies."""
        for rows in self.held:
            rows.unpersist()


def read_frame(
    frame: DataFrame, name: str, reading: ReadingOptions, cleaning: CleaningOptions, order: Sequence[str]
) -> tuple[DataFrame, LogTypes]:
    """Detect the columns of a DataFrame, and return it in the form of `canonical` with the types.

    Args:
        frame: the log.
        name: name of the log in messages.
        reading: names of the columns.
        cleaning: only `min_rating` and `dedup` are used here.
        order: columns that order rows of equal user and time.

    Raises:
        DataError: a column is not found, or has a type that the Spark engine does not read.
    """
    types, markers = types_of(frame), parse_null_values(reading.null_values)
    columns = tuple(Column(column, column, kind, is_text=False) for column, kind in types.items())
    needs_rating = cleaning.min_rating is not None
    roles = find_roles(
        Named(name, columns, has_names=True),
        reading,
        rating=needs_rating,
        values=partial(_first_values, frame, markers),
    )
    keep = tuple(dict.fromkeys(column.name for column in roles.keep))
    time = None if roles.time is None else roles.time.name
    rating = None if roles.rating is None else roles.rating.name
    found = LogColumns(name, roles.user.name, roles.item.name, time, rating, keep, tuple(types.items()))
    kept = tuple((column, types[column]) for column in keep)
    log = LogTypes(None if time is None else time_type(types[time]), kept, markers)
    exact = cleaning.dedup == "exact"
    check_columns(found, log, exact=exact)
    return canonical(frame, found, log, exact=exact, order=order), log


def _first_values(frame: DataFrame, markers: Sequence[str], column: Column) -> list[str]:
    if column.type.startswith(("ARRAY", "MAP", "STRUCT", "BLOB")):
        return []
    text = quoted(column.name).cast("string").alias("value")
    there = ~F.btrim("value", F.lit(BLANKS)).isin("", *markers)
    return [row.value for row in frame.select(text).filter(there).limit(_LOOKED_AT).collect()]


def prepare(
    rows: DataFrame, name: str, types: LogTypes, options: tuple[ReadingOptions, CleaningOptions], ties: Ties
) -> Frame:
    """Drop the rows that are bad, have a missing user or item id, or have too low a rating.

    Args:
        rows: as returned by `canonical`.
        name: name of the log in messages.
        types: types of the columns.
        options: only `bad_rows`, `decimal_ids` and `min_rating` are used here.
        ties: rule for rows of equal user and time.

    Raises:
        DataError: a row is bad, an id is written in two ways, or times look like calendar dates.
    """
    order = [column for column in rows.columns if column.startswith("order_")]
    rows, funnel = _filtered(rows, *options, has_time=types.time is not None)
    if types.time in ("BIGINT", "DOUBLE"):
        _check_numbers(rows, name)
    match options[0].decimal_ids:
        case "error":
            check_decimals(rows)
        case "integer":
            rows = with_integers(rows)
    if ties == "hash":
        ids = F.concat_ws("\x1f", F.col("user_id"), F.col("item_id"))
        rows, order = rows.withColumn("order_hash", F.md5(ids.cast("binary"))), ["order_hash", *order]
    return Frame(rows.drop("rating"), tuple(order), types.time, types.arrow(), funnel)


def _check_numbers(rows: DataFrame, name: str) -> None:
    """Raise DataError if numeric times look like calendar dates, which only the local engine reads."""
    whole = F.col("time").cast("decimal(38,0)").cast("string")
    calendar = F.sum(whole.rlike(_CALENDAR).cast("bigint"))
    total, dates = rows.agg(F.count("time"), calendar).collect()[0]
    if total and dates >= _MOSTLY * total:
        raise DataError(f"{name}: the timestamps look like calendar dates such as 20240131", tip=_LOCAL)


def _filtered(
    rows: DataFrame, reading: ReadingOptions, cleaning: CleaningOptions, *, has_time: bool
) -> tuple[DataFrame, tuple[FunnelStep, ...]]:
    bad, has_rating = F.lit(False), cleaning.min_rating is not None  # noqa: FBT003  # a value, not a flag
    for name, there in {"time": has_time, "rating": has_rating}.items():
        bad = bad | F.col(name).isNull() if there else bad
    steps = {"bad rows": bad, "missing user or item id": F.col("user_id").isNull() | F.col("item_id").isNull()}
    if cleaning.min_rating is not None:
        steps["min rating"] = F.col("rating") < cleaning.min_rating
    why = F.lit(None)
    for name, condition in reversed(steps.items()):
        why = F.when(condition, F.lit(name)).otherwise(why)
    rows = rows.withColumn("why", why)
    counts = {row["why"]: row["count"] for row in rows.groupBy("why").count().collect()}
    if counts.get("bad rows") and reading.bad_rows == "error":
        what = " or ".join([*(["time"] if has_time else []), *(["rating"] if has_rating else [])])
        raise DataError(
            f"{counts['bad rows']:,} rows have a missing or infinite {what}",
            tip="To drop and count these rows: --bad-rows skip",
        )
    left = sum(counts.values())
    funnel = [FunnelStep("read", 0, left)]
    for name in steps:
        left -= counts.get(name, 0)
        if name != "bad rows" or reading.bad_rows == "skip":
            funnel.append(FunnelStep(name, counts.get(name, 0), left))
    return rows.filter(F.col("why").isNull()).drop("why"), tuple(funnel)


def number_items(frame: Frame) -> tuple[Frame, list[str]]:
    """Replace the column `item_id` by `item`, numbers from 0 in the byte order of ids; return the ids in this order."""
    from pyspark.sql import types as T  # noqa: N812  # PySpark's convention

    spark = frame.rows.sparkSession
    ids = [row["item_id"] for row in frame.rows.select("item_id").distinct().orderBy("item_id").collect()]
    schema = T.StructType([T.StructField("item_id", T.StringType()), T.StructField("item", T.IntegerType())])
    numbers = spark.createDataFrame(list(zip(ids, range(len(ids)), strict=True)), schema)
    names = ["user_id", "item", *(name for name in frame.rows.columns if name not in ("user_id", "item_id"))]
    return replace(frame, rows=frame.rows.join(F.broadcast(numbers), "item_id").select(*names)), ids


def in_order(frame: Frame, ties: Ties, partitions: int) -> DataFrame:
    """Return the rows sorted by MD5 of the user, time and tie rule; each partition has whole users, in order."""
    by = [F.md5(F.col("user_id").cast("binary")), F.col("user_id")]
    by += [] if frame.time_type is None else [F.col("time")]
    by += [F.col("item")] if ties == "item" else []  # item numbers are in the order of ids
    by += [F.col(name) for name in frame.order]
    return frame.rows.repartitionByRange(partitions, by[0]).sortWithinPartitions(*by)


def kept_in_order(frame: Frame, ties: Ties, partitions: int) -> Frame:
    """Sort the rows and persist the columns that later steps need on the workers' disks.

    Every later pass must find the same users in the same partitions.
    """
    from pyspark import StorageLevel

    rows = in_order(frame, ties, partitions).drop(*frame.order, "row_hash").persist(StorageLevel.DISK_ONLY)
    return replace(frame, rows=rows, held=(*frame.held, rows))


def without_repeats(frame: Frame, rule: Dedup, ties: Ties, partitions: int) -> Frame:
    """Return the rows without the repeats that a dedup rule drops."""
    if rule == "none":
        return frame
    rows = in_order(frame, ties, partitions)
    left = rows.mapInArrow(DropRepeats(rule), rows.schema).persist()
    return _counted(replace(frame, rows=left, held=(*frame.held, left)), "repeated rows")


def k_core(frame: Frame, *, min_user: int, min_item: int) -> tuple[Frame, list[int]]:
    """Drop users and items with too few interactions until nothing changes, and renumber the remaining items.

    Returns:
        The rows, and the previous numbers of the remaining items in order.
    """
    rows, left, held = frame.rows, frame.funnel[-1].kept, list(frame.held)
    while True:
        for key, fewest in (("user_id", min_user), ("item", min_item)):
            often = rows.groupBy(key).count().filter(F.col("count") >= fewest).select(key)
            rows = rows.join(often, key, "left_semi")
        rows = rows.select(*frame.rows.columns).persist()
        held.append(rows)
        before, left = left, rows.count()
        if left == before:
            break
    items = [row["item"] for row in rows.select("item").distinct().orderBy("item").collect()]
    numbers = rows.sparkSession.createDataFrame(list(enumerate(items)), "new int, item int")
    names = [F.col("new").alias("item") if name == "item" else F.col(name) for name in rows.columns]
    rows = rows.join(F.broadcast(numbers), "item").select(*names)
    return _counted(replace(frame, rows=rows, held=tuple(held)), core_step(min_user, min_item)), items


def _counted(frame: Frame, step: str) -> Frame:
    left = frame.rows.count()
    return replace(frame, funnel=(*frame.funnel, FunnelStep(step, frame.funnel[-1].kept - left, left)))


def quantiles(frame: Frame, levels: Sequence[Fraction]) -> list[Any]:
    """Return, for each share, the earliest time such that at least that share of the rows is earlier.

    If no row is that late, return the time just after the last one.
    """
    rows = frame.funnel[-1].kept
    # The middle of the n-th step: rounding cannot move it to a neighbouring row.
    steps = [(math.ceil(level * rows) - 0.5) / rows for level in levels]
    wanted = [F.expr(f"percentile_disc({step}) within group (order by time)") for step in steps]
    reached = frame.rows.agg(*wanted).collect()[0]
    time = F.col("time")
    after = [F.min(F.when(time > value, time)) for value in reached]
    *bounds, last = frame.rows.agg(*after, F.max(time)).collect()[0]
    return [time_after(last) if bound is None else bound for bound in bounds]


def count_units(frame: Frame) -> UnitCounts:
    """Count numeric times by the unit that they probably have."""
    time = F.col("time")
    counted = [F.count(F.when(time.between(first, last), time)) for first, last in spans()]
    *found, total, low, high = frame.rows.agg(*counted, F.count(time), F.min(time), F.max(time)).collect()[0]
    return counts_in(found, total, max(float(high), -float(low)) if total else 0.0)


def possible_bounds(rows: DataFrame) -> tuple[Any, Any] | None:
    """Return two bounds for `--split time` that leave no part empty; None if there are none."""
    times = rows.select("time").distinct()
    if (places := border_places(times.count())) is None:
        return None
    low, high = (times.orderBy("time").offset(place).limit(1).collect()[0][0] for place in places)
    return low, high


def count_users(rows: DataFrame, output: Path, rule: SplitRule) -> list[dict[str, Any]]:
    """Write the users and lengths of each partition below `output`; return the counts of each partition, in order."""
    found = rows.mapInArrow(CountUsers(output, rule), "partition int, found string").collect()
    by_partition = {row["partition"]: json.loads(row["found"]) for row in found}
    return [by_partition[number] for number in sorted(by_partition)]


def write_shards(
    rows: DataFrame, users: Sequence[int], shards: Sequence[Shard], form: ShardForm, directory: Path, rule: SplitRule
) -> list[ShardFile]:
    """Write shards from sorted rows; return the files, in the order of the shards.

    Args:
        rows: rows of `kept_in_order`, persisted since their users were counted.
        users: number of users of each partition.
        shards: all shards.
        form: the form of the pairs.
        directory: output directory, writable by all workers.
        rule: which rows are held out.
    """
    pieces = pieces_of(shards)
    before = np.concatenate(([0], np.cumsum(users))).tolist()
    kept = [field for field in rows.schema.fields if field.name.startswith("keep_")]
    columns = ["piece int", "user int", "position int", "item int", "code tinyint"]
    columns += [f"{field.name} {field.dataType.simpleString()}" for field in kept]
    handed = rows.mapInArrow(HandOut(tuple(before), _series(pieces), rule), ", ".join(columns))
    together = handed.repartition(max(len(pieces), 1), "piece").sortWithinPartitions("piece", "user", "position")
    assert rule.evaluated != "random", "refused by the job"
    task = WriteShards(directory, tuple(pieces), form, rule.evaluated)
    schema = "path string, split string, rows bigint, bytes bigint, sha256 string"
    files = {row["path"]: ShardFile(**row.asDict()) for row in together.mapInArrow(task, schema).collect()}
    return [files[shard.name] for shard in shards]


def _series(pieces: Sequence[tuple[Shard, ...]]) -> tuple[Series, ...]:
    """Group consecutive pieces of the same kind and split; within a group they are in the order of users."""
    series, begin = [], 0
    kinds = [(type(piece[0]), piece[0].split) for piece in pieces]
    for end in range(1, len(pieces) + 1):
        if end == len(pieces) or kinds[end] != kinds[begin]:
            users = np.array([piece[0].users for piece in pieces[begin:end]], np.int64)
            series.append(Series(begin, users[:, 0], users[:, 1], pieces[begin][0].split == "train"))
            begin = end
    return tuple(series)
