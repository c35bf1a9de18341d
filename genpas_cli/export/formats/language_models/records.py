"""The record of a pair, and whether a record in an existing file has the texts of a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genpas_cli.export.formats.language_models.template import Text

Turn = dict[str, str | Text]
"""A message of a conversation: a str is a constant, a tuple is a text of the template."""

Record = dict[str, Text | list[Turn]]
"""A record: key → a text of the template, or the messages of a conversation, which all have the same keys."""

LEAST_FIXED_TEXT = 20
"""Characters of a template outside of its placeholders by which its records can be told from those of others."""


def is_of_template(found: object, record: Record) -> bool:
    """Tell whether a record of a file has exactly the keys and the fixed texts of a template.

    Other programs write records with the same keys: only the fixed texts tell them apart. False if there are fewer than
    `LEAST_FIXED_TEXT` characters of them.

    Args:
        found: the record, as read from JSON or Parquet.
        record: the record of the template.
    """
    texts = [text for value in record.values() for text in _texts(value)]
    fixed = sum(len(part) for text in texts for part in text if isinstance(part, str))
    return fixed >= LEAST_FIXED_TEXT and _has_keys(found, record) and all(
        _is_conversation(found[key], value) if isinstance(value, list) else _fits(found[key], value)  # type: ignore[index]
        for key, value in record.items()
    )  # fmt: skip


def _texts(value: Text | list[Turn]) -> list[Text]:
    if not isinstance(value, list):
        return [value]
    return [text for turn in value for text in turn.values() if not isinstance(text, str)]


def _has_keys(found: object, wanted: Mapping[str, Any]) -> bool:
    return isinstance(found, dict) and list(found) == list(wanted)


def _is_conversation(found: object, turns: list[Turn]) -> bool:
    return isinstance(found, list) and len(found) == len(turns) and all(
        _has_keys(each, turn) and all(_fits(each[key], (text,) if isinstance(text, str) else text)
                                      for key, text in turn.items())
        for each, turn in zip(found, turns, strict=True)
    )  # fmt: skip


def _fits(found: object, text: Text) -> bool:
    """Tell whether a text has the fixed parts of a text of the template, in order, and others only at placeholders."""
    if not isinstance(found, str):
        return False
    at, is_open = 0, False
    for number, part in enumerate(text, 1):
        if not isinstance(part, str):
            is_open = True
            continue
        is_last = number == len(text)
        begin = len(found) - len(part) if is_last and is_open else found.find(part, at) if is_open else at
        if begin < at or not found.startswith(part, begin):
            return False
        at, is_open = begin + len(part), False
    return is_open or at == len(found)
