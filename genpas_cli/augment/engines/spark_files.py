"""Reads Parquet files with Spark; the local engine finds the files and plans how they are read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from genpas_cli.augment.engines.spark_columns import FILE, ROW, LogColumns, LogTypes, canonical, check_columns
from genpas_cli.augment.engines.spark_functions import F
from genpas_cli.augment.engines.spark_types import spark_type, time_type
from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.columns.roles import Column, Roles
from genpas_cli.ingest.files.duplicates import same_content
from genpas_cli.ingest.files.source_files import SourceFile
from genpas_cli.ingest.options import CleaningOptions, ReadingOptions
from genpas_cli.ingest.staging.staged import FileReport
from genpas_cli.ingest.staging.staging import plan_of
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.object_storage.locations import file_digest
from genpas_cli.runtime.object_storage.uris import looks_like_uri
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.times.readers import TIMESTAMP, TIMESTAMP_NS, TimeReader

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SETTINGS = {
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",  # else a file with such a column is not read at all
    "spark.sql.legacy.percentileDiscCalculation": "false",
    "spark.sql.parquet.binaryAsString": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
"""Session settings while a log is read; other settings would lose rows or change values."""
_SLASHES = re.compile(":/+")
_LOCAL = "Use --engine local."
_FRAME = "Read it into a DataFrame, and call genpas_cli.spark.augment"


class LogFiles(NamedTuple):
    """The files of a log, and how they are read."""

    sources: tuple[SourceFile, ...]
    paths: tuple[Path, ...]
    """Resolved paths of the files, in the order of the log."""
    columns: tuple[LogColumns, ...]
    """One per file."""
    types: LogTypes


def find_files(database: Database, sources: Sequence[str], reading: ReadingOptions, scratch: Path) -> LogFiles:
    """Find the files of the sources, and plan how they are read.

    Raises:
        UsageError, DataError: there are no files, or the Spark engine cannot read them as the local engine does.
    """
    for source in sources:
        if source == "-" or looks_like_uri(source):
            raise UsageError(
                f"{source}: --engine spark can only read paths on a file system that the driver and all workers share",
                tip=f"{_FRAME}." if source != "-" else "Write standard input to a Parquet file first.",
            )
    plan = plan_of(database.con, sources, reading, scratch)
    _check_files(plan, scratch)
    _check_contents(plan, allowed=reading.allow_duplicate_files)
    exact = isinstance(reading, CleaningOptions) and reading.dedup == "exact"
    columns = tuple(_columns(plan, n, exact=exact) for n in range(len(plan.logs)))
    types = LogTypes(plan.time_type, tuple((extra.name, extra.type) for extra in plan.keep), plan.markers)
    for each, reader in zip(columns, plan.times or [None] * len(columns), strict=True):
        check_columns(each, types, exact=exact)
        if reader is not None:
            _check_times(each, reader, str(plan.time_type))
        if exact and sorted(each.types) != sorted(columns[0].types):
            raise DataError(
                f"{each.name} has other columns than {columns[0].name}; --engine spark does not support this with "
                "--dedup exact",
                tip=_LOCAL,
            )
    found = tuple(log.source for log in plan.logs)
    return LogFiles(found, tuple(source.path.resolve() for source in found), columns, types)


def _check_files(plan: LoadPlan, scratch: Path) -> None:
    """Raise UsageError for files that Spark's workers cannot read."""
    for log in plan.logs:
        if log.format != "parquet":
            raise UsageError(
                f"{log.name} is not a Parquet file ({log.format}), but --engine spark only reads Parquet",
                tip=f"Use --engine local. Or: {_FRAME[0].lower()}{_FRAME[1:]}.",
            )
        if log.lists is not None:
            raise UsageError(
                f"{log.name}: --engine spark does not read lists as one interaction per element (column "
                f"{log.lists.names[0]})",
                tip=f"Use --engine local. Or: {_FRAME[0].lower()}{_FRAME[1:]} with one row per interaction.",
            )
        if log.source.path.is_relative_to(scratch):
            raise UsageError(
                f"{log.name} would be read from a copy in the temporary directory of the driver, which the workers "
                "cannot access",
                tip=f"Write it to a Parquet file that all machines can read, or {_LOCAL[0].lower()}{_LOCAL[1:]}",
            )


def _check_times(columns: LogColumns, reader: TimeReader, common: str) -> None:
    """Raise DataError if Spark does not read the times of a file as the plan says."""
    if reader.type != time_type(columns.type_of(str(columns.time))):
        raise DataError(
            f"{columns.name}: the timestamps in column {columns.time!r} are {reader.kind}, which --engine spark does "
            "not support",
            tip=_LOCAL,
        )
    if {common, reader.type} == {TIMESTAMP, TIMESTAMP_NS}:
        raise DataError(
            f"{columns.name}: the timestamps have another precision than those of the other files", tip=_LOCAL
        )


