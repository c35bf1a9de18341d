"""The cutting rules that have a name. Nothing is imported here, so that `--help` and completion can list them."""

from __future__ import annotations

USAGES = {
    "last-target": "last-target",
    "multi-target": "multi-target",
    "slide-window": "slide-window",
    "recency": "recency:keep=0.8",
    "windows": "windows:width=20",
}
"""By name, how a user may write it. Its `RULE` stands in the module of that name, with `_` for `-`, in this folder."""
