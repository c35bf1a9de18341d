r"""Texts that mean a missing value: `NA`, `null`, `\N` and the like, or those of `--null-values`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from genpas_cli.runtime.sql.quoting import literal

if TYPE_CHECKING:
    import duckdb

BLANKS = " \t\r\n"
BLANKS_END = "!"
"""The first character above the blanks: a non-empty text that compares below it begins with a blank."""
_MOST_BLANKS = 8
"""Maximum blanks after a marker that are ignored. Trimming every id would take 3% of the time of `ingest`."""
_INTEGER = re.compile(r"0|-?[1-9]\d*")


def parse_null_values(listed: str) -> tuple[str, ...]:
    """Return the distinct texts of a comma-separated list, stripped of blanks."""
    return tuple(dict.fromkeys(text for part in listed.split(",") if (text := part.strip())))


def is_missing(value: str, markers: Sequence[str]) -> bool:
    """Tell whether a text is empty or means a missing value, ignoring blanks around it."""
    return not (text := value.strip(BLANKS)) or text in markers


def missing_sql(column: str, sql_type: str, markers: Sequence[str]) -> str:
    """Return an SQL condition that is true for a missing id.

    Blanks around a marker are ignored (up to eight after it); an id of blanks only is not missing.

    Args:
        column: the column of `stage.rows`.
        sql_type: BIGINT or VARCHAR.
        markers: texts that mean a missing value.
    """
    if sql_type != "VARCHAR":
        numbers = [text for text in markers if _INTEGER.fullmatch(text)]
        return " OR ".join((f"{column} IS NULL", *(f"{column} = {number}" for number in numbers)))
    trimmed = f"trim({column}, {literal(BLANKS)})"
    tests = [f"{column} IS NULL", f"{column} = ''"]
    if markers:
        tests.append(f"({column} < {literal(BLANKS_END)} AND {trimmed} IN ({_list(markers)}))")
    # Ranges come first: DuckDB compares them with the min and max of each block, and skips blocks of numeric ids.
    for texts in _groups(markers):
        low, high = literal(min(texts)), literal(max(texts) + BLANKS_END)
        tests.append(
            f"({column} >= {low} AND {column} < {high} AND strlen({column}) <= {_most(texts)} "
            f"AND ({column} IN ({_list(texts)}) OR ({column}[-1] < {literal(BLANKS_END)} "
            f"AND {trimmed} IN ({_list(texts)}))))"
        )
    return " OR ".join(tests)


def most_bytes(markers: Sequence[str]) -> dict[str, int]:
    """Return marker → maximum bytes of the marker with trailing blanks that `missing_sql` recognizes."""
    return {text: _most(texts) for texts in _groups(markers) for text in texts}


def drop_missing(
    con: duckdb.DuckDBPyConnection, id_types: Mapping[str, str], markers: Sequence[str], notes: list[str]
) -> int:
    """Delete the staged rows with a missing user or item id.

    Args:
        con: a connection with `stage.rows`.
        id_types: id column → SQL type.
        markers: texts that mean a missing value.
        notes: a note is appended for each column with such texts.

    Returns:
        The number of rows deleted.
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
            notes.append(f"{name.removesuffix('_id')} ids read as missing values: {listed}; see --null-values")
    con.execute(f"DELETE FROM stage.rows WHERE {condition}")
    return count


def shown(text: str) -> str:
    r"""Return a text in quotes for a message: `'\N'` with one backslash."""
    return repr(text).replace("\\\\", "\\")


def _groups(markers: Sequence[str]) -> list[list[str]]:
    """Return the markers in three groups of byte order: those that begin below, with and above a digit."""
    groups: dict[int, list[str]] = {}
    for text in markers:
        groups.setdefault((text >= "0") + (text >= ":"), []).append(text)
    return list(groups.values())


def _most(texts: Sequence[str]) -> int:
    return max(len(text.encode()) for text in texts) + _MOST_BLANKS


def _list(texts: Sequence[str]) -> str:
    return ", ".join(map(literal, texts))
