"""The table of figures: each figure is one entry, a field of a report's dataclass, in the order of the JSON.

`compute` takes a dataclass of `genpas_cli.figures.gathered`, except that figures of `TargetFigures` have a
`TargetFormula`, because they are also computed for a finite draw. To add a figure, add an entry; everything that shows
figures follows, see docs/explanation/architecture.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from genpas_cli.figures.distribution.divergence import (
    COVERAGE,
    GINI,
    entropy_terms,
    item_sum,
    js_terms,
    kl_of_held_out,
    kl_to_held_out,
    tv_terms,
    without_noise,
)
from genpas_cli.figures.distribution.fairness import StepTest
from genpas_cli.figures.distribution.positions import Bin, binned
from genpas_cli.figures.figure import NUMBER, Shown, figure
from genpas_cli.figures.gathered import GatheredData, GatheredPairs

PAIRS = "The pairs"
AGAINST = "Targets beside held-out ones"
VARIETY = "Variety of targets"
INPUTS = "Inputs"
PLACES = "Where the pairs come from"
SIZE = "The size of the data"
ORDER = "Repeats and ties"
HELD_OUT = "What is held out"
FAIR = "Whether shards are a fair draw"

_DRAWS = NUMBER | Shown.TERMINAL_DRAWS | Shown.PAGE_DRAWS
_TEXT = Shown.TERMINAL_TEXT | Shown.CSV | Shown.PAGE_TEXT
_BIAS = Shown.CSV | Shown.PAGE_TEXT
_DATA = Shown.TERMINAL | Shown.PAGE | Shown.CHECK
_SIZE = Shown.TERMINAL_TEXT | Shown.PAGE | Shown.CHECK
_TOLD = Shown.TERMINAL_TEXT | Shown.PAGE_TEXT

_share = partial(figure, range="0 to 1", is_share=True, digits=1, shown=_DATA)


# fmt: off
# The arguments of an entry: compute, label, meaning, group; then those that only some figures have.


@dataclass(frozen=True)
class WhichPairs:
    """The training pairs that the figures describe."""

    name: str = figure(
        None, "strategy", "`last-target`, `multi-target`, `slide-window`, or the biases α,β,γ as given.", PAIRS,
        shown=_TEXT)
    alpha: float | str | None = figure(
        None, "α", 'Sequence bias. No bias gives an enumeration exactly: null. Infinities are "inf" and "-inf".', PAIRS,
        shown=_BIAS)
    beta: float | str | None = figure(None, "β", "Target bias.", PAIRS, shown=_BIAS)
    gamma: float | str | None = figure(None, "γ", "Input bias.", PAIRS, shown=_BIAS)
    pairs: int = figure(
        None, "pairs", "Number of training pairs N: that of Multi-Target for biases, that of the enumeration for a "
        "name, unless `--pairs` is given.", PAIRS, range="from 1", digits=0)


@dataclass(frozen=True)
class TargetFigures:
    """The distribution of the targets. A figure is None if the split that it needs has no targets."""

    kl_test_train: float | None = figure(
        kl_of_held_out("test"), "KL(test ‖ train)", "KL(test ‖ train) of the targets, in nats: 0 if training asks for "
        "items as often as the test does. It punishes items that test asks for and training does not.", AGAINST,
        formula="Σ (q + ε) ln((q + ε) / (p + ε)), ε = 1e-10 (`--epsilon`), not renormalised", range="from 0",
        unit="nats", better="lower", shown=_DRAWS)
    kl_validation_train: float | None = figure(
        kl_of_held_out("validation"), "KL(validation ‖ train)", "The same for the targets of the validation pairs.",
        AGAINST, formula="as `kl_test_train`, q of validation", range="from 0", unit="nats", better="lower",
        shown=NUMBER | Shown.PAGE_DRAWS)
    kl_train_test: float | None = figure(
        kl_to_held_out("test"), "KL(train ‖ test)", "KL(train ‖ test): large where training spends pairs on items that "
        "the test never asks for.", AGAINST, formula="as `kl_test_train`, with p and q exchanged", range="from 0",
        unit="nats", better="lower")
    js_test_train: float | None = figure(
        item_sum(js_terms, against="test"), "Jensen–Shannon, test", "A symmetric divergence of the targets from those "
        "of the test, in nats: 0 to 0.693.", AGAINST, formula="½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2, ε = 0",
        range="0 to ln 2", unit="nats", better="lower")
    tv_test_train: float | None = figure(
        item_sum(tv_terms, against="test"), "total variation, test", "The share of targets that would have to change "
        "to match the test: 0 to 1.", AGAINST, formula="½ Σ |p − q|", range="0 to 1", better="lower")
    target_coverage: float = figure(
        COVERAGE, "target coverage", "Share of all items that can be a target.", VARIETY,
        formula="share of the K items with p > 0", range="0 to 1", better="higher", digits=1, is_share=True,
        shown=_DRAWS)
    effective_targets: float = figure(
        item_sum(entropy_terms, finish=math.exp), "effective targets", "As many equally likely targets would be as "
        "varied (exp of the entropy).", VARIETY, formula="exp(−Σ p ln p)", range="1 to K", better="higher", digits=1,
        shown=NUMBER | Shown.PAGE_DRAWS)
    target_gini: float = figure(
        GINI, "target Gini", "How unevenly targets fall on items: 0 all alike, 1 all on one.", VARIETY,
        formula="Σ_i Σ_j |p_i − p_j| / (2K) over the K items", range="0 to 1", digits=3)

    def __post_init__(self) -> None:
        """Set figures that differ from 0 only by rounding to 0."""
        for field in fields(TargetFigures):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, without_noise(value))


@dataclass(frozen=True)
class DrawnFigures(TargetFigures):
    """Expected figures of a finite draw; figures that are not linear in p differ from those of p."""

    draw: str = figure(
        None, "draw", "`independent`: the expectation; `balanced`: the mean over four offsets; `enumerated`: the pairs "
        "themselves.", PAIRS, shown=Shown.PAGE_DRAWS)
    pairs: int = figure(None, "pairs of a draw", "Number of pairs that are drawn.", PAIRS, shown=Shown.PAGE_DRAWS)


@dataclass(frozen=True)
class StrategyFigures(TargetFigures, WhichPairs):
    """The training pairs of one strategy: exact figures of p(x, y) without drawing, or measured on existing pairs."""

    alignment: float | None = figure(
        lambda of: of.alignment.alignment, "alignment A", "How alike held-out and training inputs of one target are.",
        INPUTS, formula="mean over held-out pairs (x, y), y common, of E_{x' | y} sim(x, x')", range="by `similarity`",
        better="higher")
    discrimination: float | None = figure(
        lambda of: of.alignment.discrimination, "discrimination D", "How alike held-out and training inputs of "
        "different targets are.", INPUTS, formula="mean over common targets y ≠ y' of E_{x | y} E_{x' | y'} sim(x, x')",
        range="by `similarity`", better="lower")
    alignment_ratio: float | None = figure(
        lambda of: of.alignment.ratio, "A / D", "Alignment over discrimination: how much an input tells about its "
        "target.", INPUTS, range="from 0", better="higher", digits=2)
    similarity: str = figure(
        None, "similarity of inputs", "How inputs are compared: a name, @, and how many of the last items are looked "
        "at.", INPUTS, shown=_TEXT)
    mean_input_length: float = figure(
        lambda of: of.mean_input_length, "mean input length", "Items in an input, after the cut to the longest "
        "allowed.", INPUTS, formula="Σ ℓ P(min(k − j, L) = ℓ), L by `--max-input`", range="1 to L", unit="items",
        digits=2, shown=NUMBER | Shown.PAGE_TEXT)
    inputs_per_target: float | None = figure(
        lambda of: of.inputs_per_target, "inputs per target", "Effective number of different inputs that a target "
        "comes with.", INPUTS, formula="exp(H(x, y) − H(y)), an input being a cell (s, k, j), cut to L", range="from 1",
        digits=1)
    input_length_histogram: list[Bin] = figure(
        lambda of: binned(of.input_lengths), "length of the inputs", "Share of the pairs by input length, after the "
        "cut.", INPUTS, formula="P(min(k − j, L) = ℓ)", range="sums to 1", shown=Shown.PAGE_TEXT)
    target_position_histogram: list[float] | None = figure(
        lambda of: of.target_tenths, "where the targets stand", "Share of the pairs by the place of the target in its "
        "sequence, in tenths, the earliest first.", PLACES, formula="mass of (k − 1)/(|s| − 1) in tenths",
        range="sums to 1", shown=Shown.PAGE_TEXT)
    popularity_deciles: list[float] | None = figure(
        GatheredPairs.deciles, "targets by tenths of the items", "Share of the targets on each tenth of the items, the "
        "most popular in training first.", PLACES, formula="mass of p on each tenth", range="sums to 1",
        shown=Shown.PAGE_TEXT)
    sequence_mass_by_length: list[Bin] | None = figure(
        lambda of: None if of.sequence_lengths is None else binned(of.sequence_lengths), "whose pairs they are",
        "Share of the pairs by the length |s| of their training sequence.", PLACES, formula="mass of p_α by |s|",
        range="sums to 1", shown=Shown.PAGE_TEXT)
    drawn: list[DrawnFigures] = figure(
        None, "finite draws", "The figures of the targets in N pairs, by kind of draw.", PAIRS,
        shown=Shown.TERMINAL_DRAWS | Shown.PAGE_DRAWS)


@dataclass(frozen=True)
class DataFigures:
    """The data itself, independent of the strategy."""

    users: int = figure(
        lambda of: of.meta["users"], "users", "Users in the store.", SIZE, range="from 1", digits=0, shown=_SIZE,
        fact="with {interactions} interactions in all.")
    items: int = figure(
        lambda of: of.items, "items", "Items that occur, K.", SIZE, range="from 1", digits=0, shown=_SIZE,
        fact="that occur; {density} of all user–item pairs are interactions.")
    interactions: int = figure(
        lambda of: of.meta["interactions"], "interactions", "Interactions of all users.", SIZE, range="from 1",
        digits=0, shown=_TOLD | Shown.CHECK)
    density: float = figure(
        lambda of: of.meta["interactions"] / (of.meta["users"] * of.items), "density", "Interactions per user and "
        "item.", SIZE, formula="interactions / (users · items)", range="from 0; above 1 with many repeats", digits=4,
        is_share=True, shown=_TOLD | Shown.CHECK)
    length: dict[str, float] = figure(
        lambda of: of.meta["length"], "median length", "Interactions per user: `min`, `median`, `mean`, `p99`, `max`.",
        SIZE, range="from 1", digits=0, parts=("min", "median", "mean", "p99", "max"), shown=_SIZE,
        fact="interactions a user; from {length[min]} to {length[max]}, mean {length[mean]}, 99% have at most "
        "{length[p99]}.")
    time_range: list[Any] | None = figure(
        lambda of: of.meta["time_range"], "first and last time", "First and last time; null without times.", SIZE,
        shown=Shown.TERMINAL_TEXT | Shown.PAGE, fact="in UTC, where the times of the log are dates.")
    repeats: float = _share(
        lambda of: of.repeats / of.meta["interactions"], "repeats", "Share of the interactions with an item that their "
        "user has had before.", ORDER, fact="of interactions are with an item that their user has had before.")
    tied_events: float = _share(
        lambda of: of.meta["ties"]["tied_events"], "tied events", "Share of the interactions that share user and time "
        "with another: their order is that of the log, or that of the tie rule.", ORDER,
        fact="of interactions share user and time with another: their order is the log's, or the rule for ties.")
    tied_test: float = _share(
        lambda of: of.meta["ties"]["tied_test"], "test held out by a tie", "Share of the users with something held out "
        "whose first test event has the time of the event before it.", HELD_OUT, shown=Shown.PAGE_TEXT | Shown.CHECK)
    tied_validation: float = _share(
        lambda of: of.meta["ties"]["tied_validation"], "validation held out by a tie", "The same for their first "
        "validation event.", HELD_OUT, shown=Shown.PAGE_TEXT | Shown.CHECK)
    tied_either: float = _share(
        lambda of: of.meta["ties"]["tied_either"], "held out by a tie", "Either of the two: the tie rule, and not "
        "time, decided what is held out.", HELD_OUT,
        fact="of users with something held out: time did not decide what (test {tied_test}, validation "
        "{tied_validation}).")
    cold_validation: float | None = _share(
        lambda of: of.cold("validation"), "cold validation", "Share of the validation targets whose item does not "
        "occur in training.", HELD_OUT,
        fact="of validation targets are items that training never has: no model can have learned them.")
    cold_test: float | None = _share(
        lambda of: of.cold("test"), "cold test", "Share of the test targets whose item does not occur in training.",
        HELD_OUT, fact="of test targets are items that training never has: no model can have learned them.")
    leaked_test: float | None = _share(
        lambda of: of.leaked_test, "leaked test", "Share of the test interactions that are earlier than some training "
        "interaction: close to 1 under leave-one-out, 0 under a split by time. Null without times or test.", HELD_OUT,
        fact="of test interactions come before some training interaction: training then knows some of their future.")
    future_training: float | None = _share(
        lambda of: of.future_training, "training later than test", "The chance that a training interaction is later "
        "than a test interaction, both taken at random.", HELD_OUT,
        fact="is the chance that a training interaction is later than a test one, both taken at random.")
    split: dict[str, int] = figure(
        GatheredData.split, "split", "Interactions in `train`, and targets in `validation` and `test`.", HELD_OUT,
        range="from 0", parts=("train", "validation", "test"), shown=_TOLD | Shown.CHECK)
    test_popularity_deciles: list[float] | None = figure(
        GatheredData.popularity_of_targets, "test targets by tenths of the items",
        "Share of the test targets on each tenth of the items, the most popular in training first.", HELD_OUT,
        range="sums to 1", shown=Shown.PAGE_TEXT)


@dataclass(frozen=True)
class FairDrawFigures:
    """Whether shards are a fair draw of their manifest's strategy."""

    fair: bool = figure(
        None, "a fair draw", "No test rejects the draw; a fair draw is rejected with a chance below 10⁻⁶. Rules write "
        "1 or 0.", FAIR, range="true or false", shown=_TOLD | Shown.CHECK)
    draw: str = figure(None, "kind of draw", "`independent`, `balanced` or `enumerated`.", FAIR, shown=_TOLD)
    tests: list[StepTest] = figure(
        None, "tests", "Each test: `step`, `test`, `statistic`, `p_value`.", FAIR, shown=_TOLD)


REPORTS: tuple[type, ...] = (StrategyFigures, DrawnFigures, DataFigures, FairDrawFigures)
"""Every dataclass of figures; `StrategyFigures` includes the figures of its base classes."""
