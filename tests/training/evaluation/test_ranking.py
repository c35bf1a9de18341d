"""TargetRanks and metrics against a plain implementation; ties by every order; intervals against theory."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli.training.evaluation.accuracy import HeldOutPairs, accuracy
from genpas_cli.training.evaluation.ranking import (
    METRICS,
    TargetRanks,
    bootstrap,
    bootstraps,
    metrics_by_pair,
    ranks_of,
)


def metric_of(name: str, rank: int) -> float:
    """Return a metric of one pair whose target has this rank, by its definition."""
    kind, _, cutoff = name.partition("@")
    if cutoff and rank > int(cutoff):
        return 0.0
    return {"ndcg": 1 / math.log2(rank + 1), "recall": 1.0, "mrr": 1 / rank}[kind]


def by_sorting(scores: list[float], target: int) -> dict[str, float]:
    """Return the metrics of one pair, as the mean over all orders of the items with equal scores."""
    column, equal = target - 1, [n for n, score in enumerate(scores) if score == scores[target - 1]]
    found = []
    for order in itertools.permutations(equal):
        ranked = sorted(range(len(scores)), key=lambda n: (-scores[n], order.index(n) if n in order else 0))
        found.append({name: metric_of(name, ranked.index(column) + 1) for name in METRICS})
    return {name: sum(each[name] for each in found) / len(found) for name in METRICS}


def measured(scores: torch.Tensor, targets: torch.Tensor) -> dict[str, np.ndarray]:
    above, equal = ranks_of(scores, targets)
    return metrics_by_pair(TargetRanks(above.numpy(), equal.numpy()), scores.shape[1])


@given(data=st.data(), items=st.integers(1, 30))
def test_metrics_are_means_over_every_order_of_equals(data: st.DataObject, items: int) -> None:
    # Few values, so that there are ties; at most 5 equals, as all their orders are gone through.
    scores = data.draw(
        st.lists(st.integers(0, 9), min_size=items, max_size=items).filter(
            lambda values: max(map(values.count, values)) <= 5
        )
    )
    target = data.draw(st.integers(1, items))
    found = measured(torch.tensor([scores], dtype=torch.float32), torch.tensor([target]))
    expected = by_sorting([float(score) for score in scores], target)
    for name in METRICS:
        assert found[name][0] == pytest.approx(expected[name], abs=1e-12)


def test_a_target_that_was_not_ranked_adds_nothing() -> None:
    found = metrics_by_pair(TargetRanks(np.array([5, 0]), np.array([1, 5])), 5)
    assert all(found[name][0] == 0 for name in METRICS)
    assert found["recall@20"][1] == 1


def test_random_scores_against_argsort() -> None:
    rng = np.random.default_rng(5)
    scores, targets = rng.standard_normal((500, 700)).astype(np.float32), rng.integers(1, 701, 500)
    rank = np.argsort(np.argsort(-scores, axis=1), axis=1)[np.arange(500), targets - 1] + 1
    found = measured(torch.from_numpy(scores), torch.from_numpy(targets))
    for name in METRICS:
        assert found[name] == pytest.approx([metric_of(name, int(each)) for each in rank])


def test_a_model_that_knows_nothing_is_no_better_than_chance() -> None:
    found = measured(torch.zeros(3, 1000), torch.tensor([1, 500, 1000]))
    assert found["recall@10"] == pytest.approx([0.01] * 3)
    assert found["mrr"] == pytest.approx([sum(1 / rank for rank in range(1, 1001)) / 1000] * 3)


def test_items_left_out_take_no_part_but_the_target_does() -> None:
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0]])
    above, equal = ranks_of(scores, torch.tensor([3]), left_out=torch.tensor([[0, 1, 1, 3]]))
    assert (above.tolist(), equal.tolist()) == ([1], [1])


@given(data=st.data())
def test_items_left_out_are_as_if_they_were_not_there(data: st.DataObject) -> None:
    scores = data.draw(st.lists(st.integers(0, 5), min_size=2, max_size=20))
    target = data.draw(st.integers(1, len(scores)))
    out = data.draw(st.lists(st.integers(0, len(scores)), min_size=1, max_size=8))
    above, equal = ranks_of(torch.tensor([scores]).float(), torch.tensor([target]), left_out=torch.tensor([out]))
    left = [score for item, score in enumerate(scores, 1) if item == target or item not in out]
    own = scores[target - 1]
    assert above.item() == sum(score > own for score in left)
    assert equal.item() == sum(score == own for score in left)


def test_interval_of_one_pair_a_user_is_that_of_theory() -> None:
    rng = np.random.default_rng(1)
    values = (rng.random(4000) < 0.3).astype(np.float64)
    interval = bootstrap(values, np.arange(4000, dtype=np.int32))
    error = 1.96 * math.sqrt(0.3 * 0.7 / 4000)
    assert interval.value == values.mean()
    assert (interval.high - interval.low) / 2 == pytest.approx(error, rel=0.1)
    assert interval.low < interval.value < interval.high


def test_pairs_of_one_user_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    of_user = (rng.random(500) < 0.3).astype(np.float64)
    user = np.repeat(np.arange(500, dtype=np.int32), 20)
    together = bootstrap(np.repeat(of_user, 20), user)
    alone = bootstrap(of_user, np.arange(500, dtype=np.int32))
    # Twenty equal pairs a user tell no more than one.
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=1e-9)


def test_interval_is_of_means_over_pairs_where_users_differ_in_them() -> None:
    """A drawn user brings all of their pairs: the mean is over as many pairs as came, not over users."""
    rng = np.random.default_rng(3)
    user = np.concatenate((np.arange(30), np.repeat(np.arange(30, 40), 20))).astype(np.int32)
    values = rng.random(len(user)) + (user >= 30)
    found = bootstrap(values, user, draws=200, seed=4)
    stream, means = np.random.default_rng(np.random.SeedSequence(4, spawn_key=(5,))), []
    for _ in range(200):
        pairs = [value for drawn in stream.integers(0, 40, 40) for value in values[user == drawn]]
        means.append(sum(pairs) / len(pairs))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), rel=1e-12)
    assert found.value == pytest.approx(values.mean())


def test_several_metrics_have_the_intervals_that_each_has_alone() -> None:
    rng = np.random.default_rng(5)
    user = rng.integers(0, 50, 120).astype(np.int32)
    metrics = {"ndcg@10": rng.random(120), "mrr": rng.random(120)}
    assert bootstraps(metrics, user) == {name: bootstrap(values, user) for name, values in metrics.items()}


def test_the_head_is_the_most_popular_fifth_of_the_items() -> None:
    occurrences = np.array([0, 5, 1, 9, 0, 0, 0, 0, 0, 0])
    user, target, length = (np.array(each, np.int32) for each in ([1, 2, 3], [2, 3, 1], [1, 6, 21]))
    places = TargetRanks(np.array([1, 0, 4]), np.array([1, 1, 1]))
    found = accuracy(HeldOutPairs(user, target, length, places, np.zeros(3, np.bool_)), occurrences)
    assert (found["head"]["pairs"], found["head"]["mrr"]) == (1, pytest.approx(1 / 2))
    assert (found["tail"]["pairs"], found["tail"]["mrr"]) == (2, pytest.approx((1 + 1 / 5) / 2))
