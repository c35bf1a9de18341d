"""The report of `compare`; its `SeedRun` is also used by `tune --train-top`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from genpas_cli.figures.text_tables import MARK, number, with_marks
from genpas_cli.runtime.frames import as_number
from genpas_cli.runtime.reports import ShownTable, TableReport
from genpas_cli.runtime.text.wording import counted

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

    def shown(self) -> list[ShownTable]:
        """Return the accuracy of each strategy beside the figures of its training distribution."""
        tests = [each.test[ACCURACY] for each in self.strategies]
        marked = with_marks([f"{value:.4f}" for value in tests], tests, "higher")
        rows = [_row(each, test) for each, test in zip(self.strategies, marked, strict=True)]
        note = (
            f"{MARK} best in column; test accuracy, mean of {counted(len(self.strategies[0].runs), 'seed')}, ± "
            f"standard deviation over seeds; difference in NDCG@10 to {self.baseline}, with its 95% interval "
            "(bootstrap over users); validation NDCG@10; KL(validation ‖ train)"
        )
        headings = ["", "NDCG@10", "±", "Recall@10", "difference", "validation", "KL", "A / D"]
        return [ShownTable(headings, rows, note)]

    def by_column(self) -> dict[str, list[Any]]:
        """Return one row per strategy; a field of several numbers has one column per number, such as `test.ndcg@10`."""
        found: dict[str, list[Any]] = {}
        for field in fields(Compared):
            values = [getattr(each, field.name) for each in self.strategies]
            if field.name in ("alpha", "beta", "gamma"):
                found[field.name] = [as_number(value) for value in values]
            elif field.name == "difference":
                for part in fields(Difference):
                    found[f"difference.{part.name}"] = [getattr(value, part.name, None) for value in values]
            elif field.name in ("validation", "test", "test_deviation"):
                for metric in self.strategies[0].test:
                    found[f"{field.name}.{metric}"] = [None if each is None else each[metric] for each in values]
            elif field.name != "runs":
                found[field.name] = values
        return found


def _row(each: Compared, test: str) -> list[str]:
    gap = each.difference
    return [
        each.name, test, "–" if each.test_deviation is None else f"{each.test_deviation[ACCURACY]:.4f}",
        f"{each.test['recall@10']:.4f}",
        "–" if gap is None else f"{gap.value:+z.4f} ({gap.low:+z.4f} to {gap.high:+z.4f})",
        f"{each.validation[ACCURACY]:.4f}", number(each.kl_validation_train), number(each.alignment_ratio),
    ]  # fmt: skip