def _columns(plan: LoadPlan, n: int, *, exact: bool) -> LogColumns:
    log, roles = plan.logs[n], plan.roles[n]
    # `exact` compares whole rows, including columns in the path.
    for column in log.columns if exact else _used(roles):
        if column.in_path:
            raise DataError(
                f"{log.name}: column {column.name!r} comes from the path, but --engine spark only reads columns "
                "inside the files",
                tip="Use --engine local.",
            )
    for column in (roles.user, roles.item):
        if column.is_half or (column.type.startswith(("FLOAT", "DOUBLE", "DECIMAL")) and not column.is_whole):
            raise DataError(
                f"{log.name}: ids in column {column.name!r} contain fractions or are half-precision numbers, which "
                "--engine spark does not support",
                tip=_LOCAL,
            )
    rating = roles.rating.name if plan.has_rating and roles.rating is not None else None
    time = roles.time.name if plan.times and roles.time is not None else None
    keep = tuple(extra.columns[n].name for extra in plan.keep)
    types = tuple((column.name, column.type) for column in log.columns if not column.in_path)
    return LogColumns(log.name, roles.user.name, roles.item.name, time, rating, keep, types)


def _used(roles: Roles) -> list[Column]:
    return [each for each in (roles.user, roles.item, roles.time, roles.rating, *roles.keep) if each is not None]


def _check_contents(plan: LoadPlan, *, allowed: bool) -> None:
    """Raise DataError if two files have the same content; only files of equal size are read."""
    by_size = defaultdict(list)
    for log in plan.logs:
        by_size[log.source.path.stat().st_size].append(log)
    for size, logs in by_size.items():
        if allowed or len(logs) == 1:
            continue
        files = []
        for log in logs:
            digest, rows = file_digest(log.source.path), pq.read_metadata(log.source.path).num_rows
            files.append(FileReport(log.name, log.format, size, digest, rows, digest))
        same_content(files, logs, allowed=False)


@contextmanager
def read_alike(spark: SparkSession) -> Iterator[None]:
    """Set the session so that Spark reads files as the local engine does, and restore its settings at the end."""
    before = {name: spark.conf.get(name, None) for name in _SETTINGS}
    for name, value in _SETTINGS.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        with suppress(Exception):  # Spark may have stopped
            for name, earlier in before.items():
                spark.conf.unset(name) if earlier is None else spark.conf.set(name, earlier)


def read_files(spark: SparkSession, files: LogFiles, *, exact: bool) -> DataFrame:
    """Return the rows of files in the form of `canonical`, with the order columns `FILE` and `ROW`.

    All actions on the rows must run within `read_alike`, as Spark reads lazily.

    Raises:
        DataError: Spark sees other files, or reads a column as another type.
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
    wanted = {str(files.paths[n]): n for n in numbers}
    # Paths must not be read as glob patterns, nor directories such as key=value as columns.
    reader = spark.read.option("__globPaths__", "false").option("recursiveFileLookup", "true")
    frame = reader.parquet(*(f"file://{path}" for path in wanted))
    seen = {unquote(urlsplit(uri).path): uri for uri in frame.inputFiles()}
    if set(seen) != set(wanted):
        odd = min(set(seen) ^ set(wanted))
        raise DataError(f"{odd}: Spark does not read the same files as genpas", tip=_LOCAL)
    _check_types(frame, files.columns[numbers[0]], exact=exact)
    # `inputFiles` and `_metadata.file_path` write different numbers of slashes after the scheme.
    places = (F.lit(part) for path, uri in seen.items() for part in (_SLASHES.sub(":/", uri), wanted[path]))
    file = F.regexp_replace(F.col("_metadata.file_path"), _SLASHES.pattern, ":/")
    unknown = F.raise_error(F.concat(F.lit("a file that was not listed: "), file)).cast("int")
    place = F.coalesce(F.create_map(*places)[file], unknown)
    frame = frame.select("*", place.alias(FILE), F.col("_metadata.row_index").alias(ROW))
    return canonical(frame, files.columns[numbers[0]], files.types, exact=exact, order=(FILE, ROW))


def _check_types(frame: DataFrame, columns: LogColumns, *, exact: bool) -> None:
    found = {field.name: field.dataType.simpleString() for field in frame.schema}
    for name, kind in columns.types:
        if (exact or name in columns.used()) and found.get(name) != spark_type(kind):
            raise DataError(
                f"{columns.name}: column {name!r} has the type {kind}, but Spark reads it as {found.get(name)}",
                tip=_LOCAL,
            )
