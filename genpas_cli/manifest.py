"""The manifest of a pairs directory: what it holds, what it was made from and how. Without it, no data set.

`run` is no part of the data set's identity: two directories with equal manifests but for `run` hold the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genpas_cli.errors import DataError, IntegrityError
from genpas_cli.places import Place
from genpas_cli.shards import ShardFile, number_order

NAME = "manifest.json"
PART_NAME = "part.json"
"""The manifest of one part of a data set, by which `merge` knows it; it has the further key `part`, such as "3/8"."""

FORMAT_VERSION = 1

_NEEDED = ("users", "items", "pairs", "epochs", "max_input", "keep", "schema", "files")
"""Without these nothing can be checked."""

Manifest = dict[str, Any]


def number_as_json(value: float | None) -> float | str | None:
    """Return a number as every genpas JSON writes it: infinities as "inf" and "-inf"."""
    if value is None or not math.isinf(value):
        return value
    return "inf" if value > 0 else "-inf"


def number_from_json(value: float | str | None) -> float | None:
    """Return the number that `number_as_json` wrote."""
    return None if value is None else float(value)


def identity_of(manifest: Manifest) -> Manifest:
    """Return what a manifest says of the data set as a whole, whichever part it is of and however it was run."""
    return {key: value for key, value in manifest.items() if key not in ("files", "part", "run")}


def library_versions() -> dict[str, str]:
    """Return the versions that decide the bytes."""
    return {name: version(name) for name in ("genpas", "numpy", "pyarrow", "duckdb")}


def run_facts(seconds: float) -> dict[str, Any]:
    """Return the facts of this run that are no part of the data set's identity."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    host = {"system": platform.system(), "machine": platform.machine(), "python": platform.python_version()}
    return {"created": now, "host": host, "seconds": round(seconds, 3)}


def write_manifest(directory: Path, manifest: Manifest, files: list[ShardFile]) -> None:
    """Write the manifest, last of all files."""
    ordered = sorted((asdict(file) for file in files), key=lambda file: number_order(str(file["path"])))
    content = {**manifest, "files": ordered}
    name = PART_NAME if "part" in manifest else NAME
    (directory / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def is_pairs_directory(path: Path) -> bool:
    """Tell whether a directory is a data set of ours, whole or damaged, or a part of one, or empty."""
    return path.is_dir() and ((path / NAME).is_file() or (path / PART_NAME).is_file() or not any(path.iterdir()))


def read_manifest(directory: Place) -> Manifest:
    """Return the manifest of a pairs directory.

    Raises:
        DataError: no such directory, no manifest in it, or one of another format version.
        IntegrityError: the manifest cannot be read.
    """
    if (directory / PART_NAME).is_file():
        raise DataError(
            f"{directory} is one part of a data set", tip="Put the parts together first: genpas merge PART..."
        )
    return _read(directory, NAME, "a pairs directory")


def read_part(directory: Path) -> Manifest:
    """Return the manifest of a part, as `augment --part` makes them.

    Raises:
        DataError: no such directory, no manifest in it, or one of another format version.
        IntegrityError: the manifest cannot be read.
    """
    return _read(directory, PART_NAME, "a part")


def _read(directory: Place, name: str, what: str) -> Manifest:
    path = directory / name
    if not path.is_file():
        raise _no_manifest(directory, name, what)
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    if found != FORMAT_VERSION:
        raise DataError(f"{path} is of format version {found}; this genpas reads version {FORMAT_VERSION}")
    if missing := [key for key in _NEEDED if key not in manifest]:
        raise IntegrityError(f"{path} is damaged: it lacks {', '.join(missing)}")
    try:
        manifest_files(manifest)
    except TypeError as error:
        raise IntegrityError(f"{path} is damaged: its list of files is not as genpas writes it") from error
    return manifest


def _no_manifest(directory: Place, name: str, what: str) -> DataError:
    """Return the error for a directory without that manifest."""
    again = "genpas augment LOGS -o DIR" + (" --part I/N" if name == PART_NAME else "")
    if directory.is_dir():
        return DataError(
            f"{directory} has no {name}: it is not {what}, or its making was cut short", tip=f"Make it again: {again}"
        )
    if directory.exists():
        return DataError(f"{directory} is not a directory", tip=f"Name {what}, as genpas augment makes them.")
    return DataError(f"no such directory: {directory}", tip=f"Make one: {again}")


def manifest_files(manifest: Manifest) -> list[ShardFile]:
    """Return the files that a manifest lists."""
    return [ShardFile(**file) for file in manifest["files"]]
