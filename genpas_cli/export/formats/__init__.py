"""The formats of other trainers: one module per format, and their registry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest

if TYPE_CHECKING:
    from genpas_cli.export.formats.format import Format

FORMATS = {
    "jsonl": "JSON Lines: an object a pair",
    "csv": "CSV with a header; lists as JSON in their cell",
    "arrow": "Arrow IPC: a file, on stdout a stream",
    "recbole": "RecBole's benchmark files NAME.train.inter, NAME.valid.inter, NAME.test.inter",
    "npz": "NumPy arrays: inputs as values and offsets (CSR), or a matrix with --pad",
    "safetensors": "the same arrays as a safetensors file",
    "grid": "TFRecords as GRID reads them, in training/, evaluation/ and testing/",
    "hstu": "CSV as HSTU (generative-recommenders) reads it; needs kept times and ratings",
    "sequences": "text: a user a line with the longest history that a pair of theirs has",
}
"""Name of each format, also of its module → its help text, most used first."""


def format_named(name: str) -> type[Format]:
    """Return the class of a format.

    Raises:
        UsageError: there is no such format.
    """
    if name not in FORMATS:
        near = nearest(name.lower(), FORMATS)
        raise UsageError(
            f"--to is {name!r}; it takes {', '.join(FORMATS)}", tip=f"Did you mean --to {near}?" if near else None
        )
    found: type[Format] = import_module(f"{__name__}.{name}").FORMAT
    return found
