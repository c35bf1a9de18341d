"""Text of somebody else's (names of columns and files, ids, values) as text that can be seen and nothing else.

A terminal obeys control characters: it would turn red, move lines or rename its window by the name of a column.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters but the end of a line, marks of direction, separators of lines; and halves of characters, by which
Python holds bytes of a name that are not UTF-8."""


def visible(text: str) -> str:
    r"""Return a text with all of it written out that a terminal would obey: `\x1b[31m`, and nothing turns red."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Return the same with ends of lines written out too: a name must not pass for a line of ours."""
    return visible(text).replace("\n", "\\n")


def is_unicode(name: object) -> bool:
    """Tell whether a name, such as a path, is text: on Linux a name may hold bytes that are not UTF-8."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True
