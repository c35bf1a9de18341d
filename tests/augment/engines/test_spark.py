"""The Spark engine makes the very shards of the local one, by two workers, also if one of them is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, DataError, IngestOptions, MachineError, UsageError, verify
from genpas_cli import augment as augment_here
from genpas_cli.augment.engines import spark as engine
from genpas_cli.augment.engines.spark_tasks import WriteShards
from genpas_cli.spark import augment
from tests.support import InProcess, refused, snapshot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def events(path: Path, *, users: int = 300, rows: int = 6000, seed: int = 0) -> Path:
    """Write a log with ties, repeats, ids that sort otherwise as text, and columns of several types, in two files."""
    rng = random.Random(seed)
    table = pa.table(
        {
            "user_id": [rng.randint(1, users) for _ in range(rows)],
            "item_id": [
                f"é{rng.randint(1, 90)}" if rng.random() < 0.3 else f"{rng.randint(1, 90)}" for _ in range(rows)
            ],
            "timestamp": [rng.randint(1_700_000_000, 1_700_000_900) for _ in range(rows)],
            "rating": [rng.randint(1, 5) for _ in range(rows)],
            "when": pa.array([rng.randint(0, 10**15) for _ in range(rows)], pa.timestamp("us")),
            "at": pa.array([rng.randint(0, 10**15) for _ in range(rows)], pa.timestamp("us", tz="UTC")),
            "price": [None if rng.random() < 0.1 else rng.random() for _ in range(rows)],
            "shop": [rng.choice(["a", "b", None]) for _ in range(rows)],
            "event": rng.sample(range(10**6), rows),
        }
    )
    path.mkdir()
    pq.write_table(table.slice(0, rows // 3), path / "a 1.parquet")
    pq.write_table(table.slice(rows // 3), path / "b.parquet")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet files of a log."""
    return events(tmp_path_factory.mktemp("log") / "events")


def shards(directory: Path) -> dict[str, str]:
    """Return the digests of the files with pairs, sequences and ids."""
    return {name: digest for name, digest in snapshot(directory).items() if name.endswith(".parquet")}


