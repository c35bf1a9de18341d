"""--target-where: only interactions that satisfy it are targets; the formulas run over the targets that are left."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genpas_cli import (
    AugmentOptions,
    DataError,
    IngestOptions,
    StatsOptions,
    UsageError,
    augment,
    ingest,
    plan,
    stats,
    verify,
)
from tests.support import rewrite, shards, snapshot

BUYS = "event = 'buy'"
USERS = 300

Histories = dict[str, list[tuple[str, str]]]
"""By user: items and events."""


def histories() -> Histories:
    """Return histories of 3 to 16 events, a third of them purchases."""
    rng = random.Random(3)
    return {
        f"u{user}": [
            (f"i{int(rng.paretovariate(1)) % 25}", "buy" if rng.random() < 1 / 3 else "view")
            for _ in range(rng.randint(3, 16))
        ]
        for user in range(USERS)
    }


@pytest.fixture(scope="module")
def log() -> Histories:
    """The log."""
    return histories()


@pytest.fixture(scope="module")
def store(log: Histories, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its store."""
    root = tmp_path_factory.mktemp("where")
    rows = [f"{user},{item},{at},{event}" for user, events in log.items() for at, (item, event) in enumerate(events)]
    (root / "log.csv").write_text("\n".join(["user_id,item_id,timestamp,event", *rows]) + "\n", encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=("event",)))
    return root / "log.store"


def picked(events: list[tuple[str, str]], split: str = "train") -> list[int]:
    """Return the positions, from 1, of the purchases that can be targets of a split."""
    n = len(events)
    low, high = {"train": (2, n - 2), "validation": (n - 1, n - 1), "test": (n, n)}[split]
    return [k for k in range(max(low, 2), high + 1) if events[k - 1][1] == "buy"]


def cut(pairs: Path, store: Path, split: str = "train") -> list[tuple[str, int, int]]:
    """Return the pairs as (user, start, target position)."""
    import duckdb

    with duckdb.connect(str(store), read_only=True) as con:
        users = dict(con.execute("select user_num, user_id from users").fetchall())
    return [
        (users[row["user_num"]], row["input_start"], row["target_position"]) for row in shards(pairs, split).to_pylist()
    ]


@pytest.mark.parametrize("draw", ["balanced", "independent"])
def test_a_condition_that_is_always_true_changes_no_byte(store: Path, tmp_path: Path, draw: Any) -> None:
    options: dict[str, Any] = {"draw": draw, "alpha": 0.5, "beta": 0.5, "gamma": 0.5, "shard_rows": 300}
    augment(store, tmp_path / "all.pairs", AugmentOptions(**options))
    augment(store, tmp_path / "true.pairs", AugmentOptions(**options, target_where="event is not null"))
    assert snapshot(tmp_path / "all.pairs" / "data") == snapshot(tmp_path / "true.pairs" / "data")


def test_multi_target_has_every_target_that_is_left(log: Histories, store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(strategy="multi-target", target_where=BUYS, shard_rows=100))
    found = cut(tmp_path / "p", store)
    assert Counter(found) == Counter((user, 1, k) for user, events in log.items() for k in picked(events))


def test_last_target_has_the_last_that_is_left(log: Histories, store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(strategy="last-target", target_where=BUYS))
    assert Counter(cut(tmp_path / "p", store)) == Counter(
        (user, 1, picked(events)[-1]) for user, events in log.items() if picked(events)
    )


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_interactions_must_satisfy_it_too(log: Histories, store: Path, tmp_path: Path, split: str) -> None:
    augment(store, tmp_path / "p", AugmentOptions(target_where=BUYS))
    assert Counter(cut(tmp_path / "p", store, split)) == Counter(
        (user, 1, k) for user, events in log.items() for k in picked(events, split)
    )


