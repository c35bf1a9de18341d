"""The named cutting rules. Nothing is imported here, so that `--help` and completion can list them quickly."""

from __future__ import annotations

USAGES = {
    "last-target": "last-target",
    "multi-target": "multi-target",
    "slide-window": "slide-window",
    "recency": "recency:keep=0.8",
    "windows": "windows:width=20",
}
"""How a user writes each rule, by name; the module of that name in this folder, with `_` for `-`, has its `RULE`."""
