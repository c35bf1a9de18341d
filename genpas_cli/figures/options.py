"""The options of figures: of `stats`, and of every job that takes figures of pairs."""

from __future__ import annotations

from dataclasses import dataclass

from genpas_cli.augment.options import STRATEGIES, STRATEGY, TargetOptions
from genpas_cli.runtime.options import option

FIGURES = "Figures"


@dataclass(frozen=True, kw_only=True)
class FigureOptions(TargetOptions):
    """How figures of pairs are taken."""

    max_input: str = option(
        "50", "Inputs are cut to their most recent so many items; none keeps all.", metavar="L|none", panel=FIGURES
    )
    similarity: str = option(
        "containment@10",
        "How inputs are compared for alignment: containment, recall, cosine or overlap, of the last so many items.",
        metavar="NAME[@N]", panel=FIGURES,
    )  # fmt: skip
    epsilon: float = option(1e-10, "Added to every item's probability in KL divergences.", metavar="E", panel=FIGURES)


@dataclass(frozen=True, kw_only=True)
class StatsOptions(FigureOptions):
    """All options of `stats` that do not concern the reading of logs."""

    strategy: tuple[str, ...] = option(
        (), f"Cutting rule: {STRATEGIES}; give it again for more. "
        "(default: last-target, multi-target, slide-window and 1,0,0)", flags=("-s", "--strategy"),
        metavar=STRATEGY, panel=FIGURES,
    )  # fmt: skip
    pairs: str | None = option(
        None, "How many pairs the figures of a finite draw are for: a number, or a multiple such as 2x of "
        "Multi-Target's count. (default: 1x; for a name as many as it enumerates)", metavar="N|2x", panel=FIGURES,
    )  # fmt: skip
    input_column: str | None = option(
        None, "SOURCE is Parquet of another tool: its column of input lists.", metavar="NAME", panel=FIGURES
    )
    target_column: str | None = option(None, "Likewise: its column of targets.", metavar="NAME", panel=FIGURES)
