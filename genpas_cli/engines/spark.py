"""The Spark engine: a log that no single machine sorts, through the same steps as `ingest` and the local engine.

    DataFrame ─roles, filters─▶ rows ─dedup, k-core─▶ rows ─item numbers─▶ sorted by (MD5 of user, time, tie rule, row)
        sorted ──CountUsers──▶ users and their lengths ──(driver)──▶ a store without interactions ──▶ plan
        sorted ──HandOut─────▶ rows by piece of work ──shuffle, sort──▶ WriteShards ──▶ shards

Users are in the order of their numbers as soon as rows are sorted by MD5, so no table of users is joined with rows. The
plan needs the lengths alone. What runs on the workers is in `spark_tasks`; pyspark is imported nowhere else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa

from genpas_cli.engines.spark_tasks import (
    CountUsers,
    DropRepeats,
    HandOut,
    Series,
    WriteShards,
    pieces_of,
)
from genpas_cli.engines.work import PairForm, Shard
from genpas_cli.errors import DataError, MachineError
from genpas_cli.logs.columns import Column, Named, Roles, Values, find_roles
from genpas_cli.logs.options import CleaningOptions, Dedup, ReadingOptions, Ties
from genpas_cli.logs.split import SplitRule
from genpas_cli.logs.staging import FunnelStep
from genpas_cli.logs.times import calendar_format
from genpas_cli.natural_order import natural_key
from genpas_cli.shards import ShardFile
from genpas_cli.time_units import UnitCounts, counts_in, spans, time_after

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILE, ROW = "genpas_file", "genpas_row"
"""Where a row of files stands: number of the file, row in it."""

_SLASHES = re.compile(":/+")

_WHOLE = ("tinyint", "smallint", "int", "bigint")
_LOOKED_AT = 1000
"""First values of a column that are looked at."""


@dataclass(frozen=True)
class Frame:
    """Rows of a log in a DataFrame, and what is known of them."""

    rows: DataFrame
    """Columns user_id, item_id (later item), [time], [row_hash], keep_0, ..., and those of `order`."""
    order: tuple[str, ...]
    """Columns that order rows of equal user and time, under the tie rule `file`; none if nothing does."""
    time_type: str | None
    """BIGINT, DOUBLE or TIMESTAMP (microseconds); None without a time column."""
    kept: dict[str, pa.DataType]
    """Kept columns by name; they are keep_0, ..."""
    funnel: tuple[FunnelStep, ...]
    held: tuple[DataFrame, ...] = ()
    """What is kept on the workers, until `forget`."""

    def forget(self) -> None:
        """Give the workers' copies back."""
        for rows in self.held:
            rows.unpersist()


def check_spark_extra(what: str) -> None:
    """Raise MachineError if pyspark is not installed."""
    if find_spec("pyspark") is None or find_spec("pandas") is None:
        raise MachineError(
            f"{what} needs pyspark, which is not installed", tip="Install it: pip install 'genpas[spark]'; and Java 17."
        )


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn what Spark raises, on the driver or after a worker's failure, into errors of ours."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        # A worker's own words stand at the end of its traceback.
        told = next((line for line in reversed(lines) if "Error: " in line and not line.startswith("at ")), lines[0])
        raise MachineError(f"Spark gave up: {told}", tip="Spark's own log says more.") from error


def read_files(spark: SparkSession, sources: Sequence[str]) -> DataFrame:
    """Return the rows of Parquet files, with their place in them: files are in the order of `ingest`.

    Raises:
        DataError: they cannot be read as Parquet.
    """
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    try:
        files = [file for source in sources for file in sorted(spark.read.parquet(source).inputFiles(), key=_in_order)]
        frame = spark.read.parquet(*sources)
    except AnalysisException as error:
        raise DataError(
            f"Spark cannot read {', '.join(sources)} as Parquet: {str(error).splitlines()[0]}",
            tip="Other formats: read them into a DataFrame, and call genpas_cli.spark.augment.",
        ) from error
    # The two ways in which Spark tells a file's name differ in the slashes after the scheme.
    numbers = (F.lit(part) for number, file in enumerate(files) for part in (_SLASHES.sub(":/", file), number))
    file = F.regexp_replace(F.col("_metadata.file_path"), _SLASHES.pattern, ":/")
    unknown = F.raise_error(F.concat(F.lit("a file that was not listed: "), file)).cast("int")
    place = F.coalesce(F.create_map(*numbers)[file], unknown)
    return frame.select("*", place.alias(FILE), F.col("_metadata.row_index").alias(ROW))