def test_inputs_keep_what_cannot_be_a_target(store: Path, tmp_path: Path) -> None:
    augment(
        store,
        tmp_path / "p",
        AugmentOptions(target_where=BUYS, gamma=-math.inf),
        ingest_options=IngestOptions(keep=("event",)),
    )
    rows = shards(tmp_path / "p").to_pylist()
    assert {row["target_event"] for row in rows} == {"buy"}
    assert {event for row in rows for event in row["input_event"]} == {"buy", "view"}
    verify(tmp_path / "p", store=store)


def power(at: int, most: int, exponent: float) -> float:
    """Return at^exponent; of an infinite exponent, its limit as a share."""
    if math.isinf(exponent):
        return float(at == (most if exponent > 0 else 1))
    return float(at**exponent)


def distribution(log: Histories, alpha: float, beta: float, gamma: float) -> dict[tuple[str, int, int], float]:
    """Return p(s, k, j) by the formulas, in plain Python: (s, i) over the targets left, j over 1..k − 1."""
    positions = {user: picked(events) for user, events in log.items()}
    p: dict[tuple[str, int, int], float] = {}
    mass = sum(len(ks) ** alpha for ks in positions.values() if ks)
    for user, ks in positions.items():
        for i, k in enumerate(ks, 1):
            m = len(ks)
            p_target = power(i, m, beta) / sum(power(n, m, beta) for n in range(1, m + 1))
            starts = sum(power(j, k - 1, gamma) for j in range(1, k))
            for j in range(1, k):
                p[user, j, k] = m**alpha / mass * p_target * power(j, k - 1, gamma) / starts
    return p


def test_pairs_are_drawn_by_the_formulas(log: Histories, store: Path, tmp_path: Path) -> None:
    """Chi-square against the plain formulas: false alarm 1e-6; a target moved by one rank would be far outside."""
    pairs = 400_000
    options = AugmentOptions(
        alpha=0.5, beta=1.0, gamma=0.5, draw="independent", pairs=str(pairs), target_where=BUYS, seed=11
    )
    augment(store, tmp_path / "p", options)
    found = Counter(cut(tmp_path / "p", store))
    expected = distribution(log, 0.5, 1.0, 0.5)
    assert found.keys() <= expected.keys()
    keys = [key for key, p in expected.items() if p * pairs >= 20]
    counts = np.array([found[key] for key in keys], float)
    means = np.array([expected[key] for key in keys]) * pairs
    rest = pairs - means.sum()
    statistic = ((counts - means) ** 2 / means).sum() + (pairs - counts.sum() - rest) ** 2 / max(rest, 1)
    degrees = len(keys)
    # Wilson–Hilferty: 4.75 standard deviations are 1e-6.
    deviation = (math.cbrt(statistic / degrees) - 1 + 2 / (9 * degrees)) / math.sqrt(2 / (9 * degrees))
    assert deviation < 4.75


