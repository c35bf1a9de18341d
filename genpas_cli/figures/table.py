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
from genpas_cli.figures.distribution.durations import QUANTILES
from genpas_cli.figures.distribution.fairness import StepTest
from genpas_cli.figures.distribution.positions import Bin, binned
from genpas_cli.figures.figure import NUMBER, Shown, checked_keys, figure
from genpas_cli.figures.gathered import GatheredData, GatheredTargets
from genpas_cli.figures.split_figures import SplitFigures

PAIRS = "The pairs"
AGAINST = "Training targets compared with held-out targets"
VARIETY = "Diversity of the targets"
INPUTS = "Inputs"
PLACES = "Where the pairs come from"
DENSE = "Dense supervision"
SIZE = "Data size"
ORDER = "Repeated items and timestamp ties"
HELD_OUT = "Held-out data"
FAIR = "Fair draw test of the shards"

_ON_PAGE = NUMBER | Shown.PAGE_DENSE
_COMPARED = _ON_PAGE | Shown.PAGE_DRAWS
_DRAWS = _COMPARED | Shown.TERMINAL_DENSE | Shown.TERMINAL_DRAWS
_SUPERVISED = Shown.TERMINAL_DENSE | Shown.PAGE_DENSE | Shown.CSV | Shown.CHECK
_TEXT = Shown.TERMINAL_TEXT | Shown.CSV | Shown.PAGE_TEXT
_BIAS = Shown.CSV | Shown.PAGE_TEXT
_DATA = Shown.TERMINAL | Shown.PAGE | Shown.CHECK
_SIZE = Shown.TERMINAL_TEXT | Shown.PAGE | Shown.CHECK
_TOLD = Shown.TERMINAL_TEXT | Shown.PAGE_TEXT

_share = partial(figure, range="0 to 1", is_share=True, digits=1, shown=_DATA)
_DURATION: dict[str, Any] = {
    "range": "from 0; null without timestamps", "digits": 0, "parts": tuple(QUANTILES), "is_duration": True,
    "shown": _SIZE,
}  # fmt: skip
"""The arguments of a figure that is the quantiles of durations."""


# fmt: off
# The arguments of an entry: compute, label, meaning, group; then those that only some figures have.
_TENTHS = {
    "label": "position of the targets", "group": PLACES, "range": "sums to 1",
    "meaning": "Share of the pairs by the position of the target in its sequence, in tenths, earliest first.",
    "formula": "mass of (k − 1)/(|s| − 1) in tenths"}
_DECILES = {
    "label": "targets by item popularity", "group": PLACES, "range": "sums to 1",
    "meaning": "Share of the targets in each tenth of the items, sorted by popularity in training, most popular first.",
    "formula": "mass of p on each tenth"}


@dataclass(frozen=True)
class WhichPairs:
    """The training pairs that the figures describe."""

    name: str = figure(
        None, "strategy", "Name of a strategy, such as `multi-target`, or the biases α,β,γ as given.", PAIRS,
        shown=_TEXT)
    alpha: float | str | None = figure(
        None, "α", 'Sequence bias; null for a strategy that no biases reproduce exactly. Infinities are "inf" and '
        '"-inf".', PAIRS,
        shown=_BIAS)
    beta: float | str | None = figure(None, "β", "Target bias.", PAIRS, shown=_BIAS)
    gamma: float | str | None = figure(None, "γ", "Input bias.", PAIRS, shown=_BIAS | Shown.TERMINAL_TEXT)
    pairs: int = figure(
        None, "pairs", "Number of training pairs N. Without `--pairs`: Multi-Target's number of pairs for biases, and "
        "the number of all pairs for a strategy that writes each pair once, unless targets are weighted.", PAIRS,
        range="from 1", digits=0)


