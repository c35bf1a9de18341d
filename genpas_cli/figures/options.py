"""The options of `stats`, and the options shared by all jobs that compute figures of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genpas_cli.augment.options import STRATEGIES, STRATEGY, TargetOptions
from genpas_cli.runtime.options import option

FIGURES = "Figures"

AS_WRITTEN, INDEPENDENT = "expected, as written by augment", "expected, drawn independently"
"""Labels of the rows with the figures of a finite number of pairs."""


@dataclass(frozen=True, kw_only=True)
class FigureOptions(TargetOptions):
    """How figures of pairs are computed."""

    max_input: str = option(
        "50", "Keep at most the L most recent items of an input; none: no limit.", metavar="L|none", panel=FIGURES
    )
    similarity: str = option(
        "containment@10",
        "Similarity of a training input and a held-out input, each taken as the set of its last W items: containment "
        "(share of the training input's items that are in the held-out input), recall (share of the held-out input's "
        "items that are in the training input), cosine (number of common items divided by the geometric mean of the "
        "two numbers of items) or overlap (number of common items).",
        metavar="NAME[@W]", panel=FIGURES,
    )  # fmt: skip
    epsilon: float = option(
        1e-10, "Constant added to every item's probability in KL divergences.", metavar="E", panel=FIGURES
    )


@dataclass(frozen=True, kw_only=True)
class StatsOptions(FigureOptions):
    """All options of `stats` except those for reading logs."""

    strategy: tuple[str, ...] = option(
        (), f"Strategy: {STRATEGIES}; repeatable. "
        "(default: last-target, multi-target, slide-window and 1,0,0)", flags=("-s", "--strategy"),
        metavar=STRATEGY, panel=FIGURES,
    )  # fmt: skip
    supervision: Literal["last", "dense"] = option(
        "last", "last: a trainer learns from the target of each pair. dense: also compute the figures of a trainer "
        "that learns to predict every item of a pair, as the public code of HSTU and SASRec does: the target, and each "
        "input item except the first.", panel=FIGURES,
    )  # fmt: skip
    pairs: str | None = option(
        None, f"Number of pairs for the rows '{AS_WRITTEN}' and '{INDEPENDENT}': a number, or a multiple of "
        "Multi-Target's number of pairs such as 2x. (default: 1x; for a strategy that augment writes without a draw, "
        "the number of its pairs)", metavar="N|2x", panel=FIGURES,
    )  # fmt: skip
    input_column: str | None = option(
        None, "For Parquet files of another tool: column of the input item lists.", metavar="NAME", panel=FIGURES
    )
    target_column: str | None = option(
        None, "For Parquet files of another tool: column of the targets.", metavar="NAME", panel=FIGURES
    )
