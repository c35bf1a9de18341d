"""The word, or the path, that somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path

_ALIKE = 0.6
"""Similarity from which a word may be a misspelling of another; 0: any word, 1: the same."""


def nearest(word: str, known: Iterable[str], *, alike: float = _ALIKE) -> str | None:
    """Return the most similar of the known words; None if none is similar enough."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=alike)
    return found[0] if found else None


def nearest_path(path: Path, is_wanted: Callable[[Path], bool]) -> Path | None:
    """Return the wanted path in the same directory whose name is most similar; None if no name is similar enough.

    Endings do not count, since those of all stores are alike.
    """
    try:
        by_stem = {each.name.partition(".")[0]: each for each in path.parent.iterdir() if is_wanted(each)}
    except OSError:
        return None
    return by_stem.get(nearest(path.name.partition(".")[0], by_stem) or "")
