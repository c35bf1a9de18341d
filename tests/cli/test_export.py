"""`genpas export` on the command line: pipes, bad input, what is left behind, what is said."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.export.formats import FORMATS, format_named
from tests.cli.streams import stream
from tests.support import Genpas, InProcess, refused, shards, snapshot, tmpfs, unchanged

DATA, USAGE, MACHINE, INTEGRITY = 1, 2, 3, 4


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with a log that has ratings, its store and its pairs with them; not to be changed."""
    root = tmp_path_factory.mktemp("shop")
    rows = [f"u{user},item {event % 7},{event},{1 + event % 5}" for user in range(30) for event in range(4 + user % 6)]
    (root / "log.csv").write_text("\n".join(["user_id,item_id,timestamp,rating", *rows]) + "\n", encoding="utf-8")
    run = InProcess(root, tmp_path_factory.mktemp("shop-tmp"))
    for arguments in (
        ("ingest", "log.csv", "-o", "log.store", "--keep", "rating", "--keep", "timestamp"),
        ("augment", "log.store", "--keep", "rating", "--keep", "timestamp"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    return root


# --------------------------------------------------------------------------------------------------------------- pipes


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory, store: Path) -> bytes:
    """What `augment -o -` writes of the store."""
    root = tmp_path_factory.mktemp("streamed")
    return stream(Genpas(root, root), store)


def through(genpas: Genpas, given: bytes, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return genpas("export", "-", *arguments, stdin=given)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_stream_goes_through(genpas: Genpas, store: Path, pairs: Path, split: str) -> None:
    done = through(genpas, stream(genpas, store, "--split-out", split), "--to", "jsonl", "-o", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines_of(done.stdout) == shards(pairs, split).to_pylist()


def test_a_stream_of_ids_goes_through_and_is_translated_back(genpas: Genpas, store: Path, pairs: Path) -> None:
    given = stream(genpas, store, "--ids", "raw")
    done = through(genpas, given, "--to", "jsonl", "-o", "-")
    ids = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    expected = [[ids[n - 1] for n in row] for row in shards(pairs)["input_items"].to_pylist()]
    assert [row["input_items"] for row in lines_of(done.stdout)] == expected
    done = through(genpas, given, "--to", "jsonl", "-o", "-", "--ids", "num", "--vocab", pairs)
    assert [row["input_items"] for row in lines_of(done.stdout)] == shards(pairs)["input_items"].to_pylist()


def test_a_stream_of_numbers_is_translated_by_a_vocabulary(genpas: Genpas, streamed: bytes, pairs: Path) -> None:
    done = through(genpas, streamed, "--to", "csv", "-o", "-", "--ids", "raw", "--vocab", pairs)
    ids = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    targets = [ids[n - 1] for n in shards(pairs)["target_item"].to_pylist()]
    assert [line.split(",")[-3] for line in done.stdout.splitlines()[1:]] == targets


@pytest.mark.parametrize("to", ["messages", "alpaca", "sharegpt", "prompt"])
def test_a_stream_becomes_records_of_ids(genpas: Genpas, store: Path, pairs: Path, streamed: bytes, to: str) -> None:
    of_ids = through(genpas, stream(genpas, store, "--ids", "raw"), "--to", to, "-o", "-")
    of_numbers = through(genpas, streamed, "--to", to, "-o", "-", "--vocab", pairs)
    of_directory = genpas("export", pairs, "--to", to, "-o", "-")
    assert (of_ids.stdout, of_ids.stderr) == (of_numbers.stdout, of_numbers.stderr) == (of_directory.stdout, "")
    assert len(lines_of(of_ids.stdout)) == len(shards(pairs))
    refused(through(genpas, streamed, "--to", to, "-o", "-"), USAGE, "a stream does not contain a vocabulary")


@pytest.mark.parametrize("to", ["messages", "alpaca", "sharegpt", "prompt"])
def test_parquet_is_not_written_to_stdout(genpas: Genpas, pairs: Path, to: str) -> None:
    done = genpas("export", pairs, "--to", to, "--file-type", "parquet", "-o", "-")
    refused(done, USAGE, f"--to {to} --file-type parquet cannot be written to stdout")


def test_an_exported_stream_is_a_stream_again(genpas: Genpas, streamed: bytes, pairs: Path) -> None:
    """With its manifest, so that export reads it once more."""
    running = genpas.start("export", "-", "--to", "arrow", "-o", "-", stdin=subprocess.PIPE)
    written, said = running.communicate(streamed, timeout=60)
    assert (running.returncode, said) == (0, b"")
    assert pa.ipc.open_stream(written).read_all().equals(shards(pairs))
    assert lines_of(through(genpas, written, "--to", "jsonl", "-o", "-").stdout) == shards(pairs).to_pylist()


@pytest.mark.parametrize("to", [name for name in FORMATS if format_named(name).streams and name != "hstu"])
def test_a_reader_that_has_read_enough_ends_it(genpas: Genpas, pairs: Path, to: str) -> None:
    running = genpas.start("export", pairs, "--to", to, "-o", "-")
    assert running.stdout is not None
    running.stdout.read(10)
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait(60) == 0
    assert snapshot(genpas.temp_dir) == {}


def test_a_pipeline_ends_when_its_reader_has_read_enough(genpas: Genpas, store: Path) -> None:
    augment = genpas.start("augment", store, "-o", "-", "--pairs", "3000000")
    assert augment.stdout is not None
    export = genpas.start("export", "-", "--to", "jsonl", "-o", "-", stdin=augment.stdout)
    augment.stdout.close()
    assert export.stdout is not None
    assert json.loads(export.stdout.readline())["user_num"] >= 1
    export.stdout.close()
    for running in (export, augment):
        assert running.stderr is not None
        assert running.stderr.read() == b""
        running.stderr.close()
        assert running.wait(60) == 0


def test_a_limit_ends_what_writes_the_stream(genpas: Genpas, store: Path) -> None:
    augment = genpas.start("augment", store, "-o", "-", "--pairs", "3000000")
    assert augment.stdout is not None
    export = genpas.start("export", "-", "--limit", "7", "--to", "jsonl", "-o", "out.jsonl", stdin=augment.stdout)
    augment.stdout.close()
    assert export.communicate(timeout=60)[0] == b""
    assert augment.stderr is not None
    assert augment.stderr.read() == b""
    augment.stderr.close()
    assert (export.returncode, augment.wait(60)) == (0, 0)
    assert len((genpas.cwd / "out.jsonl").read_text("utf-8").splitlines()) == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_while_a_stream_is_awaited(genpas: Genpas, number: int) -> None:
    running = genpas.start("export", "-", "--to", "jsonl", "-o", "out", stdin=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1.5)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.decode()) == (
        128 + number,
        "error: interrupted; nothing was left behind\n",
    )
    assert snapshot(genpas.cwd) == snapshot(genpas.temp_dir) == {}


# ----------------------------------------------------------------------------------------------------------- bad input


def test_a_format_that_there_is_not(inside: InProcess, pairs: Path) -> None:
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", "tfrecords", "-o", "out"), USAGE, "tfrecords", *FORMATS)


def test_an_extra_that_is_missing(inside: InProcess, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genpas_cli.runtime.extras.find_spec", lambda _: None)
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", "grid", "-o", "out"), MACHINE, "pip install 'genpas[grid]'")


@pytest.mark.parametrize("to", ["jsonl", "recbole"])
def test_an_output_that_exists(inside: InProcess, pairs: Path, to: str) -> None:
    (inside.cwd / "out").mkdir()
    (inside.cwd / "out" / "thesis.tex").write_text("years of work")
    with unchanged(inside.cwd):
        refused(inside("export", pairs, "--to", to, "-o", "out"), USAGE, "out already exists", "does not overwrite it")
        refused(
            inside("export", pairs, "--to", to, "-o", "out", "--force"),
            USAGE,
            "genpas does not overwrite it",
            "export.json",
        )


def test_force_replaces_what_export_made(inside: InProcess, pairs: Path) -> None:
    for arguments in (("--to", "jsonl"), ("--to", "csv", "--force")):
        assert inside("export", pairs, "-o", "out", *arguments).returncode == 0
    assert {path.name for path in (inside.cwd / "out").iterdir()} == {
        "train.csv", "validation.csv", "test.csv", "export.json"
    }  # fmt: skip


def test_ids_that_a_format_cannot_hold(inside: InProcess, shop: Path) -> None:
    for to in ("recbole", "sequences"):
        with unchanged(inside.cwd, inside.temp_dir):
            done = inside("export", shop / "log.pairs", "--to", to, "-o", "out", "--ids", "raw")
            refused(done, DATA, "7 values", "blank", "'item 0'", "--ids num")
    assert inside("export", shop / "log.pairs", "--to", "recbole", "-o", "out").returncode == 0


@pytest.mark.parametrize("to", ["npz", "safetensors", "hstu"])
def test_ids_where_numbers_are_needed(inside: InProcess, shop: Path, to: str) -> None:
    refused(inside("export", shop / "log.pairs", "--to", to, "-o", "out", "--ids", "raw"), USAGE, "needs item numbers")


CASES: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "hstu without kept columns": (("--to", "hstu"), USAGE, ("but these pairs have no ratings", "--keep rating")),
    "a column that there is not": (("--columns", "inputs"), USAGE, ("inputs", "input_items, target_item")),
    "a split that there is not": (("--split", "dev"), USAGE, ("dev", "validation")),
    "no epochs": (("--epoch", "1"), USAGE, ("--epoch 1", "1 epoch, counted from 0")),
    "nothing to write": (("--limit", "0"), USAGE, ("--limit is 0", "1 or more")),
    "padding of ids": (("--ids", "raw", "--pad", "left"), USAGE, ("cannot be padded", "--ids num")),
    "a vocabulary beside a directory": (("--vocab", "x"), USAGE, ("--vocab can only be used with a stream",)),
    "codes without a file": (("--separator",), USAGE, ("--separator can only be used with --semantic-ids",)),
    "no such codes": (("--semantic-ids", "none.parquet"), DATA, ("no such file", "none.parquet")),
    "too little memory": (("--memory-limit", "20MB"), MACHINE, ("memory limit of 20.0 MB", "--memory-limit 1")),
    "several files on stdout": (("--to", "grid", "-o", "-"), USAGE, ("cannot be written to stdout", "-o")),
    "arrays on stdout": (("--to", "npz", "-o", "-"), USAGE, ("cannot be written to stdout", "-o")),
    "JSON beside pairs on stdout": (("-o", "-", "--json"), USAGE, ("--json", "-o")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_usage(genpas: Genpas, inside: InProcess, pairs: Path, case: str) -> None:
    arguments, code, words = CASES[case]
    with unchanged(genpas.cwd, genpas.temp_dir):
        if "-o" in arguments:  # a process of its own has bytes on stdout
            done = genpas("export", pairs, *arguments)
        else:
            done = inside("export", pairs, *arguments, "-o", "out")
        refused(done, code, *words)


def test_no_output_named(inside: InProcess, pairs: Path) -> None:
    refused(inside("export", pairs), USAGE, "-o")


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (b"", DATA, ("is not an Arrow stream", "genpas augment LOGS -o - |")),
        (b"user_id,item_id\n", DATA, ("is not an Arrow stream",)),
    ],
)
def test_something_else_on_stdin(genpas: Genpas, given: bytes, code: int, words: tuple[str, ...]) -> None:
    refused(through(genpas, given, "-o", "out"), code, *words)
    assert snapshot(genpas.cwd) == {}


def test_an_arrow_stream_of_something_else(genpas: Genpas) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("x", pa.int32())])):
        pass
    refused(through(genpas, sink.getvalue().to_pybytes(), "-o", "out"), DATA, "contains no genpas manifest")


