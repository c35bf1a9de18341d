"""Full ranking: where a target stands among the scores of all items, and the metrics of such places.

Nothing is sampled. Where other items have the target's very score, its place is that of a fair shuffle of the equals:
every metric is the exact mean over it, so that a model that gives all items one score is no better than chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CUTOFFS = (5, 10, 20)
METRICS = (*(f"{name}@{cutoff}" for name in ("ndcg", "recall") for cutoff in CUTOFFS), "mrr")
"""What is measured, by name."""


@dataclass(frozen=True)
class TargetRanks:
    """Where targets stand: int64, one entry a pair."""

    above: NDArray[np.int64]
    """Items with a higher score than the target."""
    equal: NDArray[np.int64]
    """Items with the target's score, the target among them: 1 or more."""


def ranks_of(scores: Tensor, targets: Tensor, *, left_out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return (items above, items equal, the target among them) of each target: int (B,) both.

    Args:
        scores: float (B, items); column i is the item with number i + 1.
        targets: int (B,), item numbers.
        left_out: int (B, L), numbers of items that do not take part, 0 for none; a target always does.
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

    With rank r from 1: NDCG@k is 1 / log2(r + 1) where r ≤ k, Recall@k is 1 where r ≤ k, MRR is 1 / r. With e equals
    the target has each of the ranks above + 1..above + e with chance 1 / e.

    Args:
        places: of the targets.
        items: of the vocabulary.
    """
    rank = np.arange(1, items + 1)
    gains = {"ndcg": 1 / np.log2(rank + 1), "recall": np.ones(items), "mrr": 1 / rank}
    found = {}
    for name in METRICS:
        kind, _, cutoff = name.partition("@")
        gain = np.where(rank <= int(cutoff or items), gains[kind], 0.0)
        summed = np.concatenate(([0.0], np.cumsum(gain)))
        found[name] = (summed[places.above + places.equal] - summed[places.above]) / places.equal
    return found


@dataclass(frozen=True)
class Interval:
    """A mean over users, and how sure it is."""

    value: float
    low: float
    """Lower end of the bootstrap's 95% interval."""
    high: float


def bootstrap(values: NDArray[np.float64], user: NDArray[np.int32], *, draws: int = 1000, seed: int = 0) -> Interval:
    """Return the mean over pairs, with the percentile interval of means over users drawn with replacement.

    Args:
        values: float64 (N,), of each pair; or of two runs the difference.
        user: int32 (N,), whose pair it is: a user's pairs are drawn together.
        draws: how many bootstrap samples.
        seed: of the draws; the same for the same pairs, so that runs can be compared.
    """
    _, whose = np.unique(user, return_inverse=True)
    total, pairs = np.bincount(whose, values), np.bincount(whose).astype(np.float64)
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_BOOTSTRAP,)))
    means = np.empty(draws)
    for draw in range(draws):
        weight = np.bincount(stream.integers(0, len(total), len(total)), minlength=len(total))
        means[draw] = (weight @ total) / (weight @ pairs)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


# First element of a spawn key: what the stream is for. Those of sampling and loaders are 0 to 4.
_BOOTSTRAP = 5
