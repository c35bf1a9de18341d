"""What reads as trainers on semantic ids do finds the items, titles and codes of the pairs of the shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, exported, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

AWKWARD = ("'", '"', "a, b", "back\\", "[x]", "é ☕", "\u2028", "1e5", "\\'", "{}", "'\"", "#", "\x85")


def title(number: int) -> str:
    return f"{AWKWARD[number % len(AWKWARD)]} {number} {AWKWARD[number // 3 % len(AWKWARD)]}."


def codes(number: int) -> list[int]:
    return [number % 5, number % 7, number]


def sid(number: int) -> str:
    return "".join(f"<{level}_{code}>" for level, code in zip("abc", codes(number), strict=True))


@pytest.fixture
def known(shop: Path, tmp_path: Path) -> dict[str, Any]:
    """Options with titles and codes of all items."""
    ids = pq.read_table(shop / "plain.pairs/items.parquet")["item_id"].to_pylist()
    numbers = range(1, len(ids) + 1)
    pq.write_table(pa.table({"item_id": ids, "title": list(map(title, numbers))}), tmp_path / "titles.parquet")
    pq.write_table(pa.table({"item_id": ids, "codes": list(map(codes, numbers))}), tmp_path / "codes.parquet")
    return {"item_info": str(tmp_path / "titles.parquet"), "semantic_ids": str(tmp_path / "codes.parquet")}


def test_minionerec(shop: Path, datasets: Environment, known: dict[str, Any], tmp_path: Path) -> None:
    pairs = shop / "plain.pairs"
    out = exported(pairs, tmp_path / "out", "minionerec", **known)
    found = datasets.read("read_trainers.py", out, *(f"{split}/out_11.csv" for split in ("train", "valid", "test")))
    for split, lines in zip(SPLITS, found, strict=True):
        assert lines == [
            {
                "user_id": f"A{row['user_num']}",
                "history_item_title": [title(item).strip() for item in row["input_items"]],
                "item_title": title(row["target_item"]).strip(),
                "history_item_id": [item - 1 for item in row["input_items"]],
                "item_id": row["target_item"] - 1,
                "history_item_sid": [sid(item) for item in row["input_items"]],
                "item_sid": sid(row["target_item"]),
            }
            for row in rows_of(pairs, split)
        ]
    # As evaluate.py reads it: a line of `info` is an item.
    with (out / "info/out.txt").open(encoding="utf-8") as info:
        lines = [line.rstrip("\n").split("\t") for line in info]
    assert lines == [[sid(n), title(n).strip(), str(n - 1)] for n in range(1, len(lines) + 1)]
    assert json.loads((out / "index/out.index.json").read_bytes()).keys() == {number for _, _, number in lines}


def test_sid_gr(shop: Path, datasets: Environment, known: dict[str, Any], tmp_path: Path) -> None:
    pairs = shop / "plain.pairs"
    out = exported(pairs, tmp_path / "out", "sid-gr", semantic_ids=known["semantic_ids"])
    folders = ("training", "evaluation", "testing")
    found = datasets.read("read_trainers.py", out, *(f"{folder}/out.parquet" for folder in folders))
    for split, rows in zip(SPLITS, found, strict=True):
        assert rows == [
            {
                "user": row["user_num"], "history": row["input_items"], "target": row["target_item"],
                "length": len(row["input_items"]) + 1,
            }
            for row in rows_of(pairs, split)
        ]  # fmt: skip


def test_texts_for_grid(shop: Path, tensorflow: Environment, known: dict[str, Any], tmp_path: Path) -> None:
    out = exported(shop / "plain.pairs", tmp_path / "out", "grid", item_info=known["item_info"])
    found = tensorflow.read("read_tfrecords.py", out, ".", "items")["items"]
    numbers = range(1, len(found))
    assert found == [{"id": [0], "text": [""]}, *({"id": [n], "text": [f"title: {title(n)}"]} for n in numbers)]
