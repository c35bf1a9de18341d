"""Stages the SOURCE arguments in `stage.rows`, a DuckDB table with one row per interaction.

Columns of `stage.rows`: `user_id`, `item_id` (BIGINT if the column holds whole numbers in every file, else VARCHAR),
`time` (unless the log has none), `row_hash` (for `--dedup exact`), `keep_0`, `keep_1` ... The order of `rowid` is that
of the files and of the rows in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from genpas_cli.ingest.columns.extra_columns import Extra, plain_type
from genpas_cli.ingest.columns.headers import reject_repeated_headers
from genpas_cli.ingest.columns.load_plan import LoadPlan, plan_load, values_of
from genpas_cli.ingest.columns.missing import drop_missing, parse_null_values
from genpas_cli.ingest.columns.mixed_units import check_units
from genpas_cli.ingest.earlier import EarlierLog
from genpas_cli.ingest.files.containers import unpacked
from genpas_cli.ingest.files.duplicates import same_content
from genpas_cli.ingest.files.encodings import as_utf8, is_utf8
from genpas_cli.ingest.files.integrity import Digests, Subject, checking, is_clean, unreadable
from genpas_cli.ingest.files.source_files import SourceFile, compression_of, find_sources, unchanging
from genpas_cli.ingest.formats.detection import is_binary, open_log
from genpas_cli.ingest.formats.dialects import check_options
from genpas_cli.ingest.formats.log_file import SAMPLES, LogFile, first_line
from genpas_cli.ingest.lists.rows import FEED
from genpas_cli.ingest.options import CleaningOptions, ReadingOptions
from genpas_cli.ingest.staging.bad_lists import empty_lists_note
from genpas_cli.ingest.staging.conversion import convert_column
from genpas_cli.ingest.staging.filters import drop_others, filter_of, text_types
from genpas_cli.ingest.staging.like_ids import decimals_to_integers
from genpas_cli.ingest.staging.loaded import Loaded, LoadedFile
from genpas_cli.ingest.staging.loading import load, machine_lacks, reject_bad_values
from genpas_cli.ingest.staging.rejects import Rejects
from genpas_cli.ingest.staging.stage_place import StagePlace, attach_stage, stage_place
from genpas_cli.ingest.staging.staged import FileReport, FunnelStep, Staged
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.sql.conditions import Condition
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.sql.rows import python_rows


def stage(  # noqa: PLR0913  # all but three by keyword
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], options: ReadingOptions, *, scratch: Path, rejects: Path,
    memory: int, progress: Progress = silent, earlier: EarlierLog | None = None,
) -> Staged:  # fmt: skip
    """Read logs into `stage.rows`, without rows that are bad, have a missing user or item id, or fail a filter.

    Args:
        con: a connection whose time zone is UTC; the database `stage` is attached to it.
        sources: files, patterns, directories, `-` for stdin.
        options: how to read; if they are CleaningOptions too, as for `ingest`, also which rows to drop.
        scratch: directory for copies, and for a large stage.
        rejects: file for bad rows with `--bad-rows skip`; written only if there are any.
        memory: memory limit of the connection in bytes.
        progress: called with the name of each step.
        earlier: the log of the store appended to, with which units and types must agree.

    Raises:
        DataError: the logs cannot be used.
        UsageError: an option is invalid for these logs.
        MachineError: disk or memory ran out.
    """
    skip = options.bad_rows == "skip"
    with (
        _opened(con, sources, options, scratch) as opened,
        checking(opened.subjects()) as check, Rejects(rejects, skip=skip) as bad, _own_errors(con),
    ):  # fmt: skip
        plan, condition = _plan(con, opened)
        attach_stage(con, stage_place(plan, memory), scratch)
        loaded = load(con, plan, scratch, bad, progress)
        notes = [*loaded.plan.notes, *opened.notes()]
        for part in loaded.parts:
            notes += [*part.log.notes_of_rows(con), *empty_lists_note(con, part.log)]
        funnel, where = _clean(con, loaded, bad, opened.cleaning, condition, earlier, notes, memory=memory)
        if options.decimal_ids == "integer":
            decimals_to_integers(con, loaded.plan.id_types)
        notes += check_units(con, loaded, earlier)
        overlapping = _overlapping(con, loaded)
        kept = _finish(con, loaded.plan, earlier)
        files = opened.reports(loaded, check.result())
        notes += same_content(files, opened.logs, allowed=options.allow_duplicate_files)
        return Staged(
            files, loaded.plan.time_type, kept, funnel, where, overlapping=overlapping, columns=plan.read_columns,
            first_rows=tuple(part.first for part in loaded.parts), notes=tuple(notes),
        )  # fmt: skip


def plan_of(con: duckdb.DuckDBPyConnection, sources: Sequence[str], options: ReadingOptions, scratch: Path) -> LoadPlan:
    """Return the plan by which `stage` would read logs, from their first values; arguments and errors are as there."""
    with _opened(con, sources, options, scratch) as opened, _own_errors(con):
        return _plan(con, opened)[0]


class FirstRows(NamedTuple):
    """The first rows of a log."""

    columns: list[str]
    """`user_id`, `item_id`, then `time` and `rating` if they are read, then the kept columns by their names."""
    rows: list[tuple[Any, ...]]


def first_rows(  # all but four by keyword
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], options: ReadingOptions, rows: int, *, scratch: Path,
    memory: int,
) -> FirstRows:  # fmt: skip
    """Return the first rows of the first file as `stage` would read them, without reading the whole file.

    Rows that are bad or fail a filter are left out as by `stage`; rows with a missing id are not. A time is of a wider
    kind than the first values only if one of the rows read here is.

    Args:
        con: as for `stage`; the database `stage` is attached to it.
        sources: as for `stage`.
        options: as for `stage`.
        rows: how many rows.
        scratch: directory for copies.
        memory: memory limit of the connection in bytes.

    Raises:
        DataError, UsageError, MachineError: see `stage`.
    """
    with _opened(con, sources, options, scratch) as opened, _own_errors(con):
        plan, condition = _plan(con, opened)
        attach_stage(con, StagePlace(in_file=False, bytes=0, rows=()), scratch)
        # As many values as those by which `filter_of` has decided the types in the condition.
        read = rows if condition is None else max(rows, SAMPLES)
        while True:
            with Rejects(scratch / "rejects.csv", skip=options.bad_rows == "skip") as bad:
                loaded = load(con, plan, scratch, bad, silent, first=read)
                reject_repeated_headers(con, loaded, bad)
                reject_bad_values(con, loaded, bad)
            _filter(con, loaded, opened.cleaning, condition, None, lambda _, __: None, memory=memory)
            if options.decimal_ids == "integer":
                decimals_to_integers(con, plan.id_types)
            internal = {"row_hash", *(extra.alias for extra in plan.where)}
            names = [name for name in plan.columns() if name not in internal]
            query = f"SELECT {', '.join(names)} FROM stage.rows ORDER BY rowid LIMIT {rows}"
            found = python_rows(con.sql(query))
            if len(found) == rows or loaded.parts[0].staged < read:
                kept = {extra.alias: extra.name for extra in plan.keep}
                return FirstRows([kept.get(name, name) for name in names], found)
            read *= _FURTHER


_FURTHER = 8
"""Factor by which more rows are read if too few of those read so far are left."""


_OF_TEXT = ("delimiter", "header", "quote", "text_encoding")
"""Options that only text files can use."""


class _Opened(NamedTuple):
    """The opened files of a log."""

    originals: Sequence[SourceFile]
    plain: Sequence[SourceFile]
    """The same files; bzip2, xz and ZIP ones as decompressed copies."""
    logs: list[LogFile]
    options: ReadingOptions
    cleaning: CleaningOptions
    skipped: tuple[str, ...] = ()
    """Names of documents in a directory, which are not read."""

    def notes(self) -> list[str]:
        """Return what to say about the files that were read and those that were not."""
        names = ", ".join(self.skipped)
        skipped = f"not read, because the names are those of documents, not of logs: {names}"
        of_text = [name for name in _OF_TEXT if getattr(self.options, name) != getattr(ReadingOptions, name)]
        unused = [] if any(log.is_text for log in self.logs) else [
            f"{flag_of(name)} has no effect: the log is not a text file" for name in of_text
        ]  # fmt: skip
        return [*([skipped] if names else []), *unused, *(note for log in self.logs for note in log.notes)]

    def subjects(self) -> list[Subject]:
        """Return what of each file is checked while the files are read."""
        return [_subject(*files) for files in zip(self.originals, self.plain, self.logs, strict=True)]

    def reports(self, loaded: Loaded, digests: Sequence[Digests]) -> tuple[FileReport, ...]:
        """Return the report of each file, given its rows and its digests."""
        return tuple(
            _report(file, part, digest)
            for file, part, digest in zip(self.originals, loaded.parts, digests, strict=True)
        )


def _report(file: SourceFile, part: LoadedFile, digest: Digests) -> FileReport:
    _, table_id, version = (None, None, None) if file.table is None else file.table
    size = file.path.stat().st_size
    return FileReport(file.name, part.log.kind, size, digest.file, part.rows, digest.content, table_id, version)


@contextmanager
def _opened(
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], options: ReadingOptions, scratch: Path
) -> Iterator[_Opened]:
    """Open the files of a log, and check after the block that none of them has changed."""
    skipped: list[str] = []
    originals = find_sources(sources, scratch=scratch, skipped=skipped)
    with unchanging(originals):
        yield _open(con, originals, check_options(options), scratch)._replace(skipped=tuple(skipped))


def _open(
    con: duckdb.DuckDBPyConnection, originals: Sequence[SourceFile], options: ReadingOptions, scratch: Path
) -> _Opened:
    cleaning = options if isinstance(options, CleaningOptions) else CleaningOptions()
    plain, logs = [], []
    for n, source in enumerate(originals):
        with _own_errors(con), _named(source):
            plain.append(unpacked(source, scratch / f"unpacked-{n}"))
            text = _decoded(plain[-1], options, scratch / f"utf8-{n}")
            whole_rows = cleaning.dedup == "exact"
            logs.append(open_log(con, text, options, scratch / f"lines-{n}", whole_rows=whole_rows))
    if options.bad_rows == "skip":
        # Lines with NUL bytes or invalid UTF-8 are then bad rows instead of errors.
        logs = [
            replace(log, is_suspect=True) if log.is_text and not is_clean(log.source.path, log.compression) else log
            for log in logs
        ]
    return _Opened(originals, plain, logs, options, cleaning)


def _plan(con: duckdb.DuckDBPyConnection, opened: _Opened) -> tuple[LoadPlan, Condition | None]:
    condition = _condition(con, opened)
    needed = condition.columns if condition else ()
    return plan_load(con, opened.logs, opened.options, opened.cleaning, needed), condition


@contextmanager
def _own_errors(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Turn DuckDB and PyArrow errors that no step has translated into genpas errors; an interrupt passes."""
    try:
        yield
    except duckdb.Error as error:
        failure = machine_lacks(error)
        raise failure or DataError(f"the logs cannot be read ({first_line(error)})") from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"a file of the log is truncated or corrupt ({first_line(error)})") from error
    finally:
        # A registered Arrow stream keeps its file open, and would be visible in the caller's database.
        with suppress(duckdb.ConnectionException):  # the database was closed before
            for stream in ("genpas_arrow", FEED):
                con.unregister(stream)


