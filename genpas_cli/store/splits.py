"""The names of the splits. Nothing heavy is imported, so that options can use them."""

from __future__ import annotations

from typing import Literal

HeldOut = Literal["validation", "test"]

Split = Literal["train", "validation", "test"]

Evaluated = Literal["first", "last", "all"]
