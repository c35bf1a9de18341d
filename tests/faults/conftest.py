"""Logs and stores large enough for a signal to land in the middle of the work."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.generate import generate, parse
from tests.support import Genpas


@pytest.fixture(scope="session")
def large_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV log of 3 million interactions of 60,000 users."""
    root = tmp_path_factory.mktemp("large")
    sizes = ("--users", "60000", "--interactions", "3000000", "--items", "8000")
    generate(parse([*sizes, "--out", str(root / "log.parquet")]))
    with duckdb.connect() as con:
        con.execute(f"copy (from '{root}/log.parquet') to '{root}/log.csv' (header)")
    return root / "log.csv"


@pytest.fixture(scope="session")
def large_store(large_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of `large_log`."""
    path = large_log.with_name("log.store")
    done = Genpas(large_log.parent, tmp_path_factory.mktemp("temp"))("ingest", "log.parquet", "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def driven(genpas: Genpas) -> Genpas:
    """The command run by `driver.py`: its options, then `--`, then the command's."""
    driver = Path(__file__).with_name("driver.py")
    return Genpas(genpas.cwd, genpas.temp_dir, (sys.executable, str(driver)))
