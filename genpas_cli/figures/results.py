"""The reports of `stats` and `tune`, as the library returns them and `--json` prints them.

Their figures are declared in `genpas_cli.figures.table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from genpas_cli.figures.distribution.durations import QUANTILE_WORDS
from genpas_cli.figures.figure import Figure, Shown, figures_in, shown_in
from genpas_cli.figures.illustrations.data import Illustrations
from genpas_cli.figures.split_figures import PARTS, SplitFigures
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures
from genpas_cli.figures.text_tables import about_alignment, data_table, number, strategy_table, with_marks, written
from genpas_cli.runtime.machine import MadeWith
from genpas_cli.runtime.results.frames import as_number
from genpas_cli.runtime.results.reports import ShownTable, TableReport, json_value


@dataclass(frozen=True, repr=False)
class StatsReport(TableReport):
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

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints, without the keys that do not apply to this kind of source."""
        optional = {key: json_value(getattr(self, key)) for key in ("measured", "fair_draw", "notes")}
        return {
            "source": self.source, "data": json_value(self.data), "strategies": json_value(self.strategies),
            "made_with": json_value(self.made_with),
            **{key: value for key, value in optional.items() if value},
        }  # fmt: skip

    def shown(self) -> list[ShownTable]:
        """Return the figures of the strategies, as in the terminal, and of the data."""
        tables = [strategy_table(self.measured, self.strategies)]
        return tables if self.data is None else [*tables, data_table(self.data)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return the figures that are numbers or texts, as in `--csv`: one row per strategy, measured pairs first."""
        rows = ([] if self.measured is None else [self.measured]) + self.strategies
        keys = [
            f"{figure.key}.{part}" if part else figure.key
            for figure in shown_in(StrategyFigures, Shown.CSV) for part in figure.parts or ("",)
            if not part or any(getattr(each, figure.key) for each in rows)
        ]  # fmt: skip
        return {key: [_number(key, _value(each, key)) for each in rows] for key in keys}


def _value(figures: Any, key: str) -> Any:
    """Return the value of `figure.part`, None if the figure has none."""
    for part in key.split("."):
        figures = None if figures is None else getattr(figures, part)
    return figures


def _number(key: str, value: Any) -> Any:
    return as_number(value) if key in ("alpha", "beta", "gamma") else value


@dataclass(frozen=True, repr=False)
class SplitReport(TableReport):
    """The audit of a split; `genpas stats --split-of DIR --json` prints this."""

    source: str
    """The directory."""
    files: dict[str, str]
    """Part → file that was read."""
    time_unit: str | None
    """`seconds`, the unit of the gaps; None if the unit of the log's timestamps is not known, or there are none."""
    split: SplitFigures
    made_with: MadeWith
    """Version and options."""
    notes: tuple[str, ...] = ()
    """Why figures are missing, and how the files were read."""

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints, without empty notes."""
        found = {name: json_value(getattr(self, name)) for name in ("source", "files", "time_unit", "split")}
        notes = {"notes": list(self.notes)} if self.notes else {}
        return found | {"made_with": json_value(self.made_with)} | notes

    def shown(self) -> list[ShownTable]:
        """Return the sizes of the parts, and the other figures."""
        figures = figures_in(SplitFigures)
        there = [part for part in PARTS if part in self.files]
        sizes = [
            (label, *(number(getattr(self.split, key)[part]) for part in there))
            for key, label in (("rows", "rows"), ("users", "users"), ("items", "items"))
        ]
        others = [each for each in figures.values() if each.key not in ("rows", "users", "items")]
        rows = [line for each in others for line in self._lines(each)]
        return [ShownTable(("", *(part.replace("_", " ") for part in there)), sizes), ShownTable(("", "value"), rows)]

    def _lines(self, each: Figure) -> Iterator[tuple[str, str]]:
        """Yield the lines of a figure that has a value."""
        value = getattr(self.split, each.key)
        label = each.label + (f", {self.time_unit}" if each.key.startswith("gap") and self.time_unit else "")
        if not isinstance(value, dict):
            if value is not None:
                yield label, written(each, value)
            return
        for part, one in value.items():
            if one is not None:
                first, _, second = part.partition("_")
                words = f"{first} and {second}" if second else QUANTILE_WORDS.get(part, part)
                yield f"{label}: {words}", written(each, one)

    def by_column(self) -> dict[str, list[Any]]:
        """Return the figures as two columns, `figure` and `value`, as in `--csv`."""
        values = {
            f"{each.key}.{part}" if part else each.key: value if part is None else value.get(part)
            for each in figures_in(SplitFigures).values()
            for value in [getattr(self.split, each.key)]
            for part in ((None,) if not isinstance(value, dict) else each.parts)
        }
        return {"figure": list(values), "value": list(values.values())}


@dataclass(frozen=True)
class Configuration:
    """One cutting rule of a search."""

    name: str
    """The triple, or the value of `--strategy`; with a half-life, followed by `@` and the half-life."""
    alpha: float | str | None
    beta: float | str | None
    gamma: float | str | None
    """The biases; None where the kernel is not a power, as for the targets of `recency`."""
    kl: float
    """KL(p_validation ‖ p_train) of the exact p_train."""
    kl_drawn: float
    """The same KL for the balanced pairs that `augment` would draw, in the mean."""
    pair_entropy: float
    """Entropy of the pairs in nats, with inputs cut to L: the logarithm of their effective number."""
    alignment: float | None
    discrimination: float | None
    alignment_ratio: float | None
    """A / D against the validation pairs; higher is better."""
    published_rank: int | None
    """Rank in the published search, from 1; None if its filter or its cutoff drops the configuration."""
    front_rank: int | None
    """Rank among the configurations near the Pareto front of KL and A / D, from 1; None if it is not among them."""
    entropy_rank: int
    """Rank by `kl_drawn` − 0.1 · `pair_entropy`, from 1."""
    half_life: str | None = None
    """The half-life of the weights of targets, as given; None without."""


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
    steps: int
    """Steps that were trained; with `--search halving`, those of the last round in which it took part."""


@dataclass(frozen=True, repr=False)
class TuneReport(TableReport):
    """The report of `genpas tune`. Nothing in it depends on the test split."""

    source: str
    select: str
    """`front`, `entropy` or `published`: the selection that chose the winner."""
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
    """The configurations whose figures were computed, in the order of the chosen selection; those it drops come last,
    by KL."""
    strategies: list[str] = field(default_factory=list)
    """Names of the strategies that are not in the grid."""
    left_out: int = 0
    """Number of configurations that `--search halving` left out after a comparison of their targets alone."""
    half_lives: list[str | None] = field(default_factory=lambda: [None])
    """The half-lives that were tried; None for no weights by age."""
    trained: list[TrainedConfiguration] | None = None
    """With `--train-top`: the first configurations and the strategies of `--strategy`; the winner has the best
    validation accuracy."""
    output: str | None = None
    """With `--train-top`: the directory with pairs and models."""
    undecided: list[str] = field(default_factory=list)
    """Configurations that the figures cannot rank; the winner is the first of them. With `front` and several γ (or
    other input kernels): the first configuration of each γ, the γ nearest to 0 first, because A / D is comparable only
    within one. With `entropy`: those whose figure differs by less than 0.005 from the best. Empty with `--train-top`,
    which decides by training."""
    made_with: MadeWith | None = None
    """Version and options; None for a report that is not complete yet."""

    def shown(self) -> list[ShownTable]:
        """Return the first configurations, the winner first, and the accuracy of those that were trained."""
        headings = [
            "strategy", "KL", "KL drawn", "entropy", "A", "D", "A / D", "rank (front)", "rank (entropy)",
            "rank (published)",
        ]  # fmt: skip
        ranks = (
            "rank (front): near the Pareto front of KL drawn and A / D of each γ; the best of each γ come first, then "
            "the second best of each γ, so this rank does not say which γ is better. rank (entropy): by KL drawn − "
            "0.1 × entropy, over all γ. rank (published): by KL and A / D over all γ. –: "
            "no rank, because another configuration of the same γ is more than 2% better in both (front), or because "
            f"of --keep-share or --top (published). Sorted by --select {self.select}."
        )
        columns = (
            "KL: KL(validation ‖ train) of the targets, exact. KL drawn: the same after a balanced draw of "
            f"{self.pairs:,} pairs. Entropy: of the pairs, in nats; 1 more means e times as many equally likely "
            f"pairs. {about_alignment('validation', self.similarity)}"
        )
        found = ShownTable(
            headings, [_configuration_row(each) for each in self.configurations[:ROWS_SHOWN]], [ranks, columns]
        )
        if self.trained is None:
            return [found]
        accuracy = [each.validation for each in self.trained]
        marked = with_marks([f"{value:.4f}" for value in accuracy], accuracy, "higher")
        rows = [[each.name, text, " ".join(f"{value:.4f}" for value in each.by_seed), f"{each.steps:,}"]
                for each, text in zip(self.trained, marked, strict=True)]  # fmt: skip
        return [found, ShownTable(["strategy", "validation NDCG@10", "for each seed", "steps"], rows)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return the fields of `Configuration`, and `validation`: NDCG@10 on the validation pairs, if trained."""
        rows = self.configurations
        found = {f.name: [_number(f.name, getattr(each, f.name)) for each in rows] for f in fields(Configuration)}
        trained = {each.name: each.validation for each in self.trained or ()}
        return found | {"validation": [trained.get(each.name) for each in rows]}


ROWS_SHOWN = 15
"""Configurations in the table of a search."""


def _configuration_row(row: Configuration) -> list[str]:
    values = (row.kl, row.kl_drawn, row.pair_entropy, row.alignment, row.discrimination, row.alignment_ratio)
    ranks = ("–" if rank is None else str(rank) for rank in (row.front_rank, row.entropy_rank, row.published_rank))
    return [row.name, *map(number, values), *ranks]
