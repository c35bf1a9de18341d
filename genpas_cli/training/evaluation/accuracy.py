"""The accuracy of a model on held-out pairs: with intervals, by target popularity and input length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genpas_cli.loaders.pair_shards import PairShards
from genpas_cli.training.evaluation.ranking import METRICS, TargetRanks, bootstraps, metrics_by_pair
from genpas_cli.training.models.interface import NextItemModel
from genpas_cli.training.runs.data import held_out_batches

HEAD_SHARE = 0.2
"""Share of the items, the most popular ones, that form the head; the rest is the tail."""

HISTORIES = ((1, 5), (6, 10), (11, 20), (21, None))
"""Groups of pairs by the number of items of their input after truncation, inclusive; None: no limit."""


@dataclass(frozen=True)
class HeldOutPairs:
    """Held-out pairs and the ranks that a model gives their targets; one entry per pair."""

    user: NDArray[np.int32]
    target: NDArray[np.int32]
    input_length: NDArray[np.int32]
    places: TargetRanks
    missed: NDArray[np.bool_]
    """Whether the model did not rank the target, which then adds nothing to any metric."""

    def means(self, items: int) -> dict[str, float]:
        """Return the mean of every metric over the pairs."""
        return {name: float(values.mean()) for name, values in metrics_by_pair(self.places, items).items()}


def ranked(model: NextItemModel, source: PairShards, split: str, *, filter_seen: bool) -> HeldOutPairs:
    """Rank the items for each held-out pair.

    Args:
        model: the model; its training or evaluation mode is restored.
        source: the pairs.
        split: the held-out split.
        filter_seen: whether items of a pair's input are excluded from its ranking, except the target.
    """
    device, training = model.device, model.training
    model.eval()
    parts: list[tuple[Any, ...]] = []
    with torch.inference_mode():
        for batch in held_out_batches(source, split, model.max_input):
            moved = {name: tensor.to(device) for name, tensor in batch.items()}
            ranks = model.ranks(moved, filter_seen=filter_seen)
            told = (batch["user_num"], batch["target_item"], batch["input_length"])
            parts.append((*told, *(tensor.cpu() for tensor in ranks)))
    model.train(training)
    user, target, length, above, equal, missed = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return HeldOutPairs(user, target, length, TargetRanks(above, equal), missed)


def accuracy(held_out: HeldOutPairs, occurrences: NDArray[np.int64]) -> dict[str, Any]:
    """Return every metric with its 95% interval, for all pairs and for groups of pairs, in the form of `metrics.json`.

    Args:
        held_out: ranked pairs.
        occurrences: int64 (items,), the popularity of each item.

    Returns:
        `pairs`; each metric as {value, low, high}; `head` and `tail`, by the target's popularity, and `by_history`, by
        the length of the input, each with `pairs` and the mean of each metric.
    """
    values = metrics_by_pair(held_out.places, len(occurrences))
    whole = {name: vars(interval) for name, interval in bootstraps(values, held_out.user).items()}
    groups = {name: _group(values, member) for name, member in _members(held_out, occurrences)}
    histories = {name: group for name, group in groups.items() if name not in ("head", "tail")}
    return {
        "pairs": len(held_out.user), **whole, "head": groups["head"], "tail": groups["tail"], "by_history": histories
    }  # fmt: skip


def popularity_ranks(occurrences: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64 (items,): the rank of each item, 1 for the most popular; equal counts in the order of items."""
    ranks = np.empty(len(occurrences), np.int64)
    ranks[np.argsort(-occurrences, kind="stable")] = np.arange(1, len(occurrences) + 1)
    return ranks


def _members(held_out: HeldOutPairs, occurrences: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    of_head = popularity_ranks(occurrences)[held_out.target - 1] <= round(HEAD_SHARE * len(occurrences))
    yield "head", of_head
    yield "tail", ~of_head
    for low, high in HISTORIES:
        inside = (held_out.input_length >= low) & (held_out.input_length <= (high or np.inf))
        yield history_name(low, high), inside


def history_name(low: int, high: int | None) -> str:
    """Return the name of a group of HISTORIES, such as `6-10` or `21+`."""
    return f"{low}+" if high is None else f"{low}-{high}"


def _group(values: dict[str, NDArray[np.float64]], member: NDArray[np.bool_]) -> dict[str, Any]:
    pairs = int(member.sum())
    return {"pairs": pairs, **{name: float(values[name][member].mean()) if pairs else None for name in METRICS}}
