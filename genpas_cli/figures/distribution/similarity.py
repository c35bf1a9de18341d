"""A registry of similarities of two inputs, computed on the sets of their last items.

Alignment and discrimination have a closed form for every similarity of the form
sim(x, x') = |x ∩ x'| · a(|x|) · b(|x'|), with x the held-out input and x' the training input. The similarity that
arXiv 2509.13648 uses is not public; `containment` of the last 10 items comes closest to its figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest
from genpas_cli.sampling.kernels import Floats

Weight = Callable[[Floats], Floats]

WIDEST = 100
"""Maximum window: the number of last items of an input that are compared."""


@dataclass(frozen=True)
class Similarity:
    """sim(x, x') = |x ∩ x'| · a(|x|) · b(|x'|), on the sets of the last `window` items of both."""

    name: str
    formula: str
    meaning: str
    """The formula in words."""
    held_out_weight: Weight
    """a, a function of the number of distinct items in the held-out input."""
    training_weight: Weight
    """b, a function of the number of distinct items in the training input."""
    window: int = 10

    def within(self, max_input: int | None) -> Similarity:
        """Return the similarity with its window limited to `max_input` items (None: unchanged)."""
        return self if max_input is None else replace(self, window=min(self.window, max_input))

    def __str__(self) -> str:
        return f"{self.name}@{self.window}"


def _one(size: Floats) -> Floats:
    return np.ones_like(size)


def _inverse(size: Floats) -> Floats:
    return 1 / np.maximum(size, 1)


def _inverse_root(size: Floats) -> Floats:
    return 1 / np.sqrt(np.maximum(size, 1))


SIMILARITIES = {
    similarity.name: similarity
    for similarity in (
        Similarity(
            "containment",
            "|x ∩ x'| / |x'|",
            "share of the training input's items that are in the held-out input",
            _one,
            _inverse,
        ),
        Similarity(
            "recall",
            "|x ∩ x'| / |x|",
            "share of the held-out input's items that are in the training input",
            _inverse,
            _one,
        ),
        Similarity(
            "cosine",
            "|x ∩ x'| / √(|x| |x'|)",
            "number of common items divided by the geometric mean of the two numbers of items",
            _inverse_root,
            _inverse_root,
        ),
        Similarity(
            "overlap", "|x ∩ x'|", "number of common items",
            _one, _one,
        ),
    )
}  # fmt: skip
"""Similarities by name; x is the held-out input, x' the training input."""


def parse_similarity(text: str) -> Similarity:
    """Parse a similarity, written `NAME` or `NAME@WINDOW`.

    Raises:
        UsageError: the name is unknown, or the window is not an integer from 1 to 100.
    """
    name, _, window = text.partition("@")
    if name not in SIMILARITIES:
        near = nearest(name, SIMILARITIES)
        raise UsageError(
            f"unknown similarity {name!r}; it must be one of {', '.join(SIMILARITIES)}",
            tip=f"Did you mean --similarity {near}?" if near else None,
        )
    if not window and "@" not in text:
        return SIMILARITIES[name]
    if not window.isdecimal() or not 1 <= int(window) <= WIDEST:
        raise UsageError(f"--similarity {text}: the number after @ must be from 1 to {WIDEST}, as in {name}@10")
    return replace(SIMILARITIES[name], window=int(window))