@pytest.mark.parametrize("name", ["1,0,0", "0.5,1,-1", "multi-target", "last-target"])
def test_stats_follow(log: Histories, store: Path, name: str) -> None:
    """The exact target distribution, its figures of positions, and the number of pairs, against the plain formulas."""
    (figures,) = stats(store, StatsOptions(strategy=(name,), target_where=BUYS, max_input="5")).strategies
    alpha, beta, gamma = {
        "multi-target": (1.0, 0.0, -math.inf), "last-target": (0.0, math.inf, -math.inf),
    }.get(name) or tuple(map(float, name.split(",")))  # fmt: skip
    p = distribution(log, alpha, beta, gamma)
    by_item: Counter[str] = Counter()
    tenths, length = np.zeros(10), 0.0
    for (user, j, k), mass in p.items():
        by_item[log[user][k - 1][0]] += mass  # type: ignore[assignment]  # a Counter adds floats too
        tenths[(10 * (k - 1) - 1) // (len(log[user]) - 3)] += mass
        length += mass * min(k - j, 5)
    entropy = -sum(mass * math.log(mass) for mass in by_item.values() if mass)
    assert figures.effective_targets == pytest.approx(math.exp(entropy), rel=1e-9)
    assert figures.mean_input_length == pytest.approx(length, rel=1e-9)
    assert figures.target_position_histogram == pytest.approx(tenths.tolist(), abs=1e-9)
    targets = sum(len(picked(events)) for events in log.values())
    users = sum(bool(picked(events)) for events in log.values())
    assert figures.pairs == (users if name == "last-target" else targets)


def test_the_report_illustrates_it(store: Path) -> None:
    report = stats(store, StatsOptions(target_where=BUYS), illustrated=True)
    assert report.illustrations is not None
    assert [each.name for each in report.strategies] == ["last-target", "multi-target", "1,0,0"]
    for steps in report.illustrations.user_steps:
        assert sum(steps.target) == pytest.approx(1)
        assert len(steps.target) == len(steps.start) == len(report.illustrations.user_items) - 1


@pytest.mark.parametrize(
    "options",
    [
        {"pairs": "3x"},
        {"alpha": 0.3, "beta": 1.5, "draw": "independent", "pairs": "30000"},
        {"strategy": "multi-target"},
        {"strategy": "last-target"},
        {"epochs": 3, "beta": -1.0},
    ],
    ids=lambda options: ",".join(map(str, options.values())),
)
def test_the_test_of_a_fair_draw_follows(store: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """A draw by the rule is fair; told of no rule, or of another, the same pairs are not."""
    pairs = tmp_path / "p.pairs"
    augment(store, pairs, AugmentOptions(target_where=BUYS, **options))
    fair = stats(pairs, store=store).fair_draw
    assert fair is not None
    assert fair.fair, fair
    manifest = json.loads((pairs / "manifest.json").read_text("utf-8"))
    assert manifest["target_where"] == BUYS
    for other in (None, "event = 'view'"):
        rewrite(pairs / "manifest.json", partial(dict.update, target_where=other))
        unfair = stats(pairs, store=store).fair_draw
        assert unfair is not None
        assert not unfair.fair


def test_the_plan_counts_what_is_left(log: Histories, store: Path) -> None:
    made = plan(store, AugmentOptions(target_where=BUYS))
    assert made["pairs"]["train"] == sum(len(picked(events)) for events in log.values())
    assert made["pairs"]["test"] == sum(len(picked(events, "test")) for events in log.values())


def test_a_condition_that_is_unknown_is_not_satisfied(store: Path) -> None:
    """Of a view, `NULL = 'buy'` is neither true nor false."""
    made, unknown = (plan(store, AugmentOptions(target_where=text)) for text in (BUYS, "nullif(event, 'view') = 'buy'"))
    assert unknown["pairs"] == made["pairs"]


def test_slide_window_has_no_formula_of_what_is_left(store: Path) -> None:
    with pytest.raises(UsageError, match="slide-window") as raised:
        plan(store, AugmentOptions(strategy="slide-window", target_where=BUYS))
    assert "--strategy 2,1,0" in str(raised.value.tip)
    with pytest.raises(UsageError, match="slide-window"):
        stats(store, StatsOptions(strategy=("slide-window",), target_where=BUYS))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("price > 3", "price"),
        ("user_num > 3", "user_num"),
        ("event = 'buy' and random() < 0.5", "random()"),
        ("event in (select 'buy')", "subquery"),
        ("event", "'view' cannot be converted to true or false"),
        ("event = 'buy') or (true", "syntax error"),
        ("", "--target-where ''"),
    ],
)
def test_conditions_that_cannot_be_used(store: Path, condition: str, words: str) -> None:
    with pytest.raises(UsageError, match="--target-where") as raised:
        plan(store, AugmentOptions(target_where=condition))
    assert words in raised.value.message
    assert "event" in str(raised.value.tip)


def test_nothing_satisfies_it(store: Path) -> None:
    with pytest.raises(DataError, match="no training interaction"):
        plan(store, AugmentOptions(target_where="event = 'return'"))


def test_pairs_say_themselves_what_their_targets_are(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p.pairs", AugmentOptions(target_where=BUYS))
    with pytest.raises(UsageError, match="--target-where"):
        stats(tmp_path / "p.pairs", StatsOptions(target_where=BUYS), store=store)
