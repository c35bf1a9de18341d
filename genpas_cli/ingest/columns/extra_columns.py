"""Columns staged besides user, item and time: those of `--keep` and `--where`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.log_file import LogFile
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.times.readers import INTEGERS

_KEPT_TYPE = re.compile(
    r"UBIGINT|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN|VARCHAR|BLOB|DATE|TIME(_NS)?|TIMESTAMP(_MS|_NS| .*|TZ.*)?"
)
"""Types other than integers that pairs carry unchanged."""

_KEPT_AS_ANOTHER = re.compile(r"UUID|ENUM.*|JSON|\"?NULL\"?|TIMESTAMP_S")
"""Types that become text, and TIMESTAMP_S, which Parquet lacks and which becomes TIMESTAMP."""


@dataclass(frozen=True)
class Extra:
    """A column staged besides user, item and time."""

    name: str
    """Name in the first file, or as `--where` writes it."""
    alias: str
    """Name in `stage.rows`."""
    type: str
    """SQL type in `stage.rows`."""
    is_text: bool
    """Whether the values are text whose type is determined after all have been read."""
    columns: tuple[Column, ...]
    """The column in each file."""


def kept_column(name: str, alias: str, columns: Sequence[Column]) -> Extra:
    """Return the extra column, staged with a type that holds the values of all files."""
    if any(column.is_text for column in columns):
        return Extra(name, alias, "VARCHAR", is_text=True, columns=tuple(columns))
    return Extra(name, alias, _common({plain_type(c.type) for c in columns}), is_text=False, columns=tuple(columns))


def with_own_type(extra: Extra, logs: Sequence[LogFile]) -> Extra:
    """Return a kept column with its type in the log, if all files agree on it.

    Raises:
        DataError: pairs cannot carry the type of a file's column.
    """
    for log, column in zip(logs, extra.columns, strict=True):
        if not (column.is_text or column.type in INTEGERS or _KEPT_TYPE.fullmatch(column.type)
                or _KEPT_AS_ANOTHER.fullmatch(column.type)):  # fmt: skip
            raise DataError(
                f"{log.name}: column {column.name!r} is of type {column.type}, which cannot be kept (--keep)",
                tip="A kept column must contain one number, text, time, boolean or byte string per interaction.",
            )
    types = {column.type for column in extra.columns}
    own = len(types) == 1 and not _KEPT_AS_ANOTHER.fullmatch(next(iter(types)))
    return replace(extra, type=types.pop()) if own else extra


def condition_column(logs: Sequence[LogFile], name: str, position: int) -> Extra:
    """Return the extra column for a column that `--where` refers to.

    Raises:
        DataError: a file lacks the column.
    """
    columns = []
    for log in logs:
        column = log.named.find(name)
        if column is None:
            raise DataError(f"{log.name}: no column {name!r} (--where); {log.named.describe()}")
        columns.append(column)
    extra = kept_column(name, f"where_{position}", columns)
    types = {column.type for column in columns}
    # A condition sees lists and dates with their own type, unless files differ and need a common type.
    return extra if extra.is_text or len(types) > 1 else replace(extra, type=types.pop())


def plain_type(kind: str) -> str:
    """Return the widest type of a type's kind: BIGINT, DOUBLE, TIMESTAMP, BOOLEAN, or VARCHAR for all others."""
    if kind in INTEGERS:
        return "BIGINT"
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        return "DOUBLE"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return "TIMESTAMP"
    return "BOOLEAN" if kind == "BOOLEAN" else "VARCHAR"


def _common(types: set[str]) -> str:
    if len(types) == 1:
        return next(iter(types))
    return "DOUBLE" if types == {"BIGINT", "DOUBLE"} else "VARCHAR"
