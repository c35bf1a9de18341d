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

MEANINGS = {
    "last-target": "the last item of each user is the only target",
    "multi-target": "each item except the first is a target, with all items before it as input",
    "slide-window": "the targets of multi-target, each with every possible start of its input",
    "recency": "a target is 0.8 times as likely as the next one",
    "windows": "the targets of multi-target, each with the 20 items before it",
}
"""What help says about each usage."""
