"""Which Parquet readers read which encoding of shards, as docs/reference/formats.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli import augment
from genpas_cli.pairs.encoding import Encoding
from tests.consumers.environments import Environment, Environments
from tests.consumers.expected import rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

READS: dict[tuple[str, str], set[Encoding]] = {
    ("readers-old", "pyarrow"): {"fast", "plain"},  # 14.0
    ("readers-old", "duckdb"): {"fast", "plain"},  # 1.0
    ("readers-old", "polars"): {"compact", "plain"},  # 1.0
    ("readers-new", "pyarrow"): {"fast", "compact", "plain"},  # 16.1
    ("readers-new", "duckdb"): {"fast", "compact", "plain"},  # 2.0
    ("readers-new", "polars"): {"fast", "compact", "plain"},  # the newest
    ("readers-new", "fastparquet"): {"fast", "plain"},  # the newest
}
"""Environment and library → the encodings that it reads."""


@pytest.fixture(scope="module")
def encoded(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Encoding, Path]:
    root = tmp_path_factory.mktemp("encoded")
    found: dict[Encoding, Path] = {}
    for encoding in ("fast", "compact", "plain"):
        found[encoding] = root / f"{encoding}.pairs"
        augment(shop / "log.store", found[encoding], encoding=encoding)
    return found


@pytest.fixture(scope="module", params=["readers-old", "readers-new"])
def environment(request: pytest.FixtureRequest, environments: Environments) -> tuple[str, Environment]:
    return request.param, environments[request.param]


@pytest.mark.parametrize("library", ["pyarrow", "duckdb", "polars", "fastparquet"])
def test_a_library_reads_what_it_is_said_to_read(
    encoded: dict[Encoding, Path], environment: tuple[str, Environment], library: str
) -> None:
    name, python = environment
    for encoding, pairs in encoded.items():
        paths = sorted((pairs / "data").glob("train-*.parquet"))
        found = python.read("read_shards.py", pairs, library, *paths)
        reads = encoding in READS.get((name, library), set())
        assert found == (rows_of(pairs, "train") if reads else None), encoding
