"""The options of `export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.export.formats import FORMATS, OF_STORES
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

OUTPUT = "Output"
ITEMS = "Item information"
SEMANTIC = "Semantic IDs"
LANGUAGE_MODELS = "Language models"


_MEANINGS = "".join(f"\n- {name}: {meaning}" for name, meaning in (FORMATS | OF_STORES).items())


@dataclass(frozen=True, kw_only=True)
class ExportOptions(MachineOptions):
    """All options of `export`."""

    to: str = option("jsonl", f"Format:{_MEANINGS}", metavar="FORMAT", panel=OUTPUT)
    file_type: str | None = option(
        None, "Type of the files: csv, parquet or inter for splits; jsonl or parquet for messages, alpaca, sharegpt "
        "and prompt. By default, the first of these.", metavar="TYPE", panel=OUTPUT,
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
    max_input: int | None = option(
        None, "Keep at most the L most recent input items of each pair; by default all that the pairs have (sid-gr: "
        "30).", metavar="L", panel=OUTPUT,
    )  # fmt: skip
    rename: str | None = option(
        None, "Write columns under other names, in the formats jsonl, csv, arrow, torcheasyrec and replay.",
        metavar="OLD=NEW,...", panel=OUTPUT,
    )  # fmt: skip
    vocab: str | None = option(
        None, "Pairs directory of the same log; its items.parquet translates the item numbers of a stream into ids.",
        metavar="DIR", panel=OUTPUT,
    )  # fmt: skip
    item_info: str | None = option(
        None, "File with titles or other columns of items (Parquet, JSON Lines or CSV, one row per item). A column X "
        "can be written as input_X and target_X, see --columns. By default, the further columns of items.parquet are "
        "used.", metavar="FILE", panel=ITEMS,
    )  # fmt: skip
    item_info_id: str | None = option(
        None, "Column of item ids in the file of --item-info; by default detected by its name.", metavar="COLUMN",
        panel=ITEMS,
    )  # fmt: skip
    title: str = option(
        "title", "Column of item information with the titles, for formats that write titles.", metavar="COLUMN",
        panel=ITEMS,
    )  # fmt: skip
    missing_titles: Literal["error", "id"] = option(
        "error", "Items without a title, for formats that write titles: stop (error), or write the id instead (id).",
        panel=ITEMS,
    )  # fmt: skip
    template: str | None = option(
        None, "TOML file with the text of a record, for formats of language models: user = '...' and assistant = "
        "'...', with placeholders such as {history} and {target}; by default a short question in English.",
        metavar="FILE", panel=LANGUAGE_MODELS,
    )  # fmt: skip
    semantic_ids: str | None = option(
        None, "File with the codes of each item: Parquet with a column item_id and a column of code lists, an "
        "index.json, or an .npy array with one row per item. Each item is replaced by its codes, one token per code; "
        "formats of trainers that look up codes themselves keep the items.",
        metavar="FILE", panel=SEMANTIC,
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
    user_tokens: int = option(
        0, "Begin each input with one of N tokens of users: user number n has token (n - 1) modulo N.", metavar="N",
        panel=SEMANTIC,
    )  # fmt: skip
    sid_format: str | None = option(
        None, "How codes are written as text: minionerec (<a_3><b_17>), openonerec "
        "(<|sid_begin|><s_a_3><s_b_17><|sid_end|>), or a pattern that is repeated for each code, with {code}, and "
        "{level} (a, b, ...) or {number} (0, 1, ...). To write text once for each item, put the repeated part between "
        "brackets: 'BEGIN[<{level}_{code}>]END'. "
        "(default: minionerec; for openonerec: openonerec)",
        metavar="PATTERN", panel=SEMANTIC,
    )  # fmt: skip