@dataclass(frozen=True)
class TargetFigures:
    """The distribution of the targets. A figure is None if the split that it needs has no targets."""

    kl_test_train: float | None = figure(
        kl_of_held_out("test"), "KL(test ‖ train)", "How poorly the training targets cover the test targets, in "
        "nats: 0 if each item is a target equally often in training and test. Large if some test targets are rarely "
        "or never training targets.", AGAINST, formula="Σ (q + ε) ln((q + ε) / (p + ε)), ε = 1e-10 (`--epsilon`), not "
        "renormalized", range="from 0", unit="nats", better="lower", shown=_DRAWS)
    kl_validation_train: float | None = figure(
        kl_of_held_out("validation"), "KL(validation ‖ train)", "The same for the validation targets.", AGAINST,
        formula="as `kl_test_train`, with q of the validation targets", range="from 0", unit="nats", better="lower",
        shown=_COMPARED | Shown.TERMINAL_DENSE)
    kl_train_test: float | None = figure(
        kl_to_held_out("test"), "KL(train ‖ test)", "KL divergence in the other direction, in nats: large if training "
        "has many pairs whose target is never a test target.", AGAINST, formula="as `kl_test_train`, with p and q "
        "exchanged", range="from 0", unit="nats", better="lower", shown=_ON_PAGE)
    js_test_train: float | None = figure(
        item_sum(js_terms, against="test"), "Jensen–Shannon, test", "Symmetric divergence between training targets "
        "and test targets, in nats: 0 to 0.693.", AGAINST, formula="½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2, ε = 0",
        range="0 to ln 2", unit="nats", better="lower", shown=_ON_PAGE)
    tv_test_train: float | None = figure(
        item_sum(tv_terms, against="test"), "total variation, test", "Share of the training targets that would have "
        "to change to match the test targets: 0 to 1.", AGAINST, formula="½ Σ |p − q|", range="0 to 1", better="lower",
        shown=_ON_PAGE)
    target_coverage: float = figure(
        COVERAGE, "target coverage", "Share of the items that are the target of at least one possible training "
        "pair.", VARIETY,
        formula="share of the K items with p > 0", range="0 to 1", better="higher", digits=1, is_share=True,
        shown=_DRAWS)
    effective_targets: float = figure(
        item_sum(entropy_terms, finish=math.exp), "effective targets", "Number of equally likely targets with the "
        "same entropy: exp(entropy).", VARIETY, formula="exp(−Σ p ln p)", range="1 to K", better="higher", digits=1,
        shown=_COMPARED | Shown.TERMINAL_DENSE)
    target_gini: float = figure(
        GINI, "target Gini", "How unevenly the targets are distributed over the items: 0 if all items are equally "
        "frequent, close to 1 if one item is always the target.", VARIETY, formula="Σ_i Σ_j |p_i − p_j| / (2K) over "
        "the K items", range="0 to 1", digits=3, shown=_ON_PAGE | Shown.TERMINAL_DENSE)

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
        None, "draw", "`independent`: expected value; `balanced`: mean over four balanced draws with evenly spaced "
        "random starts; `enumerated`: all pairs, without drawing.", PAIRS, shown=Shown.PAGE_DRAWS)
    pairs: int = figure(None, "pairs drawn", "Number of pairs drawn.", PAIRS, shown=Shown.PAGE_DRAWS)


@dataclass(frozen=True)
class SupervisedFigures(TargetFigures):
    """The target figures of a trainer with dense supervision, with every position that it learns from as a target."""

    target_position_histogram: list[float] | None = figure(
        lambda of: of.target_tenths, **_TENTHS, shown=Shown.PAGE_DENSE)
    popularity_deciles: list[float] | None = figure(
        GatheredTargets.deciles, **_DECILES, shown=Shown.PAGE_DENSE)


@dataclass(frozen=True)
class DenseFigures:
    """The figures of a trainer that computes its loss at every position of a pair's sequence."""

    per_pair: SupervisedFigures = figure(
        None, "dense, per pair", "The figures of the targets if a pair's loss is the mean over the positions of its "
        "sequence.", DENSE, formula="p(y) = Σ p(s) p(k | s) p(j | k) Σ_{k−ℓ < i ≤ k} 1[s_i = y] / ℓ, with ℓ = "
        "min(k − j, L), L by `--max-input`", range="as for the pairs",
        parts=tuple(checked_keys(SupervisedFigures)), shown=_SUPERVISED)
    per_token: SupervisedFigures = figure(
        None, "dense, per token", "The figures of the targets if each position has the same weight, so that a pair "
        "with a long input has more.", DENSE, formula="the same without 1/ℓ, divided by its sum",
        range="as for the pairs", parts=tuple(checked_keys(SupervisedFigures)), shown=_SUPERVISED)


