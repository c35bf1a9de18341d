"""A state goes on with its own pairs in one pass, is refused by all others, and is never a silent zero."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader

from genpas_cli import AugmentOptions, IngestOptions, IntegrityError, UsageError, augment, fresh_pairs, ingest
from genpas_cli.loaders import InMemoryPairDataset, PairDataset
from genpas_cli.pairs.data_card import _paths
from genpas_cli.pairs.shards import ShardFile, shard_name

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

Batch = dict[str, torch.Tensor]
Source = Callable[[Path], Any]

SOURCES: dict[str, Source] = {
    "directory": lambda root: root / "log.pairs",
    "epochs": lambda root: root / "epochs.pairs",
    "fresh": lambda root: fresh_pairs(root / "log.store", AugmentOptions(shard_rows=130, max_input="7", epochs=3)),
}


def dataset_of(source: Any, **options: Any) -> PairDataset:
    return PairDataset(source, **{"batch_size": 32, "window": 256} | options)


def loaded(dataset: PairDataset, workers: int, **options: Any) -> DataLoader[Batch]:
    return DataLoader(dataset, batch_size=None, num_workers=workers, **options)


def flat(batches: Any) -> list[list[list[int]]]:
    return [[batch["user_num"].tolist(), batch["target_item"].tolist()] for batch in batches]


# --------------------------------------------------------------------------------------------- one pass is resumed only


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("persistent", [False, True], ids=["", "persistent"])
@pytest.mark.parametrize("set_epoch", [False, True], ids=["", "set_epoch"])
def test_passes_after_a_resumed_one_are_whole(
    root: Path, source: Source, workers: int, persistent: bool, set_epoch: bool  # noqa: FBT001
) -> None:  # fmt: skip
    if persistent and not workers:
        pytest.skip("nothing persists")
    pairs = source(root)
    whole = dataset_of(pairs)
    expected = []
    for epoch in (1, 2 if set_epoch else 1):
        whole.set_epoch(epoch)
        expected.append(flat(loaded(whole, workers)))
    resumed = dataset_of(pairs)
    whole.set_epoch(1)
    resumed.load_state_dict(json.loads(json.dumps(whole.state_dict(3, workers=workers))))
    loader = loaded(resumed, workers, persistent_workers=persistent)
    resumed.set_epoch(1)
    assert flat(loader) == expected[0][3:]
    if set_epoch:
        resumed.set_epoch(2)
    assert flat(loader) == expected[1]
    # What is counted in a later pass begins at 0.
    assert resumed.state_dict(2, workers=workers)["batches"] == 2


def test_passes_that_seed_pytorch_alike_are_told_apart(root: Path) -> None:
    dataset = dataset_of(root / "log.pairs")
    expected = flat(loaded(dataset, 2))
    resumed = dataset_of(root / "log.pairs")
    resumed.load_state_dict(dataset.state_dict(4, workers=2))
    found = []
    for _ in range(2):
        torch.manual_seed(7)
        found.append(flat(loaded(resumed, 2)))
    assert found == [expected[4:], expected]
    assert resumed.state_dict(5, workers=2)["batches"] == 5


def test_a_resumed_pass_is_counted_on(root: Path) -> None:
    dataset = dataset_of(root / "log.pairs")
    expected = flat(loaded(dataset, 2))
    resumed = dataset_of(root / "log.pairs")
    resumed.load_state_dict(dataset.state_dict(4, workers=2))
    assert resumed.state_dict() == dataset.state_dict(4, workers=2)  # nothing was read since
    batches = iter(loaded(resumed, 2))
    next(batches)
    again = dataset_of(root / "log.pairs")
    again.load_state_dict(resumed.state_dict(1, workers=2))
    assert flat(loaded(again, 2)) == expected[5:]


# ----------------------------------------------------------------------------------------------------- never a silent 0


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}, {"multiprocessing_context": "spawn"}], ids=str)
@pytest.mark.parametrize("source", [SOURCES["directory"], SOURCES["fresh"]], ids=["directory", "fresh"])
def test_a_state_without_the_count_is_refused_where_workers_read(
    root: Path, source: Source, options: dict[str, Any]
) -> None:
    dataset = dataset_of(source(root))
    batches = iter(loaded(dataset, 2, **options))
    for _ in range(3):
        next(batches)
    with pytest.raises(UsageError, match=r"needs the number of batches .*\n.*dataset.state_dict\(taken, workers=2\)"):
        dataset.state_dict()
    with pytest.raises(UsageError, match="workers is 1, but the batches of this epoch come from 2 workers"):
        dataset.state_dict(3)
    assert dataset.state_dict(3, workers=2)["batches"] == 3
    dataset.set_epoch(1)
    assert dataset.state_dict()["batches"] == 0


def test_a_count_beyond_the_epoch_is_refused(root: Path) -> None:
    dataset = dataset_of(root / "log.pairs")
    assert dataset.batches() == 39
    with pytest.raises(UsageError, match="batches is 40: the epoch has 39"):
        dataset.state_dict(40)
    with pytest.raises(UsageError, match="the state has batches = 50, but the epoch has only 39 batches"):
        dataset.load_state_dict({**dataset.state_dict(3), "batches": 50})


# -------------------------------------------------------------------------------------------------------- other pairs


def other_pairs(root: Path, at: Path) -> dict[str, Any]:
    """Return pairs with as many rows as those of log.pairs, made otherwise."""
    options = {"max_input": "7", "pairs": "1237", "shard_rows": 130}
    augment(root / "log.store", at / "seed.pairs", AugmentOptions(**options, seed=9))  # type: ignore[arg-type]  # by name
    augment(root / "log.store", at / "biased.pairs", AugmentOptions(**options, alpha=-2.0, beta=3.0))  # type: ignore[arg-type]  # by name
    return {
        "seed": at / "seed.pairs", "strategy": at / "biased.pairs",
        "form": fresh_pairs(root / "log.store", AugmentOptions(**options)),  # type: ignore[arg-type]  # by name
    }  # fmt: skip


def test_a_state_of_other_pairs_is_refused(root: Path, tmp_path: Path) -> None:
    state = dataset_of(root / "log.pairs").state_dict(3)
    for other in other_pairs(root, tmp_path).values():
        with pytest.raises(UsageError, match="the state belongs to other pairs"):
            dataset_of(other).load_state_dict(state)
    shutil.copytree(root / "log.pairs", tmp_path / "moved.pairs")
    dataset_of(tmp_path / "moved.pairs").load_state_dict(state)


def test_a_state_of_other_fresh_pairs_is_refused(root: Path, tmp_path: Path) -> None:
    log = (root / "log.csv").read_text("utf-8").replace("u7,", "v7,")
    (tmp_path / "log.csv").write_text(log, "utf-8")
    ingest(tmp_path / "log.csv", tmp_path / "log.store", IngestOptions(keep=("price", "count", "note")))
    options = AugmentOptions(shard_rows=130)
    state = dataset_of(fresh_pairs(root / "log.store", options)).state_dict(3)
    dataset_of(fresh_pairs(root / "log.store", AugmentOptions(shard_rows=130, threads=1))).load_state_dict(state)
    for other in (
        fresh_pairs(tmp_path / "log.store", options), fresh_pairs(root / "log.store", AugmentOptions(shard_rows=131)),
        fresh_pairs(root / "log.store", AugmentOptions(shard_rows=130, seed=1)),
        fresh_pairs(root / "log.store", AugmentOptions(shard_rows=130, alpha=0.5)),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="the state belongs to other pairs"):
            dataset_of(other).load_state_dict(state)


NO_STATES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "nothing": (lambda _: None, "it must be the dictionary that state_dict returned"),
    "a list": (lambda _: [1], "it must be the dictionary that state_dict returned"),
    "an empty one": (lambda _: {}, "the keys batch_size, batches"),
    "without workers": (lambda state: {key: state[key] for key in state if key != "workers"}, "workers are missing"),
    "an old one": (
        lambda state: {key: state[key] for key in state if key != "pairs"},
        "saved by an older version of genpas",
    ),
    "text": (lambda state: {**state, "batches": "3"}, "batches of the state is '3'"),
    "below 0": (lambda state: {**state, "batches": -1}, "batches of the state is -1"),
    "no epoch": (lambda state: {**state, "epoch": None}, "epoch of the state is None"),
    "0 workers": (lambda state: {**state, "workers": 0}, "workers of the state is 0"),
    "half an epoch": (lambda state: {**state, "epoch": 1.5}, "epoch of the state is 1.5"),
    "a number for pairs": (lambda state: {**state, "pairs": 5}, "the state belongs to other pairs"),
}


@pytest.mark.parametrize(("change", "words"), NO_STATES.values(), ids=NO_STATES.keys())
def test_a_state_that_is_none_is_refused(root: Path, change: Callable[[Any], Any], words: str) -> None:
    dataset = dataset_of(root / "log.pairs")
    with pytest.raises(UsageError) as raised:
        dataset.load_state_dict(change(dataset.state_dict(3)))
    assert words in raised.value.message
    assert len(list(dataset)) == 39


# ---------------------------------------------------------------------------------------- the directory becomes another


def replaced(at: Path, root: Path, **options: Any) -> None:
    given: dict[str, Any] = {"max_input": "7", "pairs": "1237", "shard_rows": 130} | options
    keep = IngestOptions(keep=("price", "count", "note"))
    augment(root / "log.store", at, AugmentOptions(**given), ingest_options=keep, force=True)


@pytest.mark.parametrize("options", [{"seed": 5}, {"pairs": "700"}, {"shard_rows": 500}, {"form": "cuts"}], ids=str)
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["items", "cuts"])
def test_a_replaced_directory_ends_the_next_epoch(
    root: Path, tmp_path: Path, workers: int, form: str, options: dict[str, Any]
) -> None:
    at = tmp_path / "log.pairs"
    replaced(at, root, form=form)
    dataset = dataset_of(at)
    expected = flat(loaded(dataset, workers))
    replaced(at, root, form=form)  # the same pairs once more: nothing to say
    assert flat(loaded(dataset, workers)) == expected
    replaced(at, root, **{"form": form, "seed": 3} | options)
    dataset.set_epoch(1)
    with pytest.raises(IntegrityError, match="was replaced while it was open"):
        list(loaded(dataset, workers))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("form", ["items", "cuts"])
@pytest.mark.parametrize("change", ["removed", "flipped", "exchanged"])
def test_a_file_that_changes_ends_the_epoch(root: Path, tmp_path: Path, workers: int, form: str, change: str) -> None:
    at = tmp_path / "log.pairs"
    replaced(at, root, form=form)
    dataset = dataset_of(at, batch_size=2, window=2)
    batches = iter(loaded(dataset, workers))
    next(batches)
    paths = sorted((at / "data").glob("train-*"))
    if change == "exchanged":
        contents = [path.read_bytes() for path in paths]
        for path, content in zip(paths, random.Random(1).sample(contents, len(contents)), strict=True):
            path.write_bytes(content)
    for path in paths if change != "exchanged" else []:
        if change == "removed":
            path.unlink()
        else:
            flipped = bytearray(path.read_bytes())
            flipped[len(flipped) // 2] ^= 1
            path.write_bytes(flipped)
    with pytest.raises(IntegrityError, match=r"train-000\d\d-of-"):
        list(batches)


@pytest.mark.parametrize("name", ["data/train-00003-of-00010.parquet", "data/validation-00000-of-00001.parquet"])
def test_a_flipped_bit_is_found_before_any_row(root: Path, tmp_path: Path, name: str) -> None:
    at = tmp_path / "log.pairs"
    shutil.copytree(root / "log.pairs", at)
    content = bytearray((at / name).read_bytes())
    content[len(content) // 2] ^= 1
    (at / name).write_bytes(content)
    split = Path(name).name.partition("-")[0]
    for kind in (PairDataset, InMemoryPairDataset):
        with pytest.raises(IntegrityError, match=rf"{Path(name).name} was changed: its SHA-256 is"):
            kind(at, split)


def test_flipped_sequences_are_found_before_any_row(root: Path, tmp_path: Path) -> None:
    at = tmp_path / "log.pairs"
    replaced(at, root, form="cuts")
    (path,) = (at / "sequences").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"sequences-00000-of-00001.parquet was changed"):
        PairDataset(at)


# ------------------------------------------------------------------------------------------------------ many epochs


def test_more_epochs_than_their_names_have_digits_for(tmp_path: Path) -> None:
    log = "user_id,item_id,timestamp\n" + "".join(f"u{user},i{item},{item}\n" for user in range(3) for item in range(6))
    (tmp_path / "log.csv").write_text(log, "utf-8")
    at = tmp_path / "epochs.pairs"
    augment(tmp_path / "log.csv", at, AugmentOptions(epochs=1003, pairs="4"))
    listed = [file["path"] for file in json.loads((at / "manifest.json").read_text())["files"]]
    assert [path.split("/")[1] for path in listed if "train-" in path] == [
        f"epoch-{epoch:03d}" for epoch in range(1003)
    ]
    for epoch in (9, 10, 100, 101, 999, 1000, 1002, 1003):
        (expected,) = pq.read_table(
            at / f"data/epoch-{epoch % 1003:03d}", columns=["user_num", "target_item"]
        ).to_batches()
        dataset = PairDataset(at, shuffle=False, epoch=epoch)
        assert flat(dataset) == [[expected[0].to_pylist(), expected[1].to_pylist()]]
        assert len(InMemoryPairDataset(at, epoch=epoch)) == 4


def test_the_card_lists_many_epochs_in_numeric_order() -> None:
    def paths(epochs: int, shards_: int) -> str:
        files = [
            ShardFile(shard_name("train", shard, shards_, epoch if epochs > 1 else None), "train", 1, 1, "")
            for epoch in range(epochs) for shard in range(shards_)
        ]  # fmt: skip
        return _paths("train", {"epochs": epochs}, files)

    assert paths(3, 2) == "data/**/train-*.parquet"
    assert paths(1, 2) == "data/train-*.parquet"
    assert paths(1002, 1) == (
        "\n    - data/epoch-???/train-?????-of-*.parquet\n    - data/epoch-????/train-?????-of-*.parquet"
    )
    assert paths(1, 100_001) == "\n    - data/train-?????-of-*.parquet\n    - data/train-??????-of-*.parquet"
