"""`train` in the library: it learns, repeats itself, goes on after a stop, and refuses what cannot work."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
import torch

from genpas_cli import (
    DataError,
    IngestOptions,
    IntegrityError,
    MachineError,
    TrainOptions,
    TrainReport,
    UsageError,
    augment,
    ingest,
    train,
)
from genpas_cli.loaders.pair_shards import PairsDirectory
from genpas_cli.runtime.atomic_output import unfinished
from genpas_cli.training.evaluation.accuracy import ranked
from genpas_cli.training.models.sasrec import SASRec
from genpas_cli.training.runs.checkpoint import load_model
from tests.support import shards, small_log
from tests.training.runs import SAMPLE, Stop, lasting, popularity, same, stopped_after, weights

QUICK = TrainOptions(dim=16, steps=60, round_steps=20, batch_size=64, device="cpu", threads=1)


class Whole(NamedTuple):
    """A run that nothing has stopped, and its options."""

    options: TrainOptions
    report: TrainReport


# -------------------------------------------------------------------------------------------------------------- learns


def test_it_beats_popularity(pairs: Path, tmp_path: Path) -> None:
    options = replace(QUICK, dim=32, steps=600, round_steps=200, batch_size=128, lr=0.003)
    report = train(pairs, tmp_path / "a.model", options)
    test = report.metrics["test"]
    popular = popularity(pairs)
    assert test["ndcg@10"]["low"] > popular["ndcg@10"] * 1.2
    assert test["recall@20"]["low"] > popular["recall@20"] * 1.2


def test_what_it_writes(pairs: Path, tmp_path: Path) -> None:
    report = train(pairs, tmp_path / "a.model", QUICK)
    files = {path.name for path in (tmp_path / "a.model").iterdir()}
    assert files == {"model.pt", "metrics.json", "learning_curve.csv", "test_places.parquet"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.model"]
    metrics = json.loads((tmp_path / "a.model" / "metrics.json").read_text())
    assert metrics == report.metrics
    with (tmp_path / "a.model" / "learning_curve.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [20, 40, 60]
    assert metrics["training"]["rounds"][0]["validation"].keys() >= {"ndcg@10", "recall@20", "mrr"}
    test = metrics["test"]
    assert test["pairs"] == 2500
    assert test["head"]["pairs"] + test["tail"]["pairs"] == 2500
    assert sum(group["pairs"] for group in test["by_history"].values()) == 2500
    mean = (test["head"]["pairs"] * test["head"]["mrr"] + test["tail"]["pairs"] * test["tail"]["mrr"]) / 2500
    assert mean == pytest.approx(test["mrr"]["value"])
    assert 0 <= metrics["run"]["loader_share"] < 1


def test_the_model_and_the_places_are_those_that_were_measured(pairs: Path, tmp_path: Path) -> None:
    report = train(pairs, tmp_path / "a.model", QUICK)
    source, model = PairsDirectory(pairs), load_model(tmp_path / "a.model" / "model.pt")
    again = ranked(model, source, "test", filter_seen=False)
    places = pq.read_table(tmp_path / "a.model" / "test_places.parquet")
    assert places["above"].to_numpy().tolist() == again.places.above.tolist()
    assert sorted(zip(*(places[name].to_pylist() for name in ("user_num", "target_item")), strict=True)) == sorted(
        zip(*(shards(pairs, "test")[name].to_pylist() for name in ("user_num", "target_item")), strict=True)
    )
    assert report.metrics["test"]["mrr"]["value"] == pytest.approx(again.means(source_items(pairs))["mrr"])


def source_items(pairs: Path) -> int:
    items: int = json.loads((pairs / "manifest.json").read_text())["items"]
    return items


def test_ranking_against_a_loop_over_users(root: Path, tmp_path: Path) -> None:
    pairs = root / "short.pairs"
    train(pairs, tmp_path / "a.model", QUICK)
    model, table = load_model(tmp_path / "a.model" / "model.pt"), shards(pairs, "test").slice(0, 200)
    assert isinstance(model, SASRec)
    places = pq.read_table(tmp_path / "a.model" / "test_places.parquet").to_pylist()
    found = {(row["user_num"], row["target_item"]): row for row in places}
    for pair in table.to_pylist():
        with torch.inference_mode():
            state = model(torch.tensor([pair["input_items"]]), torch.tensor([len(pair["input_items"])]))
            scores = model.scores(state)[0].tolist()
        above = sum(score > scores[pair["target_item"] - 1] for score in scores)
        # One input is computed alone here and among others there: the last bit of a score may differ.
        assert abs(above - found[pair["user_num"], pair["target_item"]]["above"]) <= 1
        assert found[pair["user_num"], pair["target_item"]]["input_length"] == len(pair["input_items"])


def test_seen_items_can_be_filtered(pairs: Path, tmp_path: Path) -> None:
    kept = train(pairs, tmp_path / "a.model", QUICK).metrics
    filtered = train(pairs, tmp_path / "b.model", replace(QUICK, seen="filter")).metrics
    assert (kept["evaluation"]["seen"], filtered["evaluation"]["seen"]) == ("keep", "filter")
    assert filtered["test"]["mrr"]["value"] != kept["test"]["mrr"]["value"]


# ------------------------------------------------------------------------------------------------------------- repeats


def test_same_seed_same_model(pairs: Path, tmp_path: Path) -> None:
    first, again = (train(pairs, tmp_path / f"{name}.model", QUICK) for name in "ab")
    other = train(pairs, tmp_path / "c.model", replace(QUICK, seed=1))
    assert same(weights(first), weights(again))
    assert lasting(first) == lasting(again)
    assert not same(weights(first), weights(other))


def test_the_callers_randomness_and_threads_are_left_alone(pairs: Path, tmp_path: Path) -> None:
    torch.manual_seed(9)
    state = torch.get_rng_state()
    train(pairs, tmp_path / "a.model", replace(QUICK, steps=20, threads=2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 1


@pytest.fixture(scope="module", params=[False, True], ids=["", "fresh"])
def whole(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run that nothing stops, on pairs from disk and on fresh ones."""
    options = replace(QUICK, fresh=str(root / "sample.store") if request.param else None)
    report = train(root / "sample.pairs", tmp_path_factory.mktemp("whole") / "whole.model", options)
    return Whole(options, report)


