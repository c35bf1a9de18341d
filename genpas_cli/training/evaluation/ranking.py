"""Full ranking: the rank of a target among the scores of all items, and the metrics of ranks.

No items are sampled. If other items have the same score as the target, each metric is its exact mean over all orders of
the tied items, so that a model that gives all items one score is no better than chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CUTOFFS = (5, 10, 20)
METRICS = (*(f"{name}@{cutoff}" for name in ("ndcg", "recall") for cutoff in CUTOFFS), "mrr")
"""Names of the metrics."""


@dataclass(frozen=True)
class TargetRanks:
    """The ranks of targets: int64, one entry per pair."""

    above: NDArray[np.int64]
    """Number of items with a higher score than the target; that of all items if the model did not rank the target."""
    equal: NDArray[np.int64]
    """Number of items with the target's score, including the target: 1 or more."""


def ranks_of(scores: Tensor, targets: Tensor, *, left_out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the number of items above each target, and of items with its score (including it): int (B,) both.

    Args:
        scores: float (B, items); column i is item number i + 1.
        targets: int (B,), item numbers.
        left_out: int (B, L), numbers of items that are excluded from the ranking, except the target; 0 is ignored.
    """
    column = targets.long()[:, None] - 1
    of_target = scores.gather(1, column)
    if left_out is not None:
        out = torch.zeros((len(scores), scores.shape[1] + 1), dtype=torch.bool, device=scores.device)
        out.scatter_(1, left_out.long(), value=True)
        scores = scores.masked_fill(out[:, 1:], -torch.inf).scatter(1, column, of_target)
    return (scores > of_target).sum(1), (scores == of_target).sum(1)


def metrics_by_pair(places: TargetRanks, items: int) -> dict[str, NDArray[np.float64]]:
    """Return every metric of every pair: 0..1, higher is better.

    With rank r from 1: NDCG@k is 1 / log2(r + 1) if r ≤ k, Recall@k is 1 if r ≤ k, MRR is 1 / r. With e items of equal
    score, the target has each of the ranks above + 1..above + e with probability 1 / e. A target that the model did not
    rank has 0 in every metric.

    Args:
        places: the ranks of the targets.
        items: size of the vocabulary.
    """
    rank = np.arange(1, items + 1)
    gains = {"ndcg": 1 / np.log2(rank + 1), "recall": np.ones(items), "mrr": 1 / rank}
    end = np.minimum(places.above + places.equal, items)
    found = {}
    for name in METRICS:
        kind, _, cutoff = name.partition("@")
        gain = np.where(rank <= int(cutoff or items), gains[kind], 0.0)
        summed = np.concatenate(([0.0], np.cumsum(gain)))
        found[name] = (summed[end] - summed[places.above]) / places.equal
    return found


@dataclass(frozen=True)
class Interval:
    """A mean over pairs with its bootstrap interval."""

    value: float
    low: float
    """Lower end of the bootstrap's 95% interval."""
    high: float


def bootstrap(values: NDArray[np.float64], user: NDArray[np.int32], *, draws: int = 1000, seed: int = 0) -> Interval:
    """Return the mean over pairs, with the percentile interval of a bootstrap that resamples users.

    Args:
        values: float64 (N,), the metric of each pair, or its difference between two runs.
        user: int32 (N,), the user of each pair; a user's pairs are drawn together.
        draws: number of bootstrap samples.
        seed: seed of the samples; a fixed default makes intervals of runs on the same pairs comparable.
    """
    return bootstraps({"": values}, user, draws=draws, seed=seed)[""]


def bootstraps(
    metrics: Mapping[str, NDArray[np.float64]], user: NDArray[np.int32], *, draws: int = 1000, seed: int = 0
) -> dict[str, Interval]:
    """Return what `bootstrap` returns for each of several metrics of the same pairs, from samples drawn once.

    Args:
        metrics: name → float64 (N,), the metric of each pair.
        user: int32 (N,), the user of each pair.
        draws: number of bootstrap samples.
        seed: seed of the samples.
    """
    _, whose = np.unique(user, return_inverse=True)
    totals = {name: np.bincount(whose, values) for name, values in metrics.items()}
    pairs = np.bincount(whose).astype(np.float64)
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_BOOTSTRAP,)))
    means = {name: np.empty(draws) for name in metrics}
    for draw in range(draws):
        weight = np.bincount(stream.integers(0, len(pairs), len(pairs)), minlength=len(pairs)).astype(np.float64)
        drawn = weight @ pairs
        for name, total in totals.items():
            means[name][draw] = (weight @ total) / drawn
    found = {}
    for name, values in metrics.items():
        low, high = np.quantile(means[name], (0.025, 0.975))
        found[name] = Interval(float(values.mean()), float(low), float(high))
    return found


# First element of a spawn key: the purpose of the stream. `sampling` and `loaders` use 0 to 4.
_BOOTSTRAP = 5