@contextmanager
def _named(source: SourceFile) -> Iterator[None]:
    """Turn an OSError on reading a file into a DataError with its name; failed writes are translated elsewhere."""
    try:
        yield
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error


def _decoded(file: SourceFile, options: ReadingOptions, copy: Path) -> SourceFile:
    return file if is_utf8(options.text_encoding) or is_binary(file) else as_utf8(file, options.text_encoding, copy)


def _subject(original: SourceFile, plain: SourceFile, log: LogFile) -> Subject:
    # A copy converted to UTF-8 needs no check of its text; the digests are those of the bytes before conversion.
    as_given = log.source is plain
    whole = None if plain is original else original.path
    is_utf8 = log.is_text and as_given and not log.is_suspect
    return Subject(plain.path, original.name, compression_of(plain.path), is_utf8, whole)


def _condition(con: duckdb.DuckDBPyConnection, opened: _Opened) -> Condition | None:
    where, logs = opened.cleaning.where, opened.logs
    if where is None:
        return None
    # A part file without rows has no values that tell the types of its columns.
    telling = (log for log in logs if any(column.samples or not column.is_text for column in log.columns))
    log = next(telling, logs[0])
    markers = parse_null_values(opened.options.null_values)
    return filter_of(con, where, log.columns, partial(values_of, con, log, markers))


