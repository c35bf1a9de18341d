"""The pairs as the shards have them: what every consumer must find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from genpas_cli import ExportOptions, export
from tests.support import shards

SPLITS = ("train", "validation", "test")

Pair = dict[str, Any]


def exported(pairs: Path, out: Path, to: str, **options: Any) -> Path:
    """Export pairs and return where they are."""
    export(pairs, out, ExportOptions(to=to, **options))
    return out


def rows_of(pairs: Path, split: str) -> list[Pair]:
    """Return the pairs of a split in order, of an epoch after the other."""
    epochs = sorted((pairs / "data").glob("epoch-*")) if split == "train" else []
    if not epochs:
        return list(shards(pairs, split).to_pylist())
    return [row for epoch in epochs for path in sorted(epoch.iterdir()) for row in pq.read_table(path).to_pylist()]


def with_ids(pairs: Path, split: str) -> list[Pair]:
    """Return the same with the log's ids in place of numbers, and `user_id` in place of `user_num`."""
    users, items = (
        ["", *pq.read_table(pairs / f"{table}s.parquet")[f"{table}_id"].to_pylist()] for table in ("user", "item")
    )
    return [
        {"user_id": users[row["user_num"]]}
        | {name: value for name, value in row.items() if name != "user_num"}
        | {"input_items": [items[n] for n in row["input_items"]], "target_item": items[row["target_item"]]}
        for row in rows_of(pairs, split)
    ]