def _in_order(uri: str) -> Any:
    return natural_key(PurePosixPath(unquote(urlsplit(uri).path)).parts)


def prepare(  # the log, how it is read, and what orders it
    frame: DataFrame, name: str, reading: ReadingOptions, cleaning: CleaningOptions, ties: Ties, order: Sequence[str]
) -> Frame:
    """Find the columns, and drop the rows that are bad, lack a user or an item, or have too low a rating.

    Args:
        frame: the log.
        name: what to call it in messages.
        reading: names of the columns.
        cleaning: `min_rating` and `dedup` are used here.
        ties: rule for rows of equal user and time.
        order: columns that order them at last.

    Raises:
        DataError: columns cannot be told, or are of a type that has no text or time.
    """
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    types = {field.name: field.dataType.simpleString() for field in frame.schema if field.name not in (FILE, ROW)}
    columns = tuple(Column(column, column, kind.upper(), is_text=False) for column, kind in types.items())
    values = partial(_first_values, frame)
    needs_rating = cleaning.min_rating is not None
    roles = find_roles(Named(name, columns, has_names=True), reading, rating=needs_rating, values=values)
    for role in ("user", "item"):
        column = getattr(roles, role).name
        if types[column] not in (*_WHOLE, "string"):
            raise DataError(
                f"{name}: {role} ids in column {column!r} are of type {types[column]}, whose text is a matter of taste",
                tip="Cast them to text first.",
            )
    time, time_type = _time(roles, types, name, values)
    kept = {column.name: _arrow_type(frame, column.name) for column in roles.keep}
    ids = [_quoted(column.name).cast("string") for column in (roles.user, roles.item)]
    by = [F.md5(F.concat_ws("\x1f", *ids).cast("binary"))] if ties == "hash" else []
    by += [_quoted(column) for column in order]
    rows = frame.select(
        ids[0].alias("user_id"),
        ids[1].alias("item_id"),
        *([] if time is None else [time.alias("time")]),
        *([F.xxhash64(*map(_quoted, types)).alias("row_hash")] if cleaning.dedup == "exact" else []),
        *(_quoted(column).alias(f"keep_{i}") for i, column in enumerate(kept)),
        *(column.alias(f"order_{i}") for i, column in enumerate(by)),
        *([] if roles.rating is None else [_quoted(roles.rating.name).alias("rating")]),
    )
    names = tuple(f"order_{i}" for i in range(len(by)))
    rows, funnel = _filtered(rows, reading, cleaning, has_time=time is not None)
    return Frame(rows.drop("rating"), names, time_type, kept, funnel)


def _quoted(name: str) -> Any:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    return F.col("`" + name.replace("`", "``") + "`")


def _first_values(frame: DataFrame, column: Column) -> list[str]:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    if column.type.startswith(("ARRAY", "MAP", "STRUCT", "BINARY")):
        return []
    text = _quoted(column.name).cast("string").alias("value")
    return [row.value for row in frame.select(text).filter(F.col("value").isNotNull()).limit(_LOOKED_AT).collect()]


def _time(roles: Roles, types: dict[str, str], name: str, values: Values) -> tuple[Any, str | None]:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    if roles.time is None:
        return None, None
    column, kind = _quoted(roles.time.name), types[roles.time.name]
    if kind in (*_WHOLE, "float", "double") and calendar_format(values(roles.time)):
        raise DataError(
            f"{name}: the numbers of column {roles.time.name!r} are dates, such as {values(roles.time)[0]}",
            tip="Make them timestamps first.",
        )
    if kind in _WHOLE:
        return column.cast("bigint"), "BIGINT"
    if kind in ("float", "double"):
        return column.cast("double"), "DOUBLE"
    if kind == "timestamp":
        return F.unix_micros(column), "TIMESTAMP"
    if kind in ("timestamp_ntz", "date"):
        # Not by a cast to timestamp: that would take them for times of the session's zone, and they are UTC.
        epoch = F.lit("1970-01-01").cast("timestamp_ntz")
        return F.timestamp_diff("MICROSECOND", epoch, column.cast("timestamp_ntz")), "TIMESTAMP"
    raise DataError(
        f"{name}: times in column {roles.time.name!r} are of type {kind}", tip="Make them timestamps first."
    )


