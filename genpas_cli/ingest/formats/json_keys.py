"""Finds the keys of the objects of a JSON log: from the first lines, or from all lines if later keys may matter."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from genpas_cli.ingest.columns.aliases import ROLES, matches
from genpas_cli.ingest.files.source_files import compression_of
from genpas_cli.ingest.formats.json_values import FIRST_LINES
from genpas_cli.ingest.formats.records import read_lines, unpaired_surrogate
from genpas_cli.ingest.options import CleaningOptions, ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.text.shell import shell_word


class Keys(NamedTuple):
    """The keys of the objects of a file."""

    values: dict[str, list[Any]]
    """Key → its first non-null values; the keys are in the order of their first occurrence."""
    is_twice: bool
    """Whether some object has a key twice."""

    @property
    def differ_in_case_only(self) -> bool:
        """Whether two keys are equal except for case."""
        return len({key.lower() for key in self.values}) < len(self.values)


def first_keys(name: str, lines: Sequence[str]) -> Keys:
    """Return the keys of the first `FIRST_LINES` lines of JSON Lines.

    Raises:
        DataError: no line is a JSON object with a key.
    """
    values: dict[str, list[Any]] = {}
    for line in lines[:FIRST_LINES]:
        for key, value in _object(line).items():
            values.setdefault(key, []).extend([] if value is None else [value])
    if not values:
        raise _no_object(name, lines)
    return Keys(values, is_twice=False)


def suffice(keys: Sequence[str], options: ReadingOptions) -> bool:
    """Tell whether later keys cannot matter: every needed column is named and found, or has the best known name.

    Looking for further keys would take a third of the time of `ingest`.
    """
    cleaning = options if isinstance(options, CleaningOptions) else CleaningOptions()
    roles = ("user", "item", "time", *(("rating",) if cleaning.min_rating is not None else ()))
    asked = {role: getattr(options, role) for role in roles}
    named = {*(name for name in asked.values() if name is not None), *options.keep}
    return (
        cleaning.where is None
        and named <= set(keys)
        and all(asked[role] is not None or matches(keys, ROLES[role][:1]) for role in roles)
    )


def all_keys(con: duckdb.DuckDBPyConnection, path: Path, compression: str, first: Keys, *, skip: bool) -> Keys:
    """Return the keys of all lines of JSON Lines.

    Args:
        con: a DuckDB connection.
        path: the file.
        compression: the file's compression as an SQL literal.
        first: the keys of the first lines.
        skip: whether malformed rows are skipped.
    """
    values = dict(first.values)
    shapes = _shapes(con, path, compression, skip=skip)
    for key in itertools.chain.from_iterable(sorted(shapes)):
        values.setdefault(key, [])
    return Keys(values, any(len(set(shape)) < len(shape) for shape in shapes))


def _shapes(con: duckdb.DuckDBPyConnection, path: Path, compression: str, *, skip: bool) -> set[tuple[str, ...]]:
    """Return the distinct lists of keys of the objects; a key that an object has twice is twice in its list."""
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) ELSE [] END"
    relation = f"read_ndjson_objects({literal(str(path))}, compression = {compression})"
    try:
        return {tuple(shape) for (shape,) in con.execute(f"SELECT DISTINCT {keys} FROM {relation}").fetchall()}
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        if not skip:
            return set()  # loading meets the same error and reports its line
    return {tuple(_object(line)) for line in read_lines(path, compression_of(path))}


def _object(line: str) -> dict[str, Any]:
    """Return the object of a line; empty for a malformed one, which has no columns."""
    if unpaired_surrogate(line) is not None:
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _no_object(name: str, lines: Sequence[str]) -> DataError:
    first = next(line for line in lines if line.strip())
    tip = None
    if first.strip() == "{":
        tip = f"If the records are in an array inside this object: jq -c '.NAME[]' {shell_word(name)} > log.jsonl"
    return DataError(f"{name}, line 1: not a JSON object: {first[:80]!r}", tip=tip)


def json_field(key: str, operator: str = "->>") -> str:
    """Return SQL for the value of a key of the column `json`, as text, or as JSON with the operator `->`."""
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    # A line that is not an object would give NULLs and pass for a row with a missing user.
    value = f"json {operator} {literal(pointer)}"
    return f"CASE WHEN json_type(json) = 'OBJECT' THEN {value} ELSE error('not an object') END"
