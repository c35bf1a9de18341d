"""The report of `compare`; its `SeedRun` is also used by `tune --train-top`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from genpas_cli.figures.text_tables import MARK, number, with_marks
from genpas_cli.runtime.machine import MadeWith
from genpas_cli.runtime.results.frames import as_number
from genpas_cli.runtime.results.reports import ShownTable, TableReport
from genpas_cli.runtime.text.wording import counted, listed

ACCURACY = "ndcg@10"
"""The metric by which runs are selected and compared."""


@dataclass(frozen=True)
class SeedRun:
    """One training run."""

    seed: int
    model: str
    """The model directory, relative to the output."""
    steps: int
    """Number of training steps."""
    best_step: int
    """Step of the model that was kept."""
    curve: list[tuple[int, float]]
    """Step and validation NDCG@10 of each evaluation."""
    validation: dict[str, float]
    """Mean of each metric over the validation pairs, 0..1, higher is better."""
    test: dict[str, float]
    """Mean of each metric over the test pairs."""
    seconds: float


@dataclass(frozen=True)
class Difference:
    """The difference in NDCG@10 of two strategies on the same test pairs."""

    value: float
    low: float
    """Lower end of the 95% interval of a paired bootstrap over users, each user's metric averaged over the seeds."""
    high: float

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class GroupAccuracy:
    """The test NDCG@10 of a group of test pairs, averaged over the seeds."""

    group: str
    """`all`; a fifth of the items by popularity, such as `1` for targets among the most popular ones; or a range of
    input lengths in items, such as `6-10`."""
    pairs: int
    """Number of test pairs in the group."""
    value: float
    low: float
    """Lower end of the 95% interval of a bootstrap over users."""
    high: float


@dataclass(frozen=True)
class Compared:
    """A strategy with figures of its training distribution and the accuracy of its models."""

    name: str
    alpha: float | str | None
    beta: float | str | None
    gamma: float | str | None
    pairs: int
    """Training pairs per epoch."""
    kl_validation_train: float | None
    kl_test_train: float | None
    alignment_ratio: float | None
    mean_input_length: float
    """These four are the figures of `genpas stats`."""
    validation: dict[str, float]
    """Mean of each metric over the runs."""
    test: dict[str, float]
    """Mean of each metric over the runs."""
    test_deviation: dict[str, float] | None
    """Standard deviation of each metric over the seeds; None for a single run."""
    difference: Difference | None
    """Difference to the baseline; None for the baseline itself."""
    accuracy: GroupAccuracy
    """Of all test pairs."""
    by_popularity: list[GroupAccuracy]
    """By the popularity of the target, in fifths of the items; groups without pairs are left out."""
    by_history: list[GroupAccuracy]
    """By the number of items in the input; groups without pairs are left out."""
    runs: list[SeedRun]


@dataclass(frozen=True, repr=False)
class CompareReport(TableReport):
    """The report of `compare`; `genpas compare --json` prints its fields."""

    source: str
    output: str
    """The directory with pairs and models."""
    baseline: str
    """The strategy with which the others are compared: multi-target, or else the first strategy."""
    winner: str
    """The strategy with the best mean validation NDCG@10; test pairs do not affect it."""
    model: dict[str, Any]
    """The options of the model, its training and its evaluation."""
    strategies: list[Compared]
    seconds: float
    """Total time of all runs, including those finished before the command was resumed."""
    made_with: MadeWith | None = None
    """Version and options; None for a report that is not complete yet."""

    def shown(self) -> list[ShownTable]:
        """Return the accuracy of each strategy beside the figures of its training distribution."""
        tests = [each.test[ACCURACY] for each in self.strategies]
        marked = with_marks([f"{value:.4f}" for value in tests], tests, "higher")
        rows = [_row(each, test) for each, test in zip(self.strategies, marked, strict=True)]
        accuracy = (
            f"{MARK} best NDCG@10. NDCG@10 and Recall@10: of the test pairs, mean of "
            f"{counted(len(self.strategies[0].runs), 'seed')}; ±: standard deviation over seeds. difference: test "
            f"NDCG@10 minus that of {self.baseline}, with a 95% interval (bootstrap over users). validation: NDCG@10 "
            "of the validation pairs. KL: KL(validation ‖ train). A / D: with test inputs."
        )
        notes = [accuracy]
        differing = {each.name: each.difference for each in self.strategies if each.difference is not None}
        unclear = [name for name, found in differing.items() if not found.is_distinguishable]
        if unclear:
            notes.append(f"not distinguishable from {self.baseline} (the interval includes 0): {listed(unclear)}")
        headings = ["", "NDCG@10", "±", "Recall@10", "difference", "validation", "KL", "A / D"]
        return [ShownTable(headings, rows, notes)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return one row per strategy; a field of several numbers has one column per number, such as `test.ndcg@10`."""
        found: dict[str, list[Any]] = {}
        for field in fields(Compared):
            found |= _columns(field.name, [getattr(each, field.name) for each in self.strategies])
        return found


def _columns(name: str, values: list[Any]) -> dict[str, list[Any]]:
    """Return the columns of a field of `Compared`, given its value for each strategy; none for the runs."""
    if name in ("alpha", "beta", "gamma"):
        return {name: [as_number(value) for value in values]}
    if name == "difference":
        return {
            f"{name}.{part.name}": [getattr(each, part.name, None) for each in values] for part in fields(Difference)
        }
    if name == "accuracy":
        return {f"interval.{part}": [getattr(each, part) for each in values] for part in ("low", "high")}
    if name in ("by_popularity", "by_history"):
        return {f"{name}.{group.group}": [each[at].value for each in values] for at, group in enumerate(values[0])}
    if name in ("validation", "test", "test_deviation"):
        metrics: dict[str, float] = next((each for each in values if each is not None), {})
        return {f"{name}.{metric}": [each and each[metric] for each in values] for metric in metrics}
    return {} if name == "runs" else {name: values}


def _row(each: Compared, test: str) -> list[str]:
    gap = each.difference
    return [
        each.name, test, "–" if each.test_deviation is None else f"{each.test_deviation[ACCURACY]:.4f}",
        f"{each.test['recall@10']:.4f}",
        "–" if gap is None else f"{gap.value:+z.4f} ({gap.low:+z.4f} to {gap.high:+z.4f})",
        f"{each.validation[ACCURACY]:.4f}", number(each.kl_validation_train), number(each.alignment_ratio),
    ]  # fmt: skip