def _clean(  # noqa: PLR0913, PLR0917  # the results of one step each; the last by keyword
    con: duckdb.DuckDBPyConnection, loaded: Loaded, bad: Rejects, options: CleaningOptions,
    condition: Condition | None, earlier: EarlierLog | None, notes: list[str], *, memory: int,
) -> tuple[tuple[FunnelStep, ...], dict[str, str]]:  # fmt: skip
    rows = sum(part.rows for part in loaded.parts)
    if rows == 0:
        without = "interactions: every list is empty" if loaded.parts[0].log.lists else "rows, only a header"
        raise DataError(f"{', '.join(part.log.name for part in loaded.parts)}: the file contains no {without}")
    steps = [FunnelStep("read", 0, rows)]

    def dropped(step: str, count: int) -> None:
        steps.append(FunnelStep(step, count, steps[-1].kept - count))

    reject_repeated_headers(con, loaded, bad)
    reject_bad_values(con, loaded, bad)
    if bad.count or bad.skip:
        dropped("bad rows", bad.count)
    dropped("missing user or item id", drop_missing(con, loaded.plan.id_types, loaded.plan.markers, notes))
    where = _filter(con, loaded, options, condition, earlier, dropped, memory=memory)
    return tuple(steps), where


def _filter(  # noqa: PLR0913  # what `_clean` was given; the last by keyword
    con: duckdb.DuckDBPyConnection, loaded: Loaded, options: CleaningOptions, condition: Condition | None,
    earlier: EarlierLog | None, dropped: Callable[[str, int], None], *, memory: int,
) -> dict[str, str]:  # fmt: skip
    """Delete the rows that fail `--where` or `--min-rating`; return the types of the columns of `--where`.

    `dropped` is called with each step and the number of its rows.
    """
    where: dict[str, str] = {}
    if condition is not None:
        columns = loaded.parts[0].log.columns
        types = _types(con, loaded.plan.where, earlier)
        where = {extra.name: kind for extra, kind in zip(loaded.plan.where, types, strict=True)}
        if earlier is not None:
            _check_where(where, earlier)
        selected = "".join(
            f", CAST({extra.alias} AS {kind}) AS {identifier(extra.name)}"
            for extra, kind in zip(loaded.plan.where, types, strict=True)
        )
        dropped("where", drop_others(con, condition, selected, columns, memory=memory))
    if options.min_rating is not None:
        dropped("min rating", _delete(con, f"rating < {options.min_rating!r}"))
    return where


