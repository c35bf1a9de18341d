"""Recognizes directories that `genpas export` wrote, which are no logs."""

from __future__ import annotations

import json
from pathlib import Path

from genpas_cli.runtime.json.sealed import is_intact

NAME = "export.json"
"""File that identifies an output directory of `export` and records how it was made."""


def exported_format(directory: Path) -> str | None:
    """Return the format of an output directory of `export`; None for any other directory."""
    try:
        about = json.loads((directory / NAME).read_bytes())
        return str(about["format"]) if is_intact(about) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
