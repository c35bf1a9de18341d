"""`genpas tune` over half-lives and strategies, its criterion of KL and entropy, and successive halving."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from genpas_cli import RunsOptions, StatsOptions, TuneOptions, UsageError, ingest, stats, tune
from genpas_cli.figures.distribution.selection import ALIKE, ENTROPY_WEIGHT, by_entropy
from genpas_cli.training.cutting_rules import CuttingRule
from genpas_cli.training.halving import survivors
from genpas_cli.training.tune import search_plan
from tests.support import InProcess

DAY = 86400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 200 users, with times over four years."""
    root, rng = tmp_path_factory.mktemp("tune"), np.random.default_rng(2)
    rows = ["user_id,item_id,timestamp"]
    for user in range(200):
        n = int(rng.integers(3, 20))
        days = np.sort(rng.integers(0, 1500, n))
        # Items come into fashion one after the other, so that recent interactions tell more.
        items = days // 30 + rng.integers(0, 12, n)
        rows += [f"u{user},i{i},{1_400_000_000 + d * DAY}" for i, d in zip(items, days, strict=True)]
    (root / "log.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ingest(root / "log.csv", root / "log.store")
    return root / "log.store"


SMALL: dict[str, Any] = {"alpha": "0,0.5,1", "beta": "0,1", "gamma": "-inf,0"}


def test_every_rule_is_tried_with_every_half_life(store: Path) -> None:
    report = tune(store, TuneOptions(**SMALL, strategy=("recency:keep=0.8",), half_life="none,90d,2w"))
    assert len(report.configurations) == (3 * 2 * 2 + 1) * 3
    assert report.half_lives == [None, "90d", "2w"]
    rows = {row.name: row for row in report.configurations}
    for half_life in (None, "90d", "2w"):
        of = StatsOptions(strategy=("1,0,0", "recency:keep=0.8"), pairs="1x", half_life=half_life)
        for figures in stats(store, of).strategies:
            row = rows[figures.name if half_life is None else f"{figures.name}@{half_life}"]
            assert row.half_life == half_life
            assert row.kl == figures.kl_validation_train
            assert row.kl_drawn == figures.drawn[0].kl_validation_train
            assert figures.inputs_per_target is not None
            entropy = math.log(figures.inputs_per_target * figures.effective_targets)
            assert row.pair_entropy == pytest.approx(entropy, rel=1e-9)


def test_the_command_has_the_half_life_of_the_winner(store: Path, inside: InProcess) -> None:
    report = tune(store, TuneOptions(**SMALL, half_life="60d", as_of="2018-01-01", select="entropy"))
    assert report.winner.endswith("@60d")
    assert "--half-life 60d --as-of 2018-01-01" in report.command
    done = inside(*shlex.split(report.command)[1:], "-o", "best.pairs", "--json")
    assert f'"strategy": "{report.winner.partition("@")[0]}"' in done.stdout
    plain = tune(store, TuneOptions(**SMALL, half_life="none"))
    assert "--half-life" not in plain.command


def test_the_criterion_of_entropy(store: Path) -> None:
    report = tune(store, TuneOptions(**SMALL, select="entropy"))
    score = [row.kl_drawn - ENTROPY_WEIGHT * row.pair_entropy for row in report.configurations]
    assert score == sorted(score)
    assert [row.entropy_rank for row in report.configurations] == list(range(1, 13))
    assert report.winner == report.configurations[0].name
    alike = [row.name for row, its in zip(report.configurations, score, strict=True) if its < score[0] + ALIKE]
    assert report.undecided == (alike if len(alike) > 1 else [])


def test_the_criterion_does_not_depend_on_the_order_of_the_lists(store: Path) -> None:
    one = tune(store, TuneOptions(alpha="0,1", beta="0,1", gamma="-inf,0,1", half_life="none,90d", select="entropy"))
    other = tune(store, TuneOptions(alpha="1,0", beta="1,0", gamma="1,0,-inf", half_life="90d,none", select="entropy"))
    assert one.winner == other.winner


PUBLISHED = {
    # NDCG@10 of SASRec for γ = −∞, −1, 0, 1 (arXiv 2509.13648), with KL after a draw and entropy as computed here.
    "beauty": (
        [.0124, .0221, .0236, .0240, .0372, .0403, .0426, .0410, .0274, .0323, .0323, .0323],
        [2.423] * 4 + [.585] * 4 + [1.392] * 4,
        [10.015, 11.25, 11.419, 11.322, 11.786, 13.048, 13.271, 13.188, 10.998, 12.986, 13.66, 13.668],
    ),
    "toys": (
        [.0121, .0267, .0287, .0287, .0378, .0455, .0481, .0473, .0226, .0334, .0354, .0354],
        [2.908] * 4 + [.690] * 4 + [1.665] * 4,
        [9.874, 11.079, 11.242, 11.147, 11.602, 12.833, 13.047, 12.965, 10.562, 12.333, 12.981, 13.046],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "least"), [("beauty", 0.98), ("toys", 0.95)])
def test_the_criterion_ranks_the_published_accuracies(data: str, least: float) -> None:
    """Spearman's correlation, with mean ranks of ties; the figures are those on which the weight was chosen."""
    accuracy, kl, entropy = (np.array(column) for column in PUBLISHED[data])
    order, score = by_entropy(kl, entropy)
    assert order[0] == 6  # (1, 0, 0)
    assert np.corrcoef(_ranks(accuracy), _ranks(-score))[0, 1] > least


def _ranks(values: Any) -> Any:
    return np.array([(values < one).sum() + ((values == one).sum() - 1) / 2 for one in values])


def test_halving_finds_the_winner_of_the_whole_grid(store: Path) -> None:
    given: dict[str, Any] = {
        "alpha": "0:2:0.25",
        "beta": "0:2:0.25",
        "half_life": "none,60d",
        "strategy": ("recency:keep=0.8",),
    }
    selections: tuple[Literal["entropy", "front"], ...] = ("entropy", "front")
    for select in selections:
        whole = tune(store, TuneOptions(**given, select=select))
        halved = tune(store, TuneOptions(**given, select=select, search="halving"))
        assert halved.winner == whole.winner
        assert len(halved.configurations) < len(whole.configurations) / 2
        assert halved.left_out == len(whole.configurations) - len(halved.configurations)
        rows = {row.name: row for row in whole.configurations}
        for row in halved.configurations:
            assert (row.kl, row.kl_drawn, row.alignment) == (
                rows[row.name].kl, rows[row.name].kl_drawn, rows[row.name].alignment
            )  # fmt: skip


def test_halving_scores_the_coarse_grid_then_neighbours_of_the_best() -> None:
    """With a figure whose only minimum is between the points of the coarse grid, the minimum is found."""
    plan = search_plan(TuneOptions(alpha="0:2:0.2", beta="0:2:0.2", gamma="-inf,0", half_life="none,90d"))
    asked: list[CuttingRule] = []

    def scores(tried: Sequence[CuttingRule]) -> list[float]:
        asked.extend(tried)
        return [
            abs(each.strategy.alpha - 1.4) + abs(each.strategy.beta - 0.6) + (each.half_life is None)
            for each in tried
            if each.strategy.alpha is not None and each.strategy.beta is not None
        ]

    left = survivors(plan, scores)
    assert "1.4,0.6,0@90d" in [each.name for each in left]
    assert {each.strategy.gamma for each in left} == {-math.inf, 0.0}
    assert len(asked) == len(set(asked)) < 121 * 2


def test_halving_keeps_the_strategies_that_were_named() -> None:
    """However bad their figures are, because figures of other kernels are only roughly comparable."""
    plan = search_plan(TuneOptions(strategy=("recency:keep=0.5", "0,2,0"), half_life="none,90d"))
    left = survivors(plan, lambda tried: [1.0 if each.strategy.name in plan.named else 0.0 for each in tried])
    names = {each.name for each in left}
    assert {"recency:keep=0.5", "recency:keep=0.5@90d", "0,2,0", "0,2,0@90d"} <= names


def test_a_named_strategy_is_trained_whatever_its_figures_are(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    training = RunsOptions(steps=4, round_steps=4, dim=8, heads=1, layers=1, seeds=1)
    options = TuneOptions(**SMALL, strategy=("last-target", "1,0,0"), search="halving", train_top=1)
    report = tune(store, options, training=training, output=tmp_path / "t.search")
    assert report.trained is not None
    assert {each.name for each in report.trained} == {report.configurations[0].name, "last-target", "1,0,0"}


@pytest.mark.slow
def test_training_in_rounds(store: Path, tmp_path: Path) -> None:
    """Each round trains half as many rules for twice as many steps; the winner is of the last round."""
    pytest.importorskip("torch")
    training = RunsOptions(steps=80, round_steps=20, dim=8, heads=1, layers=1, patience=99)
    options = TuneOptions(**SMALL, half_life="none,60d", select="entropy", search="halving", train_top=4)
    report = tune(store, options, training=training, output=tmp_path / "t.search")
    assert report.trained is not None
    assert [each.steps for each in report.trained] == [80, 40, 20, 20]
    assert report.winner == report.trained[0].name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": "none,none"}, "none is given twice"),
        ({"half_life": "90d,soon"}, "--half-life 'soon' is not a duration"),
        ({"half_life": ""}, "--half-life '' is not a duration"),
        ({"as_of": "2020-01-01"}, "there is no --half-life"),
        ({"half_life": "none", "as_of": "2020-01-01"}, "there is no --half-life"),
        ({"minutes": 5.0}, "--minutes needs --search halving"),
        ({"minutes": 5.0, "search": "halving"}, "--minutes needs --search halving"),
        ({"minutes": 0.0, "search": "halving", "train_top": 2}, "--minutes is 0"),
    ],
)
def test_values_that_cannot_be_used(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        search_plan(TuneOptions(**options))  # type: ignore[arg-type]
    assert words in raised.value.message


def test_a_strategy_without_weights_is_tried_without_half_life_only() -> None:
    plan = search_plan(
        TuneOptions(alpha="1", beta="0", gamma="0", strategy=("slide-window",), half_life="none,90d")
    )  # fmt: skip
    assert [each.name for each in plan.tried(plan.figures.strategies)] == ["1,0,0", "1,0,0@90d", "slide-window"]