@pytest.mark.parametrize("step", [20, 40, 60])
def test_a_stopped_run_goes_on_to_the_same_model(root: Path, tmp_path: Path, whole: Whole, step: int) -> None:
    options = whole.options
    with pytest.raises(Stop):
        train(root / "sample.pairs", tmp_path / "a.model", options, observe=stopped_after(step))
    assert not (tmp_path / "a.model").exists()
    steps: list[int] = []
    resumed = train(
        root / "sample.pairs", tmp_path / "a.model", options, resume=True, observe=lambda each: steps.append(each.step)
    )
    assert steps == list(range(step + 20, 61, 20))
    assert resumed.resumed == step
    assert same(weights(resumed), weights(whole.report))
    assert lasting(resumed) == lasting(whole.report)
    assert not unfinished(tmp_path / "a.model").exists()


def test_resume_with_nothing_to_resume_begins(pairs: Path, tmp_path: Path) -> None:
    assert train(pairs, tmp_path / "a.model", QUICK, resume=True).resumed == 0


def test_patience_ends_a_run_and_the_best_model_is_kept(pairs: Path, tmp_path: Path) -> None:
    # At this rate it gets worse soon.
    options = replace(QUICK, steps=4000, patience=2, lr=0.05)
    report = train(pairs, tmp_path / "a.model", options)
    training = report.metrics["training"]
    rounds = [each["validation"]["ndcg@10"] for each in training["rounds"]]
    assert training["stopped_by"] == "patience"
    assert training["steps"] == training["best_step"] + 2 * 20 < 4000
    assert rounds.index(max(rounds)) == len(rounds) - 3
    assert report.metrics["validation"]["ndcg@10"]["value"] == pytest.approx(max(rounds), abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------- data


def test_epochs_of_the_data(root: Path, tmp_path: Path) -> None:
    options = replace(QUICK, steps=70, round_steps=70)
    one = train(root / "few.pairs", tmp_path / "a.model", replace(options, epochs_data=1))
    all_ = train(root / "few.pairs", tmp_path / "b.model", options)
    assert one.metrics["training"]["epochs"] == all_.metrics["training"]["epochs"] == 3
    assert not same(weights(one), weights(all_))


def test_fresh_pairs_are_those_of_the_epochs_on_disk(root: Path, tmp_path: Path) -> None:
    # Steps for three epochs: a balanced draw of as many as there are on disk.
    options = replace(QUICK, steps=93, round_steps=93)
    written = train(root / "few.pairs", tmp_path / "a.model", options)
    fresh = train(root / "few.pairs", tmp_path / "b.model", replace(options, fresh=str(root / "sample.store")))
    assert written.metrics["training"]["epochs"] == 3
    assert same(weights(written), weights(fresh))


# ------------------------------------------------------------------------------------------------------------- refuses


def test_a_diverging_run_says_when_and_what_to_try(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the loss is (nan|inf) at step \d+: .* learning rate of") as caught:
        train(pairs, tmp_path / "a.model", replace(QUICK, lr=1e30))
    assert caught.value.tip == "Try a lower learning rate: --lr 1e+29."
    assert not any(tmp_path.iterdir())


def test_a_stopped_run_is_not_lost_by_a_new_one(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(pairs, tmp_path / "a.model", QUICK, observe=stopped_after(20))
    with pytest.raises(UsageError, match="was interrupted") as caught:
        train(pairs, tmp_path / "a.model", QUICK)
    assert caught.value.tip == "Continue the run with --resume, or start again with --force."
    with pytest.raises(UsageError, match=r"--lr is 0\.01, but the interrupted run had 0\.001"):
        train(pairs, tmp_path / "a.model", replace(QUICK, lr=0.01), resume=True)
    assert train(pairs, tmp_path / "a.model", replace(QUICK, lr=0.01), force=True).resumed == 0


def test_a_checkpoint_of_another_vocabulary(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(root / "short.pairs", tmp_path / "a.model", QUICK, observe=stopped_after(20))
    (tmp_path / "log.csv").write_text(small_log())
    augment(tmp_path / "log.csv", tmp_path / "other.pairs")
    with pytest.raises(IntegrityError, match="another vocabulary"):
        train(tmp_path / "other.pairs", tmp_path / "a.model", QUICK, resume=True)
    with pytest.raises(IntegrityError, match="used other pairs"):
        train(root / "sample.pairs", tmp_path / "a.model", QUICK, resume=True)


def test_a_damaged_checkpoint(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(pairs, tmp_path / "a.model", QUICK, observe=stopped_after(20))
    file = unfinished(tmp_path / "a.model") / "checkpoint.pt"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(IntegrityError, match="is damaged"):
        train(pairs, tmp_path / "a.model", QUICK, resume=True)


def test_nothing_held_out(tmp_path: Path) -> None:
    augment(SAMPLE, tmp_path / "a.pairs", ingest_options=IngestOptions(split="none"))
    with pytest.raises(DataError, match=r"no validation and no test pairs \(--split none\)"):
        train(tmp_path / "a.pairs", tmp_path / "a.model", QUICK)


def test_a_store_of_other_pairs(root: Path, tmp_path: Path) -> None:
    ingest(
        Path(__file__).parents[2] / "sample_data" / "logs.parquet",
        tmp_path / "other.store",
        IngestOptions(split="time:0.8,0.9"),
    )
    with pytest.raises(IntegrityError, match="is not the store of"):
        train(root / "sample.pairs", tmp_path / "a.model", replace(QUICK, fresh=str(tmp_path / "other.store")))


def test_outputs_that_exist(pairs: Path, tmp_path: Path) -> None:
    train(pairs, tmp_path / "a.model", replace(QUICK, steps=20))
    with pytest.raises(UsageError, match="exists"):
        train(pairs, tmp_path / "a.model", QUICK)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="does not overwrite it"):
        train(pairs, tmp_path / "mine", QUICK, force=True)
    assert train(pairs, tmp_path / "a.model", QUICK, force=True).metrics["training"]["steps"] == 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dim": 15}, "--dim 15 is not a multiple of --heads 2"), ({"dropout": 1.0}, "--dropout is 1.0"),
        ({"lr": 0.0}, "--lr is 0.0"), ({"lr": math.nan}, "--lr is nan"), ({"steps": 0}, "--steps is 0"),
        ({"weight_decay": -1.0}, "--weight-decay is -1.0"), ({"epochs_data": 9}, "--epochs-data is 9"),
        ({"epochs_data": 1, "fresh": "x.store"}, "--epochs-data cannot be combined with --fresh"),
        ({"max_input": 0}, "--max-input is 0"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense(pairs: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        train(pairs, tmp_path / "a.model", replace(QUICK, **options))
    assert words in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_no_such_device(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="--device cuda:7"):
        train(pairs, tmp_path / "a.model", replace(QUICK, device="cuda:7"))
