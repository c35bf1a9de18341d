"""The formats of other trainers: one module per format, and their registry."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.nearest import nearest

if TYPE_CHECKING:
    from genpas_cli.export.formats.format import Format

_GENERAL = {
    "jsonl": "JSON Lines: one object per pair",
    "csv": "CSV with a header; lists are JSON arrays in one cell",
    "arrow": "Arrow IPC file; on stdout an Arrow IPC stream",
    "npz": "NumPy arrays: inputs as values and offsets (CSR), or a matrix with --pad",
    "safetensors": "the same arrays as a safetensors file",
    "sequences": "text: one line per user, with the items of the longest pair of the user",
}
_TRAINERS = {
    "recbole": "RecBole benchmark files NAME.train.inter, NAME.valid.inter and NAME.test.inter",
    "grid": "TFRecords for GRID, in training/, evaluation/ and testing/; texts of items in items/",
    "minionerec": "CSV, index.json and item.json for MiniOneRec; needs titles and codes",
    "openonerec": "conversations of codes in Parquet files of 1,000 rows for OpenOneRec; needs codes",
    "sid-gr": "Parquet and a tensor of codes for sid_gr of NVIDIA recsys-examples; needs codes",
    "torcheasyrec": "Parquet for TorchEasyRec: behaviour and candidate sequences, see --rename",
    "hstu": "CSV for HSTU (generative-recommenders); needs timestamps and ratings (--keep of ingest and augment)",
}
_LANGUAGE_MODELS = {
    "messages": "conversations with roles (OpenAI, TRL); --template sets the text",
    "alpaca": "instruction, input and output (LLaMA-Factory); --template sets the text",
    "sharegpt": "conversations of human and gpt (LLaMA-Factory); --template sets the text",
    "prompt": "prompt and completion (TRL); --template sets the text",
}

FORMATS = _GENERAL | _TRAINERS | _LANGUAGE_MODELS
"""Name of each format of pairs, also of its module (with `_` for `-`) → its help text."""

_FOLDERS = {"": _GENERAL, ".trainers": _TRAINERS, ".language_models": _LANGUAGE_MODELS}

OF_STORES = {
    "splits": "the interactions of a store, one row each, as train, validation_input, validation_target, test_input "
    "and test_target; --file-type csv, parquet or inter (RecBole)",
    "lc-rec": "whole sequences of a store for LC-Rec and LETTER, with the index of codes; needs codes",
    "p5": "whole sequences of a store as sequential_data.txt and datamaps.json, for P5 and RQ-VAE-Recommender",
    "replay": "Parquet with one row per user of a store, for RePlay's ParquetModule",
}
"""Name of each format that is exported from a store → its help text."""


def format_named(name: str) -> type[Format]:
    """Return the class of a format of pairs.

    Raises:
        UsageError: there is no such format.
    """
    if name not in FORMATS:
        known = (*FORMATS, *OF_STORES)
        near = nearest(name.lower(), known)
        raise UsageError(
            f"--to is {name!r}; it must be one of {', '.join(known)}",
            tip=f"Did you mean --to {near}?" if near else None,
        )
    folder = next(folder for folder, names in _FOLDERS.items() if name in names)
    found: type[Format] = import_module(f"{__name__}{folder}.{name.replace('-', '_')}").FORMAT
    return found
