"""What the tests of files and variables of options share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import InProcess


def settings(inside: InProcess, store: Path, *more: str) -> Any:
    """Return the plan of augment."""
    return inside.json("augment", store, "--dry-run", *more)


def written(inside: InProcess, text: str, name: str = "genpas.toml") -> None:
    (inside.cwd / name).write_text(text, encoding="utf-8")
