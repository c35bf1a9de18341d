"""Texts that pandas, with which many trainers read CSV, does not read back as they were written."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.runtime.errors import DataError

MISSING = pa.array(
    ["#N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN",
     "None", "n/a", "nan", "null"]
)  # fmt: skip
"""Texts that pandas reads as a missing value by default."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_INTEGER = r"^(0|-?[1-9]\d{0,17})$"
"""Integers whose text pandas gives back, if all texts of the column are such integers."""


def refuse_lost(texts: pa.Array, reader: str) -> None:
    """Raise DataError if pandas would read a text as a missing value, or change a number.

    A column in which all texts are numbers becomes one of numbers, so that 007 is read as 7.

    Args:
        texts: of the items.
        reader: name of the trainer that reads with pandas.
    """
    lost = texts.filter(pc.is_in(texts, MISSING))
    if len(lost):
        raise DataError(
            f"{len(lost):,} titles are texts such as {lost[0].as_py()!r}, which {reader} would read as missing values",
            tip="Change these titles in the file of item information.",
        )
    if pc.all(pc.match_substring_regex(texts, _NUMBER)).as_py():
        changed = texts.filter(pc.invert(pc.match_substring_regex(texts, _INTEGER)))
        if len(changed):
            raise DataError(
                f"all titles are numbers, such as {changed[0].as_py()!r}, which {reader} would read as a number and "
                "not as text",
                tip="Change these titles in the file of item information.",
            )
