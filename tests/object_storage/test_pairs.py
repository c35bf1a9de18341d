"""Pairs on object storage, read from a real S3 server on this machine: as from a directory here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch.utils.data import DataLoader

from genpas_cli import AugmentOptions, DataError, IntegrityError, TrainOptions, augment, stats, train, verify
from genpas_cli.loaders import PairDataset
from tests.object_storage.conftest import Bucket, Cutting
from tests.support import Genpas, refused, snapshot

SHARD = "data/train-00001-of-00007.parquet"


def put(bucket: Bucket, directory: Path) -> str:
    """Bring a directory there, and return its URI."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            bucket.put(f"there.pairs/{path.relative_to(directory).as_posix()}", path.read_bytes())
    return f"s3://{bucket.name}/there.pairs"


@pytest.fixture(params=["items", "cuts"])
def here(request: pytest.FixtureRequest, store: Path, tmp_path: Path) -> Path:
    """Pairs here, in both forms, in seven shards."""
    directory = tmp_path / "here.pairs"
    augment(store, directory, AugmentOptions(pairs="2000", shard_rows=300, form=request.param))
    return directory


def test_commands_say_of_pairs_there_what_they_say_of_them_here(
    bucket: Bucket, here: Path, store: Path, genpas: Genpas
) -> None:
    there = put(bucket, here)
    assert replace(verify(there, store=store), pairs_dir="") == replace(verify(here, store=store), pairs_dir="")
    assert replace(stats(there, store=store), source="") == replace(stats(here, store=store), source="")
    for pairs, output in ((here, "here"), (f"{there}/", "there")):
        (genpas.cwd / output).mkdir()
        done = genpas("export", pairs, "--to", "recbole", "-o", f"{output}/log")
        assert done.returncode == 0, done.stderr
    assert outputs(genpas.cwd / "there" / "log") == outputs(genpas.cwd / "here" / "log")
    assert snapshot(genpas.temp_dir) == {}


def outputs(directory: Path) -> dict[str, Any]:
    """Return what an export holds but the name of its pairs."""
    return {name: digest for name, digest in snapshot(directory).items() if name != "export.json"}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_reads_there_what_it_reads_here(bucket: Bucket, here: Path, workers: int) -> None:
    read = {}
    for place in (here, put(bucket, here)):
        dataset = PairDataset(place, batch_size=64, window=512)
        loader: DataLoader[Any] = DataLoader(dataset, batch_size=None, num_workers=workers)
        read[str(place)] = [{name: values.tolist() for name, values in batch.items()} for batch in loader]
    of_here, of_there = read.values()
    assert len(of_here) > 30
    assert of_there == of_here


def test_a_model_learns_there_what_it_learns_here(bucket: Bucket, here: Path, tmp_path: Path) -> None:
    options = TrainOptions(steps=20, round_steps=10, dim=8, heads=1, layers=1, batch_size=64, threads=1)
    of_here = train(here, tmp_path / "here.model", options)
    of_there = train(put(bucket, here), tmp_path / "there.model", options)
    assert of_there.metrics["test"] == of_here.metrics["test"]


def test_pairs_there_whose_connection_is_cut_are_read_again(
    bucket: Bucket, here: Path, cutting: Callable[..., Cutting]
) -> None:
    there = put(bucket, here)
    way = cutting(after=2000, times=2)
    assert verify(there).rows == verify(here).rows
    assert way.cut == 2


@pytest.mark.slow  # it waits for the last of several tries
def test_pairs_there_that_cannot_be_reached(
    bucket: Bucket, here: Path, genpas: Genpas, cutting: Callable[..., Cutting]
) -> None:
    there = put(bucket, here)
    cutting(after=2000, times=1000)
    refused(genpas("verify", there, timeout=100), 1, there, "cannot be read", "AWS_ENDPOINT_URL")
    nowhere = genpas.with_env(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    for command in (("verify", there), ("export", there, "--to", "jsonl", "-o", "out"), ("stats", there)):
        refused(nowhere(*command), 1, there, "cannot be read", "AWS_ENDPOINT_URL")
    assert snapshot(genpas.cwd) == snapshot(genpas.temp_dir) == {}


def test_pairs_there_that_are_damaged(bucket: Bucket, here: Path, genpas: Genpas) -> None:
    with pytest.raises(DataError, match=f"no such directory: s3://{bucket.name}/there.pairs"):
        verify(f"s3://{bucket.name}/there.pairs")
    there = put(bucket, here)
    content = bytearray(bucket.get(f"there.pairs/{SHARD}"))
    content[100] ^= 1
    bucket.put(f"there.pairs/{SHARD}", bytes(content))
    with pytest.raises(IntegrityError, match=f"{there}/{SHARD} was changed"):
        verify(there)
    bucket.system.delete_file(f"{bucket.name}/there.pairs/{SHARD}")
    for command in (("verify", there), ("export", there, "--to", "jsonl", "-o", "out"), ("stats", there)):
        refused(genpas(*command), 4, f"{there}/{SHARD} is missing, but the manifest lists it")
    bucket.put("there.pairs/manifest.json", b"{}")
    with pytest.raises(IntegrityError, match=r"manifest\.json is damaged"):
        verify(there)
