"""Arguments, directories and stores that a dataset refuses, and readers that leave early."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import DataError, IntegrityError, UsageError, fresh_pairs
from genpas_cli.loaders import PairDataset
from tests.loaders.reading import Batch, dataset_of
from tests.support import ROOT

# Four workers on a machine of two cores are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "dev"}, "no split 'dev'; it has: "),
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number, 1 or more"),
        ({"pad": "centre"}, "pad is 'centre'; it must be 'left' or 'right' or 'none'"),
        ({"columns": ["price"]}, "it has: input_start, target_position, input_price"),
        ({"columns": ["input_note"]}, "a tensor can only contain numbers"),
        ({"columns": "input_price"}, "it must be a list of texts"),
        ({"rank": 3, "world_size": 3}, "rank is 3; with world_size 3 it must be from 0 to 2"),
        ({"world_size": None}, "give both or neither"),
        ({"max_input": 0}, "max_input is 0"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_arguments_that_make_no_sense(directory: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        dataset_of(directory, **options)
    assert words in raised.value.message


def test_no_pairs_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such directory"):
        PairDataset(tmp_path / "none.pairs")


def test_a_shard_that_is_missing_or_damaged(directory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pairs"
    shutil.copytree(directory, broken)
    shard = sorted((broken / "data").glob("train-*"))[3]
    shard.write_bytes(shard.read_bytes()[:-300])
    with pytest.raises(IntegrityError, match=shard.name):
        list(PairDataset(broken))
    shard.unlink()
    with pytest.raises(IntegrityError, match=shard.name):
        list(PairDataset(broken))


def test_no_store(tmp_path: Path, directory: Path) -> None:
    with pytest.raises(DataError, match="no such store"):
        fresh_pairs(tmp_path / "none.store")
    with pytest.raises(DataError, match="is not a genpas store"):
        fresh_pairs(directory / "manifest.json")


def test_a_store_that_changed_since(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "log.store"
    shutil.copy(root / "log.store", store)
    dataset = dataset_of(fresh_pairs(store))
    store.touch()
    with pytest.raises(IntegrityError, match="has changed"):
        list(dataset)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import genpas_cli, genpas_cli.loaders
from genpas_cli.runtime.errors import MachineError
try:
    genpas_cli.loaders.PairDataset
except MachineError as error:
    print(error.message, error.tip)
"""


def test_without_pytorch_it_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install 'genpas[train]'" in done.stdout, done.stderr


def batches_left_unread(dataset: PairDataset) -> Iterator[Batch]:
    yield from dataset


def test_leaving_in_the_middle_leaves_no_thread(directory: Path) -> None:
    before = threading.active_count()
    batches = batches_left_unread(dataset_of(directory))
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert threading.active_count() == before
