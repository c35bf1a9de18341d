"""The reports of `stats` and `tune`, as the library returns them and `--json` prints them.

The figures in them are declared in `genpas_cli.figures.table`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from genpas_cli.figures.illustrations import Illustrations
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures


@dataclass(frozen=True)
class StatsReport:
    """What `genpas stats --json` prints."""

    source: str
    data: DataFigures | None
    """None for shards without a store."""
    strategies: list[StrategyFigures]
    measured: StrategyFigures | None = None
    """The figures of the shards, if the source is a pairs directory; `strategies` then has what they should be."""
    fair_draw: FairDrawFigures | None = None
    """Whether the shards are a fair draw, with `--store`."""
    notes: tuple[str, ...] = ()
    """Why figures are missing."""
    illustrations: Illustrations | None = None
    """What only the HTML report shows."""


def report_as_json(report: StatsReport) -> dict[str, Any]:
    """Return what `genpas stats --json` prints; keys that another kind of source would have are left out."""
    optional = {
        "measured": None if report.measured is None else asdict(report.measured),
        "fair_draw": None if report.fair_draw is None else asdict(report.fair_draw),
        "notes": list(report.notes),
    }
    return {
        "source": report.source,
        "data": None if report.data is None else asdict(report.data),
        "strategies": [asdict(figures) for figures in report.strategies],
        **{key: value for key, value in optional.items() if value},
    }


@dataclass(frozen=True)
class Configuration:
    """One cutting rule of a search."""

    name: str
    """The triple, or what `--strategy` was given."""
    alpha: float | str | None
    beta: float | str | None
    gamma: float | str | None
    """Its biases; None where no power is exact, as for the targets of `recency`."""
    kl: float
    """KL(p_validation ‖ p_train) of p itself."""
    kl_drawn: float
    """The same of the balanced pairs that `augment` would draw, in the mean."""
    alignment: float | None
    discrimination: float | None
    alignment_ratio: float | None
    """A / D to the validation pairs; higher is better."""
    published_rank: int | None
    """Place in the published search, from 1; None if its filter or its cut drops the configuration."""
    front_rank: int | None
    """Place among those near the Pareto front of KL and A / D, from 1; None if it is not near."""


@dataclass(frozen=True)
class TrainedConfiguration:
    """What a model has made of a configuration's pairs."""

    name: str
    """As in `Configuration`."""
    validation: float
    """NDCG@10 on the validation pairs, mean over the seeds; higher is better."""
    by_seed: list[float]
    """The same of each run."""
    models: list[str]
    """Model directories, within the output."""


@dataclass(frozen=True)
class TuneReport:
    """What `genpas tune --json` prints. Nothing in it has seen the test split."""

    source: str
    select: str
    """`published` or `front`: whose winner this is."""
    winner: str
    """Name of the configuration to draw by."""
    command: str
    """The `genpas augment` command of the winner."""
    pairs: int
    """Pairs N that `kl_drawn` and the occurrence of targets are for."""
    similarity: str
    grid: dict[str, list[float | str]]
    """`alpha`, `beta`, `gamma`: the values of the grid."""
    configurations: list[Configuration]
    """All of them, in the order of the chosen selection; those it drops come last, by KL."""
    strategies: list[str] = field(default_factory=list)
    """Names of the configurations beside the grid."""
    trained: list[TrainedConfiguration] | None = None
    """With `--train-top`: the first of them, in the same order; the best by validation accuracy is the winner."""
    output: str | None = None
    """With `--train-top`: the directory with pairs and models."""
    undecided: list[str] = field(default_factory=list)
    """The first configuration of each γ, the γ nearest to 0 first, where these figures do not decide between them: with
    `front` and several γ, as A / D compares only within one γ (or other way to cut inputs). The winner is the first of
    them; empty with `--train-top`, which decides by training."""
