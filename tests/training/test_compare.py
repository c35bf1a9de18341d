"""`compare` in the library: every strategy and seed once, under one budget, and on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from genpas_cli import CompareOptions, DataError, IntegrityError, UsageError, compare, stats, train
from genpas_cli.runtime.atomic_output import unfinished
from genpas_cli.training.compare import Gains, difference
from genpas_cli.training.comparison import CompareReport, SeedRun
from genpas_cli.training.evaluation.ranking import TargetRanks, metrics_by_pair
from tests.support import small_log
from tests.training.runs import SAMPLE, Stop

QUICK = CompareOptions(
    dim=8, steps=20, round_steps=10, batch_size=64, device="cpu", threads=1, seeds=2, max_input="10",
    strategy=("last-target", "multi-target", "0.5,0,0"),
)  # fmt: skip


@pytest.fixture(scope="module")
def compared(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CompareReport, Path]:
    path = tmp_path_factory.mktemp("compared") / "a.comparison"
    return compare(root / "sample.store", path, QUICK), path


def test_every_strategy_has_every_seed(compared: tuple[CompareReport, Path]) -> None:
    report, path = compared
    assert [each.name for each in report.strategies] == ["last-target", "multi-target", "0.5,0,0"]
    for each in report.strategies:
        assert [run.seed for run in each.runs] == [0, 1]
        assert len({tuple(run.test.values()) for run in each.runs}) == 2
        for run in each.runs:
            metrics = json.loads((path / run.model / "metrics.json").read_text())
            assert metrics["pairs"]["strategy"]["name"] == each.name
            assert metrics["options"]["seed"] == run.seed
            assert run.test["ndcg@10"] == metrics["test"]["ndcg@10"]["value"]
            assert Path(metrics["pairs"]["directory"]) == path / "pairs" / f"{each.name}.pairs"
            # What is enumerated is read from disk, what is sampled is drawn anew.
            assert (metrics["options"]["fresh"] is not None) == (each.name == "0.5,0,0")
    assert json.loads((path / "comparison.json").read_text())["winner"] == report.winner


def test_means_deviations_and_the_winner(compared: tuple[CompareReport, Path]) -> None:
    report, _ = compared
    for each in report.strategies:
        first, second = (run.test["mrr"] for run in each.runs)
        assert each.test["mrr"] == pytest.approx((first + second) / 2)
        assert each.test_deviation is not None
        assert each.test_deviation["mrr"] == pytest.approx(abs(first - second) / np.sqrt(2))
    best = max(report.strategies, key=lambda each: each.validation["ndcg@10"])
    assert report.winner == best.name
    assert report.baseline == "multi-target"


def test_figures_are_those_of_stats(compared: tuple[CompareReport, Path], root: Path) -> None:
    report, _ = compared
    figures = {each.name: each for each in stats(root / "sample.store").strategies}
    for each in report.strategies[:2]:
        assert each.kl_validation_train == figures[each.name].kl_validation_train
        assert each.pairs == figures[each.name].pairs


def test_differences_are_paired(compared: tuple[CompareReport, Path]) -> None:
    report, path = compared
    gains = {}
    for each in report.strategies:
        tables = [pq.read_table(path / run.model / "test_places.parquet") for run in each.runs]
        found = [
            metrics_by_pair(TargetRanks(*(table[name].to_numpy() for name in ("above", "equal"))), 996)["ndcg@10"]
            for table in tables
        ]
        gains[each.name] = np.mean(found, axis=0)
    for each in report.strategies:
        if each.name == "multi-target":
            assert each.difference is None
            continue
        assert each.difference is not None
        assert each.difference.value == pytest.approx((gains[each.name] - gains["multi-target"]).mean())
        assert each.difference.low < each.difference.value < each.difference.high


def test_a_difference_that_is_there_is_seen() -> None:
    rng = np.random.default_rng(0)
    user, hard = np.arange(5000, dtype=np.int32), rng.random(5000)
    base = Gains(user, user, hard, user, np.ones(5000, np.int64))
    better = base._replace(gain=hard + rng.normal(0.01, 0.1, 5000))
    found = difference(better, base)
    # Users differ by ±.29, the two on one user by ±.1: only a pairing sees so little.
    assert 0 < found.low < 0.01 < found.high < 0.02


def test_a_stopped_comparison_goes_on_and_trains_nothing_twice(
    root: Path, tmp_path: Path, compared: tuple[CompareReport, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ended = tmp_path / "a.comparison", []

    def stop_at_third(strategy: str, run: SeedRun) -> None:
        ended.append((strategy, run.seed))
        if len(ended) == 3:
            raise Stop

    with pytest.raises(Stop):
        compare(root / "sample.store", path, QUICK, observe=stop_at_third)
    assert not path.exists()
    with pytest.raises(UsageError, match="was interrupted"):
        compare(root / "sample.store", path, QUICK)
    with pytest.raises(
        UsageError, match="--strategy is multi-target, but the interrupted run had last-target multi-target"
    ):
        compare(root / "sample.store", path, replace(QUICK, strategy=("multi-target",)), resume=True)
    with pytest.raises(IntegrityError, match="used another log"):
        compare(SAMPLE, path, QUICK, resume=True)
    trained: list[str] = []

    def counted(pairs: Path, model: Path, *arguments: Any, **named: Any) -> Any:
        trained.append(model.name)
        return train(pairs, model, *arguments, **named)

    monkeypatch.setattr("genpas_cli.training.strategy_runs.train", counted)
    report = compare(root / "sample.store", path, QUICK, resume=True)
    assert trained == ["last-target-seed-1", "multi-target-seed-1", "0.5,0,0-seed-1"]
    assert [each.test for each in report.strategies] == [each.test for each in compared[0].strategies]
    assert not unfinished(path).exists()


def test_what_cannot_work_leaves_nothing(tmp_path: Path, root: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is a pairs directory"):
        compare(root / "sample.pairs", tmp_path / "empty" / "a.comparison", QUICK)
    with pytest.raises(DataError, match="no such file"):
        compare(tmp_path / "nowhere.csv", tmp_path / "empty" / "a.comparison", QUICK)
    assert not any((tmp_path / "empty").iterdir())


def test_logs_are_ingested_once_and_kept(tmp_path: Path) -> None:
    options = replace(QUICK, strategy=("1,0,0",), seeds=1)
    report = compare(SAMPLE, tmp_path / "a.comparison", options)
    assert (tmp_path / "a.comparison" / "log.store").is_file()
    assert report.strategies[0].test_deviation is None
    assert report.baseline == report.winner == "1,0,0"


def test_independent_draws(root: Path, tmp_path: Path) -> None:
    options = replace(QUICK, strategy=("last-target", "1,0,0"), seeds=1, draw="independent")
    compare(root / "sample.store", tmp_path / "a.comparison", options)
    drawn = {
        name: json.loads((tmp_path / "a.comparison" / "pairs" / f"{name}.pairs" / "manifest.json").read_text())
        for name in ("last-target", "1,0,0")
    }
    assert {name: found["strategy"]["draw"] for name, found in drawn.items()} == {
        "last-target": "enumerated", "1,0,0": "independent"
    }  # fmt: skip


def test_fixed_draws_read_the_pairs_on_disk(root: Path, tmp_path: Path) -> None:
    options = replace(QUICK, strategy=("1,0,0",), seeds=1, draws="fixed")
    report = compare(root / "sample.store", tmp_path / "a.comparison", options)
    metrics = json.loads((tmp_path / "a.comparison" / report.strategies[0].runs[0].model / "metrics.json").read_text())
    assert metrics["options"]["fresh"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"strategy": ("1,0,0", "1,0,0")}, "given twice"), ({"seeds": 0}, "--seeds is 0"),
     ({"max_input": "x"}, "--max-input"), ({"strategy": ("most-target",)}, "most-target"),
     ({"heads": 3}, "is not a multiple of")],
)  # fmt: skip
def test_values_that_make_no_sense(root: Path, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        compare(root / "sample.store", tmp_path / "a.comparison", replace(QUICK, **changed))
    assert words in str(caught.value)
    assert not any(tmp_path.iterdir())


def _stop(*_: object) -> None:
    raise Stop


def test_a_comparison_goes_on_with_the_log_that_it_began_with(tmp_path: Path) -> None:
    log, path = tmp_path / "log.csv", tmp_path / "a.comparison"
    log.write_text(small_log(60), encoding="utf-8")
    options = replace(QUICK, strategy=("multi-target", "last-target"), seeds=1)
    with pytest.raises(Stop):
        compare(log, path, options, observe=_stop)
    as_it_was = log.read_bytes()
    for other in (small_log(60, seed=1), small_log(60)[:-2] + "9\n"):
        log.write_text(other, encoding="utf-8")
        with pytest.raises(IntegrityError, match="another log"):
            compare(log, path, options, resume=True)
    log.write_bytes(as_it_was)
    assert len(compare(log, path, options, resume=True).strategies) == 2


@pytest.mark.parametrize("file", ["metrics.json", "model.pt", "test_places.parquet"])
def test_a_finished_model_that_was_changed_is_not_taken(root: Path, tmp_path: Path, file: str) -> None:
    path, options = tmp_path / "a.comparison", replace(QUICK, strategy=("multi-target", "last-target"), seeds=1)
    with pytest.raises(Stop):
        compare(root / "sample.store", path, options, observe=_stop)
    found = unfinished(path) / "models" / "multi-target-seed-0" / file
    content = bytearray(found.read_bytes())
    content[len(content) // 2] ^= 1
    found.write_bytes(content)
    with pytest.raises(IntegrityError, match="multi-target-seed-0 is damaged"):
        compare(root / "sample.store", path, options, resume=True)


# ----------------------------------------------------------------------------------------------- half-lives by strategy


def test_strategies_with_half_lives_of_their_own(root: Path, tmp_path: Path) -> None:
    names = ("multi-target", "0.5,0,0", "0.5,0,0@90d", "multi-target@30d")
    options = replace(QUICK, strategy=names, seeds=1, steps=10, pairs="300", as_of="2024-01-01")
    report = compare(root / "sample.store", tmp_path / "a.comparison", options)
    assert [each.name for each in report.strategies] == list(names)
    told = []
    for each in report.strategies:
        manifest = json.loads(
            (tmp_path / "a.comparison" / "pairs" / f"{each.name}.pairs" / "manifest.json").read_text()
        )
        told.append((manifest.get("half_life"), manifest.get("as_of")))
        figures = stats(
            root / "sample.store", strategy=(each.name.partition("@")[0],), half_life=told[-1][0], as_of=told[-1][1],
            max_input="10", pairs="300",
        ).strategies[0]  # fmt: skip
        assert each.kl_test_train == figures.kl_test_train
    assert told == [(None, None), (None, None), ("90d", "2024-01-01"), ("30d", "2024-01-01")]
    assert len({each.kl_test_train for each in report.strategies}) == 4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"strategy": ("1,0,0@90d", "1,0,0@90d")}, "--strategy 1,0,0@90d is given twice"),
        ({"strategy": ("1,0,0@soon",)}, "--strategy 1,0,0@soon: --half-life 'soon' is not a duration"),
        ({"strategy": ("1,0,0@",)}, "--strategy 1,0,0@: --half-life '' is not a duration"),
        ({"strategy": ("1,0,0@90d",), "half_life": "30d"}, "-s 1,0,0@90d has a half-life, and --half-life 30d"),
        ({"strategy": ("1,0,0",), "as_of": "2024-01-01"}, "there is no --half-life"),
        ({"strategy": ("slide-window@90d",)}, "slide-window"),
    ],
)  # fmt: skip
def test_half_lives_that_cannot_be_used(root: Path, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        compare(root / "sample.store", tmp_path / "a.comparison", replace(QUICK, **changed))
    assert words in str(caught.value)
    assert not (tmp_path / "a.comparison").exists()
