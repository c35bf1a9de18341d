"""The manifest of a pairs directory: its content, its source and its options. A directory without one is no data set.

`run` is no part of the data set's identity: two directories with equal manifests but for `run` hold the same bytes.
`sha256` is the digest of all other keys, so that an edited manifest is detected.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from genpas_cli.pairs.shards import ShardFile
from genpas_cli.runtime.atomic_output import foreign_entry, no_real_directory
from genpas_cli.runtime.errors import DataError, IntegrityError
from genpas_cli.runtime.json.sealed import SEAL, is_intact, sealed
from genpas_cli.runtime.json.shapes import Shape, is_count, is_number, is_text, misshapen
from genpas_cli.runtime.object_storage.locations import Location, file_digest
from genpas_cli.runtime.text.natural_order import path_order
from genpas_cli.runtime.text.nearest import nearest_path
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.store.schema import is_store

NAME = "manifest.json"
PART_NAME = "part.json"
"""The manifest of one part of a data set, for `merge`; it also has the key `part`, such as "3/8"."""

CARD = "README.md"
"""The data card."""

_CONTENT = "content_sha256"

FORMAT_VERSION = 2
"""Version of the manifests that this version of genpas writes."""
_READ_VERSIONS = (1, FORMAT_VERSION)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def _is_bias(value: Any) -> bool:
    return value is None or value in ("inf", "-inf") or is_number(value)


def _is_source(value: Any) -> bool:
    return isinstance(value, dict) and not misshapen(value, {"name": is_text, "rows": is_count})


_SHAPE: dict[str, Shape] = {
    "users": is_count, "items": is_count, "pairs": is_count, "epochs": lambda value: is_count(value) and value > 0,
    "max_input": lambda value: value is None or (is_count(value) and value > 0), "keep": _is_texts,
    "schema": lambda value: isinstance(value, dict) and all(map(is_text, value.values())),
    "files": lambda value: isinstance(value, list),
    "form?": is_text, "encoding?": is_text, "order?": is_text, "part?": is_text,
    "seed?": lambda value: type(value) is int and value >= 0,
    "shard_rows?": is_count, "target_where?": lambda value: value is None or is_text(value),
    "target_weight?": is_text, "half_life?": is_text, "as_of?": is_text, "balance_items?": is_number,
    "source?": lambda value: isinstance(value, list) and all(map(_is_source, value)),
    "split": {"rule": is_text, "eval": is_text},
    "strategy": {"name": is_text, "alpha": _is_bias, "beta": _is_bias, "gamma": _is_bias, "draw": is_text,
        "parameters?": lambda value: isinstance(value, dict) and all(map(_is_bias, value.values())),
    },
}  # fmt: skip
"""The keys that are read from a manifest; a key with `?` is optional."""

_FILE: dict[str, Shape] = {
    "path": is_text, "split": lambda value: value in ("train", "validation", "test", None), "rows": is_count,
    "bytes": is_count, "sha256": is_text,
}  # fmt: skip

_NEEDED = ("users", "items", "pairs", "epochs", "max_input", "keep", "schema", "files")
"""The keys without which nothing can be checked."""

Manifest = dict[str, Any]


def identity_of(manifest: Manifest) -> Manifest:
    """Return the keys that describe the whole data set, without those of the part and of the run."""
    return {key: value for key, value in manifest.items() if key not in ("files", "part", "run", SEAL)}


def library_versions() -> dict[str, str]:
    """Return the versions that decide the bytes."""
    return {name: version(name) for name in ("genpas", "numpy", "pyarrow", "duckdb")}


def run_facts(seconds: float) -> dict[str, Any]:
    """Return the facts of this run, which are not part of the data set's identity."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    host = {"system": platform.system(), "machine": platform.machine(), "python": platform.python_version()}
    return {"created": now, "host": host, "seconds": round(seconds, 3)}


