"""`train --model tiger`: it learns, repeats itself, goes on after a stop, and refuses codes that it cannot use."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from genpas_cli import (
    AugmentOptions,
    CompareOptions,
    DataError,
    IntegrityError,
    TrainOptions,
    UsageError,
    augment,
    compare,
    ingest,
    semantic_ids,
    train,
)
from genpas_cli.loaders.pair_shards import PairsDirectory
from genpas_cli.semantic.options import SemanticIdsOptions
from genpas_cli.training.evaluation.accuracy import ranked
from genpas_cli.training.models.tiger import Tiger
from genpas_cli.training.runs.checkpoint import load_model
from tests.support import small_log
from tests.training.runs import Stop, lasting, popularity, same, stopped_after, weights

ITEMS, WITHOUT = 40, (7, 11, 40)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with log.store, log.pairs with inputs of any length, and codes.parquet without three of the items."""
    where = tmp_path_factory.mktemp("tiger")
    (where / "log.csv").write_text(small_log(60, ITEMS))
    ingest(where / "log.csv", where / "log.store")
    augment(where / "log.store", where / "log.pairs", AugmentOptions(pairs="500"))
    rng = np.random.default_rng(1)
    with_codes = [item for item in range(1, ITEMS + 1) if item not in WITHOUT]
    rows = [[int(rng.integers(5)), int(rng.integers(4)), number] for number in range(len(with_codes))]
    pq.write_table(pa.table({"item_id": [f"i{item}" for item in with_codes], "codes": rows}), where / "codes.parquet")
    return where


@pytest.fixture
def codes(small: Path) -> Path:
    """The file of codes."""
    return small / "codes.parquet"


@pytest.fixture
def pairs(small: Path) -> Path:
    """The pairs."""
    return small / "log.pairs"


@pytest.fixture
def quick(codes: Path) -> TrainOptions:
    """A small model and few steps."""
    return TrainOptions(
        model="tiger", semantic_ids=str(codes), missing_codes="drop", dim=16, layers=1, heads=1, steps=20,
        round_steps=10, batch_size=32, device="cpu", threads=1,
    )  # fmt: skip


def test_it_beats_popularity(root: Path, tmp_path: Path, quick: TrainOptions) -> None:
    semantic_ids(root / "sample.store", tmp_path / "codes.parquet", SemanticIdsOptions(codes=32, levels=2))
    augment(root / "sample.store", tmp_path / "a.pairs", AugmentOptions(max_input="6"))
    options = replace(
        quick, semantic_ids=str(tmp_path / "codes.parquet"), dim=64, heads=2, steps=250, round_steps=250,
        batch_size=128, lr=0.003,
    )  # fmt: skip
    test = train(tmp_path / "a.pairs", tmp_path / "a.model", options).metrics["test"]
    popular = popularity(tmp_path / "a.pairs")
    assert test["ndcg@10"]["low"] > popular["ndcg@10"] * 1.2
    assert test["recall@20"]["low"] > popular["recall@20"] * 1.2


def test_what_it_reports(pairs: Path, tmp_path: Path, quick: TrainOptions, codes: Path) -> None:
    metrics = train(pairs, tmp_path / "a.model", quick).metrics
    shape, evaluation = metrics["model"], metrics["evaluation"]
    assert (shape["name"], shape["dim"], shape["layers"], shape["head_dim"], shape["beam"]) == ("tiger", 16, 1, 32, 20)
    assert shape["codes"] == [5, 4, ITEMS - len(WITHOUT)]
    assert (evaluation["ranking"], evaluation["items"], evaluation["beam"]) == ("beam", ITEMS, 20)
    assert evaluation["items_without_codes"] == len(WITHOUT)
    assert evaluation["items_sharing_codes"] == 0
    places = pq.read_table(tmp_path / "a.model" / "test_places.parquet")
    missed = places["above"].to_numpy() == ITEMS
    assert evaluation["missed"]["test"] == missed.sum() > 0
    without = np.isin(_ids(pairs)[places["target_item"].to_numpy() - 1], [f"i{item}" for item in WITHOUT])
    assert evaluation["targets_without_codes"]["test"] == without.sum() > 0
    assert missed[without].all()
    assert metrics["test"]["recall@20"]["value"] == pytest.approx(1 - missed.mean())
    assert metrics["codes"] == {"file": str(codes), "sha256": hashlib.sha256(codes.read_bytes()).hexdigest()}


def _ids(pairs: Path) -> NDArray[np.object_]:
    ids: NDArray[np.object_] = pq.read_table(pairs / "items.parquet")["item_id"].to_numpy()
    return ids


