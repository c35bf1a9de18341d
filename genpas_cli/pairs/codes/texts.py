"""Codes as other tools write them in texts: `<a_3><b_17>`, `<0_3><1_17>`, `3 17`."""

from __future__ import annotations

import re
from string import ascii_lowercase
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.runtime.errors import DataError

_NUMBER, _SIGNED = re.compile(r"[0-9]+"), re.compile(r"-?[0-9]+")
_LAST_WORD = re.compile(r"([A-Za-z]+)[^A-Za-z]*$")
_WITH_LEVEL = re.compile(r"[^#]*#_#([^#_]+#_#)*[^#]*")
"""Form of a text that writes the number of the level before each code, `_` between them; `#` is a number."""
_BARE_PAIR = "#_#"
"""Form of a text of two codes without a name: it has no level's number."""


class LevelNames:
    """The names of the levels in the texts of one file: the same for all items, and in the order of the levels.

    Args:
        path: the file, for messages.
    """

    def __init__(self, path: object) -> None:
        self._path, self._seen, self._first = path, set[tuple[str, ...]](), tuple[str, ...]()

    @property
    def found(self) -> tuple[str, ...]:
        """The name of each level; empty if no text has a name."""
        return self._first

    def add(self, names: tuple[str, ...]) -> None:
        """Compare the names of the levels of an item with those of the items before it.

        Args:
            names: the name of each level, empty if a code has none.

        Raises:
            DataError: letters are in another order than a, b, c, ..., or another item has other names.
        """
        if names in self._seen or not any(names):
            return
        self._seen.add(names)
        self._first = self._first or names
        if names != self._first:
            raise DataError(
                f"{self._path}: the levels of one item are named {_shown(self._first)}, those of another "
                f"{_shown(names)}",
                tip="Write the codes of all items in the same order of levels.",
            )
        if all(len(name) == 1 for name in names) and len(set(names)) == len(names) and list(names) != sorted(names):
            raise DataError(
                f"{self._path}: the levels of an item are named {_shown(names)}, which is not their order",
                tip="Write the code of the first level first.",
            )

    def refuse_levels(self, numbers: list[int]) -> NoReturn:
        """Raise DataError for an item whose texts have other numbers of levels than 0, 1, 2, ... or 1, 2, 3, ..."""
        raise DataError(
            f"{self._path}: the levels of an item are numbered {', '.join(map(str, numbers))}, which is not "
            "their order",
            tip="Number the levels 0, 1, 2, ... in front of the codes, as in <0_3><1_17>.",
        )


def _shown(names: tuple[str, ...]) -> str:
    return ", ".join(name or "(no name)" for name in names)


def code_of(code: object, level: int) -> tuple[int, str]:
    """Return a code in a list, and the name of its level.

    Args:
        code: a number, or a text such as `3`, `<a_3>`, or `<0_3>` at level 0.
        level: the level, from 0.

    Raises:
        ValueError, TypeError: it is none of these.
    """
    if isinstance(code, int) and not isinstance(code, bool):
        return code, ""
    if not isinstance(code, str):
        raise TypeError(code)
    if _SIGNED.fullmatch(code):
        return int(code), ""
    *before, number = map(int, _NUMBER.findall(code))
    if before and (before != [level] or code.count("<") > 1):
        raise ValueError(code)
    return number, "" if before else name_before(code[: code.rindex(str(number))])


def level_name(level: int) -> str:
    """Return the name that genpas gives a level, counted from 0: a to z, then aa, bb, ..."""
    return ascii_lowercase[level % 26] * (level // 26 + 1)


def name_before(before: str) -> str:
    """Return the name of a level in the text before its code, its last word; empty if there is none."""
    found = _LAST_WORD.search(before)
    return "" if found is None else found[1]


def codes_of_texts(texts: pa.Array, names: LevelNames) -> pa.Array:
    """Return the codes of texts as lists of integers, (rows,); the numbers of levels are left out.

    Raises:
        DataError: the levels of items have different names, or are in another order.
        pyarrow.ArrowException: a text has no codes.
    """
    forms = pc.unique(pc.replace_substring_regex(texts, "[0-9]+", "#").drop_null()).to_pylist()
    has_levels = [form != _BARE_PAIR and _WITH_LEVEL.fullmatch(form) is not None for form in forms]
    # A minus that begins a number stays, so that -1 is not read as 1: it is no code.
    signed = pc.replace_substring_regex(texts, r"(^|[\s,\[(])-([0-9])", "\\1\0\\2")
    apart = pc.replace_substring_regex(signed, "[^0-9\\x00]+", " ")
    numbers = pc.utf8_trim_whitespace(pc.replace_substring(apart, "\0", "-"))
    lists = pc.split_pattern(numbers, " ").cast(pa.list_(pa.int64()))
    if any(has_levels) and all(has_levels) and not texts.null_count:
        return _without_levels(lists, names)
    for form in forms:
        names.add(tuple(map(name_before, form.split("#")[:-1])))
    return lists


def _without_levels(lists: pa.Array, names: LevelNames) -> pa.Array:
    """Return lists without the numbers of the levels, which come before the codes."""
    values: NDArray[Any] = pc.list_flatten(lists).to_numpy()
    lengths = pc.list_value_length(lists).to_numpy() // 2
    levels = values[::2]
    begin = np.concatenate(([0], np.cumsum(lengths)))
    place = np.arange(len(levels)) - np.repeat(begin[:-1], lengths)
    # The first level is 0 or 1.
    if len(levels) and not np.array_equal(levels, place + min(int(levels[0]), 1)):
        row = int(np.searchsorted(begin, np.flatnonzero(levels != place + min(int(levels[0]), 1))[0], "right")) - 1
        names.refuse_levels(levels[begin[row] : begin[row + 1]].tolist())
    return pa.ListArray.from_arrays(pa.array(begin, pa.int32()), pa.array(values[1::2]))
