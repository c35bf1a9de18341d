"""The figures of a report, as `--json` prints them. Each is documented here: unit, range, direction; shares are 0..1.

`BETTER` says which way is better where one is; the marks in tables and the winners of `tune` follow it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from genpas_cli.figures.distribution.positions import Bin
from genpas_cli.figures.distribution.target_figures import TargetFigures
from genpas_cli.figures.illustrations import Illustrations

BETTER: dict[str, Literal["lower", "higher"]] = {
    "kl_test_train": "lower", "kl_validation_train": "lower", "kl_train_test": "lower", "js_test_train": "lower",
    "tv_test_train": "lower", "alignment": "higher", "discrimination": "lower", "alignment_ratio": "higher",
    "target_coverage": "higher", "effective_targets": "higher",
}  # fmt: skip
"""Figures of a strategy that have a better side; the others describe."""


@dataclass(frozen=True)
class DataFigures:
    """The health of the data itself, whatever is drawn from it."""

    users: int
    """Users in the store."""
    items: int
    """Items that occur."""
    interactions: int
    density: float
    """interactions / (users · items); above 1 where users repeat themselves much."""
    length: dict[str, float]
    """Interactions a user: `min`, `median`, `mean`, `p99`, `max`."""
    time_range: list[Any] | None
    """First and last time; None without times."""
    repeats: float
    """Share of interactions with an item that their user has had before."""
    tied_events: float
    """Share of interactions that share user and time with another: their order is the log's, or the tie rule's."""
    tied_test: float
    """Share of users with something held out whose first test event has the time of the event before it."""
    tied_validation: float
    """Likewise for their first validation event."""
    tied_either: float
    """Either of the two: what is held out there was decided by the tie rule and not by time."""
    cold_validation: float | None
    """Share of validation targets whose item does not occur in training: no model can have learned it."""
    cold_test: float | None
    """Share of test targets whose item does not occur in training."""
    leaked_test: float | None
    """Share of test interactions that precede some training interaction in global time: training then knows something
    of what was the future. Close to 1 under leave-one-out, 0 under a split by time. None without times or test."""
    future_training: float | None
    """How much so: the chance that a training interaction is later than a test interaction, both taken at random."""
    split: dict[str, int]
    """Interactions in `train`, and targets in `validation` and `test`."""
    test_popularity_deciles: list[float] | None
    """Share of test targets on each tenth of the items, the most popular in training first."""


@dataclass(frozen=True)
class DrawnFigures(TargetFigures):
    """What a finite draw of so many pairs gives, in expectation: figures that are not linear in p."""

    draw: str
    """`independent`: expectation; `balanced`: mean over four offsets; `enumerated`: the pairs themselves."""
    pairs: int


@dataclass(frozen=True)
class StrategyFigures(TargetFigures):
    """The training pairs of one strategy: exact figures of p(x, y), no pair drawn; or those that shards hold."""

    name: str
    """`last-target`, `multi-target`, `slide-window`, or the triple as given."""
    alpha: float | str | None
    """Sequence bias; null where no power is exact. Infinities are "inf" and "-inf"."""
    beta: float | str | None
    """Target bias."""
    gamma: float | str | None
    """Input bias."""
    pairs: int
    """Pairs N: as many as Multi-Target has for a triple, those of the enumeration for a name, unless `--pairs`."""
    alignment: float | None
    """Mean similarity of held-out and training inputs of the same target; higher is better. None without test pairs."""
    discrimination: float | None
    """Mean similarity of held-out and training inputs of different targets; lower is better."""
    alignment_ratio: float | None
    """alignment / discrimination; higher is better."""
    similarity: str
    """What alikeness of inputs is: a name, @, and how many of the last items are looked at."""
    mean_input_length: float
    """Mean length of an input, cut to `--max-input`."""
    inputs_per_target: float | None
    """Effective number of inputs a target comes with: exp of the entropy of the input given the target; 1 or more. None
    where only shards are at hand."""
    input_length_histogram: list[Bin]
    """Share of pairs by input length, cut to `--max-input`."""
    target_position_histogram: list[float] | None
    """Share of pairs by (k − 1) / (|s| − 1) in tenths, the earliest targets first. None for shards without a store."""
    popularity_deciles: list[float] | None
    """Share of targets on each tenth of the items, the most popular in training first. None for shards without a
    store."""
    sequence_mass_by_length: list[Bin] | None
    """Share of pairs by the length |s| of their training sequence. None for shards without a store."""
    drawn: list[DrawnFigures]
    """What N pairs give, by kind of draw."""


@dataclass(frozen=True)
class FairTest:
    """One test whether shards are a fair draw; see `genpas_cli.figures.distribution.fairness`."""

    step: str
    """`sequence length`, `sequence`, `target`, `input`, `counts` or `pairs`."""
    test: str
    """`chi-square`, `floor or ceiling`, or `each once`."""
    statistic: float
    """Chi-square with 99 degrees of freedom, fewer below 10,000 pairs; for exact tests, how many are wrong."""
    p_value: float
    """Chance of a statistic so large if the draw is fair; exact tests have 1 or 0."""


@dataclass(frozen=True)
class FairDrawFigures:
    """Whether shards are a fair draw of their manifest's strategy."""

    fair: bool
    """No test rejects it; a fair draw is rejected with a chance below 10^-6."""
    draw: str
    tests: list[FairTest]


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


_TARGET_KEYS = [field.name for field in fields(TargetFigures)]


def strategy_as_json(figures: StrategyFigures) -> dict[str, Any]:
    """Return a strategy's figures in the order of their declaration, its name first."""
    values = asdict(figures)
    own = [key for key in values if key not in _TARGET_KEYS]
    return {key: values[key] for key in (*own[:5], *_TARGET_KEYS, *own[5:])}


def report_as_json(report: StatsReport) -> dict[str, Any]:
    """Return what `genpas stats --json` prints; keys of a kind of source that this is not are left out."""
    optional = {
        "measured": None if report.measured is None else strategy_as_json(report.measured),
        "fair_draw": None if report.fair_draw is None else asdict(report.fair_draw),
        "notes": list(report.notes),
    }
    return {
        "source": report.source,
        "data": None if report.data is None else asdict(report.data),
        "strategies": [strategy_as_json(figures) for figures in report.strategies],
        **{key: value for key, value in optional.items() if value},
    }


@dataclass(frozen=True)
class Configuration:
    """One (α, β, γ) of a search."""

    name: str
    """The triple."""
    alpha: float | str
    beta: float | str
    gamma: float | str
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
    """The triple."""
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
    """The triple to draw by."""
    command: str
    """The `genpas augment` command of the winner."""
    pairs: int
    """Pairs N that `kl_drawn` and the occurrence of targets are for."""
    similarity: str
    grid: dict[str, list[float | str]]
    """`alpha`, `beta`, `gamma`: the values that were tried."""
    configurations: list[Configuration]
    """All of them, in the order of the chosen selection; those it drops come last, by KL."""
    trained: list[TrainedConfiguration] | None = None
    """With `--train-top`: the first of them, in the same order; the best by validation accuracy is the winner."""
    output: str | None = None
    """With `--train-top`: the directory with pairs and models."""
    undecided: list[str] = field(default_factory=list)
    """The first configuration of each γ, the γ nearest to 0 first, where these figures do not decide between them: with
    `front` and several γ, as A / D compares only within one γ. The winner is the first of them; empty with
    `--train-top`, which decides by training."""