def test_the_model_on_the_disk_is_the_one_that_was_measured(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    train(pairs, tmp_path / "a.model", quick)
    model = load_model(tmp_path / "a.model" / "model.pt")
    assert isinstance(model, Tiger)
    again = ranked(model, PairsDirectory(pairs), "test", filter_seen=False)
    places = pq.read_table(tmp_path / "a.model" / "test_places.parquet")
    assert places["above"].to_numpy().tolist() == again.places.above.tolist()


def test_inputs_have_at_most_twenty_items_unless_asked_for(small: Path, tmp_path: Path, quick: TrainOptions) -> None:
    augment(small / "log.store", tmp_path / "a.pairs", AugmentOptions(pairs="500", max_input="30"))
    short = replace(quick, steps=2, round_steps=2)
    longest = [
        train(tmp_path / "a.pairs", tmp_path / f"{limit}.model", replace(short, max_input=limit)).metrics["model"]
        for limit in (None, 5, 25, 40)
    ]
    assert [each["max_input"] for each in longest] == [20, 5, 25, 30]


@pytest.mark.parametrize("kind", ["", "fresh", "bf16 and user tokens"])
def test_a_stopped_run_goes_on_to_the_same_model(
    small: Path, pairs: Path, tmp_path: Path, quick: TrainOptions, kind: str
) -> None:
    options = {
        "": quick, "fresh": replace(quick, fresh=str(small / "log.store")),
        "bf16 and user tokens": replace(quick, precision="bf16", user_tokens=7),
    }[kind]  # fmt: skip
    whole = train(pairs, tmp_path / "whole.model", options)
    with pytest.raises(Stop):
        train(pairs, tmp_path / "a.model", options, observe=stopped_after(10))
    resumed = train(pairs, tmp_path / "a.model", options, resume=True)
    assert resumed.resumed == 10
    assert same(weights(resumed), weights(whole))
    assert lasting(resumed) == lasting(whole)
    assert not same(weights(whole), weights(train(pairs, tmp_path / "b.model", replace(options, seed=1))))


def test_a_comparison_of_two_rules(small: Path, tmp_path: Path, quick: TrainOptions) -> None:
    options = CompareOptions(
        model="tiger", semantic_ids=quick.semantic_ids, missing_codes="drop", dim=16, layers=1, heads=1, steps=10,
        round_steps=10, batch_size=32, strategy=("multi-target", "0,1,0"), seeds=1, pairs="500", max_input="5",
        threads=1,
    )  # fmt: skip
    report = compare(small / "log.store", tmp_path / "a.comparison", options)
    assert (report.model["model"], report.model["dim"], report.model["dropout"]) == ("tiger", 16, 0.1)
    assert [len(each.runs) for each in report.strategies] == [1, 1]
    assert report.strategies[1].difference is not None


def test_a_comparison_reads_inputs_of_the_length_that_it_is_told(
    small: Path, tmp_path: Path, quick: TrainOptions
) -> None:
    options = CompareOptions(
        model="tiger", semantic_ids=quick.semantic_ids, missing_codes="drop", dim=16, layers=1, heads=1, steps=1,
        round_steps=1, batch_size=2, strategy=("1,0,0",), seeds=1, pairs="50", max_input="30", threads=1,
    )  # fmt: skip
    run = compare(small / "log.store", tmp_path / "a.comparison", options).strategies[0].runs[0]
    assert json.loads((tmp_path / "a.comparison" / run.model / "metrics.json").read_text())["model"]["max_input"] == 30


@pytest.mark.parametrize("source", ["log.store", "log.csv"])
def test_a_comparison_refuses_codes_before_it_begins(
    small: Path, tmp_path: Path, quick: TrainOptions, source: str
) -> None:
    options = CompareOptions(
        model="tiger", semantic_ids=quick.semantic_ids, dim=16, layers=1, heads=1, steps=1, round_steps=1,
        strategy=("1,0,0",), seeds=1, pairs="50", threads=1,
    )  # fmt: skip
    with pytest.raises(DataError, match="3 of 40 items have no semantic id"):
        compare(small / source, tmp_path / "a.comparison", options)
    assert not list(tmp_path.iterdir())
    dropping = replace(options, missing_codes="drop", batch_size=2)
    assert compare(small / source, tmp_path / "a.comparison", dropping).strategies


# ------------------------------------------------------------------------------------------------------------ bad input


def refused(pairs: Path, tmp_path: Path, options: TrainOptions, kind: type[Exception]) -> Any:
    """Train, and return the error; nothing may have been written."""
    before = sorted(tmp_path.iterdir())
    with pytest.raises(kind) as caught:
        train(pairs, tmp_path / "a.model", options)
    assert sorted(tmp_path.iterdir()) == before
    return caught.value


def test_no_codes(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    error = refused(pairs, tmp_path, replace(quick, semantic_ids=None), UsageError)
    assert "--model tiger needs the codes of the items" in str(error)
    assert "genpas semantic-ids STORE -o codes.parquet" in error.tip
    error = refused(pairs, tmp_path, replace(quick, semantic_ids="nowhere.parquet"), DataError)
    assert "no such file: nowhere.parquet" in str(error)


def test_items_without_codes(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    error = refused(pairs, tmp_path, replace(quick, missing_codes="error"), DataError)
    assert "3 of 40 items have no semantic id" in str(error)
    assert error.tip == "To drop them: --missing-codes drop"


def test_codes_of_another_vocabulary(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    pq.write_table(pa.table({"item_id": ["a", "b"], "codes": [[1, 2], [3, 4]]}), tmp_path / "other.parquet")
    error = refused(pairs, tmp_path, replace(quick, semantic_ids=str(tmp_path / "other.parquet")), DataError)
    assert "other.parquet has codes of none of the 40 items" in str(error)
    np.save(tmp_path / "rows.npy", np.zeros((17, 3), np.int32))
    error = refused(pairs, tmp_path, replace(quick, semantic_ids=str(tmp_path / "rows.npy")), DataError)
    assert "17 rows" in str(error)


def test_more_levels_than_it_generates(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    np.save(tmp_path / "deep.npy", np.random.default_rng(0).integers(0, 3, (ITEMS, 9)))
    error = refused(pairs, tmp_path, replace(quick, semantic_ids=str(tmp_path / "deep.npy")), DataError)
    assert "has 9 codes per item; --model tiger generates at most 8" in str(error)


def test_a_loss_that_is_not_a_number(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    with pytest.raises(UsageError, match=r"the loss is .* training has diverged"):
        train(pairs, tmp_path / "a.model", replace(quick, lr=1e30))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"beam": 9}, "--beam is 9; it must be 10 or more"), ({"user_tokens": -1}, "--user-tokens is -1"),
        ({"model": "sasrec"}, "--semantic-ids cannot be used with --model sasrec"),
        ({"model": "sasrec", "semantic_ids": None, "missing_codes": "error", "beam": 50}, "--beam cannot be used"),
        ({"model": "sasrec", "semantic_ids": None, "missing_codes": "error", "preset": "small"}, "--preset cannot be"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(
    pairs: Path, tmp_path: Path, quick: TrainOptions, changed: dict[str, Any], words: str
) -> None:
    assert words in str(refused(pairs, tmp_path, replace(quick, **changed), UsageError))


def test_a_run_is_not_resumed_with_other_codes(pairs: Path, tmp_path: Path, quick: TrainOptions) -> None:
    own = tmp_path / "codes.npy"
    np.save(own, np.random.default_rng(0).integers(0, 9, (ITEMS, 2)))
    options = replace(quick, semantic_ids=str(own))
    with pytest.raises(Stop):
        train(pairs, tmp_path / "a.model", options, observe=stopped_after(10))
    moved = tmp_path / "moved.npy"
    own.rename(moved)
    np.save(own, np.random.default_rng(1).integers(0, 9, (ITEMS, 2)))
    with pytest.raises(IntegrityError, match="the interrupted run used other codes"):
        train(pairs, tmp_path / "a.model", options, resume=True)
    # The same codes may have another path.
    assert train(pairs, tmp_path / "a.model", replace(options, semantic_ids=str(moved)), resume=True).resumed == 10


def test_presets_have_the_sizes_that_they_are_said_to_have(pairs: Path, tmp_path: Path, codes: Path) -> None:
    options = TrainOptions(
        model="tiger", semantic_ids=str(codes), missing_codes="drop", steps=1, round_steps=1, batch_size=2, threads=1
    )  # fmt: skip
    sizes = [
        train(pairs, tmp_path / f"{preset}.model", replace(options, preset=preset)).metrics["model"]
        for preset in (None, "small", "paper")
    ]  # fmt: skip
    keys = ("dim", "layers", "heads", "head_dim", "feed_dim")
    assert [[each[key] for key in keys] for each in sizes] == [
        [128, 2, 4, 32, 512], [128, 2, 4, 32, 512], [128, 4, 6, 64, 1024]
    ]  # fmt: skip
