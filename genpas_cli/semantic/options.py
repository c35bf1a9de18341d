"""The options of `semantic-ids`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import option

CODES = "Codes"
VECTORS = "Vectors"

Collisions = Literal["append", "reassign", "keep"]


@dataclass(frozen=True, kw_only=True)
class SemanticIdsOptions(MachineOptions):
    """All options of `semantic-ids`."""

    levels: int = option(3, "Number of codes of an item.", metavar="N", panel=CODES)
    codes: int = option(256, "Number of different codes of each level.", metavar="N", panel=CODES)
    collisions: Literal["append", "reassign", "keep"] = option(
        "append", "Items with equal codes: append one more code that distinguishes them (0, 1, ...), reassign their "
        "last code to the nearest free one, or keep them equal.", panel=CODES,
    )  # fmt: skip
    normalize: bool = option(False, "Divide each vector by its length first.", flags=("--normalize",), panel=VECTORS)
    dimensions: int | None = option(
        None, "Number of dimensions of the vectors. Embeddings are reduced to it by principal components; vectors of a "
        "store are made with it. (default: all those of embeddings; 64 for a store)", metavar="N", panel=VECTORS,
    )  # fmt: skip
    unmatched: Literal["error", "drop"] = option(
        "error", "With --vocab: an embedding of an item that is not among its items is an error, or left out (drop).",
        panel=VECTORS,
    )  # fmt: skip
    window: int | None = option(
        None, "For a store: two items occur together if they are at most N positions apart in a training sequence. "
        "(default: 5)", metavar="N", panel=VECTORS,
    )  # fmt: skip
    sample: int = option(
        200_000, "Maximum number of vectors on which the codes are trained, chosen at random.", metavar="N",
        panel=CODES,
    )  # fmt: skip
    iterations: int = option(25, "Maximum number of iterations of k-means per level.", metavar="N", panel=CODES)
    seed: int = option(0, "Random seed.", panel=CODES)