def manifest(directory: Path) -> dict[str, Any]:
    """Return what a manifest says of the pairs, but for the digest of a store, which Spark does not make."""
    found: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    found["files"] = [file for file in found["files"] if file["path"] != "README.md"]  # it names that digest
    return {key: value for key, value in found.items() if key not in ("run", "source", "content_sha256", "sha256")}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "balanced, columns kept": (
        {"shard_rows": 700}, {"keep": ("when", "at", "price", "shop", "rating"), "ties": "hash"},
    ),
    "independent, epochs, cleaned": (
        {"draw": "independent", "epochs": 2, "shard_rows": 900, "user_ids": "raw"},
        {"dedup": "user-item", "min_user": 8, "min_item": 8, "min_rating": 2.0},
    ),
    "enumerated, by time, cuts": (
        {"strategy": "slide-window", "form": "cuts", "shard_rows": 20_000},
        {"split": "time:0.7,0.9", "eval": "last", "ties": "item", "dedup": "exact", "keep": ("shop",)},
    ),
    "times as timestamps": (
        {"alpha": -1.0, "order": "user"}, {"time": "when", "split": "time:1980-01-01,1990-01-01T12:00:00"},
    ),
    "a zone of its own, nothing held out": (
        {"gamma": float("inf"), "max_input": "none"}, {"time": "at", "split": "none", "dedup": "consecutive"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_same_shards_as_on_one_machine(spark: Any, log: Path, tmp_path: Path, case: str) -> None:
    cutting, reading = AugmentOptions(**CASES[case][0]), IngestOptions(**CASES[case][1])
    here = augment_here(log, tmp_path / "here.pairs", cutting, ingest_options=reading)
    there = augment(log, tmp_path / "there.pairs", cutting, ingest_options=reading, spark=spark)
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")
    assert manifest(tmp_path / "there.pairs") == manifest(tmp_path / "here.pairs")
    assert (there.pairs, there.held_out, there.bytes) == (here.pairs, here.held_out, here.bytes)
    assert there.log is not None
    assert here.log is not None
    for name in ("users", "items", "interactions", "funnel", "ties", "split", "time_range"):
        assert getattr(there.log, name) == getattr(here.log, name), name
    assert there.log.length == pytest.approx(here.log.length)
    verify(tmp_path / "there.pairs")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.pairs", "there.pairs"]


def test_a_data_frame_in_no_order(spark: Any, log: Path, tmp_path: Path) -> None:
    """Rows of a DataFrame come in any order; a column that orders those of equal time stands for their place."""
    files = ", ".join(f"'{file}'" for file in sorted(log.iterdir()))
    duckdb.sql(f"copy (from read_parquet([{files}]) order by event) to '{tmp_path}/sorted.parquet'")
    augment_here(tmp_path / "sorted.parquet", tmp_path / "here.pairs")
    frame = spark.read.parquet(str(log)).repartition(5, "price")
    augment(frame, tmp_path / "there.pairs", order=["event"])
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")
    with pytest.raises(DataError, match="their order is undefined"):
        augment(frame, tmp_path / "other.pairs")
    augment(frame, tmp_path / "other.pairs", ingest_options=IngestOptions(ties="hash"))


def executors(spark: Any) -> list[int]:
    """Return the processes of the workers' executors."""
    application = spark.sparkContext.applicationId
    words = ["pgrep", "-f", f"CoarseGrainedExecutorBackend.*{application}"]
    found = subprocess.run(words, capture_output=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def test_a_worker_is_killed_and_the_job_ends_right(spark: Any, tmp_path: Path) -> None:
    log = events(tmp_path / "events", users=2000, rows=60_000)
    options = AugmentOptions(pairs="400000", shard_rows=20_000)
    augment_here(log, tmp_path / "here.pairs", options)
    killed: list[int] = []

    def kill() -> None:
        new = tmp_path / ".there.pairs.genpas-new" / "data"
        while not new.exists() or len(list(new.iterdir())) < 3:
            time.sleep(0.005)
        killed.append(executors(spark)[0])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    augment(log, tmp_path / "there.pairs", options, spark=spark)
    killer.join(timeout=10)
    assert killed
    assert shards(tmp_path / "there.pairs") == shards(tmp_path / "here.pairs")
    assert {path.name for path in tmp_path.iterdir()} == {"events", "here.pairs", "there.pairs"}
    assert not [path for path in (tmp_path / "there.pairs").rglob(".*") if path.is_file()]


# ------------------------------------------------------------------------------------------------------------ bad input


def test_logs_that_will_not_do(spark: Any, log: Path, tmp_path: Path) -> None:
    frame = spark.read.parquet(str(log))
    cases = {
        "the user column was not detected": frame.drop("user_id"),
        "times in column 'timestamp' have the type VARCHAR": frame.withColumn("timestamp", frame["shop"]),
        "ids in column 'item_id' contain fractions": frame.withColumn("item_id", frame["price"]),
        "rows have a missing or infinite": frame.withColumn("timestamp", frame["price"]),
        "no interactions are left": frame.filter("false"),
    }
    for words, bad in cases.items():
        with pytest.raises(DataError, match=words):
            augment(bad, tmp_path / "out.pairs", order=["event"])
    with pytest.raises(DataError, match="no such file or directory"):
        augment(tmp_path / "nosuch", tmp_path / "out.pairs", spark=spark)
    with pytest.raises(UsageError, match="rows of a DataFrame have no order"):
        augment(frame.drop("timestamp", "when", "at"), tmp_path / "out.pairs")
    for reading, words in {"where": "rating > 1", "session_gap": "30m", "items": "items.parquet"}.items():
        with pytest.raises(UsageError, match="is not supported by --engine spark"):
            augment(frame, tmp_path / "out.pairs", ingest_options=IngestOptions(**{reading: words}))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_cannot_write(spark: Any, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker says of its failure is what the user reads."""

    def elsewhere(directory: Path, *arguments: Any) -> WriteShards:
        del directory
        return WriteShards(Path("/proc/nowhere"), *arguments)

    monkeypatch.setattr(engine, "WriteShards", elsewhere)
    with pytest.raises(MachineError, match=r"Spark failed: .*cannot write to /proc/nowhere"):
        augment(log, tmp_path / "out.pairs", spark=spark)
    assert list(tmp_path.iterdir()) == []


def test_the_command(spark: Any, log: Path, inside: InProcess) -> None:
    del spark  # the one that is configured
    done = inside("augment", log, "--engine", "spark", "-o", "there.pairs", "--alpha", "0.5")
    assert done.returncode == 0, done.stderr
    assert "pairs; alpha=0.5 beta=0 gamma=0, balanced draw, seed 0" in done.stderr
    assert inside("augment", log, "-o", "here.pairs", "--alpha", "0.5").returncode == 0
    assert shards(inside.cwd / "there.pairs") == shards(inside.cwd / "here.pairs")
    for unfit in (["--resume"], ["--part", "1/2"], ["--dry-run"], ["--store", "x.store"]):
        refused(inside("augment", log, "--engine", "spark", *unfit), 2, unfit[0], "not supported by --engine spark")


def test_without_pyspark(inside: InProcess, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genpas_cli.runtime.extras.find_spec", lambda _: None)
    done = inside("augment", log, "--engine", "spark")
    refused(done, 3, "needs pyspark", "pip install 'genpas[spark]'")
