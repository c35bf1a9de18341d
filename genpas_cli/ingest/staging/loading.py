"""Fills `stage.rows` from the files, and moves bad rows to the rejects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from genpas_cli.ingest.columns.load_plan import LoadPlan
from genpas_cli.ingest.formats.log_file import LogFile, first_line
from genpas_cli.ingest.staging.bad_lists import reject_bad_lists
from genpas_cli.ingest.staging.exact_times import with_exact_times
from genpas_cli.ingest.staging.loaded import Loaded, LoadedFile
from genpas_cli.ingest.staging.rejects import Reason, Reasons, Rejects, clean_copy, locate
from genpas_cli.runtime.errors import DataError, GenpasError, MachineError, UsageError
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.sql.quoting import identifier
from genpas_cli.runtime.times.readers import common_type

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


def load(  # all but one by position
    con: duckdb.DuckDBPyConnection, plan: LoadPlan, scratch: Path, rejects: Rejects, progress: Progress, *,
    first: int | None = None,
) -> Loaded:  # fmt: skip
    """Create `stage.rows` and fill it file by file, which keeps the order of the files with any number of threads.

    Bad times are NULL. If the times of a file turn out to be of a wider kind than its first values (integers, then
    12.5), all files are read again with that kind; also, as integers, if doubles would lose digits of whole numbers.

    Args:
        con: a connection with the database `stage`.
        plan: how the files are read.
        scratch: directory for clean copies.
        rejects: takes the malformed rows.
        progress: called with the name of each file.
        first: load only this number of good rows of the first file, and return only this file; None for all rows.

    Raises:
        DataError: a file cannot be read, or a row is malformed and bad rows are errors.
    """
    rejected = [0] * len(plan.logs)
    while True:
        con.execute("DROP TABLE IF EXISTS stage.rows")
        con.execute(f"CREATE TABLE stage.rows ({plan.definition()})")
        parts: list[LoadedFile] = []
        for n in range(len(plan.logs) if first is None else 1):
            progress(f"reading {plan.logs[n].name}")
            place = parts[-1].first + parts[-1].staged if parts else 0
            before = rejects.count
            plan, staged = _insert(con, plan, n, scratch, rejects, first)
            rejected[n] += rejects.count - before
            parts.append(LoadedFile(plan.logs[n], place, staged, rejected[n]))
        wider = _widened(con, plan, parts, first)
        if wider is None:
            exact = with_exact_times(con, plan, parts, _limit(first))
            if exact.time_type == plan.time_type:
                return Loaded(exact if first is None else exact.of_first_file(), tuple(parts))
            wider = exact
        plan = wider


def _insert(  # what `load` was given
    con: duckdb.DuckDBPyConnection, plan: LoadPlan, n: int, scratch: Path, rejects: Rejects, first: int | None
) -> tuple[LoadPlan, int]:
    log = plan.logs[n]
    try:
        if not log.is_suspect or log.copy:
            return plan, _run_insert(con, plan, n, first)
    except duckdb.Error as error:
        failure = translated(log, error)
        if not isinstance(failure, DataError) or not (log.is_text or log.lists) or log.copy:
            raise failure from error
        if not log.is_text and not reject_bad_lists(con, log, rejects):
            raise failure from error
    # DuckDB has refused the file, or would accept bad rows: separate them here, and let DuckDB read the good ones.
    if log.is_text:
        # An empty list is a good row of the file without rows in the table, so all rows of lists are copied.
        log = clean_copy(log, scratch / f"clean-{n}", rejects, first if log.lists is None else None)
    elif log.lists is not None:
        log = replace(log, lists=replace(log.lists, is_lenient=True))
    plan = replace(plan, logs=(*plan.logs[:n], log, *plan.logs[n + 1 :]))
    try:
        return plan, _run_insert(con, plan, n, first)
    except duckdb.Error as error:
        raise translated(log, error) from error


def _run_insert(con: duckdb.DuckDBPyConnection, plan: LoadPlan, n: int, first: int | None) -> int:
    relation = plan.logs[n].relation(con, plan.needed(n))
    sql = f"INSERT INTO stage.rows SELECT {plan.selection(n)} FROM {relation}{_limit(first)}"
    return int(con.execute(sql).fetchall()[0][0])


def _limit(first: int | None) -> str:
    return "" if first is None else f" LIMIT {first}"


def translated(log: LogFile, error: duckdb.Error) -> GenpasError:
    """Return the user's error for a DuckDB error on reading a file; an interrupt is raised again."""
    text = str(error)
    if lacking := machine_lacks(error):
        return lacking
    if "strptime" in text or "format specifier" in text:
        return UsageError(
            f"--time-format is not a valid strptime format ({first_line(error)})",
            tip="For example: --time-format '%d/%m/%Y %H:%M'",
        )
    said = first_line(error)
    if log.path != log.source.path:
        # The message is about a copy: neither its name nor its lines mean anything to the user.
        said = re.sub(r"(, at byte \d+)? in line \d+", "", said.replace(str(log.path), log.name))
    return DataError(
        f"{log.name}: cannot be read as {log.format}; the file is malformed, truncated or corrupt ({said})",
        tip="If the file has another format, set --format, --delimiter, --quote or --text-encoding.",
    )


