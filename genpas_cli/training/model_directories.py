"""Directories that hold models: their files, and whether these are unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from genpas_cli.pairs.manifest import foreign_in_pairs
from genpas_cli.runtime.atomic_output import foreign_or_changed, no_real_directory
from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.runtime.json.sealed import is_intact, sealed
from genpas_cli.runtime.object_storage.locations import file_digest

METRICS = "metrics.json"
"""The file by which a model directory is recognized; it lists the digests of the other files."""

MODELS = "models"
PAIRS = "pairs"
STORE = "log.store"
"""Entries of a directory of several runs, besides its report."""


def described(directory: Path, content: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the content of `metrics.json` with the digests of these files and of the content itself."""
    return sealed({**content, "files": {name: file_digest(directory / name) for name in names}})


def read_metrics(directory: Path) -> dict[str, Any]:
    """Return the metrics of a finished model.

    Raises:
        IntegrityError: a file of the directory is missing, or was changed after it was written.
    """
    try:
        metrics = _read(directory / METRICS)
        files = dict(metrics["files"])
        changed = [name for name, digest in files.items() if file_digest(directory / name) != digest]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(directory, str(error)) from error
    if changed:
        raise _damaged(directory, f"{changed[0]} was changed after it was written")
    return metrics


def _damaged(directory: Path, reason: str) -> IntegrityError:
    return IntegrityError(
        f"the model {directory} is damaged: {reason}", tip=f"Remove the directory and train again: {directory}"
    )


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file that describes a directory.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a JSON object, or was changed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict) or not is_intact(content):
        raise ValueError(f"{path.name} was changed after it was written")
    return content


def foreign_in_model(path: Path) -> str | None:
    """Return why `path` is not an unchanged output of `train`, or None; see `runtime.atomic_output.Foreign`."""
    if (found := _foreign_beside(path, METRICS)) is not None or not (path / METRICS).is_file():
        return found
    listed = _read(path / METRICS).get("files")
    if not isinstance(listed, dict):
        return f"its {METRICS} lists no files"
    return foreign_or_changed(path, METRICS, listed, file_digest)


def foreign_in_runs(path: Path, report: str) -> str | None:
    """Return why `path` is not an unchanged output of `compare` or `tune --train-top`, or None.

    `report` is the name of the file by which such an output is recognized.
    """
    if (found := _foreign_beside(path, report)) is not None or not (path / report).is_file():
        return found
    for each in sorted(path.iterdir()):
        if each.name not in (report, STORE, MODELS, PAIRS) or each.is_symlink():
            return f"it contains {each.name}"
    told = (path / report).read_text(encoding="utf-8")
    for folder, look in ((path / MODELS, foreign_in_model), (path / PAIRS, foreign_in_pairs)):
        for each in sorted(folder.iterdir()) if folder.is_dir() else ():
            if each.name.removesuffix(".pairs") not in told:
                return f"it contains {each.relative_to(path)}, which its {report} does not list"
            if (found := look(each)) is not None:
                return f"in {each.relative_to(path)}, {found}"
    return None


def _foreign_beside(path: Path, name: str) -> str | None:
    """Return why a directory is neither empty nor has an unchanged report of genpas named `name`; None if it is."""
    if (reason := no_real_directory(path)) is not None:
        return reason
    if not any(path.iterdir()):
        return None
    try:
        found = _read(path / name)
    except FileNotFoundError:
        return f"it has no {name}"
    except (OSError, ValueError) as error:
        return f"its {name} was not written by genpas ({error})"
    return None if "sha256" in found else f"its {name} was not written by genpas"
