"""The epochs of a directory, and fresh pairs: those that `augment` would write, in any epoch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, augment, fresh_pairs
from tests.loaders.reading import Row, dataset_of, loaded, pairs_of, rows_of
from tests.support import shards

# Four workers on a machine of two cores are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def epoch_rows(root: Path, epoch: int) -> list[Row]:
    files = sorted((root / "epochs.pairs" / "data" / f"epoch-{epoch:03d}").glob("train-*"))
    return [row for path in files for row in rows_of(pq.read_table(path))]


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
def test_epochs_of_a_directory_come_round(root: Path, epoch: int) -> None:
    assert pairs_of(dataset_of(root / "epochs.pairs", shuffle=False, epoch=epoch)) == epoch_rows(root, epoch % 3)


FRESH: dict[str, dict[str, Any]] = {
    "balanced": {"epochs": 3},
    "independent": {"epochs": 3, "draw": "independent", "alpha": 0.5, "beta": 1.0, "gamma": 0.5},
    "slide-window": {"epochs": 3, "strategy": "slide-window", "pairs": "900"},
    "some targets": {"epochs": 2, "target_where": "note = 'a'"},
}


@pytest.mark.parametrize("name", FRESH)
def test_fresh_pairs_are_those_that_augment_writes(root: Path, tmp_path: Path, name: str) -> None:
    given: dict[str, Any] = {"shard_rows": 130, "max_input": "7", "seed": 4} | FRESH[name]
    options = AugmentOptions(**given)
    augment(root / "log.store", tmp_path / "epochs.pairs", options)
    source = fresh_pairs(root / "log.store", options)
    for epoch in range(options.epochs):
        assert pairs_of(dataset_of(source, shuffle=False, epoch=epoch)) == epoch_rows(tmp_path, epoch)
    for split in ("validation", "test"):
        found = pairs_of(dataset_of(source, split=split, shuffle=False, epoch=1))
        assert found == rows_of(shards(tmp_path / "epochs.pairs", split))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_fresh_pairs_in_workers(root: Path, workers: int, method: str) -> None:
    options = AugmentOptions(shard_rows=130, max_input="7", pairs="1237", epochs=3)
    source = fresh_pairs(root / "log.store", options, keep=["price"])
    dataset = dataset_of(source, epoch=1, columns=["target_price"])
    batches = list(loaded(dataset, workers, multiprocessing_context=method))
    assert Counter(pairs_of(batches)) == Counter(epoch_rows(root, 1))
    assert "target_price" in batches[0]


def test_a_fresh_epoch_is_resumed(root: Path) -> None:
    source = fresh_pairs(root / "log.store", AugmentOptions(shard_rows=130, max_input="7", epochs=3))
    dataset = dataset_of(source, epoch=2)
    batches = list(dataset)
    resumed = dataset_of(source)
    resumed.load_state_dict(dataset.state_dict(9))
    # The count of batches that were taken begins at those of the state.
    assert pairs_of(resumed) == pairs_of(batches[9:])