@dataclass(frozen=True)
class StrategyFigures(TargetFigures, WhichPairs):
    """The training pairs of one strategy: exact figures of p(x, y) without drawing, or measured on existing pairs."""

    alignment: float | None = figure(
        lambda of: of.alignment.alignment, "alignment A", "Mean similarity of held-out inputs (test; in tune: "
        "validation) and training inputs with the same target.", INPUTS,
        formula="mean over held-out pairs (x, y) with y a common target, of E_{x' | y} sim(x, x')",
        range="by `similarity`", within_inputs=True, better="higher")
    discrimination: float | None = figure(
        lambda of: of.alignment.discrimination, "discrimination D", "Mean similarity of held-out inputs (test; in "
        "tune: validation) and training inputs with different targets.", INPUTS,
        formula="mean over common targets y ≠ y' of E_{x | y} E_{x' | y'} sim(x, x')",
        range="by `similarity`", within_inputs=True, better="lower")
    alignment_ratio: float | None = figure(
        lambda of: of.alignment.ratio, "A / D", "Alignment divided by discrimination: how much an input tells about "
        "its target.", INPUTS, range="from 0", within_inputs=True, better="higher", digits=2)
    similarity: str = figure(
        None, "similarity of inputs", "Similarity function and number of last items compared, as NAME@W.", INPUTS,
        shown=_TEXT)
    mean_input_length: float = figure(
        lambda of: of.mean_input_length, "mean input length", "Mean number of items in an input, after truncation to "
        "the maximum input length.", INPUTS, formula="Σ ℓ P(min(k − j, L) = ℓ), L by `--max-input`", range="1 to L",
        unit="items", digits=2, shown=NUMBER | Shown.PAGE_TEXT)
    inputs_per_target: float | None = figure(
        lambda of: of.inputs_per_target, "effective inputs per target item", "How many different inputs precede "
        "a target item, over all users: the number of equally likely inputs that have the same entropy.", INPUTS,
        formula="exp(H(x, y) − H(y)), where an input is a triple (s, k, j), truncated to L items",
        range="from 1", digits=1)
    input_length_histogram: list[Bin] = figure(
        lambda of: binned(of.input_lengths), "input length", "Share of the pairs by input length, after truncation to "
        "the maximum input length.", INPUTS, formula="P(min(k − j, L) = ℓ)", range="sums to 1", shown=Shown.PAGE_TEXT)
    target_position_histogram: list[float] | None = figure(
        lambda of: of.target_tenths, **_TENTHS, shown=Shown.PAGE_TEXT | Shown.PAGE_DENSE)
    popularity_deciles: list[float] | None = figure(
        GatheredTargets.deciles, **_DECILES, shown=Shown.PAGE_TEXT | Shown.PAGE_DENSE)
    sequence_mass_by_length: list[Bin] | None = figure(
        lambda of: None if of.sequence_lengths is None else binned(of.sequence_lengths), "pairs by sequence length",
        "Share of the pairs by the length |s| of their training sequence.", PLACES, formula="mass of p_α by |s|",
        range="sums to 1", shown=Shown.PAGE_TEXT)
    drawn: list[DrawnFigures] = figure(
        None, "finite draws", "The figures of the targets after drawing N pairs, for each kind of draw.", PAIRS,
        shown=Shown.TERMINAL_DRAWS | Shown.PAGE_DRAWS)
    dense: DenseFigures | None = figure(
        None, "dense supervision", "The figures of the targets of a trainer that computes its loss at every position "
        "of a pair's sequence; null without `--supervision dense`.", DENSE, range="as for the pairs",
        parts=tuple(checked_keys(DenseFigures)), shown=_SUPERVISED)


