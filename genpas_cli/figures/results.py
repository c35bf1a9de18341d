"""The reports of `stats` and `tune`, as the library returns them and `--json` prints them.

Their figures are declared in `genpas_cli.figures.table`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from genpas_cli.figures.illustrations import Illustrations
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures
from genpas_cli.runtime.machine import MadeWith


@dataclass(frozen=True)
class StatsReport:
    """The report of `genpas stats`."""

    source: str
    data: DataFigures | None
    """None for shards without a store."""
    strategies: list[StrategyFigures]
    measured: StrategyFigures | None = None
    """The measured figures, if the source is pairs; `strategies` then holds exact figures to compare with, if any."""
    fair_draw: FairDrawFigures | None = None
    """Whether the shards are a fair draw, with `--store`."""
    notes: tuple[str, ...] = ()
    """Why figures are missing."""
    illustrations: Illustrations | None = None
    """Data shown only in the HTML report."""
    made_with: MadeWith | None = None
    """Version and options; None for a report that is not complete yet."""


def report_as_json(report: StatsReport) -> dict[str, Any]:
    """Return the JSON of `genpas stats --json`, without the keys that do not apply to this kind of source."""
    optional = {
        "measured": None if report.measured is None else asdict(report.measured),
        "fair_draw": None if report.fair_draw is None else asdict(report.fair_draw),
        "notes": list(report.notes),
    }
    return {
        "source": report.source,
        "data": None if report.data is None else asdict(report.data),
        "strategies": [asdict(figures) for figures in report.strategies],
        "made_with": None if report.made_with is None else asdict(report.made_with),
        **{key: value for key, value in optional.items() if value},
    }


@dataclass(frozen=True)
class Configuration:
    """One cutting rule of a search."""

    name: str
    """The triple, or the value of `--strategy`."""
    alpha: float | str | None
    beta: float | str | None
    gamma: float | str | None
    """The biases; None where the kernel is not a power, as for the targets of `recency`."""
    kl: float
    """KL(p_validation ‖ p_train) of the exact p_train."""
    kl_drawn: float
    """The same KL for the balanced pairs that `augment` would draw, in the mean."""
    alignment: float | None
    discrimination: float | None
    alignment_ratio: float | None
    """A / D against the validation pairs; higher is better."""
    published_rank: int | None
    """Rank in the published search, from 1; None if its filter or its cutoff drops the configuration."""
    front_rank: int | None
    """Rank among the configurations near the Pareto front of KL and A / D, from 1; None if it is not among them."""


@dataclass(frozen=True)
class TrainedConfiguration:
    """Accuracy of the models trained on a configuration's pairs."""

    name: str
    """As in `Configuration`."""
    validation: float
    """NDCG@10 on the validation pairs, mean over the seeds; higher is better."""
    by_seed: list[float]
    """NDCG@10 of each seed's run."""
    models: list[str]
    """Model directories, relative to the output."""


@dataclass(frozen=True)
class TuneReport:
    """The report of `genpas tune`. Nothing in it depends on the test split."""

    source: str
    select: str
    """`published` or `front`: the selection that chose the winner."""
    winner: str
    """Name of the best configuration."""
    command: str
    """The `genpas augment` command of the winner."""
    pairs: int
    """Number of pairs N for which `kl_drawn` and the occurrence of targets are computed."""
    similarity: str
    grid: dict[str, list[float | str]]
    """`alpha`, `beta`, `gamma`: the values of the grid."""
    configurations: list[Configuration]
    """All configurations, in the order of the chosen selection; those it drops come last, by KL."""
    strategies: list[str] = field(default_factory=list)
    """Names of the configurations that are not in the grid."""
    trained: list[TrainedConfiguration] | None = None
    """With `--train-top`: the first configurations, in the same order; the winner has the best validation accuracy."""
    output: str | None = None
    """With `--train-top`: the directory with pairs and models."""
    undecided: list[str] = field(default_factory=list)
    """The first configuration of each γ, the γ nearest to 0 first, if the figures cannot rank them: with `front` and
    several γ (or other input kernels), because A / D is comparable only within one. The winner is the first of them.
    Empty with `--train-top`, which decides by training."""
    made_with: MadeWith | None = None
    """Version and options; None for a report that is not complete yet."""
