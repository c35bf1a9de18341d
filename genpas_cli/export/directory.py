"""The file that identifies an output directory of `export`, by which `--force` recognizes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genpas_cli.pairs.exported import NAME
from genpas_cli.runtime.atomic_output import foreign_or_changed, no_real_directory
from genpas_cli.runtime.json.sealed import is_intact, sealed
from genpas_cli.runtime.object_storage.locations import files_below


def write_about(directory: Path, about: Mapping[str, Any]) -> None:
    """Write `export.json`, the last file of a directory: `about`, the other files with their sizes, and a digest."""
    known = {**about, "files": files_below(directory)}
    (directory / NAME).write_text(json.dumps(sealed(known), indent=2) + "\n", encoding="utf-8")


def foreign_in_export(path: Path) -> str | None:
    """Return what `path` holds that `export` did not write, else None; see `atomic_output.Foreign`."""
    if (reason := no_real_directory(path)) is not None:
        return reason
    if not any(path.iterdir()):
        return None
    try:
        about = json.loads((path / NAME).read_text(encoding="utf-8"))
        listed = dict(about["files"]) if is_intact(about) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        listed = None
    if listed is None:
        return f"it has no {NAME} written by genpas"
    return foreign_or_changed(path, NAME, listed, lambda file: file.stat().st_size)
