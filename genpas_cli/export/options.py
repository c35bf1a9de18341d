"""The options of `export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.export.formats import FORMATS
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

OUTPUT = "Output"
SEMANTIC = "Semantic IDs"


_MEANINGS = "; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items())


@dataclass(frozen=True, kw_only=True)
class ExportOptions(MachineOptions):
    """All options of `export`."""

    to: str = option("jsonl", f"Format. {_MEANINGS}.", metavar="FORMAT", panel=OUTPUT)
    split: Literal["train", "validation", "test"] | None = option(
        None, "Write this split alone, to the file OUT where the format has one file a split; by default all splits, "
        "into the directory OUT. With -o -: by default train.", panel=OUTPUT,
    )  # fmt: skip
    epoch: int | None = option(
        None, "Of pairs with several epochs: the training pairs of this one, from 0; by default of all, in order.",
        metavar="E", panel=OUTPUT,
    )  # fmt: skip
    ids: Literal["raw", "num"] | None = option(
        None, "Items, and users where their ids are known, as the log's ids or as numbers; by default as they come.",
        panel=OUTPUT,
    )  # fmt: skip
    pad: Literal["left", "right", "none"] = option(
        "none", "Fill inputs up with 0 to the greatest length that they can have.", panel=OUTPUT
    )
    limit: int | None = option(None, "Write the first N pairs of each split.", metavar="N", panel=OUTPUT)
    columns: str | None = option(
        None, "Write these columns, in this order where the format leaves a choice; by default all that it holds.",
        metavar="A,B,...", panel=OUTPUT,
    )  # fmt: skip
    vocab: str | None = option(
        None, "Pairs directory of the same log, by whose items.parquet the ids of a stream are translated.",
        metavar="DIR", panel=OUTPUT,
    )  # fmt: skip
    semantic_ids: str | None = option(
        None, "Parquet of item_id and a list of codes: each item becomes its codes, a token each.", metavar="FILE",
        panel=SEMANTIC,
    )  # fmt: skip
    missing_codes: Literal["error", "drop"] = option(
        "error", "Items without codes: an error; or they leave inputs, and pairs whose target they are go.",
        panel=SEMANTIC,
    )  # fmt: skip
    colliding_codes: Literal["error", "append", "keep"] = option(
        "error", "Items that share all codes: an error; append one more code that tells them apart; or keep them so.",
        panel=SEMANTIC,
    )  # fmt: skip
    separator: bool = option(False, "Put a token of its own between two items.", panel=SEMANTIC)
    end_token: bool = option(False, "End each input and each target with a token of its own.", panel=SEMANTIC)
