"""Texts that mean a missing value: `NA`, `null`, `\\N` and their like, or those of `--null-values`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from genpas_cli.logs.quoting import literal

_BLANKS = " \t\r\n"
_ABOVE_BLANKS = "!"
"""The first character above the blanks: a text below it begins with one."""
_MOST_BLANKS = 8
"""Characters after a marker that are looked through for blanks. To trim every id would take 3% of `ingest`."""
_INTEGER = re.compile(r"0|-?[1-9]\d*")


def parse_null_values(listed: str) -> tuple[str, ...]:
    """Return the texts of a list that is separated by commas, without the blanks around them."""
    return tuple(dict.fromkeys(text for part in listed.split(",") if (text := part.strip())))


def is_missing(value: str, markers: Sequence[str]) -> bool:
    """Tell whether a text is empty or means a missing value; blanks around it do not matter."""
    return not (text := value.strip(_BLANKS)) or text in markers


def missing_sql(column: str, sql_type: str, markers: Sequence[str]) -> str:
    """Return an SQL condition that is true where a staged id is missing.

    Blanks around a marker do not matter; of those after it, the first eight are looked at.

    Args:
        column: the column of the stage.
        sql_type: its type, BIGINT or VARCHAR.
        markers: texts that mean a missing value.
    """
    if sql_type != "VARCHAR":
        numbers = [text for text in markers if _INTEGER.fullmatch(text)]
        return " OR ".join((f"{column} IS NULL", *(f"{column} = {number}" for number in numbers)))
    trimmed = f"trim({column}, {literal(_BLANKS)})"
    tests = [f"{column} IS NULL", f"{column} = ''"]
    tests.append(f"({column} < {literal(_ABOVE_BLANKS)} AND {trimmed} IN ({_list(['', *markers])}))")
    # Ranges come first: DuckDB holds them against the bounds of each block, so that numbers are not even looked at.
    for texts in _groups(markers):
        low, high = literal(min(texts)), literal(max(texts) + _ABOVE_BLANKS)
        longest = max(len(text.encode()) for text in texts)
        tests.append(
            f"({column} >= {low} AND {column} < {high} AND strlen({column}) <= {longest + _MOST_BLANKS} "
            f"AND ({column} IN ({_list(texts)}) OR ({column}[-1] < {literal(_ABOVE_BLANKS)} "
            f"AND {trimmed} IN ({_list(texts)}))))"
        )
    return " OR ".join(tests)


def _groups(markers: Sequence[str]) -> list[list[str]]:
    """Return the markers in groups that lie close in byte order: below, among and above those that begin with a digit."""
    groups: dict[int, list[str]] = {}
    for text in markers:
        groups.setdefault((text >= "0") + (text >= ":"), []).append(text)
    return list(groups.values())


def _list(texts: Sequence[str]) -> str:
    return ", ".join(map(literal, texts))
