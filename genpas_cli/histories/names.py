"""The names of the rules of cleaning. Nothing heavy is imported, so that options can use them."""

from __future__ import annotations

from typing import Literal

Dedup = Literal["none", "exact", "consecutive", "user-item"]