def _arrow_type(frame: DataFrame, column: str) -> pa.DataType:
    from pyspark.sql.pandas.types import to_arrow_type

    kind = frame.schema[column].dataType
    return pa.timestamp("us") if kind.simpleString() == "timestamp" else to_arrow_type(kind)  # in UTC, as in a store


def _filtered(
    rows: DataFrame, reading: ReadingOptions, cleaning: CleaningOptions, *, has_time: bool
) -> tuple[DataFrame, tuple[FunnelStep, ...]]:
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    false = F.lit(False)  # noqa: FBT003  # a value
    steps = {"bad rows": false if not has_time else F.col("time").isNull() | F.isnan(F.col("time").cast("double"))}
    lacking = (F.col(name).isNull() | (F.col(name) == "") for name in ("user_id", "item_id"))
    steps["no user or item"] = next(lacking) | next(lacking)
    if cleaning.min_rating is not None:
        steps["min rating"] = F.coalesce(F.col("rating") < cleaning.min_rating, false)
    why = F.lit(None)
    for name, condition in reversed(steps.items()):
        why = F.when(condition, F.lit(name)).otherwise(why)
    counts = {row["why"]: row["count"] for row in rows.groupBy(why.alias("why")).count().collect()}
    if counts.get("bad rows") and reading.bad_rows == "error":
        raise DataError(f"{counts['bad rows']:,} rows have no time", tip="Drop and count them with --bad-rows skip.")
    left = sum(counts.values())
    funnel = [FunnelStep("read", 0, left)]
    for name in steps:
        left -= counts.get(name, 0)
        if name != "bad rows" or reading.bad_rows == "skip":
            funnel.append(FunnelStep(name, counts.get(name, 0), left))
    return rows.filter(why.isNull()), tuple(funnel)


def number_items(frame: Frame) -> tuple[Frame, list[str]]:
    """Give items numbers from 0, in the byte order of their ids: column `item` takes the place of `item_id`."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it
    from pyspark.sql import types as T  # noqa: N812  # as everybody calls it

    spark = frame.rows.sparkSession
    ids = [row["item_id"] for row in frame.rows.select("item_id").distinct().orderBy("item_id").collect()]
    schema = T.StructType([T.StructField("item_id", T.StringType()), T.StructField("item", T.IntegerType())])
    numbers = spark.createDataFrame(list(zip(ids, range(len(ids)), strict=True)), schema)
    names = ["user_id", "item", *(name for name in frame.rows.columns if name not in ("user_id", "item_id"))]
    return replace(frame, rows=frame.rows.join(F.broadcast(numbers), "item_id").select(*names)), ids


def in_order(frame: Frame, ties: Ties, partitions: int) -> DataFrame:
    """Return the rows by MD5 of the user, time, tie rule: a partition has whole users, later ones have later users."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    by = [F.md5(F.col("user_id").cast("binary")), F.col("user_id")]
    by += [] if frame.time_type is None else [F.col("time")]
    by += [F.col("item")] if ties == "item" else []  # numbers are in the order of ids
    by += [F.col(name) for name in frame.order]
    return frame.rows.repartitionByRange(partitions, by[0]).sortWithinPartitions(*by)


def kept_in_order(frame: Frame, ties: Ties, partitions: int) -> Frame:
    """Return what later steps need of the rows in order, on the workers' disks.

    Each pass over them then finds the same users in the same partitions.
    """
    from pyspark import StorageLevel

    rows = in_order(frame, ties, partitions).drop(*frame.order, "row_hash").persist(StorageLevel.DISK_ONLY)
    return replace(frame, rows=rows, held=(*frame.held, rows))


def without_repeats(frame: Frame, rule: Dedup, ties: Ties, partitions: int) -> Frame:
    """Return what a dedup rule leaves."""
    if rule == "none":
        return frame
    rows = in_order(frame, ties, partitions)
    left = rows.mapInArrow(DropRepeats(rule), rows.schema).persist()
    return _counted(replace(frame, rows=left, held=(*frame.held, left)), "repeats")


