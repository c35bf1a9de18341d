"""What strategies are worth to a model: the report of `compare`, and of a search that ends with training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACCURACY = "ndcg@10"
"""The metric that runs are chosen and compared by."""


@dataclass(frozen=True)
class SeedRun:
    """One training run."""

    seed: int
    model: str
    """Its model directory."""
    steps: int
    """Steps that were taken."""
    best_step: int
    """Steps of the model that was kept."""
    curve: list[tuple[int, float]]
    """Steps and validation NDCG@10 of each evaluation."""
    validation: dict[str, float]
    """Mean of each metric over the validation pairs, 0..1, higher is better."""
    test: dict[str, float]
    """Mean of each metric over the test pairs."""
    seconds: float


@dataclass(frozen=True)
class Difference:
    """How much better a strategy is than another on the same test pairs, NDCG@10."""

    value: float
    low: float
    """Lower end of the 95% interval of a paired bootstrap over users, each user's metric averaged over the seeds."""
    high: float


@dataclass(frozen=True)
class Compared:
    """A strategy with its training distribution and what a model makes of it."""

    name: str
    alpha: float | str | None
    beta: float | str | None
    gamma: float | str | None
    pairs: int
    """Training pairs of an epoch."""
    kl_validation_train: float | None
    kl_test_train: float | None
    alignment_ratio: float | None
    mean_input_length: float
    """These four as `genpas stats` has them."""
    validation: dict[str, float]
    """Mean of each metric over the runs."""
    test: dict[str, float]
    """Mean of each metric over the runs."""
    test_deviation: dict[str, float] | None
    """Standard deviation of each metric from seed to seed; None of one run."""
    difference: Difference | None
    """To the baseline; None for the baseline itself."""
    runs: list[SeedRun]


@dataclass(frozen=True)
class CompareReport:
    """What `genpas compare --json` prints."""

    source: str
    output: str
    """The directory with pairs and models."""
    baseline: str
    """What the others are held against: multi-target, or else the first strategy."""
    winner: str
    """The strategy with the best mean validation NDCG@10: no test pair has a say in it."""
    model: dict[str, Any]
    """The options of the model, its training and its evaluation."""
    strategies: list[Compared]
    seconds: float
    """All runs together, those of earlier, stopped runs of this command too."""
