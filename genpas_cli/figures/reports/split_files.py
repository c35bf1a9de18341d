"""Finds the files of a split in a directory: which file is which part."""

from __future__ import annotations

import re
from pathlib import Path

from genpas_cli.figures.split_figures import PARTS
from genpas_cli.ingest.formats import without_endings
from genpas_cli.pairs.exported import exported_format
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.visible import visible

_WORDS = {
    "train": ("train", "training"), "validation": ("validation", "valid", "val", "dev"), "test": ("test", "testing"),
}  # fmt: skip
_NAMES = {
    **dict.fromkeys(_WORDS["train"], "train"),
    **{
        f"{word}{ending}": f"{split}_{part}"
        for split in ("validation", "test") for word in _WORDS[split]
        for part, endings in (("target", ("", "_target", "_targets")), ("input", ("_input", "_inputs")))
        for ending in endings
    },
}  # fmt: skip
"""Name of a file, in lower case and without endings → the part that it is."""

_HOW = (
    "Its files must be called train, validation and test, or train, validation_input, validation_target, test_input "
    "and test_target, such as train.csv or NAME.train.inter"
)


def split_files(directory: Path) -> dict[str, Path]:
    """Return part → file, in the order of `PARTS`.

    A file is recognized by its name without endings, or by the last part of `NAME.train`. Other files are ignored.

    Raises:
        UsageError: `directory` is not a directory.
        DataError: the file of training or of test targets is missing, or a part has two files.
    """
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise UsageError(f"--split-of {directory}: the path {what}", tip=f"Give the directory of a split. {_HOW}.")
    if is_pairs_directory(directory):
        raise UsageError(
            f"--split-of {directory}: the directory has pairs, not the rows of a split",
            tip=f"To measure the pairs: genpas stats {shell_word(str(directory))}",
        )
    if (exported := exported_format(directory)) not in (None, "splits"):
        raise UsageError(
            f"--split-of {directory}: the directory is an export in the format {exported}, not the rows of a split",
            tip="Export the rows of a store: genpas export STORE --to splits -o DIR",
        )
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        part = _part_of(path)
        if part is None:
            continue
        if part in found:
            raise DataError(
                f"{directory}: {visible(found[part].name)} and {visible(path.name)} can both be the part "
                f"{part.replace('_', ' ')}",
                tip="Move one of the two files into another directory.",
            )
        _refuse_pairs(path)
        found[part] = path
    for part in ("train", "test_target"):
        if part not in found:
            there = sorted(visible(path.name) for path in directory.iterdir() if not path.name.startswith("."))
            listed = f"the directory has {', '.join(there[:8])}" if there else "the directory is empty"
            raise DataError(
                f"{directory}: no file of {'training rows' if part == 'train' else 'test targets'} was found; {listed}",
                tip=f"{_HOW}.",
            )
    return {part: found[part] for part in PARTS if part in found}


def _refuse_pairs(path: Path) -> None:
    """Raise DataError for a benchmark file of RecBole with pairs, whose item column has targets only."""
    with path.open("rb") as file:
        header = file.readline(1 << 12)
    if path.name.lower().endswith(".inter") and b":token_seq" in header:
        raise DataError(
            f"{path}: the file has pairs (a column of type token_seq), not one interaction per row",
            tip="Audit the split that the pairs were made from: genpas export STORE --to splits -o DIR",
        )


def _part_of(path: Path) -> str | None:
    """Return the part that a file is by its name; None for other files."""
    if not path.is_file() or path.name.startswith("."):
        return None
    stem = without_endings(path.name.lower())
    name = re.sub(r"[-\s]", "_", stem)
    return _NAMES.get(name) or _NAMES.get(name.rpartition(".")[2])
