"""The values of a row that `--dedup exact` hashes, independent of the order of columns and of formatting.

User, item and time are hashed as they are read; this module covers all other columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.times.readers import INTEGERS

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import Column, Roles
    from genpas_cli.ingest.formats.log_file import LogFile

_DEPTH = 4
"""Levels of nested JSON in which the order of keys is ignored."""

_WHOLE = "'[+-]?[0-9]+[.]0+'"


def other_values(logs: Sequence[LogFile], roles: Sequence[Roles]) -> tuple[str, ...]:
    """Return for each file the SQL of the values hashed besides user, item and time, comparable between files.

    A column that a file lacks counts as missing values.

    Args:
        logs: the files.
        roles: the roles of each file's columns.
    """
    others = [
        [c for c in log.columns if c not in (role.user, role.item, role.time) and c.key is None]
        for log, role in zip(logs, roles, strict=True)
    ]
    if any(log.whole_json for log in logs):
        return tuple(
            _of_json(log, role) if log.whole_json else _named_values(columns)
            for log, role, columns in zip(logs, roles, others, strict=True)
        )
    names = sorted({column.name.lower() for columns in others for column in columns})
    found = [{column.name.lower(): column for column in columns} for columns in others]
    types = {name: _common_type([columns[name] for columns in found if name in columns]) for name in names}
    return tuple(", ".join(_value(columns.get(name), types[name]) for name in names) for columns in found)


def _common_type(columns: Sequence[Column]) -> str:
    types = {column.type for column in columns}
    if len(types) == 1:
        return types.pop()
    if types <= INTEGERS:
        return "BIGINT"
    return "DOUBLE" if types <= {*INTEGERS, "FLOAT", "DOUBLE"} else "VARCHAR"


def _value(column: Column | None, kind: str) -> str:
    if column is None:
        return "NULL"
    value = column.sql if column.type == kind else f"CAST({column.sql} AS {kind})"
    return _plain(value) if kind == "VARCHAR" else value


def _plain(text: str) -> str:
    """Return SQL that removes a zero fraction from a number as text: pandas writes 5 as 5.0 if values are missing."""
    whole = f"contains({text}, '.') AND regexp_full_match({text}, {_WHOLE})"
    return f"CASE WHEN {whole} THEN split_part({text}, '.', 1) ELSE {text} END"


def _named_values(columns: Sequence[Column]) -> str:
    values = (f"{literal(column.name + '=')} || {_value(column, 'VARCHAR')}" for column in columns)
    return f"list_sort(list_filter(CAST([{', '.join(values)}] AS VARCHAR[]), lambda x: x IS NOT NULL))"


def _of_json(log: LogFile, roles: Roles) -> str:
    named = [column.name for column in (roles.user, roles.item, roles.time) if column is not None]
    elements = [column for column in log.columns if column.of_list is not None and column.key is None]
    of_elements = [f"{literal(c.name + '=')} || {_element(c)}" for c in elements if c.name not in named]
    named += [column.name for column in elements]
    keys = f"list_filter(json_keys(json), lambda k: k NOT IN ({', '.join(map(literal, named))}))"
    value = _canonical(_member("json", "k"), _DEPTH)
    values = f"list_transform({keys}, lambda k: k || '=' || {value})"
    if of_elements:
        values = f"list_concat({values}, [{', '.join(of_elements)}])"
    return f"list_sort(list_filter({values}, lambda x: x IS NOT NULL))"


def _element(column: Column) -> str:
    return _plain(column.sql) if column.json is None else _canonical(column.json, _DEPTH)


def _member(value: str, key: str) -> str:
    return f"json_extract({value}, '/' || replace(replace({key}, '~', '~0'), '/', '~1'))"


def _canonical(value: str, depth: int) -> str:
    """Return SQL that writes JSON as text with sorted keys and no blanks; NULL for null."""
    # Nested lambdas need distinct parameter names.
    key, each = f"k{depth}", f"e{depth}"
    number = f"WHEN 'DOUBLE' THEN {_plain(_number(value))}"
    scalar = f"CASE json_type({value}) WHEN 'NULL' THEN NULL {number} ELSE {value} ->> '$' END"
    if depth == 0:
        return scalar
    keys = f"list_sort(json_keys({value}))"
    members = f"list_transform({keys}, lambda {key}: {key} || '=' || {_canonical(_member(value, key), depth - 1)})"
    elements = f"list_transform(json_extract({value}, '$[*]'), lambda {each}: {_canonical(each, depth - 1)})"
    return (
        f"CASE json_type({value}) WHEN 'OBJECT' THEN CAST({members} AS VARCHAR) "
        f"WHEN 'ARRAY' THEN CAST({elements} AS VARCHAR) ELSE {scalar} END"
    )


def _number(value: str) -> str:
    return f"CAST(CAST({value} ->> '$' AS DOUBLE) AS VARCHAR)"
