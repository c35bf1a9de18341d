"""Keeps times exact that a double cannot hold: as integers if all are whole, else with a note that some lose digits.

Times are read as DOUBLE if a value has a fraction or another file has doubles. Then nanoseconds since 1970 that are
exact in the log could become equal, and the order of the interactions would change.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from genpas_cli.ingest.columns.load_plan import LoadPlan, values_of
from genpas_cli.runtime.times.readers import BIGINT, DOUBLE, TimeReader, lost_digits, whole_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from genpas_cli.ingest.columns.roles import Column
    from genpas_cli.ingest.staging.loaded import LoadedFile

_DIGITS, _EXACT_BELOW = 15, 2**53
"""A double holds any number of that many digits, and any integer below that bound, exactly."""
_DECIMAL = re.compile(r"DECIMAL\((\d+),")


def with_exact_times(
    con: duckdb.DuckDBPyConnection, plan: LoadPlan, parts: Sequence[LoadedFile], limit: str
) -> LoadPlan:
    """Return the plan by which the times stay exact, if they can: as integers; else the plan, with a note.

    The files are read again only if their first values have many digits or a time is large.

    Args:
        con: a connection with `stage.rows`.
        plan: the plan by which the files were loaded.
        parts: the files.
        limit: SQL that limits the rows of a file; empty for all.
    """
    if plan.time_type != DOUBLE:
        return plan
    largest = con.execute("SELECT max(abs(time)) FROM stage.rows").fetchall()[0][0] or 0
    timed = [(n, part, _column(plan, n)) for n, part in enumerate(parts)]
    if not any(largest >= _EXACT_BELOW or _has_long(con, plan, part, column) for _, part, column in timed):
        return plan
    losing = ((n, part, column) for n, part, column in timed if column.type not in ("FLOAT", "DOUBLE"))
    found = ((part, column, _first_lost(con, plan, n, part, limit)) for n, part, column in losing)
    lost = next((each for each in found if each[2] is not None), None)
    if lost is None:
        return plan
    if all(_are_whole(con, plan, n, part, limit) for n, part, _ in timed):
        times = list(plan.times)
        for n, _, column in timed:
            times[n] = TimeReader("integer", BIGINT, whole_sql(column.sql, column.type))
        return replace(plan, times=tuple(times), time_type=BIGINT)
    part, column, example = lost
    note = (
        f"{part.log.name}: timestamps in column {column.name} have more digits than a floating-point number holds, "
        f"such as {example}, so different timestamps may have become equal; to keep all digits, write them as integers "
        "or in the form of ISO 8601"
    )
    return replace(plan, notes=(*plan.notes, note))


def _first_lost(
    con: duckdb.DuckDBPyConnection, plan: LoadPlan, n: int, part: LoadedFile, limit: str
) -> str | None:  # fmt: skip
    """Return a time of a file that loses digits as a double; None if there is none."""
    rows = (
        f"SELECT CAST({_column(plan, n).sql} AS VARCHAR) AS value FROM {part.log.relation(con, plan.needed(n))}{limit}"
    )
    found = con.execute(f"SELECT trim(value) FROM ({rows}) WHERE {lost_digits('value')} LIMIT 1").fetchall()
    return found[0][0] if found else None


def _are_whole(con: duckdb.DuckDBPyConnection, plan: LoadPlan, n: int, part: LoadedFile, limit: str) -> bool:
    """Tell whether every time of a file is a whole number that BIGINT holds."""
    column = _column(plan, n)
    is_other = f"({plan.times[n].sql}) IS NOT NULL AND ({whole_sql(column.sql, column.type)}) IS NULL"
    rows = f"SELECT {is_other} AS is_other FROM {part.log.relation(con, plan.needed(n))}{limit}"
    return not con.execute(f"SELECT 1 FROM ({rows}) WHERE is_other LIMIT 1").fetchall()


def _column(plan: LoadPlan, n: int) -> Column:
    column = plan.roles[n].time
    assert column is not None, "there are times, and so in every file"
    return column


def _has_long(con: duckdb.DuckDBPyConnection, plan: LoadPlan, part: LoadedFile, column: Column) -> bool:
    """Tell whether values of a column may have more digits than a double holds, by its type or its first values."""
    if column.type != "VARCHAR":
        width = _DECIMAL.match(column.type)
        return width is not None and int(width[1]) > _DIGITS
    return any(_digits(value) > _DIGITS for value in values_of(con, part.log, plan.markers, column))


def _digits(text: str) -> int:
    """Return the number of digits of a number as text, without zeros that do not count."""
    digits = re.sub("[eE].*", "", text)
    digits = digits.rstrip("0") if "." in digits else digits
    return len(re.sub(r"\D", "", digits).lstrip("0"))
