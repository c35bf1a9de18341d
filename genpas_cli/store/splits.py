"""The names of the splits. Nothing heavy is imported, so that options can use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

HeldOut = Literal["validation", "test"]

Split = Literal["train", "validation", "test"]

Evaluated = Literal["first", "last", "random", "all"]

InOrder = Literal["first", "last", "all"]
"""The values of `Evaluated` with which lengths alone tell the targets."""


def told_by_lengths(split: Mapping[str, Any]) -> InOrder | None:
    """Return which held-out interactions are targets, given the split as a store or manifest records it.

    None: the lengths of a user's sequence do not tell; the targets are the rows whose split is not `unused`.
    """
    which: InOrder | None = None if split["eval"] == "random" or "cold" in split else split["eval"]
    return which
