"""Weights of targets: p(k | s) ∝ p_β(k | s) · w_k, and the mass of a sequence times the mean weight of its targets."""

from __future__ import annotations

import json
import math
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import (
    AugmentOptions,
    IntegrityError,
    StatsOptions,
    UsageError,
    augment,
    fresh_pairs,
    ingest,
    merge,
    plan,
    stats,
    verify,
)
from tests.augment.weighted_log import DAY, FIRST_DAY, History, histories, write_store
from tests.support import rewrite, shards, snapshot


@pytest.fixture(scope="module")
def log() -> list[History]:
    """The log."""
    return histories()


@pytest.fixture(scope="module")
def store(log: list[History], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its store."""
    return write_store(tmp_path_factory.mktemp("weights"), log)


def power(at: int, most: int, exponent: float) -> float:
    """Return at^exponent; of an infinite exponent, its limit as a share."""
    if math.isinf(exponent):
        return float(at == (most if exponent > 0 else 1))
    return float(at**exponent)


def training(history: History) -> History:
    """Return the interactions that leave-one-out keeps for training: of a user with two or fewer, all."""
    return history[:-2] if len(history) > 2 else history


def weights_of(log: list[History], options: dict[str, Any]) -> list[list[float]]:
    """Return the weight of every interaction by the definitions of the options, in plain Python."""
    train = [training(history) for history in log]
    latest = max((day for history in train for _, day, _ in history), default=0)
    popularity = Counter(item for history in train for item, _, _ in history)
    found = []
    for history in log:
        row = []
        for item, day, score in history:
            weight = 1.0
            if "target_weight" in options:
                weight *= score
            if "half_life" in options:
                weight *= 2 ** (-max(latest - day, 0) / float(options["half_life"].removesuffix("d")))
            if "balance_items" in options:
                weight *= max(popularity[item], 1) ** -options["balance_items"]
            row.append(weight)
        found.append(row)
    return found


def target_distribution(
    log: list[History], options: dict[str, Any], alpha: float, beta: float
) -> dict[tuple[int, int], float]:
    """Return p(s, k) by the formulas, in plain Python."""
    masses: dict[tuple[int, int], float] = {}
    weights = weights_of(log, options)
    for user, history in enumerate(log):
        left = [k for k in range(2, len(training(history)) + 1) if weights[user][k - 1] > 0]
        m = len(left)
        if m == 0:
            continue
        of_targets = [weights[user][k - 1] for k in left]
        products = [power(i, m, beta) * w for i, w in enumerate(of_targets, 1)]
        mass = m**alpha * math.fsum(of_targets) / m
        for k, product in zip(left, products, strict=True):
            masses[user, k] = mass * product / math.fsum(products)
    total = math.fsum(masses.values())
    return {key: mass / total for key, mass in masses.items()}


WEIGHTS: list[dict[str, Any]] = [
    {"target_weight": "score"}, {"half_life": "60d"}, {"balance_items": 0.7},
    {"target_weight": "score", "half_life": "30d", "balance_items": 1.0},
]  # fmt: skip


@st.composite
def small_logs(draw: st.DrawFn) -> list[History]:
    """Return logs with ties, scores of 0 and users of one interaction; one user has targets."""
    score = st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-3, 1e3).map(lambda x: round(x, 6)))
    event = st.tuples(st.integers(0, 6), st.integers(0, 200), score)
    users = draw(st.lists(st.lists(event, min_size=1, max_size=9), min_size=0, max_size=6))
    sure = [(1, 1, 1.0), (2, 2, 1.5), (3, 3, 1.0), (1, 4, 1.0), (2, 5, 1.0)]
    return [sure, *(sorted(user, key=lambda row: row[1]) for user in users)]


@settings(max_examples=40, deadline=None)
@given(small_logs(), st.sampled_from(WEIGHTS), st.sampled_from([-2.0, 0.0, 0.5, 1.0, math.inf]),
       st.sampled_from([-math.inf, -1.0, 0.0, 0.4, 3.0, math.inf]))  # fmt: skip
def test_the_target_distribution_is_that_of_the_formulas(
    log: list[History], options: dict[str, Any], alpha: float, beta: float
) -> None:
    if math.isinf(alpha):
        alpha = 1.0
    with tempfile.TemporaryDirectory() as root:
        store = write_store(Path(root), log)
        p = target_distribution(log, options, alpha, beta)
        (figures,) = stats(store, StatsOptions(strategy=(f"{alpha!r},{beta!r},0",), **options)).strategies
        by_item = Counter[int]()
        tenths = np.zeros(10)
        for (user, k), mass in p.items():
            by_item[log[user][k - 1][0]] += mass  # type: ignore[assignment]  # a Counter adds floats too
            tenths[(10 * (k - 1) - 1) // (len(training(log[user])) - 1)] += mass
        entropy = -math.fsum(mass * math.log(mass) for mass in by_item.values() if mass)
        assert figures.effective_targets == pytest.approx(math.exp(entropy), rel=1e-12)
        np.testing.assert_allclose(figures.target_position_histogram or [], tenths, atol=1e-12)


@pytest.mark.parametrize("options", WEIGHTS, ids=str)
@pytest.mark.parametrize("draw", ["independent", "balanced"])
def test_pairs_are_drawn_by_the_formulas(
    log: list[History], store: Path, tmp_path: Path, options: dict[str, Any], draw: Any
) -> None:
    """A balanced draw has the floor or ceiling of N p; an independent one passes chi-square, false alarm 1e-6."""
    pairs = 200_000
    chosen = AugmentOptions(alpha=0.5, beta=1.0, draw=draw, pairs=str(pairs), shard_rows=30_000, seed=11, **options)
    augment(store, tmp_path / "p", chosen)
    assert verify(tmp_path / "p", store=store).rows > pairs
    table = shards(tmp_path / "p")
    users = _user_names(store)
    found = Counter(
        (int(users[row][1:]), k)
        for row, k in zip(table["user_num"].to_pylist(), table["target_position"].to_pylist(), strict=True)
    )
    expected = {key: p * pairs for key, p in target_distribution(log, options, 0.5, 1.0).items()}
    assert found.keys() <= expected.keys()
    if draw == "balanced":
        assert all(abs(found[key] - mean) < 1 for key, mean in expected.items())
        return
    keys = [key for key, mean in expected.items() if mean >= 20]
    counts, means = np.array([found[key] for key in keys], float), np.array([expected[key] for key in keys])
    rest = pairs - means.sum()
    statistic = ((counts - means) ** 2 / means).sum() + (pairs - counts.sum() - rest) ** 2 / max(rest, 1)
    degrees = len(keys)
    # Wilson–Hilferty: 4.75 standard deviations are 1e-6.
    assert (math.cbrt(statistic / degrees) - 1 + 2 / (9 * degrees)) / math.sqrt(2 / (9 * degrees)) < 4.75


def _user_names(store: Path) -> dict[int, str]:
    import duckdb

    with duckdb.connect(str(store), read_only=True) as con:
        return dict(con.execute("select user_num, user_id from users").fetchall())


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.5, "beta": 0.5, "gamma": 0.5},
        {"alpha": 0.3, "beta": -1.5, "draw": "independent", "pairs": "3x"},
        {"strategy": "recency:keep=0.8", "epochs": 2},
        {"strategy": "multi-target", "pairs": "1x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", ["1", "2.0", "case when score is null then 4 else 4 end"])
def test_equal_weights_change_no_byte(store: Path, tmp_path: Path, options: dict[str, Any], weight: str) -> None:
    augment(store, tmp_path / "plain.pairs", AugmentOptions(**options, shard_rows=300))
    augment(store, tmp_path / "same.pairs", AugmentOptions(**options, shard_rows=300, target_weight=weight))
    assert snapshot(tmp_path / "plain.pairs" / "data") == snapshot(tmp_path / "same.pairs" / "data")


@pytest.mark.parametrize("strategy", ["1,0,0", "0.5,1,-1", "0,inf,-inf", "recency:keep=0.8"])
def test_weights_of_0_and_1_are_a_condition(store: Path, tmp_path: Path, strategy: str) -> None:
    """The same bytes in every split, and the same figures."""
    condition: dict[str, Any] = {"target_where": "score > 2"}
    weight: dict[str, Any] = {"target_weight": "case when score > 2 then 1 else 0 end"}
    for name, options in (("where", condition), ("weight", weight), ("boolean", {"target_weight": "score > 2"})):
        augment(store, tmp_path / name, AugmentOptions(strategy=strategy, pairs="2x", shard_rows=200, **options))
    assert snapshot(tmp_path / "where" / "data") == snapshot(tmp_path / "weight" / "data")
    assert snapshot(tmp_path / "where" / "data") == snapshot(tmp_path / "boolean" / "data")
    by_condition, by_weight = (
        stats(store, StatsOptions(strategy=(strategy,), pairs="2x", **options)).strategies
        for options in (condition, weight)
    )
    assert by_condition == by_weight


def test_a_named_strategy_is_drawn(store: Path) -> None:
    """Its list of pairs has no place for weights, so the default is as many drawn pairs as it has targets."""
    made = plan(store, AugmentOptions(strategy="multi-target", half_life="30d"))
    assert made["draw"] == "balanced"
    assert made["pairs"]["train"] == plan(store, AugmentOptions(strategy="multi-target"))["pairs"]["train"]
    with pytest.raises(UsageError, match=r"--pairs all .* --half-life would have no effect"):
        plan(store, AugmentOptions(strategy="multi-target", half_life="30d", pairs="all"))


@pytest.mark.parametrize(
    "options",
    [
        {"pairs": "3x", "half_life": "30d"},
        {"alpha": 0.3, "beta": 1.5, "draw": "independent", "pairs": "30000", "target_weight": "score"},
        {"strategy": "multi-target", "balance_items": 1.0},
        {"epochs": 3, "beta": -1.0, "target_weight": "score + 0.01"},
    ],
    ids=lambda options: ",".join(map(str, options.values())),
)
def test_the_test_of_a_fair_draw_follows(store: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """A draw with the weights is fair; told of other weights, the same pairs are not."""
    pairs = tmp_path / "p.pairs"
    augment(store, pairs, AugmentOptions(**options))
    report = stats(pairs, store=store)
    assert report.fair_draw is not None
    assert report.fair_draw.fair, report.fair_draw
    assert any("weighted" in note for note in report.notes)
    rewrite(pairs / "manifest.json", partial(dict.update, target_weight="score * score + 0.001", half_life="5d"))
    unfair = stats(pairs, store=store).fair_draw
    assert unfair is not None
    assert not unfair.fair


def test_no_balancing_is_no_weight(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "plain", AugmentOptions(strategy="slide-window"))
    augment(store, tmp_path / "zero", AugmentOptions(strategy="slide-window", balance_items=0))
    assert snapshot(tmp_path / "plain" / "data") == snapshot(tmp_path / "zero" / "data")
    assert "balance_items" not in json.loads((tmp_path / "zero" / "manifest.json").read_text("utf-8"))


def test_balancing_by_the_popularity_makes_the_items_equally_likely(store: Path) -> None:
    """With C = 1 and Multi-Target, an item's probability is its share of its interactions that are targets."""
    (figures,) = stats(store, StatsOptions(strategy=("multi-target",), balance_items=1.0)).strategies
    (plain,) = stats(store, StatsOptions(strategy=("multi-target",))).strategies
    assert figures.target_gini < plain.target_gini / 2


def test_the_report_says_how_many_targets_carry_the_weight(log: list[History], store: Path, tmp_path: Path) -> None:
    scores = [score for history in log for _, _, score in training(history)[1:]]
    weights = np.array([score + 1 for score in scores])
    found = augment(store, tmp_path / "p", target_weight="score + 1").weights
    assert found is not None
    assert found["targets"] == len(weights)
    assert math.isclose(found["effective_targets"], weights.sum() ** 2 / (weights @ weights), rel_tol=1e-12)
    equal = augment(store, tmp_path / "equal", target_weight="1e200").weights
    assert equal is None or math.isclose(equal["effective_targets"], equal["targets"], rel_tol=1e-12)
    assert augment(store, tmp_path / "none").weights is None


def test_the_age_counts_from_a_given_day(log: list[History], store: Path, tmp_path: Path) -> None:
    """After it, all interactions weigh the same; an earlier day is not the same as a later one."""
    days = np.array([day for history in log for _, day, _ in training(history)])
    half = FIRST_DAY + int(np.median(days)) * DAY
    options = AugmentOptions(strategy="multi-target", half_life="20d", as_of=str(half), shard_rows=500)
    same = AugmentOptions(
        strategy="multi-target", shard_rows=500,
        target_weight=f"pow(2.0, -greatest({half} - time, 0) / {20.0 * DAY})",
    )  # fmt: skip
    augment(store, tmp_path / "as-of", options)
    augment(store, tmp_path / "by-hand", same)
    assert snapshot(tmp_path / "as-of" / "data") == snapshot(tmp_path / "by-hand" / "data")
    dated = str(np.datetime64(half, "s"))
    assert plan(store, AugmentOptions(half_life="20d", as_of=dated))["pairs"]["train"] > 0


@pytest.mark.parametrize("unit", [1, 1000, 10**6])
def test_half_lives_follow_the_unit_of_the_times(tmp_path: Path, unit: int) -> None:
    rows = [
        f"u{user},i{(user * 7 + at) % 5},{(FIRST_DAY + (at * 11 + user) * DAY) * unit}"
        for user in range(20) for at in range(6)
    ]  # fmt: skip
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n", encoding="utf-8")
    ingest(tmp_path / "log.csv", tmp_path / "log.store")
    (figures,) = stats(tmp_path / "log.store", StatsOptions(strategy=("multi-target",), half_life="11d")).strategies
    # Each user has three targets, 11 days apart: 1 : 2 : 4.
    tenths = figures.target_position_histogram or []
    np.testing.assert_allclose([tenths[3], tenths[6], tenths[9]], [1 / 7, 2 / 7, 4 / 7], rtol=1e-12)


def test_parts_epochs_forms_and_fresh_pairs_follow(store: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"half_life": "40d", "target_weight": "score + 0.1", "epochs": 2, "shard_rows": 150}
    augment(store, tmp_path / "whole.pairs", AugmentOptions(**options))
    for n in (1, 2, 3):
        augment(store, tmp_path / "parts", AugmentOptions(**options), part=f"{n}/3")
    merge([tmp_path / "parts.part-*"], tmp_path / "merged.pairs")
    assert snapshot(tmp_path / "whole.pairs" / "data") == snapshot(tmp_path / "merged.pairs" / "data")
    augment(store, tmp_path / "cuts.pairs", AugmentOptions(**options, form="cuts"))
    verify(tmp_path / "cuts.pairs", store=store)
    fresh = fresh_pairs(store, AugmentOptions(**options))
    for epoch in range(2):
        written = pq.read_table(tmp_path / "whole.pairs" / "data" / f"epoch-{epoch:03}").num_rows
        assert sum(block.rows for block in fresh.blocks("train", epoch)) == written
    other = fresh_pairs(store, AugmentOptions(**options | {"half_life": "41d"}))
    assert other.identity != fresh.identity


def test_parts_with_other_weights_are_not_merged(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(half_life="40d"), part="1/2")
    augment(store, tmp_path / "p", AugmentOptions(half_life="41d"), part="2/2")
    with pytest.raises(UsageError, match="half_life differs"):
        merge([tmp_path / "p.part-*"], tmp_path / "m")


def test_the_data_card_names_condition_and_weights(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "plain.pairs")
    assert "- targets:" not in (tmp_path / "plain.pairs" / "README.md").read_text()
    augment(store, tmp_path / "a.pairs", AugmentOptions(half_life="90d", balance_items=0.5, target_where="score > 0"))
    card = (tmp_path / "a.pairs" / "README.md").read_text()
    assert "- targets: --target-where `score > 0`, --half-life `90d`, --balance-items `0.5`\n" in card


def test_the_figures_of_pairs_name_the_weights(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "a.pairs", AugmentOptions(half_life="90d"))
    for source in (None, store):
        assert "training targets are weighted (--half-life 90d)" in stats(tmp_path / "a.pairs", store=source).notes


def test_the_manifest_makes_the_same_pairs_again(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(half_life="40d", as_of="2021-06-01", balance_items=0.5))
    manifest = json.loads((tmp_path / "p" / "manifest.json").read_text("utf-8"))
    assert (manifest["half_life"], manifest["as_of"], manifest["balance_items"]) == ("40d", "2021-06-01", 0.5)
    assert "target_weight" not in manifest


def test_verify_finds_a_target_of_weight_0(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(pairs="2x"))
    rewrite(tmp_path / "p" / "manifest.json", partial(dict.update, target_weight="score"))
    with pytest.raises(IntegrityError, match="excluded by the condition or the weights"):
        verify(tmp_path / "p", store=store)
