"""Escapes control characters in text from outside: names of columns and files, ids, values.

A terminal interprets control characters: the name of a column could change colours, move lines or rename its window.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters except newline, direction marks, line separators, and lone surrogates, by which Python represents
bytes of a file name that are not UTF-8."""


def visible(text: str) -> str:
    r"""Return a text with control characters escaped, such as `\x1b[31m`; newlines stay."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Return a text with control characters and newlines escaped, so that a name cannot imitate a line of output."""
    return visible(text).replace("\n", "\\n")


def is_unicode(name: object) -> bool:
    """Tell whether a name, such as a path, is valid Unicode: on Linux it may contain bytes that are not UTF-8."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True
