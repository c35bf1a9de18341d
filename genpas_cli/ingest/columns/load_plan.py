"""Plans which columns to read from each file of a log, and how, so that all files fill one table."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from genpas_cli.ingest.columns.column_tips import time_note
from genpas_cli.ingest.columns.columns import find_roles
from genpas_cli.ingest.columns.extra_columns import Extra, condition_column, kept_column, with_own_type
from genpas_cli.ingest.columns.identity import id_columns, id_sql, value_sql
from genpas_cli.ingest.columns.list_roles import check_lists
from genpas_cli.ingest.columns.missing import is_missing, parse_null_values
from genpas_cli.ingest.columns.roles import Column, ReadColumns, Roles
from genpas_cli.ingest.formats.log_file import SAMPLES, LogFile, first_values
from genpas_cli.ingest.lists.columns import settled
from genpas_cli.ingest.options import CleaningOptions, ReadingOptions
from genpas_cli.ingest.staging.rejects import interactions_again
from genpas_cli.ingest.staging.row_hash import other_values
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.times.formats import likely_formats
from genpas_cli.runtime.times.readers import (
    BIGINT,
    INTEGERS,
    TimeReader,
    common_type,
    format_reader,
    guarded,
    is_number,
    number_sql,
    text_reader,
    typed_reader,
)

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class LoadPlan:
    """How the files are read into one table."""

    logs: tuple[LogFile, ...]
    roles: tuple[Roles, ...]
    """One per file, in the order of `logs`."""
    id_types: dict[str, str]
    """`user_id` and `item_id` → BIGINT or VARCHAR."""
    times: tuple[TimeReader, ...]
    """One per file; empty without a time column."""
    time_type: str | None
    keep: tuple[Extra, ...]
    where: tuple[Extra, ...]
    min_rating: float | None
    """Minimum rating; None if no ratings are read."""
    markers: tuple[str, ...]
    """Texts that mean a missing value."""
    compared: tuple[str, ...]
    """SQL of the values hashed besides user, item and time, one per file; empty unless `--dedup exact`."""
    time_format: str | None = None
    notes: tuple[str, ...] = ()
    """Notes for the user about the choice of columns."""

    @property
    def read_columns(self) -> ReadColumns:
        """The columns of the first file."""
        first = self.roles[0]
        return {
            "user": first.user.name, "item": first.item.name, "time": None if first.time is None else first.time.name,
            "rating": None if first.rating is None or not self.has_rating else first.rating.name,
            "keep": [extra.name for extra in self.keep],
            "lists": list(dict.fromkeys(column.of_list for column in self._of_roles(0) if column.of_list is not None)),
        }  # fmt: skip

    @property
    def has_rating(self) -> bool:
        """Whether ratings are read."""
        return self.min_rating is not None

    def columns(self) -> dict[str, str]:
        """Return the columns of the table and their SQL types."""
        columns = dict(self.id_types)
        columns |= {"time": self.time_type} if self.time_type else {}
        columns |= {"rating": "DOUBLE"} if self.has_rating else {}
        columns |= {"row_hash": "UBIGINT"} if self.compared else {}
        return columns | {extra.alias: extra.type for extra in (*self.keep, *self.where)}

    def of_first_file(self) -> LoadPlan:
        """Return the plan of the first file alone; its columns have the types that hold the values of all files."""
        return replace(self, logs=self.logs[:1], roles=self.roles[:1], times=self.times[:1], compared=self.compared[:1])

    def needed(self, n: int) -> list[Column]:
        """Return the columns of file `n` that `selection` names; empty if it may name any."""
        return [] if self.compared else self._of_roles(n)

    def _of_roles(self, n: int) -> list[Column]:
        roles = self.roles[n]
        extras = (extra.columns[n] for extra in (*self.keep, *self.where))
        return [column for column in (roles.user, roles.item, roles.time, roles.rating, *extras) if column is not None]

    def definition(self) -> str:
        """Return the column definitions of the table, as in CREATE TABLE."""
        return ", ".join(f"{name} {kind}" for name, kind in self.columns().items())

    def selection(self, n: int) -> str:
        """Return the select list that reads the columns of the table from file `n`."""
        roles = self.roles[n]
        selected = [id_sql(roles.user, self.id_types["user_id"]), id_sql(roles.item, self.id_types["item_id"])]
        if self.times:
            time = self.times[n]
            selected.append(time.sql if time.type == self.time_type else f"CAST({time.sql} AS {self.time_type})")
        values = [*selected, *([self.compared[n]] if self.compared and self.compared[n] else [])]
        if self.has_rating and roles.rating is not None:
            column = roles.rating
            selected.append(number_sql(guarded(column.sql) if column.type == "VARCHAR" else column.sql))
        if self.compared:
            selected.append(f"hash({', '.join(values)})")
        selected += [value_sql(extra.columns[n], extra.type) for extra in (*self.keep, *self.where)]
        return ", ".join(selected)


def plan_load(
    con: duckdb.DuckDBPyConnection,
    logs: Sequence[LogFile],
    options: ReadingOptions,
    cleaning: CleaningOptions,
    conditions: Sequence[str],
) -> LoadPlan:
    """Plan what to read from each file.

    Args:
        con: a DuckDB connection, to read first values.
        logs: the files.
        options: the roles of columns and how to read them.
        cleaning: the cleaning, which needs further columns.
        conditions: columns that `--where` needs.

    Raises:
        DataError: a column is missing, ambiguous or of an unsuitable type, or the files do not fit together.
    """
    rating = cleaning.min_rating is not None or options.rating is not None
    markers = parse_null_values(options.null_values)
    values = [partial(values_of, con, log, markers) for log in logs]
    found = [find_roles(log.named, options, rating=rating, values=each) for log, each in zip(logs, values, strict=True)]
    for log, role, each in zip(logs, found, values, strict=True):
        check_lists(log, role, options, each)
    logs = [
        settled(log, role, [column for name in conditions if (column := log.named.find(name)) is not None])
        for log, role in zip(logs, found, strict=True)
    ]
    logs = [log.with_exact_ids((role.user, role.item)) for log, role in zip(logs, found, strict=True)]
    values = [partial(values_of, con, log, markers) for log in logs]
    # Find the columns again, because `settled` and `with_exact_ids` have replaced them.
    roles = tuple(
        find_roles(log.named, options, rating=rating, values=each) for log, each in zip(logs, values, strict=True)
    )
    is_chosen = options.time is None and not logs[0].has_fixed_columns
    note = time_note(logs[0].named, roles[0], values[0]) if is_chosen else None
    user_type, users = id_columns(con, logs, [role.user for role in roles], options.decimal_ids)
    item_type, items = id_columns(con, logs, [role.item for role in roles], options.decimal_ids)
    compared = other_values(logs, roles) if cleaning.dedup == "exact" else ()
    roles = tuple(replace(role, user=user, item=item) for role, user, item in zip(roles, users, items, strict=True))
    times = _times(con, logs, roles, options, markers)
    for log, role in zip(logs, roles, strict=True):
        _check_rating(log, role)
    keep = {role.name: n for n, role in reversed(list(enumerate(roles[0].keep)))}
    return LoadPlan(
        logs=tuple(logs),
        roles=roles,
        id_types={"user_id": user_type, "item_id": item_type},
        times=times,
        time_type=common_type([time.type for time in times], [log.name for log in logs]) if times else None,
        keep=tuple(
            with_own_type(kept_column(name, f"keep_{position}", [role.keep[n] for role in roles]), logs)
            for position, (name, n) in enumerate(sorted(keep.items(), key=lambda pair: pair[1]))
        ),
        where=tuple(condition_column(logs, name, position) for position, name in enumerate(conditions)),
        min_rating=cleaning.min_rating,
        markers=markers,
        compared=compared,
        time_format=options.time_format,
        notes=(*([note] if note else []), *_calendar_notes(roles, times)),
    )


def values_of(
    con: duckdb.DuckDBPyConnection, log: LogFile, markers: Sequence[str], column: Column
) -> Sequence[str]:  # fmt: skip
    """Return the first non-missing values of a column as text; empty if the format has no columns to choose."""
    if log.has_fixed_columns:
        return ()
    if column.is_text:
        return [value for value in column.samples if not is_missing(value, markers)]
    return () if column.is_nested else first_values(con, log, column, markers) or ()


def _calendar_notes(roles: Sequence[Roles], times: Sequence[TimeReader]) -> list[str]:
    found = {
        role.time.name: time.calendar for role, time in zip(roles, times, strict=False) if role.time and time.calendar
    }
    return [f"the integers in column {name} are read as dates in the form {written}" for name, written in found.items()]


def _times(
    con: duckdb.DuckDBPyConnection,
    logs: Sequence[LogFile],
    roles: Sequence[Roles],
    options: ReadingOptions,
    markers: Sequence[str],
) -> tuple[TimeReader, ...]:
    timed = [log.name for log, role in zip(logs, roles, strict=True) if role.time is not None]
    if not timed:
        return ()
    readers = []
    for log, role in zip(logs, roles, strict=True):
        if role.time is None:
            raise DataError(
                f"{log.name}: no timestamp column was detected, but {timed[0]} has one; {log.named.describe()}",
                tip="Name the column: --time COLUMN, or read the files separately.",
            )
        readers.append(_time(con, log, role.time, options, markers))
    known = next((reader.type for reader in readers if reader), BIGINT)
    # A file without any time value has no rows, or only bad ones: read it with the type of the other files.
    return tuple(reader or TimeReader("time", known, f"CAST(NULL AS {known})") for reader in readers)


def _time(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, options: ReadingOptions, markers: Sequence[str]
) -> TimeReader | None:
    if options.time_format is not None:
        if column.type.startswith(("TIMESTAMP", "DATE")):
            raise DataError(
                f"{log.name}: column {column.name!r} already has the type {column.type}, so --time-format does not "
                "apply",
                tip="Remove --time-format.",
            )
        _check_format(con, log, column, options.time_format, markers)
        return format_reader(column.sql, options.time_format)
    if column.type != "VARCHAR":
        reader = typed_reader(column.sql, column.type, _numbers(con, log, column))
        if reader is None:
            raise DataError(f"{log.name}: column {column.name!r} has the type {column.type}, which is not a timestamp")
        return reader
    values = [value for value in column.samples if not is_missing(value, markers)]
    values = values or _first_values(con, log, column, markers)
    reader = text_reader(column.sql, values)
    if reader is None and values:
        shown = ", ".join(repr(value) for value in values[:3])
        raise DataError(
            f"{log.name}: column {column.name!r} contains no timestamps in a known format: {shown}",
            tip=_format_tip(values),
        )
    return reader


def _check_format(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, time_format: str, markers: Sequence[str]
) -> None:  # fmt: skip
    """Raise DataError if no first value has the format, and another format fits them all."""
    if "%" not in time_format:
        raise UsageError(
            f"--time-format is {time_format!r}, which has no % codes",
            tip="Write it like '%d/%m/%Y' or '%Y-%m-%d %H:%M'.",
        )
    values = [value for value in column.samples if not is_missing(value, markers)]
    if not likely_formats(values):
        return
    query = "select count(try_strptime(value, $1)) from (select unnest($2) as value)"
    if con.execute(query, [time_format, values]).fetchall()[0][0] == 0:
        shown = ", ".join(repr(value) for value in values[:3])
        raise DataError(
            f"{log.name}: column {column.name!r} contains no timestamps like {time_format}: {shown}",
            tip=_format_tip(values),
        )


def _first_values(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, markers: Sequence[str]) -> list[str]:
    found = first_values(con, log, column, markers)
    if found is not None or column not in log.columns:
        return found or []
    # DuckDB stops at a malformed row; the other rows still tell what the column holds.
    at = log.columns.index(column)
    fields = (record.fields[at] for record in interactions_again(log) if not record.defect and at < len(record.fields))
    return list(itertools.islice((value for value in fields if not is_missing(value, markers)), SAMPLES))


def _numbers(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column) -> Sequence[str]:
    return first_values(con, log, column, ()) or () if is_number(column.type) else ()


def _format_tip(values: Sequence[str]) -> str:
    fitting = likely_formats(values)
    shown = [f"--time-format {shell_word(each)}" for each in fitting[:2] or ["%d/%m/%Y %H:%M"]]
    such_as = "" if fitting else "for example "
    return f"Give their format, {such_as}{' or '.join(shown)}, or name another column: --time COLUMN"


def _check_rating(log: LogFile, role: Roles) -> None:
    column = role.rating
    numeric = column is None or column.type in INTEGERS or column.type.startswith(("VARCHAR", "FLOAT", "DO", "DEC"))
    if column is not None and not numeric:
        raise DataError(f"{log.name}: column {column.name!r} has the type {column.type}, which is not a rating")
