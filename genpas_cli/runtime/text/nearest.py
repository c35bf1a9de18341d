"""The word that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.6
"""Similarity from which a word may be a misspelling of another; 0: any word, 1: the same."""


def nearest(word: str, known: Iterable[str], *, alike: float = _ALIKE) -> str | None:
    """Return the most similar of the known words; None if none is similar enough."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=alike)
    return found[0] if found else None
