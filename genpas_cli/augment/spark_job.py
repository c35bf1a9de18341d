"""`augment` by Spark: the same shards as on one machine, for logs that are too large to sort on one machine.

Only the sequence lengths are needed to plan the pairs. The driver collects the lengths from the workers, makes a store
without interactions from them, plans with it as with any store, and lets the workers write the shards of that plan.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.augment.companions import write_companions
from genpas_cli.augment.engines import spark as engine
from genpas_cli.augment.engines.spark_columns import LogTypes
from genpas_cli.augment.engines.spark_files import find_files, read_alike, read_files
from genpas_cli.augment.engines.spark_session import session, spark_errors
from genpas_cli.augment.engines.spark_tasks import TASKS, USERS
from genpas_cli.augment.job import AugmentReport, held_out_of, manifest_of
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.job_plan import ResolvedOptions, check_room, plan_job, resolve_options
from genpas_cli.augment.source_store import log_names
from genpas_cli.histories.instants import refuse_without_times, time_bounds
from genpas_cli.histories.log_figures import check_parts, iso_time, split_at
from genpas_cli.histories.split import TEST, TRAIN, VALIDATION, SplitRule, TieCounts, parse_split
from genpas_cli.ingest.checks import check_ingest_options, less_cleaning
from genpas_cli.ingest.files.source_files import unchanging
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.ingest.report import report_of
from genpas_cli.ingest.staging.staged import FileReport
from genpas_cli.pairs.manifest import foreign_in_pairs, library_versions, run_facts, write_manifest
from genpas_cli.pairs.shards import rows_by_split
from genpas_cli.runtime.atomic_output import building, refuse_existing
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.machine import MachineOptions, lasting_options, resolve, scratch_directory
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.sql.database import Database, connect
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.store import writing
from genpas_cli.store.access import open_store
from genpas_cli.store.schema import is_store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NOT_HERE = {
    "where": "Filter the DataFrame first.", "session_gap": "Give each session its own user id in the DataFrame first.",
    "items": "--engine spark always creates new numbers.", "users": "--engine spark always creates new numbers.",
}  # fmt: skip
"""Alternatives to some options that the Spark engine does not support."""

_CUTTING = {
    *MachineOptions.__dataclass_fields__, "strategy", "alpha", "beta", "gamma", "draw", "pairs", "epochs", "seed",
    "max_input", "order", "shard_rows", "form", "encoding", "user_ids",
}  # fmt: skip
_READING = {
    *MachineOptions.__dataclass_fields__, "user", "item", "time", "rating", "keep", "format", "bad_rows", "min_rating",
    "dedup", "min_user", "min_item", "ties", "split", "eval", "null_values", "decimal_ids",
    "allow_duplicate_files", "hive",
}  # fmt: skip
"""Options that the Spark engine supports. This is an allow-list, so that options added later are refused by default."""

_ROWS_A_PARTITION, _FEWEST_PARTITIONS = 1 << 19, 4
"""Of the shuffle that sorts rows; it bounds the rows that a worker's Python takes in, whatever the log's size."""

_USERS = pa.schema(
    [
        ("user_num", pa.int32()), ("user_id", pa.string()), ("length", pa.int32()), ("train_length", pa.int32()),
        ("validation_length", pa.int32()),
    ]
)  # fmt: skip
_TIMES = {
    "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "TIMESTAMP": pa.timestamp("us"), "TIMESTAMP_NS": pa.timestamp("ns"),
}  # fmt: skip


def augment_by_spark(  # noqa: PLR0913  # all but three by keyword
    source: DataFrame | str | Path | Sequence[str | Path], output: str | Path, options: AugmentOptions | None = None, *,
    ingest_options: IngestOptions | None = None, spark: SparkSession | None = None, order: Sequence[str] = (),
    force: bool = False, progress: Progress = silent,
) -> AugmentReport:  # fmt: skip
    """Cut input–target pairs from a log with Spark, and write them as the same Parquet shards as `augment`.

    Args:
        source: a DataFrame, or paths of Parquet files, directories or patterns that Spark can read.
        output: the output directory, on a file system that the driver and all workers share.
        options: as for `augment`; the options that restrict or weigh targets are not supported.
        ingest_options: how the log is read; `where`, `session_gap`, `items` and `users` are not supported.
        spark: the session; by default the DataFrame's, or the active one, or a new one.
        order: columns of a DataFrame that order rows of equal user and time; files use the row's place in the file.
        force: overwrite an existing output.
        progress: called with the progress.

    Returns:
        The report.

    Raises:
        UsageError, DataError, MachineError: see `genpas_cli.runtime.errors`; no output is published.
    """
    started, options, reading = time.monotonic(), options or AugmentOptions(), ingest_options or IngestOptions()
    check_local(output, "-o")
    resolved = _resolve_options(options, reading)
    check_extra("Spark", "spark")
    path, machine = Path(output).absolute(), resolve(options)
    refuse_existing(path, force=force, foreign=foreign_in_pairs)
    with (
        building(path, force=force, foreign=foreign_in_pairs) as new,
        scratch_directory(machine.temp_dir) as scratch,
        spark_errors(),
        contextlib.ExitStack() as cleaning,
    ):
        new.mkdir()
        with connect(machine, scratch) as database:
            opened = _opened(source, reading, order, (database, scratch), spark, cleaning)
            counted = _Counted(database, opened, reading, new, progress)
            cleaning.callback(counted.frame.forget)
            counted.make_store(scratch / "lengths.store")
        with open_store(scratch / "lengths.store", machine, scratch) as store:
            job = plan_job(store, resolved, tuple(store.kept), machine)
            check_room(replace(job, workers=1), machine, path)
            progress("writing pairs with Spark")
            users = [part["users"] for part in counted.found]
            files = engine.write_shards(counted.frame.rows, users, job.shards, job.form, new, counted.rule)
            shutil.rmtree(new / TASKS, ignore_errors=True)
            written = len(files)
            manifest = manifest_of(store, job, options)
            files += write_companions(store, job, new, files, manifest)
            facts = run_facts(time.monotonic() - started) | {"engine": "spark"}
            write_manifest(new, {**manifest, "run": facts}, files)
            held_out, log = held_out_of(store, job), replace(report_of(store), store=None)
    shards = files[:written]
    return AugmentReport(
        str(path), job.strategy.name, job.train.sampling.draw, options.seed, rows_by_split(shards), options.epochs,
        None, len(shards), 0, sum(file.bytes for file in shards), held_out, log, round(time.monotonic() - started, 3),
        shards_of_all_parts=len(shards),
    )  # fmt: skip


def _resolve_options(options: AugmentOptions, reading: IngestOptions) -> ResolvedOptions:
    resolved = resolve_options(options)
    check_ingest_options(reading)
    for given, known in ((options, _CUTTING), (reading, _READING)):
        for field in fields(given):
            if field.name not in known and getattr(given, field.name) != field.default:
                flag = flag_of(field.name)
                tip = _NOT_HERE.get(field.name, "Remove the option, or use --engine local.")
                raise UsageError(f"{flag} is not supported by --engine spark", tip=tip)
    if reading.format not in (None, "parquet"):
        raise UsageError(f"--format {reading.format}: --engine spark only reads Parquet", tip="Use --engine local.")
    split = parse_split(reading.split)
    if split.last > 1 or split.kind == "users" or (split.bounds is not None and len(split.bounds) == 1):
        raise UsageError(f"--split {reading.split} is not supported by --engine spark", tip="Use --engine local.")
    if reading.eval == "random":
        raise UsageError("--eval random is not supported by --engine spark", tip="Use --engine local.")
    return resolved


class _Counted:
    """A cleaned and sorted log on Spark's workers, with the counts of its users.

    Attributes:
        frame: the sorted rows, persisted on the workers.
        rule: which rows are held out.
        found: counts of each partition.
    """

    def __init__(
        self, database: Database, source: _Source, reading: IngestOptions, output: Path, progress: Progress
    ) -> None:
        self._database, self._name, self._reading, self._users_of = database, source.name, reading, output / USERS
        progress("reading with Spark")
        frame = engine.prepare(source.rows, source.name, source.types, (reading, reading), reading.ties)
        self._check_order(frame)
        self._check_units(frame)
        frame, self._ids = engine.number_items(frame)
        partitions = max(-(-frame.funnel[-1].kept // _ROWS_A_PARTITION), _FEWEST_PARTITIONS)
        frame = engine.without_repeats(frame, reading.dedup, reading.ties, partitions)
        repeats_gone = frame
        if reading.min_user > 1 or reading.min_item > 1:
            frame, left = engine.k_core(frame, min_user=reading.min_user, min_item=reading.min_item)
            self._ids = [self._ids[item] for item in left]
        if frame.funnel[-1].kept == 0:
            raise DataError(f"{source.name}: no interactions are left", tip=less_cleaning(reading))
        given = parse_split(reading.split)
        self.rule = SplitRule(given.kind, self._bounds(frame, repeats_gone), reading.evaluated, given.last)
        progress("sorting with Spark")
        self.frame = engine.kept_in_order(frame, reading.ties, partitions)
        self.found = engine.count_users(self.frame.rows, output, self.rule)
        ties = [part["ties"] for part in self.found]
        self._ties = TieCounts(**{name: sum(each[name] for each in ties) for name in ties[0]})
        self._check_ties(has_order=source.has_order)
        self._check_parts()

    def _check_order(self, frame: engine.Frame) -> None:
        if frame.time_type is not None:
            return
        by_time = parse_split(self._reading.split).kind == "time"
        refuse_without_times({"--split time": by_time, "--ties error": self._reading.ties == "error"})
        if not frame.order:
            raise UsageError(
                f"{self._name} has no timestamp column, and the rows of a DataFrame have no order",
                tip="Name the columns that order the rows with the argument `order`.",
            )

    def _check_units(self, frame: engine.Frame) -> None:
        if frame.time_type in ("BIGINT", "DOUBLE") and (units := engine.count_units(frame).mixed()):
            names = " and ".join(unit.name for unit in units)
            raise DataError(
                f"{self._name}: the log mixes timestamps in several units: {names}",
                tip=f"Convert all timestamps to {units[0].name} first.",
            )

    def _check_ties(self, *, has_order: bool) -> None:
        rule = self._reading.ties
        if self._ties.tied_events and (rule == "error" or (rule == "file" and not has_order)):
            raise DataError(
                f"{self._ties.tied_events:,} interactions share a timestamp with another interaction of the same "
                "user, so their order is undefined",
                tip="Name the columns that order them with the argument `order`, or choose --ties item or --ties hash.",
            )

    def _check_parts(self) -> None:
        if self.rule.bounds is None:
            return
        kind = str(self.frame.time_type)

        def possible() -> str | None:
            bounds = engine.possible_bounds(self.frame.rows)
            return None if bounds is None else split_at(bounds, kind)

        parts = np.sum([part["parts"] for part in self.found], axis=0)
        check_parts(self._reading.split, parts, [*self.rule.bounds, *self._ends()], kind, possible)

    def _ends(self) -> tuple[Any, Any]:
        """Return the first and last time."""
        return min(part["low"] for part in self.found), max(part["high"] for part in self.found)

    def _bounds(self, frame: engine.Frame, counted: engine.Frame) -> tuple[Any, ...] | None:
        """Return the first times of validation and test, or None; the times of `counted` determine the time unit."""
        bounds = parse_split(self._reading.split).bounds
        if bounds is None:
            return None
        kind = str(frame.time_type)
        return time_bounds(
            self._database.con, bounds, kind, quantiles=partial(engine.quantiles, frame),
            counts=lambda: engine.count_units(counted) if kind in ("BIGINT", "DOUBLE") else None,
        )  # fmt: skip

    def make_store(self, path: Path) -> None:
        """Make a store that has everything except interactions."""
        frame, database, con = self.frame, self._database, self._database.con
        writing.attach_new(con, path)
        time_field = [] if frame.time_type is None else [pa.field("time", _TIMES[frame.time_type])]
        kept = [pa.field(name, kind) for name, kind in frame.kept.items()]
        columns = [("user_num", pa.int32()), ("item_num", pa.int32()), *time_field, ("split", pa.uint8()), *kept]
        writing.write_interactions(database, pa.schema(columns), [], list(frame.kept))
        items = pa.table(
            {"num": np.arange(1, len(self._ids) + 1, dtype=np.int32), "id": pa.array(self._ids, pa.string())}
        )
        con.register("item_ids", items)
        writing.write_items(con, "select num, id from item_ids order by num")
        con.unregister("item_ids")
        writing.write_counted_users(database, _USERS, self._users())
        rows = frame.funnel[0].kept
        writing.write_provenance(con, [FileReport(self._name, "spark", 0, "", rows)], frame.funnel)
        writing.finish(con, self._meta(con), None)
        writing.close(con)

    def _users(self) -> Iterator[pa.RecordBatch]:
        first = 1
        for file in sorted(self._users_of.iterdir(), key=lambda file: path_order(file.name)):
            for batch in pq.ParquetFile(file).iter_batches(1 << 17):
                numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int32))
                first += batch.num_rows
                yield pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=_USERS)
        shutil.rmtree(self._users_of)

    def _meta(self, con: Any) -> dict[str, Any]:
        counts = np.sum([part["counts"] for part in self.found], axis=0)
        train, validation, test = (int(counts[code]) for code in (TRAIN, VALIDATION, TEST))
        query = "min(length), quantile_cont(length, .5), avg(length), quantile_cont(length, .99), max(length)"
        length = con.sql(f"select {query} from store.users").fetchall()[0]
        described = {name: kind for name, kind, *_ in con.execute("describe store.interactions").fetchall()}
        bounds = None if self.rule.bounds is None else list(self.rule.bounds)
        return {
            "versions": library_versions(), "options": lasting_options(self._reading),
            "kept": {name: described[name] for name in self.frame.kept}, "time_type": self.frame.time_type,
            "users": sum(part["users"] for part in self.found), "items": len(self._ids),
            "interactions": self.frame.funnel[-1].kept, "ties": self._ties.shares(),
            "split": {
                "rule": self._reading.split, "eval": self._reading.eval, "bounds": bounds, "train": train,
                "validation": validation, "test": test,
                "users_in_train_only": sum(part["alone"] for part in self.found),
            },
            "time_range": None if self.frame.time_type is None else [
                iso_time(end, self.frame.time_type) for end in self._ends()
            ],
            "length": dict(zip(("min", "median", "mean", "p99", "max"), length, strict=True)),
        }  # fmt: skip


class _Source(NamedTuple):
    """The log from which pairs are cut."""

    rows: DataFrame
    """Rows in the form of `canonical`."""
    types: LogTypes
    name: str
    """Name of the log in messages."""
    has_order: bool
    """Whether something orders rows of equal user and time."""


def _opened(
    source: Any, reading: IngestOptions, order: Sequence[str], planning: tuple[Database, Path],
    spark: SparkSession | None, cleaning: contextlib.ExitStack,
) -> _Source:  # fmt: skip
    if not isinstance(source, str | Path) and hasattr(source, "mapInArrow"):
        cleaning.enter_context(read_alike(source.sparkSession))
        rows, types = engine.read_frame(source, "DataFrame", reading, reading, order)
        return _Source(rows, types, "DataFrame", bool(order))
    names = log_names(source)
    if order:
        raise UsageError(
            "order can only be used with a DataFrame; the rows of files have the order of the file",
            tip="Remove the argument.",
        )
    if store := next((name for name in names if is_store(Path(name))), None):
        raise UsageError(f"{store} is a store, but --engine spark only reads logs", tip="Use --engine local.")
    database, scratch = planning
    files, spark = find_files(database, names, reading, scratch), spark or session()
    cleaning.enter_context(unchanging(files.sources))
    # Inside `unchanging`: Spark's error for a vanished file is converted before the files are compared.
    cleaning.enter_context(spark_errors())
    cleaning.enter_context(read_alike(spark))
    rows = read_files(spark, files, exact=reading.dedup == "exact")
    return _Source(rows, files.types, " ".join(names), has_order=True)