@dataclass(frozen=True)
class DataFigures:
    """The data itself, independent of the strategy."""

    users: int = figure(
        lambda of: of.users, "users", "Number of users in the data.", SIZE, range="from 1", digits=0,
        shown=_SIZE, fact="with {interactions} interactions in total.")
    session_users: int | None = figure(
        lambda of: of.meta.get("session_users"), "users with sessions", "Number of users whose histories "
        "`--session-gap` cut into sessions; every other figure counts a session as a user. Null without "
        "`--session-gap`.", SIZE, range="from 1", digits=0, shown=_TOLD)
    items: int = figure(
        lambda of: of.items, "items", "Number of items in the data, K.", SIZE, range="from 1", digits=0, shown=_SIZE,
        fact="in the data; density (interactions divided by users × items): {density}.")
    interactions: int = figure(
        lambda of: of.meta["interactions"], "interactions", "Number of interactions.", SIZE, range="from 1", digits=0,
        shown=_TOLD | Shown.CHECK)
    density: float = figure(
        lambda of: of.meta["interactions"] / (of.users * of.items), "density", "Number of interactions "
        "divided by (users × items).", SIZE, formula="interactions / (users · items)",
        range="from 0; above 1 if items repeat", digits=4, is_share=True, shown=_TOLD | Shown.CHECK)
    length: dict[str, float] = figure(
        lambda of: of.meta["length"], "median length", "Interactions per user: `min`, `median`, `mean`, `p99`, `max`.",
        SIZE, range="from 1", digits=0, parts=("min", "median", "mean", "p99", "max"), shown=_SIZE,
        fact="interactions per user; from {length[min]} to {length[max]}, mean {length[mean]}; 99% of users have at "
        "most {length[p99]}.")
    time_range: list[Any] | None = figure(
        lambda of: of.meta["time_range"], "first and last time", "First and last timestamp; null if the log has no "
        "timestamps.", SIZE, shown=Shown.TERMINAL_TEXT | Shown.PAGE, fact="{time_scale}.")
    repeats: float = _share(
        lambda of: of.repeats / of.meta["interactions"], "interactions with an item that the user already had",
        "Share of the interactions whose item already occurred earlier for the same user.", ORDER,
        fact="of interactions have an item that already occurred earlier for the same user.")
    tied_events: float = _share(
        lambda of: of.meta["ties"]["tied_events"], "interactions with a tied timestamp",
        "Share of the interactions with the same user and timestamp as another one; `--ties` decides their order.",
        ORDER, fact="of interactions have the same user and timestamp as another one; --ties decides their order.")
    tied_test: float = _share(
        lambda of: of.meta["ties"]["tied_test"], "timestamp ties at the test split", "Among the users "
        "with held-out interactions: share of those whose first test interaction has the same timestamp as the "
        "interaction before it.", HELD_OUT,
        shown=Shown.PAGE_TEXT | Shown.CHECK)
    tied_validation: float = _share(
        lambda of: of.meta["ties"]["tied_validation"], "timestamp ties at the validation split",
        "The same for the first validation interaction.", HELD_OUT, shown=Shown.PAGE_TEXT | Shown.CHECK)
    tied_either: float = _share(
        lambda of: of.meta["ties"]["tied_either"], "users with a tie at the split", "Share of the users with either of "
        "the two: for them, the order that `--ties` sets, and not time, decided which interactions are held out.",
        HELD_OUT,
        fact="of users with held-out interactions have one with the same timestamp as the interaction before it (test "
        "{tied_test}, validation {tied_validation}); the order that --ties sets decided which of the two comes first.")
    cold_validation: float | None = _share(
        lambda of: of.cold("validation"), "cold validation targets", "Share of the validation targets whose item does "
        "not occur in training.", HELD_OUT, fact="of validation targets are items that do not occur in training: no "
        "model can have learned them.")
    cold_test: float | None = _share(
        lambda of: of.cold("test"), "cold test targets", "Share of the test targets whose item does not occur in "
        "training.", HELD_OUT, fact="of test targets are items that do not occur in training: no model can have "
        "learned them.")
    leaked_test: float | None = _share(
        lambda of: of.leaked_test, "test interactions before the end of the training data",
        "Share of the test interactions that are earlier than the latest training interaction of any user: close to 1 "
        "for leave-one-out, 0 for a split by time. Null without timestamps or test interactions.", HELD_OUT,
        fact="of test interactions happen before the end of the training data, so training uses data from their "
        "future.")
    future_training: float | None = _share(
        lambda of: of.future_training,
        "probability that a random training interaction is later than a random test interaction",
        "Probability that a randomly chosen training interaction is later than a randomly chosen test interaction: 0 "
        "for a split by time, near 50% if both come from the same period.",
        HELD_OUT,
        fact="is the probability that a random training interaction is later than a random test interaction: 0% for a "
        "split by time, near 50% if both come from the same period.")
    time_unit: str | None = figure(
        lambda of: of.times.unit, "unit of durations", "`seconds`, the unit of `gap_validation`, `gap_test`, "
        "`user_lifetime` and `item_lifetime`; null if the log has no timestamps, or if the unit of its numeric "
        "timestamps is not known, which is then the unit of the durations.", SIZE, shown=_TOLD)
    user_lifetime: dict[str, float | None] = figure(
        lambda of: of.times.users, "time from the first to the last interaction of a user", "Time between the "
        "first and the last interaction of a user; 0 for a user with one interaction.", SIZE,
        fact="from a user's first interaction to the last (median); middle half of the users {user_lifetime[lower]} to "
        "{user_lifetime[upper]}, 99% at most {user_lifetime[p99]}.", **_DURATION)
    item_lifetime: dict[str, float | None] = figure(
        lambda of: of.times.items, "time from the first to the last interaction of an item", "The same for the "
        "interactions with an item.", SIZE,
        fact="from the first interaction with an item to the last (median); middle half of the items "
        "{item_lifetime[lower]} to {item_lifetime[upper]}, 99% at most {item_lifetime[p99]}.", **_DURATION)
    gap_validation: dict[str, float | None] = figure(
        lambda of: of.times.gaps["validation"], "time from the last input to the validation target", "Time between the "
        "last interaction of the input of a validation target and the target.", HELD_OUT,
        fact="from the last input to the validation target (median); middle half {gap_validation[lower]} to "
        "{gap_validation[upper]}, 99% at most {gap_validation[p99]}.", **_DURATION)
    gap_test: dict[str, float | None] = figure(
        lambda of: of.times.gaps["test"], "time from the last input to the test target", "The same for the test "
        "targets.", HELD_OUT,
        fact="from the last input to the test target (median); middle half {gap_test[lower]} to {gap_test[upper]}, "
        "99% at most {gap_test[p99]}. A model is asked to look this far ahead.", **_DURATION)
    dropped_cold: dict[str, int] = figure(
        GatheredData.dropped_cold, "cold targets left out", "Number of `validation` and `test` targets "
        "that `--drop-cold` left out, because their items do not occur in training; 0 without `--drop-cold`.",
        HELD_OUT, range="from 0", digits=0, parts=("validation", "test"), shown=_TOLD)
    split: dict[str, int] = figure(
        GatheredData.split, "split", "Number of interactions in `train`, and of targets in `validation` and `test`.",
        HELD_OUT, range="from 0", parts=("train", "validation", "test"), shown=_TOLD | Shown.CHECK)
    test_popularity_deciles: list[float] | None = figure(
        GatheredData.popularity_of_targets, "test targets by item popularity", "Share of the test targets in each "
        "tenth of the items, sorted by popularity in training, most popular first.", HELD_OUT, range="sums to 1",
        shown=Shown.PAGE_TEXT)


@dataclass(frozen=True)
class FairDrawFigures:
    """Whether shards are a fair draw of their manifest's strategy."""

    fair: bool = figure(
        None, "fair draw", "True if no test rejects the draw. The probability that a fair draw is rejected is below "
        "10⁻⁶. In rules, 1 is true and 0 is false.", FAIR, range="true or false", shown=_TOLD | Shown.CHECK)
    draw: str = figure(None, "kind of draw", "`independent`, `balanced` or `enumerated`.", FAIR, shown=_TOLD)
    tests: list[StepTest] = figure(
        None, "tests", "For each test: `step`, `test`, `statistic`, `p_value`.", FAIR, shown=_TOLD)


REPORTS: tuple[type, ...] = (
    StrategyFigures, DrawnFigures, DenseFigures, DataFigures, FairDrawFigures, SplitFigures)
"""Every dataclass of figures; `StrategyFigures` includes the figures of its base classes, and those of
`SupervisedFigures`."""
