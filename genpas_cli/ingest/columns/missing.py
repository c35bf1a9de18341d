r"""Texts that mean a missing value: `NA`, `null`, `\N` and their like, or those of `--null-values`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from genpas_cli.runtime.quoting import literal

if TYPE_CHECKING:
    import duckdb

BLANKS = " \t\r\n"
BLANKS_END = "!"
"""The first character above the blanks: a text below it begins with one."""
_MOST_BLANKS = 8
"""Characters after a marker that are looked through for blanks. To trim every id would take 3% of `ingest`."""
_INTEGER = re.compile(r"0|-?[1-9]\d*")


def parse_null_values(listed: str) -> tuple[str, ...]:
    """Return the texts of a list that is separated by commas, without the blanks around them."""
    return tuple(dict.fromkeys(text for part in listed.split(",") if (text := part.strip())))


def is_missing(value: str, markers: Sequence[str]) -> bool:
    """Tell whether a text is empty or means a missing value; blanks around it do not matter."""
    return not (text := value.strip(BLANKS)) or text in markers


def missing_sql(column: str, sql_type: str, markers: Sequence[str]) -> str:
    """Return an SQL condition that is true where a staged id is missing.

    Blanks around a marker do not matter (of those after it, up to eight); an id of nothing but blanks is one.

    Args:
        column: the column of the stage.
        sql_type: its type, BIGINT or VARCHAR.
        markers: texts that mean a missing value.
    """
    if sql_type != "VARCHAR":
        numbers = [text for text in markers if _INTEGER.fullmatch(text)]
        return " OR ".join((f"{column} IS NULL", *(f"{column} = {number}" for number in numbers)))
    trimmed = f"trim({column}, {literal(BLANKS)})"
    tests = [f"{column} IS NULL", f"{column} = ''"]
    if markers:
        tests.append(f"({column} < {literal(BLANKS_END)} AND {trimmed} IN ({_list(markers)}))")
    # Ranges come first: DuckDB holds them against the bounds of each block, so that numbers are not even looked at.
    for texts in _groups(markers):
        low, high = literal(min(texts)), literal(max(texts) + BLANKS_END)
        tests.append(
            f"({column} >= {low} AND {column} < {high} AND strlen({column}) <= {_most(texts)} "
            f"AND ({column} IN ({_list(texts)}) OR ({column}[-1] < {literal(BLANKS_END)} "
            f"AND {trimmed} IN ({_list(texts)}))))"
        )
    return " OR ".join(tests)


def most_bytes(markers: Sequence[str]) -> dict[str, int]:
    """Return for each marker how long a text may be that is the marker with blanks after it, in bytes."""
    return {text: _most(texts) for texts in _groups(markers) for text in texts}


def drop_missing(
    con: duckdb.DuckDBPyConnection, id_types: Mapping[str, str], markers: Sequence[str], notes: list[str]
) -> int:
    """Delete the staged rows without a user or an item.

    Args:
        con: a connection with `stage.rows`.
        id_types: SQL type by column of ids.
        markers: texts that mean a missing value.
        notes: gets one for each column that has such texts.

    Returns:
        How many rows.
    """
    tests = {name: missing_sql(name, kind, markers) for name, kind in id_types.items()}
    condition = " OR ".join(f"({test})" for test in tests.values())
    count = int(con.execute(f"SELECT count(*) FROM stage.rows WHERE {condition}").fetchall()[0][0])
    if not count:
        return 0
    for name, test in tests.items():
        query = f"SELECT CAST({name} AS VARCHAR), count(*) FROM stage.rows WHERE {test} GROUP BY 1 ORDER BY 2 DESC, 1"
        found = [(text, rows) for text, rows in con.execute(query).fetchall() if text]
        if found:
            listed = ", ".join(f"{shown(text)} in {rows:,} row{'s' * (rows != 1)}" for text, rows in found[:5])
            notes.append(f"{name.removesuffix('_id')} ids that mean a missing value: {listed}; see --null-values")
    con.execute(f"DELETE FROM stage.rows WHERE {condition}")
    return count


def shown(text: str) -> str:
    r"""Return a text in quotes as a message shows it: `'\N'` with one backslash."""
    return repr(text).replace("\\\\", "\\")


def _groups(markers: Sequence[str]) -> list[list[str]]:
    """Return the markers in groups close in byte order: those that begin below, with and above a digit."""
    groups: dict[int, list[str]] = {}
    for text in markers:
        groups.setdefault((text >= "0") + (text >= ":"), []).append(text)
    return list(groups.values())


def _most(texts: Sequence[str]) -> int:
    return max(len(text.encode()) for text in texts) + _MOST_BLANKS


def _list(texts: Sequence[str]) -> str:
    return ", ".join(map(literal, texts))
