"""The report of `compare`; its `SeedRun` is also used by `tune --train-top`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genpas_cli.runtime.machine import MadeWith

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


@dataclass(frozen=True)
class CompareReport:
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
