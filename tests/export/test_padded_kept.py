"""Padding of kept columns in the formats of arrays, which have no nulls."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, DataError, ExportOptions, IngestOptions, augment, export
from tests.support import shards


def cut(directory: Path, *, first: int | None = 5) -> Path:
    """Make pairs with a kept column of integers, `stars`."""
    rows = [{"user_id": f"u{user}", "item_id": f"i{n * user % 7}", "timestamp": n, "stars": 1 + n if n else first}
            for user in range(9) for n in range(3 + user)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), directory / "log.parquet")
    kept = IngestOptions(keep=("stars",))
    augment(directory / "log.parquet", directory / "log.pairs", AugmentOptions(max_input="6"), ingest_options=kept)
    return directory / "log.pairs"


def codes_of(pairs: Path) -> Path:
    items = pq.read_table(pairs / "items.parquet")["item_id"]
    path = pairs.parent / "codes.parquet"
    pq.write_table(pa.table({"item_id": items, "codes": [[n // 3, n % 3] for n in range(len(items))]}), path)
    return path


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("semantic", [False, True], ids=["items", "tokens"])
def test_integers_are_padded_with_0(tmp_path: Path, side: Any, semantic: bool) -> None:  # noqa: FBT001
    pairs = cut(tmp_path)
    codes: dict[str, Any] = (
        {"semantic_ids": str(codes_of(pairs)), "end_token": True, "separator": True} if semantic else {}
    )
    export(pairs, tmp_path / "out.npz", ExportOptions(to="npz", split="train", pad=side, **codes))
    found = np.load(tmp_path / "out.npz")["input_stars"]
    assert found.dtype == np.int64
    expected = [[0] * (6 - len(row)) + row if side == "left" else row + [0] * (6 - len(row))
                for row in shards(pairs)["input_stars"].to_pylist()]  # fmt: skip
    assert found.tolist() == expected


def test_a_missing_value_is_no_padding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the kept column 'stars' has missing values"):
        export(cut(tmp_path, first=None), tmp_path / "out", ExportOptions(to="npz", pad="left"))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_titles_are_padded_with_null(tmp_path: Path, form: Any, side: Any) -> None:
    pairs = cut(tmp_path)
    titles = [{"item_id": f"i{n}", "title": None if n == 1 else f"T {n}"} for n in range(7)]
    pq.write_table(pa.Table.from_pylist(titles), tmp_path / "titles.parquet")
    out, info = tmp_path / f"out.{form}", str(tmp_path / "titles.parquet")
    titled = ExportOptions(to=form, split="train", pad=side, columns="target_title,input_title", item_info=info)
    export(pairs, out, titled)
    names = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    texts: list[str | None] = [None if name == "i1" else f"T {name[1:]}" for name in names]
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file)) if form == "csv" else [json.loads(line) for line in file]
    found = [json.loads(row["input_title"]) if form == "csv" else row["input_title"] for row in rows]
    expected = []
    for row in shards(pairs)["input_items"].to_pylist():
        known: list[str | None] = [texts[item - 1] for item in row]
        padding: list[str | None] = [None] * (6 - len(row))
        expected.append(padding + known if side == "left" else known + padding)
    assert found == expected
