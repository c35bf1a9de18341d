"""The forms in which a column holds lists: Arrow lists, JSON text, text as Python or NumPy print it, delimited text."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genpas_cli.ingest.columns.missing import BLANKS, is_missing
from genpas_cli.ingest.formats.records import unpaired_surrogate
from genpas_cli.runtime.sql.quoting import literal

NOT_A_LIST = "not a list"

_WORD = r"""'[^'\\]*'|"[^"\\]*"|[^\s,'"\[\](){}]+"""
_PRINTED = rf"\s*\[\s*(?:(?:{_WORD})(?:(?:\s*,\s*|\s+)(?:{_WORD}))*\s*,?\s*)?\]\s*"
_ROWS, _MOST = 100, 0.5
"""Maximum number of first texts that are examined to find the form of lists, and the share that must be lists."""
_ABBREVIATED = " ... "
"""How NumPy writes the elements of a long list that it leaves out."""


class ListForm(ABC):
    """A form in which the values of a column hold lists."""

    is_text = True
    """Whether the lists are written in texts."""

    @abstractmethod
    def lists(self, value: str, *, lenient: bool = False) -> str:
        """Return SQL for the list in a value: NULL for a missing one.

        Args:
            value: SQL of the value.
            lenient: whether a value that is no list is NULL too, instead of a DuckDB error.
        """

    @abstractmethod
    def is_list(self, value: str) -> str:
        """Return SQL that is true for a value that is missing or a list."""

    @abstractmethod
    def is_empty(self, value: str) -> str:
        """Return SQL that is true for a value that is missing or an empty list."""


@dataclass(frozen=True)
class Typed(ListForm):
    """Lists of a typed format."""

    is_text = False

    def lists(self, value: str, *, lenient: bool = False) -> str:  # noqa: ARG002  # every value is a list
        """Return the value."""
        return value

    def is_list(self, value: str) -> str:  # noqa: ARG002  # every value is a list
        """Return true."""
        return "true"

    def is_empty(self, value: str) -> str:
        """Return SQL that is true for an empty list or NULL."""
        return f"coalesce(len({value}), 0) = 0"


@dataclass(frozen=True)
class TextLists(ListForm):
    """Lists in texts."""

    markers: tuple[str, ...]
    """Texts that mean a missing value."""

    def present(self, value: str) -> str:
        """Return SQL for a text, NULL if it means a missing value."""
        # Not IN: a join, as a filter, puts the rows of small batches together again (see `rows.fed`).
        missing = f"[ \\t\\r\\n]*({'|'.join(map(re.escape, self.markers))})?[ \\t\\r\\n]*"
        return f"CASE WHEN NOT regexp_full_match({value}, {literal(missing)}) THEN {value} END"

    def is_list(self, value: str) -> str:
        """Return SQL that is true for a text that is missing or a list."""
        return f"({self.present(value)} IS NULL OR {self.lists(value, lenient=True)} IS NOT NULL)"

    def is_empty(self, value: str) -> str:
        """Return SQL that is true for a text that is missing, or brackets around nothing."""
        return f"({self.present(value)} IS NULL OR regexp_full_match({value}, '\\s*\\[\\s*\\]\\s*'))"

    def parsed(self, text: str) -> list[Any]:
        """Return the elements of the list in a text, by the rules of `lists`; empty for a missing one.

        Raises:
            ValueError: the text is no list.
        """
        return [] if is_missing(text, self.markers) else self.elements(text)

    @abstractmethod
    def elements(self, text: str) -> list[Any]:
        """Return the elements of the list in a text that is not missing; ValueError for a text that is no list."""


class JsonLists(TextLists):
    """Lists written as JSON arrays; the elements stay JSON."""

    def lists(self, value: str, *, lenient: bool = False) -> str:
        """Return SQL for the list; see `ListForm.lists`."""
        return f"{'TRY_CAST' if lenient else 'CAST'}({self.present(value)} AS JSON[])"

    def elements(self, text: str) -> list[Any]:
        """Return the elements; see `TextLists.elements`."""
        try:
            found = json.loads(text)
        except RecursionError as error:
            raise ValueError(NOT_A_LIST) from error
        if not isinstance(found, list) or unpaired_surrogate(text) is not None:
            raise ValueError(NOT_A_LIST)
        return found


class PrintedLists(TextLists):
    """Lists as Python or NumPy print them: `['a', 'b']` or `['a' 'b']`."""

    def lists(self, value: str, *, lenient: bool = False) -> str:
        """Return SQL for the list; see `ListForm.lists`."""
        text = self.present(value)
        is_list = f"regexp_full_match({text}, {literal(_PRINTED)}) AND NOT contains({text}, {literal(_ABBREVIATED)})"
        other = "" if lenient else f" WHEN {text} IS NOT NULL THEN error({literal(NOT_A_LIST)})"
        return f"CASE WHEN {is_list} THEN regexp_extract_all({text}, {literal(_WORD)}){other} END"

    def elements(self, text: str) -> list[Any]:
        """Return the elements; see `TextLists.elements`."""
        if re.fullmatch(_PRINTED, text) is None or _ABBREVIATED in text:
            raise ValueError(NOT_A_LIST)
        return [word[1:-1] if word[0] in "'\"" else word for word in re.findall(_WORD, text)]


@dataclass(frozen=True)
class DelimitedLists(TextLists):
    """Lists written as elements with a delimiter between them; blanks around an element do not count."""

    delimiter: str

    def lists(self, value: str, *, lenient: bool = False) -> str:  # noqa: ARG002  # any text is a list
        """Return SQL for the list; see `ListForm.lists`."""
        text = self.present(value)
        if self.delimiter == " ":
            return f"regexp_split_to_array(trim({text}, {literal(BLANKS)}), '[ \t]+')"
        return f"string_split({text}, {literal(self.delimiter)})"

    def elements(self, text: str) -> list[Any]:
        """Return the elements; see `TextLists.elements`."""
        return [part.strip(BLANKS) for part in text.split(None if self.delimiter == " " else self.delimiter)]


def form_of(samples: Sequence[str], markers: tuple[str, ...]) -> ListForm | None:
    """Return the form of a column whose first texts are mostly lists in brackets; else None."""
    present = [text for text in samples if not is_missing(text, markers)][:_ROWS]
    in_brackets = [text for text in present if text.lstrip().startswith("[")]
    if len(in_brackets) <= len(present) * _MOST:
        return None
    forms = (JsonLists(markers), PrintedLists(markers))
    counts = [sum(_is_list(form, text) for text in in_brackets) for form in forms]
    # JSON first: numbers in brackets are lists in both forms.
    best = forms[counts.index(max(counts))]
    return best if max(counts) > len(in_brackets) * _MOST else None


def _is_list(form: TextLists, text: str) -> bool:
    try:
        form.parsed(text)
    except ValueError:
        return False
    return True