def test_a_stream_that_is_cut(genpas: Genpas, streamed: bytes) -> None:
    refused(through(genpas, streamed[: len(streamed) * 2 // 3], "-o", "out"), INTEGRITY, "ended after")
    assert snapshot(genpas.cwd) == {}


def test_a_stream_that_ends_early_between_two_batches(genpas: Genpas, store: Path) -> None:
    """Arrow takes that for a whole one."""
    whole = pa.ipc.open_stream(stream(genpas, store, "--shard-rows", "100"))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_batch(whole.read_next_batch())
    refused(through(genpas, sink.getvalue().to_pybytes(), "-o", "out"), INTEGRITY, "is incomplete", "pipefail")
    assert snapshot(genpas.cwd) == {}


def test_a_stream_has_no_vocabulary_of_its_own(genpas: Genpas, streamed: bytes, tmp_path: Path) -> None:
    raw = ("-o", "out", "--ids", "raw")
    refused(through(genpas, streamed, *raw), USAGE, "does not contain a vocabulary", "--vocab DIR")
    refused(through(genpas, streamed, *raw, "--vocab", tmp_path), USAGE, "has no items.parquet")


def test_the_vocabulary_of_another_log(genpas: Genpas, streamed: bytes, shop: Path) -> None:
    done = through(genpas, streamed, "-o", "out", "--ids", "raw", "--vocab", shop / "log.pairs")
    refused(done, USAGE, "has 7 items, but the stream has 30", "from different logs")


def test_a_shard_that_is_missing_or_damaged(inside: InProcess, pairs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pairs"
    shutil.copytree(pairs, broken)
    shard = next((broken / "data").glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-200])
    with unchanged(inside.cwd):
        refused(inside("export", broken, "-o", "out"), INTEGRITY, shard.name)
        shard.unlink()
        refused(inside("export", broken, "-o", "out"), INTEGRITY, shard.name, "is missing")


def test_no_pairs_directory(inside: InProcess, store: Path) -> None:
    refused(inside("export", "none.pairs", "-o", "out"), DATA, "no such directory: none.pairs")
    refused(inside("export", store, "-o", "out"), DATA, "is a store, not a pairs directory")


def test_the_rows_of_a_store_are_no_stream(genpas: Genpas, store: Path) -> None:
    refused(genpas("export", store, "--to", "splits", "-o", "-"), USAGE, "--to splits cannot be written to stdout")


@pytest.mark.parametrize("file_type", ["csv", "parquet", "inter"])
def test_a_full_disk_for_rows(genpas: Genpas, store: Path, tmp_path: Path, file_type: str) -> None:
    with tmpfs(tmp_path / "disk", "16k") as disk:
        done = genpas("export", store, "--to", "splits", "--file-type", file_type, "-o", disk / "out")
        refused(done, MACHINE, "no space left")
        assert snapshot(disk) == {}


@pytest.mark.parametrize("to", ["jsonl", "recbole", "npz"])
def test_a_full_disk(genpas: Genpas, pairs: Path, tmp_path: Path, to: str) -> None:
    with tmpfs(tmp_path / "disk", "16k") as disk:
        done = genpas("export", pairs, "--to", to, "-o", disk / "out")
        refused(done, MACHINE, "no space left")
        assert snapshot(disk) == {}


# ------------------------------------------------------------------------------------------------------------- reports


def test_what_is_said(inside: InProcess, pairs: Path) -> None:
    done = inside("export", pairs, "--to", "jsonl", "-o", "out")
    rows = {split: len(shards(pairs, split)) for split in ("train", "validation", "test")}
    assert done.stdout == ""
    assert done.stderr.startswith(
        f"out (jsonl): {rows['train']} pairs for train, {rows['validation']} pairs for validation, "
        f"{rows['test']} pairs for test, in "
    )


def test_what_is_said_of_rows(inside: InProcess, store: Path) -> None:
    done = inside("export", store, "--to", "splits", "-o", "rows")
    report = inside.json("export", store, "--to", "splits", "-o", "rows", "--force", "--json")
    said = ", ".join(f"{rows:,} interactions for {part}" for part, rows in report["interactions"].items())
    assert done.stderr.startswith(f"rows (splits): {said}, in ")
    assert (report["pairs"], report["tokens"]) == ({}, None)


def test_a_directory_with_the_name_of_a_file_is_called_one(inside: InProcess, pairs: Path) -> None:
    assert "out.csv is a directory" in inside("export", pairs, "--to", "csv", "-o", "out.csv").stderr
    assert "directory" not in inside("export", pairs, "--to", "csv", "-o", "train.csv", "--split", "train").stderr


def test_the_report_as_json(inside: InProcess, pairs: Path, tmp_path: Path) -> None:
    items = pq.read_table(pairs / "items.parquet")["item_id"]
    codes = pa.array([[n // 8, n % 8] for n in range(1, len(items))])
    pq.write_table(pa.table({"item_id": items.slice(1), "codes": codes}), tmp_path / "codes.parquet")
    report = inside.json(
        "export", pairs, "--to", "npz", "-o", "out", "--semantic-ids", tmp_path / "codes.parquet",
        "--missing-codes", "drop", "--end-token", "--json",
    )  # fmt: skip
    sizes = [4, 8]
    assert report["tokens"] == {
        "sizes": sizes,
        "offsets": [1, 5],
        "separator": None,
        "end": 13,
        "user": None,
        "size": 14,
    }
    assert report["format"] == "npz"
    found = np.load(inside.cwd / "out" / "train.npz")
    assert found["targets"].shape == (report["pairs"]["train"], 3)
    total = sum(len(shards(pairs, split)) for split in report["pairs"])
    assert report["dropped"] == total - sum(report["pairs"].values()) > 0
    tokens = pq.read_table(inside.cwd / "out" / "tokens.parquet")
    assert tokens["item_num"].to_pylist() == list(range(2, len(items) + 1))
    about = json.loads((inside.cwd / "out" / "export.json").read_text())
    assert about["tokens"] == report["tokens"]
    assert about["of"]["strategy"]["name"] == "1,0,0"


def test_epochs_are_written_one_after_the_other_or_alone(inside: InProcess, store: Path) -> None:
    assert inside("augment", store, "--epochs", "3", "-o", "e.pairs").returncode == 0
    for arguments, out in (((), "all"), (("--epoch", "1"), "one")):
        done = inside("export", "e.pairs", "-o", f"{out}.jsonl", "--split", "train", *arguments)
        assert done.returncode == 0, done.stderr
    whole, one = (lines_of((inside.cwd / f"{name}.jsonl").read_text("utf-8")) for name in ("all", "one"))
    assert len(whole) == 3 * len(one)
    assert whole[len(one) : 2 * len(one)] == one


def test_hstu_from_kept_columns(inside: InProcess, shop: Path) -> None:
    assert inside("export", shop / "log.pairs", "--to", "hstu", "-o", "out").returncode == 0
    header, first, *_ = (inside.cwd / "out" / "test.csv").read_text("utf-8").splitlines()
    assert header == "user_id,sequence_item_ids,sequence_ratings,sequence_timestamps"
    row = shards(shop / "log.pairs", "test").to_pylist()[0]
    rating = ",".join(map(str, [*row["input_rating"], row["target_rating"]]))
    assert rating in first