def machine_lacks(error: duckdb.Error) -> MachineError | None:
    """Return the MachineError if memory or disk ran out, else None; an interrupt is raised again."""
    if isinstance(error, duckdb.InterruptException) or "nterrupted" in str(error):
        raise error
    if "No space left" in str(error) or "max_temp_directory_size" in str(error):
        return MachineError(
            f"no space left on the disk for temporary files ({first_line(error)})",
            tip="Free some disk space, or choose another disk with --temp-dir.",
        )
    # An error in a stream that feeds a statement has another class.
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in str(error):
        return MachineError(f"not enough memory to read the logs ({first_line(error)})", tip="Increase --memory-limit.")
    return None


def _widened(
    con: duckdb.DuckDBPyConnection, plan: LoadPlan, parts: list[LoadedFile], first: int | None
) -> LoadPlan | None:
    """Return the plan with wider kinds of times if more values fit them, else None."""
    times = list(plan.times)
    for n, (time, part) in enumerate(zip(plan.times, parts, strict=False)):  # parts may be the first file alone
        if time.wider is None or not _has_missing(con, part):
            continue
        fits = f"({time.sql}) IS NULL AND ({time.wider.sql}) IS NOT NULL"
        rows = f"SELECT {fits} AS fits FROM {part.log.relation(con, plan.needed(n))}{_limit(first)}"
        query = f"SELECT count(*) FROM ({rows}) WHERE fits"
        if con.execute(query).fetchall()[0][0]:
            times[n] = time.wider
    if tuple(times) == plan.times:
        return None
    kind = common_type([time.type for time in times], [log.name for log in plan.logs])
    return replace(plan, times=tuple(times), time_type=kind)


def _has_missing(con: duckdb.DuckDBPyConnection, part: LoadedFile) -> bool:
    within = f"rowid BETWEEN {part.first} AND {part.first + part.staged - 1}"
    return bool(con.execute(f"SELECT 1 FROM stage.rows WHERE time IS NULL AND {within} LIMIT 1").fetchall())


def reject_bad_values(con: duckdb.DuckDBPyConnection, loaded: Loaded, rejects: Rejects) -> None:
    """Move the rows with a missing or malformed time or rating from `stage.rows` to the rejects.

    Raises:
        DataError: there is such a row, and bad rows are errors.
    """
    plan = loaded.plan
    tests = [f"{name} IS NULL" for name, has in (("time", bool(plan.times)), ("rating", plan.has_rating)) if has]
    if not tests:
        return
    bad = " OR ".join(tests)
    if not con.execute(f"SELECT count(*) FROM stage.rows WHERE {bad}").fetchall()[0][0]:
        return
    for n, part in enumerate(loaded.parts):
        rows = _bad_rows(con, part, bad, has_time=bool(plan.times), first_only=not rejects.skip)
        for row in locate(con, part.log, rows, _reasons(plan, n)):
            rejects.add(row)
    con.execute(f"DELETE FROM stage.rows WHERE {bad}")


def _bad_rows(
    con: duckdb.DuckDBPyConnection, part: LoadedFile, bad: str, *, has_time: bool, first_only: bool
) -> Iterator[tuple[int, int]]:
    within = f"rowid BETWEEN {part.first} AND {part.first + part.staged - 1}"
    reason = "CAST(time IS NOT NULL AS INTEGER)" if has_time else "0"
    limit = "LIMIT 1" if first_only else ""
    query = f"SELECT rowid - {part.first}, {reason} FROM stage.rows WHERE ({bad}) AND {within} ORDER BY rowid {limit}"
    rows, reasons = con.execute(query).fetchnumpy().values()
    return zip(rows.tolist(), reasons.tolist(), strict=True)


def _reasons(plan: LoadPlan, n: int) -> Reasons:
    reasons: Reasons = []
    roles = plan.roles[n]
    if plan.times and roles.time is not None:
        kind, name = plan.times[n].kind, roles.time.name
        reasons.append(
            Reason(
                roles.time,
                lambda value: f"timestamp {value!r} in column {name!r} is not {_article(kind)}",
                lambda _: (
                    "If the timestamps have another format, give it with --time-format" if plan.time_format else ""
                ),
            )
        )
    if plan.has_rating and roles.rating is not None:
        column = roles.rating.name
        reasons.append(
            Reason(
                roles.rating,
                lambda value: f"rating {value!r} in column {column!r} is not a number",
                lambda value: _comma_hint(column, value, plan.min_rating),
            )
        )
    return reasons


def _comma_hint(column: str, value: str, least: float | None) -> str:
    """Return a hint with a condition that reads decimal commas if `value` has one; else an empty text."""
    if not _DECIMAL_COMMA.fullmatch(value):
        return ""
    name = column if column.isidentifier() else identifier(column).replace('"', '\\"')
    condition = f"replace({name}, ',', '.')::double >= {least:g}"
    return f'If the column uses decimal commas, replace --min-rating by: --where "{condition}"'


def _article(kind: str) -> str:
    return kind if kind.startswith(("a ", "ISO")) else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
