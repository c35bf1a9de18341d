"""Parquet files for Spark: which they are, and how they are read, is what the local engine says of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from genpas_cli.database import Database
from genpas_cli.engines.spark_columns import FILE, ROW, LogColumns, LogTypes, canonical, check_columns, time_type
from genpas_cli.errors import DataError, UsageError
from genpas_cli.logs.columns import Column, Roles
from genpas_cli.logs.options import CleaningOptions, ReadingOptions
from genpas_cli.logs.plans import Plan
from genpas_cli.logs.staging import plan_of
from genpas_cli.logs.times import TIMESTAMP, TIMESTAMP_NS
from genpas_cli.places import file_digest
from genpas_cli.uris import looks_like_uri

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NANOSECONDS = "spark.sql.legacy.parquet.nanosAsLong"
_SLASHES = re.compile(":/+")
_FRAME = "Read it into a DataFrame, and call genpas_cli.spark.augment"


class LogFiles(NamedTuple):
    """The files of a log, and how they are read."""

    paths: tuple[Path, ...]
    """In the order of the log."""
    columns: tuple[LogColumns, ...]
    """One per file."""
    types: LogTypes


def find_files(database: Database, sources: Sequence[str], reading: ReadingOptions, scratch: Path) -> LogFiles:
    """Return the files that the sources mean.

    Raises:
        UsageError, DataError: there are none, or the Spark engine does not read them as the local one does.
    """
    for source in sources:
        if source == "-" or looks_like_uri(source):
            raise UsageError(
                f"{source}: --engine spark reads paths on a file system that the driver and all workers share",
                tip=f"{_FRAME}." if source != "-" else "Write standard input to a Parquet file first.",
            )
    plan = plan_of(database.con, sources, reading, scratch)
    for log in plan.logs:
        if log.format != "parquet":
            raise UsageError(
                f"{log.name} is not Parquet ({log.format}), and --engine spark reads nothing else",
                tip=f"Use --engine local. Or: {_FRAME[0].lower()}{_FRAME[1:]}.",
            )
    _check_contents(plan, allowed=bool(getattr(reading, "allow_duplicate_files", False)))
    columns = tuple(_columns(plan, n) for n in range(len(plan.logs)))
    types = LogTypes(plan.time_type, tuple((extra.name, extra.type) for extra in plan.keep))
    exact = isinstance(reading, CleaningOptions) and reading.dedup == "exact"
    for each, reader in zip(columns, plan.times or [None] * len(columns), strict=True):
        check_columns(each, types, exact=exact)
        if reader is not None and reader.type != time_type(each.type_of(str(each.time))):
            raise DataError(
                f"{each.name}: times in column {each.time!r} are {reader.kind}, which the Spark engine does not read",
                tip="Use --engine local.",
            )
        if reader is not None and {str(plan.time_type), reader.type} == {TIMESTAMP, TIMESTAMP_NS}:
            raise DataError(
                f"{each.name}: its times have another precision than those of other files", tip="Use --engine local."
            )
        if zones := [name for name, kind in _zoned(each) if kind != dict(_zoned(columns[0]))[name]]:
            raise DataError(
                f"{each.name}: column {each.keep[zones[0]]!r} has a time zone in some files alone",
                tip="Use --engine local.",
            )
        if exact and sorted(each.types) != sorted(columns[0].types):
            raise DataError(
                f"{each.name} has other columns than {columns[0].name}; the Spark engine does not compare their rows",
                tip="Use --engine local.",
            )
    return LogFiles(tuple(log.source.path.resolve() for log in plan.logs), columns, types)


def _columns(plan: Plan, n: int) -> LogColumns:
    log, roles = plan.logs[n], plan.roles[n]
    for column in _used(roles):
        if column.in_path:
            raise DataError(
                f"{log.name}: column {column.name!r} stands in the path, and the Spark engine reads columns of files",
                tip="Use --engine local.",
            )
    rating = roles.rating.name if plan.has_rating and roles.rating is not None else None
    time = roles.time.name if plan.times and roles.time is not None else None
    keep = tuple(extra.columns[n].name for extra in plan.keep)
    types = tuple((column.name, column.type) for column in log.columns if not column.in_path)
    return LogColumns(log.name, roles.user.name, roles.item.name, time, rating, keep, types)


def _zoned(columns: LogColumns) -> list[tuple[int, bool]]:
    """Return of each kept column, by its place, whether it holds times of a zone."""
    return [(n, "TIME ZONE" in columns.type_of(name)) for n, name in enumerate(columns.keep)]


def _used(roles: Roles) -> list[Column]:
    return [each for each in (roles.user, roles.item, roles.time, roles.rating, *roles.keep) if each is not None]


def _check_contents(plan: Plan, *, allowed: bool) -> None:
    """Raise DataError if two files have the same content; only those of equal size are looked into."""
    by_size = defaultdict(list)
    for log in plan.logs:
        by_size[log.source.path.stat().st_size].append(log)
    for logs in by_size.values():
        seen: dict[str, str] = {}
        for log in logs if len(logs) > 1 and not allowed else ():
            digest = file_digest(log.source.path)
            if digest in seen:
                raise DataError(f"{log.name} has the same content as {seen[digest]}", tip="Name one of them only.")
            seen[digest] = log.name


@contextmanager
def nanoseconds_read(spark: SparkSession) -> Iterator[None]:
    """Have Spark read times in nanoseconds as numbers; else it does not read a file that has such a column at all."""
    before = spark.conf.get(_NANOSECONDS, None)
    spark.conf.set(_NANOSECONDS, "true")
    try:
        yield
    finally:
        with suppress(Exception):  # Spark may have ended
            spark.conf.unset(_NANOSECONDS) if before is None else spark.conf.set(_NANOSECONDS, before)


def read_files(spark: SparkSession, files: LogFiles, *, exact: bool) -> DataFrame:
    """Return the rows of files, as of `canonical`, ordered by their place (`FILE`, `ROW`).

    They are read, now and later, within `nanoseconds_read`.

    Raises:
        DataError: Spark does not see the very files.
    """
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for n, columns in enumerate(files.columns):
        groups[_kind(columns)].append(n)
    frames = [_read(spark, files, numbers, exact=exact) for numbers in groups.values()]
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def _kind(columns: LogColumns) -> tuple[Any, ...]:
    return columns.user, columns.item, columns.time, columns.rating, columns.keep, columns.types


def _read(spark: SparkSession, files: LogFiles, numbers: list[int], *, exact: bool) -> DataFrame:
    """Return the rows of files that have the same columns."""
    from pyspark.sql import functions as F  # noqa: N812  # as everybody calls it

    wanted = {str(files.paths[n]): n for n in numbers}
    # Names are not patterns, and directories such as key=value no columns.
    reader = spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true")
    frame = reader.parquet(*(f"file://{path}" for path in wanted))
    seen = {unquote(urlsplit(uri).path): uri for uri in frame.inputFiles()}
    if set(seen) != set(wanted):
        odd = min(set(seen) ^ set(wanted))
        raise DataError(f"{odd}: Spark reads files of other names than genpas", tip="Use --engine local.")
    # The two ways in which Spark tells a file's name differ in the slashes after the scheme.
    places = (F.lit(part) for path, uri in seen.items() for part in (_SLASHES.sub(":/", uri), wanted[path]))
    file = F.regexp_replace(F.col("_metadata.file_path"), _SLASHES.pattern, ":/")
    unknown = F.raise_error(F.concat(F.lit("a file that was not listed: "), file)).cast("int")
    place = F.coalesce(F.create_map(*places)[file], unknown)
    frame = frame.select("*", place.alias(FILE), F.col("_metadata.row_index").alias(ROW))
    return canonical(frame, files.columns[numbers[0]], files.types, exact=exact, order=(FILE, ROW))
