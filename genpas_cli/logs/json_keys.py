"""Which keys the objects of a JSON log have: those of all lines, since one that comes late must not be lost."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from genpas_cli.errors import DataError
from genpas_cli.logs.integrity import unreadable
from genpas_cli.logs.json_values import as_lines
from genpas_cli.logs.quoting import literal
from genpas_cli.logs.records import read_lines
from genpas_cli.logs.sources import Compression, SourceFile, compression_of

_SAMPLES = 1000


class Keys(NamedTuple):
    """The keys of the objects of a file."""

    values: dict[str, list[Any]]
    """Their first values that are not null; the keys are in the order in which they come."""
    is_twice: bool
    """Whether a key stands twice in one object."""


def converted(source: SourceFile, compression: Compression, lines: Path) -> tuple[str, ...]:
    """Write JSON that is not one object a line as JSON Lines, and return the first of them.

    Raises:
        DataError: the file is damaged, an array is not closed or empty.
    """
    try:
        as_lines(source, compression, lines)
    except OSError as error:
        raise unreadable(source.path, source.name, error) from error
    with lines.open(encoding="utf-8") as stream:
        first = tuple(line.rstrip("\n") for line in itertools.islice(stream, _SAMPLES))
    if not first:
        raise DataError(f"{source.name}: no rows, only an empty JSON array")
    return first


def find_keys(  # the last one by keyword
    con: duckdb.DuckDBPyConnection, path: Path, compression: str, name: str, first: Sequence[str], *, skip: bool
) -> Keys:  # fmt: skip
    """Return the keys of JSON Lines.

    Args:
        con: a connection.
        path: the file.
        compression: of it, as a literal of SQL.
        name: what errors call it.
        first: its first lines.
        skip: whether malformed rows are skipped.

    Raises:
        DataError: no line of the first ones is a JSON object.
    """
    values: dict[str, list[Any]] = {}
    for line in first[:_SAMPLES]:
        for key, value in _object(line).items():
            values.setdefault(key, []).extend([] if value is None else [value])
    if not values:
        raise _no_object(name, first)
    shapes = _shapes(con, path, compression, skip=skip)
    for key in itertools.chain.from_iterable(sorted(shapes)):
        values.setdefault(key, [])
    return Keys(values, any(len(set(shape)) < len(shape) for shape in shapes))


def _shapes(con: duckdb.DuckDBPyConnection, path: Path, compression: str, *, skip: bool) -> set[tuple[str, ...]]:
    """Return the lists of keys that objects have; a key that stands twice in one stands twice in its list."""
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) ELSE [] END"
    relation = f"read_ndjson_objects({literal(str(path))}, compression = {compression})"
    try:
        return {tuple(shape) for (shape,) in con.execute(f"SELECT DISTINCT {keys} FROM {relation}").fetchall()}
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        if not skip:
            return set()  # loading meets the same error, and says where
    return {tuple(_object(line)) for line in read_lines(path, compression_of(path))}


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _no_object(name: str, lines: Sequence[str]) -> DataError:
    first = next(line for line in lines if line.strip())
    tip = None
    if first.strip() == "{":
        tip = f"If its records are in an array of that object: jq -c '.NAME[]' {shlex.quote(name)} > log.jsonl"
    return DataError(f"{name}, line 1: not a JSON object: {first[:80]!r}", tip=tip)


def json_field(key: str, operator: str = "->>") -> str:
    """Return SQL that takes the value of a key from an object, as a text, or with `->` as JSON."""
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    # A line that is no object would give NULLs, and pass for a row without a user.
    value = f"json {operator} {literal(pointer)}"
    return f"CASE WHEN json_type(json) = 'OBJECT' THEN {value} ELSE error('not an object') END"
