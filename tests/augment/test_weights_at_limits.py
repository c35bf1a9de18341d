"""Weights of targets that cannot be used, and those near the limits of a float64."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

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
)
from tests.augment.weighted_log import histories, write_store
from tests.support import snapshot


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of random histories."""
    return write_store(tmp_path_factory.mktemp("weights"), histories())


@pytest.mark.parametrize("half_life", ["1d", "1m", "1ms"])
def test_a_short_half_life_excludes_no_target(store: Path, half_life: str) -> None:
    assert plan(store, AugmentOptions(half_life=half_life))["pairs"] == plan(store, AugmentOptions())["pairs"]


@pytest.mark.parametrize("as_of", ["2021-12-31", "2024-06-01", "9999-12-31"])
def test_an_age_from_a_later_day_changes_no_byte(store: Path, tmp_path: Path, as_of: str) -> None:
    """However many half-lives later: the factor would be the same for all weights."""
    for name, day in (("latest", None), ("later", as_of)):
        options = AugmentOptions(strategy="multi-target", half_life="12h", as_of=day, shard_rows=500)
        augment(store, tmp_path / name, options)
    assert snapshot(tmp_path / "latest" / "data") == snapshot(tmp_path / "later" / "data")


def test_a_product_of_small_weights_excludes_no_target(store: Path) -> None:
    few = plan(store, AugmentOptions(target_weight="score"))["pairs"]
    small = AugmentOptions(target_weight="score * case when score < 2 then 1 else 1e-300 end")
    assert plan(store, replace(small, half_life="8h", balance_items=10.0))["pairs"] == few


@pytest.mark.parametrize("exponent", [-880, -500, 500, 1000])
def test_a_common_factor_changes_no_byte(store: Path, tmp_path: Path, exponent: int) -> None:
    """A power of two, which multiplies without rounding, however near the limits of a float64."""
    for name, power in (("once", 0), ("times", exponent)):
        augment(store, tmp_path / name, AugmentOptions(target_weight=f"score * pow(2.0, {power})", pairs="3000"))
    assert snapshot(tmp_path / "once" / "data") == snapshot(tmp_path / "times" / "data")


def test_weights_as_far_apart_as_a_float_allows(store: Path) -> None:
    """Only the greatest are drawn, but all are targets."""
    all_pairs = plan(store, AugmentOptions(target_weight="score"))["pairs"]
    far = StatsOptions(strategy=("1,0,0",), target_weight="score * case when score < 2 then 1e-300 else 1e300 end")
    one = StatsOptions(strategy=("1,0,0",), target_where="score >= 2", target_weight="score")
    assert plan(store, AugmentOptions(target_weight=far.target_weight))["pairs"] == all_pairs
    (of_far,), (of_one,) = stats(store, far).strategies, stats(store, one).strategies
    assert of_far.effective_targets == pytest.approx(of_one.effective_targets, rel=1e-12)


@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        ("score - 1", DataError, "is -0.51 for interaction"),
        ("case when score > 0 then score end", DataError, "is missing (NULL) for interaction"),
        ("'nan'::double", DataError, "is nan for interaction 1 of user 'u034'"),
        ("'inf'::double", DataError, "is inf for interaction"),
        ("0", DataError, "the weight of every training interaction that can be a target is 0"),
        ("case when split = 'test' then 1 else 0 end", UsageError, "there is no column 'split'"),
        ("'high'", UsageError, "is a string, not a number"),
        ("make_timestamp(time)", UsageError, "is a time, not a number"),
        ("price", UsageError, "there is no column 'price'"),
        ("random()", UsageError, "random()"),
        ("sum(score)", UsageError, "--target-weight"),
        ("score +", UsageError, "--target-weight"),
        (" ", UsageError, "--target-weight ' ' is empty"),
    ],
)
def test_weights_that_cannot_be_used(store: Path, weight: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        plan(store, AugmentOptions(target_weight=weight))
    assert words in raised.value.message  # type: ignore[attr-defined]


def test_a_weight_on_held_out_interactions_alone(tmp_path: Path) -> None:
    log = [[(1, day, float(day > 3)) for day in range(6)] for _ in range(5)]
    store = write_store(tmp_path, log)
    with pytest.raises(DataError, match="'score': the weight of every training interaction that can be a target is 0"):
        plan(store, AugmentOptions(target_weight="score"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": "a year"}, "--half-life 'a year' is not a duration"),
        ({"half_life": "0d"}, "--half-life '0d' is not a duration"),
        ({"half_life": "-3d"}, "--half-life '-3d' is not a duration"),
        ({"as_of": "2024-01-01"}, "there is no --half-life"),
        ({"half_life": "3d", "as_of": "soon"}, "--as-of 'soon' is not a date or time"),
        ({"half_life": "3d", "as_of": "1990-01-01"}, "--as-of 1990-01-01 is not after the first training interaction"),
        ({"balance_items": -1.0}, "--balance-items is -1"),
        ({"balance_items": math.nan}, "--balance-items is nan"),
        ({"balance_items": 11.0}, "--balance-items is 11"),
        ({"half_life": "3d", "strategy": "slide-window"}, "weights of targets cannot be combined with slide-window"),
    ],
)
def test_values_that_cannot_be_used(store: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        plan(store, AugmentOptions(**options))
    assert words in raised.value.message


def test_half_lives_need_times(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("u1 a b c d e\nu2 a c b e d\n", encoding="utf-8")
    ingest(tmp_path / "log.txt", tmp_path / "log.store", IngestOptions(format="sequences"))
    with pytest.raises(UsageError, match="--half-life needs timestamps"):
        plan(tmp_path / "log.store", AugmentOptions(half_life="3d"))


def test_weights_that_a_float_cannot_hold(tmp_path: Path) -> None:
    log = [[(item, item, 1.0) for item in range(6)] for _ in range(3)]
    store = write_store(tmp_path, log)
    with pytest.raises(DataError, match="too large"):
        plan(store, AugmentOptions(target_weight="score * 1.5e308"))
    with pytest.raises(DataError, match="too small"):
        plan(store, AugmentOptions(target_weight="score * 1e-320"))


def test_pairs_of_the_log_say_their_weights_themselves(store: Path, tmp_path: Path) -> None:
    augment(store, tmp_path / "p", AugmentOptions(half_life="30d"))
    with pytest.raises(UsageError, match="--half-life cannot be used with the pairs directory"):
        stats(tmp_path / "p", StatsOptions(half_life="30d"), store=store)


def test_targets_that_a_strategy_never_draws_have_no_sample_size(store: Path, tmp_path: Path) -> None:
    for strategy, has_size in (("last-target", False), ("multi-target", True), ("1,0.5,0", True)):
        report = augment(store, tmp_path / strategy, AugmentOptions(strategy=strategy, half_life="20d"))
        assert (report.weights is not None) == has_size


def test_a_constant_weight_below_0_is_not_to_be_raised_to_0(store: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--target-weight is -1") as caught:
        augment(store, tmp_path / "p", AugmentOptions(target_weight="-1"))
    assert "remove --target-weight" in str(caught.value.tip)
