"""The word, or the path, that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

_ALIKE = 0.6
"""Similarity from which a word may be a misspelling of another; 0: any word, 1: the same."""


def nearest(word: str, known: Iterable[str], *, alike: float = _ALIKE) -> str | None:
    """Return the most similar of the known words; None if none is similar enough."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=alike)
    return found[0] if found else None


def nearest_path(path: Path) -> Path | None:
    """Return the path in the same directory whose name is most similar; None if no name is similar enough."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return None
    near = nearest(path.name, names)
    return None if near is None else path.parent / near
