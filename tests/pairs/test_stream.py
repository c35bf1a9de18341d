"""Pairs as one object: from a log, a table or a store, and from a pairs directory; the same rows by every way."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv as pa_csv

from genpas_cli import (
    AugmentOptions,
    IntegrityError,
    PairStream,
    UsageError,
    augment,
    augment_stream,
    ingest,
    read_pairs,
)
from genpas_cli.pairs.vocabulary import IdsInFile, ids_digest
from tests.support import Genpas, small_log

OPTIONS: Any = {"alpha": 0.5, "epochs": 2, "shard_rows": 50, "pairs": "2x"}


@pytest.fixture(scope="module", params=["items", "cuts"])
def pairs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A directory log.pairs next to its store log.store."""
    root = tmp_path_factory.mktemp("stream")
    (root / "log.csv").write_text(small_log(), encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", keep=["timestamp"])
    augment(root / "log.store", root / "log.pairs", user_ids="raw", form=request.param, keep=["timestamp"], **OPTIONS)
    return root / "log.pairs"


def rows(stream: PairStream) -> list[Any]:
    return list(stream.to_arrow().to_pylist())


@pytest.mark.parametrize("ids", ["num", "raw"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_directory_gives_the_pairs_that_the_store_gives(pairs: Path, split: Any, ids: Any) -> None:
    written = read_pairs(pairs, split, ids=ids)
    with augment_stream(pairs.parent / "log.store", split_out=split, ids=ids, keep=["timestamp"], **OPTIONS) as drawn:
        assert rows(written) == rows(drawn)
        assert written.schema.equals(drawn.schema)
        assert len(written) == len(drawn) == len(rows(drawn)) > 0
        about, also = (json.loads(each.schema.metadata[b"genpas"]) for each in (written, drawn))
    for name in ("form", "encoding", "user_ids"):
        about.pop(name, None)
        also.pop(name, None)
    # Only the store is asked for the ids of numbers: a directory need not have those of users.
    ids_of = {name: IdsInFile(pairs / f"{name}.parquet", name).blocks() for name in ("items", "users")}
    digests = {name: ids_digest(blocks) for name, blocks in ids_of.items()}
    assert also == about | ({} if ids == "raw" else {"vocabulary": digests})


def test_an_epoch_is_a_part_of_all(pairs: Path) -> None:
    epochs = [rows(read_pairs(pairs, epoch=epoch)) for epoch in (0, 1)]
    assert epochs[0] + epochs[1] == rows(read_pairs(pairs))
    assert epochs[0] != epochs[1]
    assert len(epochs[0]) == len(read_pairs(pairs, "train", epoch=0))


def test_raw_ids_are_those_of_the_vocabulary(pairs: Path) -> None:
    ids = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    users = pq.read_table(pairs / "users.parquet")["user_id"].to_pylist()
    for number, raw in zip(rows(read_pairs(pairs)), rows(read_pairs(pairs, ids="raw")), strict=True):
        assert raw["target_item"] == ids[number["target_item"] - 1]
        assert raw["input_items"] == [ids[each - 1] for each in number["input_items"]]
        assert raw["user_id"] == users[number["user_num"] - 1]
        assert raw["input_timestamp"] == number["input_timestamp"]


def test_every_library_reads_the_same_rows_again_and_again(pairs: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("polars", reason="Polars is not installed")
    stream = read_pairs(pairs, "test")
    expected = rows(stream)
    assert rows(stream) == expected
    assert pa.table(stream).to_pylist() == expected
    assert pa.RecordBatchReader.from_stream(stream).read_all().to_pylist() == expected
    assert stream.to_polars().to_dicts() == expected
    frame = stream.to_pandas()
    assert frame["target_item"].tolist() == [row["target_item"] for row in expected]
    assert [list(items) for items in frame["input_items"]] == [row["input_items"] for row in expected]
    assert [row for batch in stream for row in batch.to_pylist()] == expected
    found = duckdb.sql("select count(*), sum(target_item) from stream").fetchall()  # type: ignore[union-attr]  # not None
    assert found == [(len(expected), sum(row["target_item"] for row in expected))]


def test_two_passes_at_once_do_not_disturb_each_other(pairs: Path) -> None:
    for stream in (read_pairs(pairs), augment_stream(pairs.parent / "log.store", shard_rows=20)):
        one, two = iter(stream), iter(stream)
        for first, second in zip(one, two, strict=True):
            assert first.equals(second)


def test_a_table_in_memory_becomes_pairs(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(small_log(), encoding="utf-8")
    table = pa_csv.read_csv(tmp_path / "log.csv")
    stream = augment_stream(table, alpha=0.5)
    assert rows(stream) == rows(augment_stream(tmp_path / "log.csv", AugmentOptions(alpha=0.5)))
    assert augment_stream(pa.table(stream), user="user_num", item="target_item", min_user=0).to_arrow().num_rows > 0


def test_it_is_closed_when_it_is_no_longer_used(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stream = augment_stream(log, shard_rows=10)
    assert len(list(tmp_path.iterdir())) == 1, "the temporary store"
    one_pass = iter(stream)
    first, expected = next(one_pass), len(stream)
    del stream
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1, "a pass is open"
    assert sum(batch.num_rows for batch in (first, *one_pass)) == expected
    del one_pass
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed_by", ["with", "close"])
def test_a_closed_stream_says_so(log: Path, closed_by: str) -> None:
    stream = augment_stream(log, shard_rows=10)
    started = iter(stream)
    next(started)
    if closed_by == "close":
        stream.close()
        stream.close()
    else:
        with stream as itself:
            assert itself is stream
    assert list(started) == []
    for read in (stream.to_arrow, lambda: pa.table(stream), lambda: next(iter(stream))):
        with pytest.raises(UsageError, match="the pairs are closed and cannot be read any more"):
            read()
    assert len(stream) > 0, "what it was is still known"
    assert "target_item" in repr(stream)


SCRIPT = """
import os, sys
from genpas_cli import augment_stream
stream = augment_stream("log.csv", shard_rows=10)
batches = iter(stream)
next(batches)
{more}
print("end")
"""


@pytest.mark.parametrize("more", ["", "if os.fork() == 0: os._exit(0)\nos.wait()\nprint(len(list(batches)) > 0)"])
def test_a_stream_left_open_leaves_no_files(genpas: Genpas, log: Path, more: str) -> None:
    (genpas.cwd / "log.csv").write_bytes(log.read_bytes())
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(more=more)], cwd=genpas.cwd, env=genpas.environment,
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout.endswith("end\n")) == (0, "", True)
    assert "False" not in done.stdout
    assert list(genpas.temp_dir.iterdir()) == []


def test_it_shows_its_columns(pairs: Path) -> None:
    stream = read_pairs(pairs, "validation")
    name, rows_, *columns = repr(stream).splitlines()
    assert (name, rows_.split()) == ("PairStream", ["pairs", f"{len(stream):,}"])
    assert [line.split()[0] for line in columns] == stream.schema.names
    assert "<table" in stream._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epoch": 2}, "has no epoch 2 of the split 'train'; it has the epochs 0 to 1"),
        ({"epoch": -1}, "has no epoch -1"),
        ({"split": "test", "epoch": 1}, "has no epoch 1 of the split 'test'; it has one epoch, 0"),
        ({"split": "dev"}, "split is 'dev'; it must be 'train' or 'validation' or 'test'"),
        ({"ids": "text"}, "ids is 'text'; it must be 'num' or 'raw'"),
        ({"epoch": 0.5}, "epoch is 0.5; it must be a whole number or None"),
    ],
)
def test_what_does_not_exist_is_named(pairs: Path, arguments: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_pairs(pairs, **arguments)
    assert words in caught.value.message


def test_a_damaged_shard_is_not_read(pairs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(pairs, tmp_path / "copy.pairs")
    shard = next((copy / "data").rglob("train-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="train-"):
        read_pairs(copy)
    assert len(read_pairs(copy, "test")) > 0
