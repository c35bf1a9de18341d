"""The options of `export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.export.formats import FORMATS, OF_STORES
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

OUTPUT = "Output"
SEMANTIC = "Semantic IDs"


_MEANINGS = "".join(f"\n- {name}: {meaning}" for name, meaning in (FORMATS | OF_STORES).items())


@dataclass(frozen=True, kw_only=True)
class ExportOptions(MachineOptions):
    """All options of `export`."""

    to: str = option("jsonl", f"Format:{_MEANINGS}", metavar="FORMAT", panel=OUTPUT)
    file_type: str | None = option(
        None, "Type of the files, for formats that have several types; by default the first one that the format names.",
        metavar="TYPE", panel=OUTPUT,
    )  # fmt: skip
    split: Literal["train", "validation", "test"] | None = option(
        None, "Write only this split, to the file OUT if the format has one file per split. By default, all splits "
        "are written to the directory OUT. With -o -, the default is train.", panel=OUTPUT,
    )  # fmt: skip
    epoch: int | None = option(
        None, "Write only the training pairs of epoch E, counted from 0; by default those of all epochs, in order.",
        metavar="E", panel=OUTPUT,
    )  # fmt: skip
    ids: Literal["raw", "num"] | None = option(
        None, "Write items, and users if their ids are known, as ids of the log (raw) or as numbers (num); by "
              "default as in the input.",
        panel=OUTPUT,
    )  # fmt: skip
    pad: Literal["left", "right", "none"] = option(
        "none", "Pad inputs with 0, on the left or on the right, to the maximum input length.", panel=OUTPUT
    )
    limit: int | None = option(None, "Write only the first N pairs of each split.", metavar="N", panel=OUTPUT)
    columns: str | None = option(
        None, "Columns to write, in this order if the format allows; by default all columns that the format supports.",
        metavar="A,B,...", panel=OUTPUT,
    )  # fmt: skip
    vocab: str | None = option(
        None, "Pairs directory of the same log; its items.parquet translates the item numbers of a stream into ids.",
        metavar="DIR", panel=OUTPUT,
    )  # fmt: skip
    semantic_ids: str | None = option(
        None, "Parquet file with a column item_id and a column of code lists. Each item is replaced by its codes, "
              "one token per code.", metavar="FILE",
        panel=SEMANTIC,
    )  # fmt: skip
    missing_codes: Literal["error", "drop"] = option(
        "error", "Items without codes: stop (error), or remove them from inputs, and drop pairs whose target is such "
                 "an item (drop).",
        panel=SEMANTIC,
    )  # fmt: skip
    colliding_codes: Literal["error", "append", "keep"] = option(
        "error", "Items with identical codes: stop (error), append one more code that distinguishes them (append), "
                 "or leave them identical (keep).",
        panel=SEMANTIC,
    )  # fmt: skip
    separator: bool = option(False, "Put a separator token between two items.", panel=SEMANTIC)
    end_token: bool = option(False, "Put an end token after each input and each target.", panel=SEMANTIC)
