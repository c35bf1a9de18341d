"""Same logs, options and seed → the same bytes, whatever the threads, the memory and the order of the logs' rows."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest
from tests.benchmarks import generate


@dataclass(frozen=True)
class Scale:
    """How much is made."""

    log: list[str]
    """Arguments of tests/benchmarks/generate.py."""
    options: dict[str, Any]
    """Of augment."""
    memory: tuple[str, str]
    """Two limits, the lower one still enough for one shard; DuckDB gets a part of it."""
    pairs: int
    shards: int


SCALES = {
    "small": Scale(
        ["--users", "500", "--interactions", "20000", "--items", "300"],
        {"pairs": "40000", "shard_rows": 5_000}, ("300MB", "2GB"), 40_000, 8,
    ),
    "5M pairs": Scale(
        ["--users", "14000", "--interactions", "2000000", "--items", "20000"],
        {"pairs": "5000000", "shard_rows": 600_000}, ("700MB", "6GB"), 5_000_000, 9,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A log, its store, and the digests of the shards made of it."""

    scale: Scale
    root: Path
    log: Path
    digests: dict[str, str]

    def again(self, source: Path, **changed: Any) -> dict[str, str]:
        """Run augment with changed options, and return the digests."""
        return digests(source, self.root / "again.pairs", self.scale.options | changed)


def digests(source: Path, output: Path, options: dict[str, Any]) -> dict[str, str]:
    """Run augment, and return the SHA-256 of every shard, taken here; what it wrote is not kept."""
    report = augment(source, output, AugmentOptions(**options))
    assert report.output == str(output)
    files = sorted(output.rglob("*.parquet"))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    rows = sum(pq.read_metadata(path).num_rows for path in files if path.name.startswith("train"))
    assert rows == int(options["pairs"])
    shutil.rmtree(output)
    return found


@pytest.fixture(scope="module", params=["small", pytest.param("5M pairs", marks=pytest.mark.slow)])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A log with distinct times, its store made with one thread, and the shards made with two."""
    scale, root = SCALES[request.param], tmp_path_factory.mktemp("log")
    log = root / "log.parquet"
    generate.generate(generate.parse([*scale.log, "--order", "random", "--out", str(log)]))
    ingest(log, root / "log.store", IngestOptions(threads=1))
    found = digests(root / "log.store", root / "first.pairs", scale.options | {"threads": 2})
    assert sum(name.startswith("train-") for name in found) == scale.shards >= 8
    yield Made(scale, root, log, found)
    shutil.rmtree(root)


def test_one_thread_and_two_write_the_same_bytes(made: Made) -> None:
    assert made.again(made.root / "log.store", threads=1) == made.digests


@pytest.mark.parametrize("limit", [0, 1])
def test_any_memory_limit_writes_the_same_bytes(made: Made, limit: int) -> None:
    """From the logs on: the store is made under the same limit."""
    assert made.again(made.log, memory_limit=made.scale.memory[limit]) == made.digests


def test_shuffled_rows_in_several_files_write_the_same_bytes(made: Made) -> None:
    table = pq.read_table(made.log)
    moments = table["timestamp"].to_numpy()
    assert len(np.unique(moments)) == len(moments)
    rng = np.random.default_rng(0)
    shuffled = table.take(pa.array(rng.permutation(len(table))))
    logs = made.root / "shuffled"
    logs.mkdir(exist_ok=True)
    for name, begin in (("b", 0), ("a", 1), ("c", 2)):
        third = len(table) // 3 + 1
        pq.write_table(shuffled.slice(begin * third, third), logs / f"{name}.parquet")
    assert made.again(logs, threads=2) == made.digests


def test_another_seed_writes_other_training_shards(made: Made) -> None:
    found = made.again(made.root / "log.store", seed=1)
    assert found.keys() == made.digests.keys()
    for name, digest in found.items():
        assert (digest != made.digests[name]) == name.startswith("train-")


def test_independent_draws_are_as_reproducible(made: Made) -> None:
    one, two = (made.again(made.root / "log.store", draw="independent", threads=threads) for threads in (1, 2))
    assert one == two
    assert one.keys() == made.digests.keys()
    assert one != made.digests
