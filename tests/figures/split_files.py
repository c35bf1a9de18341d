"""Splits as files, for the tests of `stats --split-of`."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.figures.split_figures import PARTS

START = 1_700_000_000


class Row(NamedTuple):
    user: str
    item: str
    time: int


Split = dict[str, list[Row]]


def write(directory: Path, split: Split, *, names: dict[str, str] | None = None, kind: str = "csv") -> Path:
    """Write the parts of a split as files of one type, under other names if wanted."""
    directory.mkdir(parents=True, exist_ok=True)
    for part, rows in split.items():
        name = (names or {}).get(part, part)
        columns = {
            "user_id": [r.user for r in rows],
            "item_id": [r.item for r in rows],
            "timestamp": [r.time for r in rows],
        }
        if kind == "parquet":
            pq.write_table(pa.table(columns), directory / f"{name}.parquet")
            continue
        header, mark = (
            ("user_id:token\titem_id:token\ttimestamp:float", "\t") if kind == "inter" else (",".join(columns), ",")
        )
        lines = [header, *(mark.join(map(str, row)) for row in rows)]
        (directory / f"{name}.{kind}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return directory


def random_split(seed: int) -> Split:
    """A careless split: rows in several parts, training from the future, users and items only in targets, ties."""
    rng = random.Random(seed)
    rows = [
        Row(f"u{rng.randrange(30)}", f"i{int(60 * rng.random() ** 2)}", START + 600 * rng.randrange(200))
        for _ in range(400)
    ]
    split: Split = {part: [] for part in PARTS}
    for row in rows:
        number = int(row.user[1:])
        part = rng.choices(PARTS[::2], (0 if number < 3 else 8, 0 if number > 25 else 1, 1))[0]
        split[part].append(row)
    split["validation_target"] += rng.sample(split["train"], 5)
    split["test_target"] += rng.sample(split["train"], 4) + rng.sample(split["validation_target"], 3)
    split["validation_input"], split["test_input"] = split["train"][::2], split["train"][1:]
    return split