def write_manifest(directory: Path, manifest: Manifest, files: list[ShardFile]) -> None:
    """Write the manifest, last of all files."""
    ordered = sorted((asdict(file) for file in files), key=lambda file: path_order(str(file["path"])))
    content = sealed({**manifest, "files": ordered})
    name = PART_NAME if "part" in manifest else NAME
    (directory / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def is_pairs_directory(path: Location) -> bool:
    """Tell whether a directory has the manifest of a data set, or of a part of one."""
    return path.is_dir() and ((path / NAME).is_file() or (path / PART_NAME).is_file())


def foreign_in_pairs(path: Path) -> str | None:
    """Return what else `path` holds besides a data set or part of genpas, see `atomic_output.Foreign`."""
    if (reason := no_real_directory(path)) is not None:
        return reason
    name = next((name for name in (NAME, PART_NAME) if (path / name).is_file()), None)
    if name is None:
        return None if not any(path.iterdir()) else f"it has no {NAME}"
    try:
        manifest = _read(path, name, "a pairs directory", any_version=True)
    except (DataError, IntegrityError) as error:
        return f"its {name} was not written by genpas, or was changed ({error.message})"
    listed = {file.path: file for file in manifest_files(manifest)}
    # Older data sets have a card that their manifest does not list.
    if (found := foreign_entry(path, {name, CARD, *listed})) is not None:
        return f"it contains {found}, which its {name} does not list"
    card = listed.get(CARD)
    if card is not None and (path / CARD).is_file() and file_digest(path / CARD) != card.sha256:
        return f"its {CARD} was changed after genpas wrote it"
    return None


def read_manifest(directory: Location) -> Manifest:
    """Return the manifest of a pairs directory.

    Raises:
        DataError: no such directory, no manifest in it, or one of another format version.
        IntegrityError: the manifest cannot be read.
    """
    if (directory / PART_NAME).is_file():
        raise DataError(f"{directory} is one part of a data set", tip="Merge the parts first: genpas merge PART...")
    return _read(directory, NAME, "a pairs directory")


def read_part(directory: Path) -> Manifest:
    """Return the manifest of a part, as `augment --part` makes them.

    Raises:
        DataError: no such directory, no manifest in it, or one of another format version.
        IntegrityError: the manifest cannot be read.
    """
    return _read(directory, PART_NAME, "a part")


def _read(directory: Location, name: str, what: str, *, any_version: bool = False) -> Manifest:
    path = directory / name
    if not path.is_file():
        raise _no_manifest(directory, name, what)
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            f"{path} is damaged: it is not a JSON object with the key format_version",
            tip=_without_manifest(directory),
        ) from error
    if found not in _READ_VERSIONS and not any_version:
        raise DataError(
            f"{path} has format version {found}, but this version of genpas reads format versions "
            f"{' and '.join(map(str, _READ_VERSIONS))}"
        )
    # A manifest from before digests were introduced has none of the keys that came with them.
    is_sealed = SEAL in manifest or _CONTENT not in manifest
    if not is_sealed or not is_intact(manifest):
        raise IntegrityError(
            f"{path} was changed after genpas wrote it: the content does not match its digest",
            tip=_without_manifest(directory),
        )
    if missing := [key for key in _NEEDED if key not in manifest]:
        raise IntegrityError(f"{path} is damaged: the keys {', '.join(missing)} are missing")
    if wrong := misshapen(manifest, _SHAPE):
        raise IntegrityError(f"{path} is damaged: {wrong} is invalid")
    if any(
        not isinstance(file, dict) or misshapen(file, _FILE) or len(file) != len(_FILE) for file in manifest["files"]
    ):
        raise IntegrityError(f"{path} is damaged: its list of files is invalid")
    _check_inside(directory, path, [file["path"] for file in manifest["files"]])
    return manifest


def _check_inside(directory: Location, path: Location, names: list[str]) -> None:
    """Raise IntegrityError if a listed file would lie outside the directory, by its name or by a link."""
    for name in names:
        plain = PurePosixPath(name)
        if plain.is_absolute() or ".." in plain.parts or plain.as_posix() != name or name == "." or "\0" in name:
            raise IntegrityError(f"{path} is damaged: it lists {name!r}, which is not a path inside its directory")
    if not isinstance(directory, Path):
        return
    top = os.path.realpath(directory)
    # Once per directory, because it may contain 100,000 shards.
    folders = {(directory / name).parent for name in names}
    links = [directory / name for name in names if (directory / name).is_symlink()]
    for place in [*sorted(folders), *links]:
        real = os.path.realpath(place)
        if os.path.commonpath([top, real]) != top:
            raise IntegrityError(f"{path} lists files in {place}, which is a link to {real}, outside of the directory")


def make_again(directory: Location) -> str:
    """Return the tip to make the pairs of a directory again, whose manifest is undamaged and has their options.

    SOURCE stands for the logs or the store, which the manifest names but whose place it does not know.
    """
    if not isinstance(directory, Path):
        return "Remove it, and make the pairs again: genpas augment SOURCE -o URI"
    manifest, output = (shell_word(str(path)) for path in (directory / NAME, directory))
    return f"Make the same pairs again: genpas augment SOURCE --config {manifest} -o {output} --force"


def _without_manifest(directory: Location) -> str:
    """Return the same tip where the manifest is lost: `--force` would not overwrite the directory."""
    output = shell_word(str(directory)) if isinstance(directory, Path) else "URI"
    return f"Remove {directory}, and make the pairs again: genpas augment SOURCE -o {output}"


def _no_manifest(directory: Location, name: str, what: str) -> DataError:
    """Return the error for a directory without that manifest."""
    make = "genpas augment LOGS -o DIR" + (" --part I/N" if name == PART_NAME else "")
    tip = f"Name {what}, or make one: {make}"
    if name == PART_NAME and (directory / NAME).is_file():
        return DataError(f"{directory} is a whole pairs directory, not a part", tip=tip)
    if directory.is_dir():
        return DataError(f"{directory} is not {what} (it has no {name})", tip=tip)
    if isinstance(directory, Path) and is_store(directory):
        return DataError(f"{directory} is a store, not {what}", tip=tip)
    if directory.exists():
        return DataError(f"{directory} is not a directory", tip=tip)
    if isinstance(directory, Path) and (near := nearest_path(directory, lambda path: (path / name).is_file())):
        tip = f"Did you mean {near}?"
    return DataError(f"no such directory: {directory}", tip=tip)


def manifest_files(manifest: Manifest) -> list[ShardFile]:
    """Return the files that a manifest lists."""
    return [ShardFile(**file) for file in manifest["files"]]