def _check_where(found: dict[str, str], earlier: EarlierLog) -> None:
    """Raise DataError if a column of `--where` has another type than in the store's log: it may mean something else."""
    for name, kind in found.items():
        wanted = earlier.types.get(name, kind)
        if plain_type(kind) != plain_type(wanted):
            raise DataError(
                f"column {name} is {kind} in the new log, but {wanted} in the log of {earlier.name}, so --where could "
                "have another meaning",
                tip="Append a log whose column has the same type, or make a new store from all logs.",
            )


def _delete(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    # Count first, which is cheap: a DELETE marks every vector it visits and makes later scans slower.
    count = int(con.execute(f"SELECT count(*) FROM stage.rows WHERE {condition}").fetchall()[0][0])
    if count:
        con.execute(f"DELETE FROM stage.rows WHERE {condition}")
    return count


def _types(con: duckdb.DuckDBPyConnection, extras: Sequence[Extra], earlier: EarlierLog | None) -> list[str]:
    """Return the type of each column; for text columns by their values, together with those of an earlier log."""
    texts = [extra.alias for extra in extras if extra.is_text]
    found = dict(zip(texts, text_types(con, texts), strict=True))
    types = [found.get(extra.alias, extra.type) for extra in extras]
    if earlier is None:
        return types
    return [
        _as_before(con, extra, kind, earlier.types.get(extra.name, kind))
        for extra, kind in zip(extras, types, strict=True)
    ]


def _as_before(con: duckdb.DuckDBPyConnection, extra: Extra, found: str, wanted: str) -> str:
    """Return the type that all logs together would give: DOUBLE for integers and fractions; missing values fit any."""
    if found == wanted or not extra.is_text:
        return found
    if (found, wanted) == ("BIGINT", "DOUBLE"):
        return wanted
    some = con.execute(f"SELECT count({extra.alias}) FROM stage.rows").fetchall()[0][0]
    return found if some else wanted


def _overlapping(con: duckdb.DuckDBPyConnection, loaded: Loaded) -> bool:
    if loaded.plan.time_type is None or len(loaded.parts) == 1:
        return False
    latest = None
    for part in loaded.parts:
        within = f"rowid BETWEEN {part.first} AND {part.first + part.staged - 1}"
        first, last = con.execute(f"SELECT min(time), max(time) FROM stage.rows WHERE {within}").fetchall()[0]
        if first is None:
            continue
        if latest is not None and first <= latest:
            return True
        latest = last
    return False


def _finish(con: duckdb.DuckDBPyConnection, plan: LoadPlan, earlier: EarlierLog | None) -> dict[str, str]:
    """Drop the columns that only filters needed, convert the kept ones to their types, and return name → type."""
    for name in (*(extra.alias for extra in plan.where), *(("rating",) if plan.has_rating else ())):
        con.execute(f"ALTER TABLE stage.rows DROP COLUMN {name}")
    types = _types(con, plan.keep, earlier)
    for extra, kind in zip(plan.keep, types, strict=True):
        if kind != extra.type:
            convert_column(con, extra.alias, kind)
    return {extra.name: kind for extra, kind in zip(plan.keep, types, strict=True)}
