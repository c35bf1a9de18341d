"""Values as words of a shell, for commands in messages."""

from __future__ import annotations

import shlex

_SPECIAL = frozenset('"$`\\!\n')
"""Characters that a shell interprets between double quotes."""


def shell_word(text: str) -> str:
    """Return a text as one word of a shell; between double quotes if it contains single quotes, to stay readable."""
    return f'"{text}"' if "'" in text and not _SPECIAL & set(text) else shlex.quote(text)
