"""The benchmarks compare like with like."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, augment
from tests.benchmarks.generate import generate, parse
from tests.benchmarks.peers import MAX_INPUT, PEERS
from tests.benchmarks.suite import EVERYTHING
from tests.support import ROOT


def cut(path: Path, target: str, input_items: str) -> Counter[Any]:
    """Return each target with its input, and how often it is there."""
    rows = pq.read_table(path, columns=[target, input_items]).to_pydict()
    return Counter(zip(rows[target], map(tuple, rows[input_items]), strict=True))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with users of two interactions, and with some far longer than an input."""
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    generate(parse(["--users", "300", "--interactions", "9000", "--items", "80", "--out", str(path)]))
    return path


@pytest.fixture(scope="module")
def ours(log: Path) -> Counter[Any]:
    """What genpas cuts."""
    pairs = log.with_suffix(".pairs")
    augment(log, pairs, AugmentOptions(strategy="multi-target", max_input=str(MAX_INPUT)))
    return sum((cut(path, "target_item", "input_items") for path in pairs.glob("data/train-*")), Counter())


@pytest.mark.parametrize(
    "peer",
    # pandas and Polars come with Spark, which only slow tests have.
    [peer if peer == "DuckDB SQL" else pytest.param(peer, marks=pytest.mark.slow) for peer in PEERS],
)
def test_every_peer_cuts_what_genpas_cuts(peer: str, log: Path, ours: Counter[Any], tmp_path: Path) -> None:
    PEERS[peer](str(log), str(tmp_path / "peer.parquet"))
    assert ours.total() > 0
    assert cut(tmp_path / "peer.parquet", "target", "input") == ours


@pytest.mark.slow
def test_the_suite_measures_once_and_makes_a_page(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.jsonl"
    script = ROOT / "tests/benchmarks/suite.py"
    command = list(map(str, [sys.executable, script, "--results", results, "--page", page, "--rounds", "2", "--sizes"]))
    subprocess.run([*command, "3000"], check=True)
    measured = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    # In turns; RecBole has an environment of its own.
    assert [each["what"] for each in measured] == [*EVERYTHING[:-1]] * 2
    assert all(each["seconds"] > 0 and each["cpu"] > 0 and each["bytes"] > 0 for each in measured)
    command += ["3000", "6000", "--only", "floor, fast"]
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert [line.split()[:3] for line in again.stdout.splitlines()] == [["6,000", "floor,", "fast"]] * 2
    assert page.read_text(encoding="utf-8").count("| floor, fast | ") == len(["seconds", "CPU", "memory", "bytes"])
