"""What reads with pandas finds the pairs of the shards: the text formats, the shards themselves, and HSTU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, exported, rows_of, with_ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("ids", ["num", "raw"])
@pytest.mark.parametrize("to", ["jsonl", "csv"])
def test_texts(shop: Path, datasets: Environment, tmp_path: Path, to: str, ids: str) -> None:
    pairs = shop / "kept.pairs"
    out = exported(pairs, tmp_path / "out", to, ids=ids)
    found = datasets.read("read_frames.py", out, *(f"{split}.{to}" for split in SPLITS))
    assert found == [(with_ids if ids == "raw" else rows_of)(pairs, split) for split in SPLITS]


def test_shards(shop: Path, datasets: Environment) -> None:
    pairs = shop / "kept.pairs"
    paths = sorted((pairs / "data").glob("train-*.parquet"))
    assert len(paths) > 1
    found = datasets.read("read_frames.py", pairs, *paths)
    assert [row for rows in found for row in rows] == rows_of(pairs, "train")


def test_hstu(shop: Path, datasets: Environment, tmp_path: Path) -> None:
    pairs = shop / "kept.pairs"
    out = exported(pairs, tmp_path / "out", "hstu")
    found = datasets.read("read_hstu.py", out, *(f"{split}.csv" for split in SPLITS))
    assert found == [
        [
            {
                "user_id": row["user_num"],
                "sequence_item_ids": [*row["input_items"], row["target_item"]],
                "sequence_ratings": [*row["input_rating"], row["target_rating"]],
                "sequence_timestamps": [*row["input_timestamp"], row["target_timestamp"]],
            }
            for row in rows_of(pairs, split)
        ]
        for split in SPLITS
    ]  # fmt: skip