def k_core(frame: Frame, *, min_user: int, min_item: int) -> tuple[Frame, list[int]]:
    """Drop too rare users and items until nothing changes, and number what is left of the items anew.

    Returns:
        The rows; and the earlier numbers of the items that are left, in order.
    """
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

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
    return _counted(replace(frame, rows=rows, held=tuple(held)), "k-core"), items


def _counted(frame: Frame, step: str) -> Frame:
    left = frame.rows.count()
    return replace(frame, funnel=(*frame.funnel, FunnelStep(step, frame.funnel[-1].kept - left, left)))


def quantiles(frame: Frame, levels: Sequence[Fraction]) -> list[Any]:
    """Return for each share the earliest time before which at least so many of all rows lie.

    Where there is none, the time after the last one.
    """
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    rows = frame.funnel[-1].kept
    # The middle of the n-th step, so that rounding cannot reach another one.
    steps = [(math.ceil(level * rows) - 0.5) / rows for level in levels]
    wanted = [F.expr(f"percentile_disc({step}) within group (order by time)") for step in steps]
    reached = frame.rows.agg(*wanted).collect()[0]
    time = F.col("time")
    after = [F.min(F.when(time > value, time)) for value in reached]
    *bounds, last = frame.rows.agg(*after, F.max(time)).collect()[0]
    return [time_after(last) if bound is None else bound for bound in bounds]


def count_units(frame: Frame) -> UnitCounts:
    """Count the units of times that are plain numbers."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    time = F.col("time")
    counted = [F.count(F.when(time.between(first, last), time)) for first, last in spans()]
    *found, total, largest = frame.rows.agg(*counted, F.count(time), F.max(F.abs(time))).collect()[0]
    return counts_in(found, total, float(largest or 0))


def count_users(rows: DataFrame, output: Path, rule: SplitRule) -> list[dict[str, Any]]:
    """Write users and lengths of each partition below `output`; return what was counted, partition by partition."""
    found = rows.mapInArrow(CountUsers(output, rule), "partition int, found string").collect()
    by_partition = {row["partition"]: json.loads(row["found"]) for row in found}
    return [by_partition[number] for number in sorted(by_partition)]


def write_shards(  # what is written, of what, and where
    rows: DataFrame, users: Sequence[int], shards: Sequence[Shard], form: PairForm, directory: Path, rule: SplitRule
) -> list[ShardFile]:
    """Write shards from rows in order; return the files, in the order of the shards.

    Args:
        rows: of `in_order`, kept as they were when their users were counted.
        users: of each partition.
        shards: all there are.
        form: of the pairs.
        directory: where all workers can write.
        rule: which rows are held out.
    """
    pieces = pieces_of(shards)
    before = np.concatenate(([0], np.cumsum(users))).tolist()
    kept = [field for field in rows.schema.fields if field.name.startswith("keep_")]
    columns = ["piece int", "user int", "position int", "item int", "code tinyint"]
    columns += [f"{field.name} {field.dataType.simpleString()}" for field in kept]
    handed = rows.mapInArrow(HandOut(tuple(before), _series(pieces), rule), ", ".join(columns))
    together = handed.repartition(max(len(pieces), 1), "piece").sortWithinPartitions("piece", "user", "position")
    task = WriteShards(directory, tuple(pieces), form, rule.evaluated)
    schema = "path string, split string, rows bigint, bytes bigint, sha256 string"
    files = {row["path"]: ShardFile(**row.asDict()) for row in together.mapInArrow(task, schema).collect()}
    return [files[shard.name] for shard in shards]


def _series(pieces: Sequence[tuple[Shard, ...]]) -> tuple[Series, ...]:
    """Return the pieces of each kind together: they stand one after the other, in the order of users."""
    series, begin = [], 0
    kinds = [(type(piece[0]), piece[0].split) for piece in pieces]
    for end in range(1, len(pieces) + 1):
        if end == len(pieces) or kinds[end] != kinds[begin]:
            users = np.array([piece[0].users for piece in pieces[begin:end]], np.int64)
            series.append(Series(begin, users[:, 0], users[:, 1], pieces[begin][0].split == "train"))
            begin = end
    return tuple(series)
