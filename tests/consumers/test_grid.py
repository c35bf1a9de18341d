"""TensorFlow finds the pairs of the shards in an export for GRID: input and target are one sequence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, Pair, exported, rows_of, with_ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MISSING = pytest.approx(float("nan"), nan_ok=True)
FOLDERS = dict(zip(SPLITS, ("training", "evaluation", "testing"), strict=True))


def as_grid_names_it(row: Pair, user: str) -> Pair:
    named: Pair = {"user_id": [row[user]], "sequence_data": [*row["input_items"], row["target_item"]]}
    for name in ("rating", "timestamp", "dwell"):
        if f"target_{name}" in row:
            values = [*row[f"input_{name}"], row[f"target_{name}"]]
            named[f"sequence_{name}"] = [MISSING if value is None else value for value in values]
    return named


@pytest.mark.parametrize("name", ["plain", "kept", "gaps"])
def test_pairs(shop: Path, tensorflow: Environment, tmp_path: Path, name: str) -> None:
    pairs = shop / f"{name}.pairs"
    found = tensorflow.read("read_tfrecords.py", exported(pairs, tmp_path / "out", "grid"), ".")
    for split, folder in FOLDERS.items():
        assert found[folder] == [as_grid_names_it(row, "user_num") for row in rows_of(pairs, split)]


def test_ids_are_bytes(shop: Path, tensorflow: Environment, tmp_path: Path) -> None:
    pairs = shop / "plain.pairs"
    found = tensorflow.read("read_tfrecords.py", exported(pairs, tmp_path / "out", "grid", ids="raw"), ".")
    for split, folder in FOLDERS.items():
        assert found[folder] == [as_grid_names_it(row, "user_id") for row in with_ids(pairs, split)]
