"""Pairs to export: awkward ids, several shards and row groups, kept columns of every kind."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, augment, export
from tests.support import shards

KEPT = ("rating", "stars", "clicked", "day", "at", "note")
AWKWARD = (
    'say "hi"',
    "a,b",
    "back\\slash",
    "näive ☕",
    "tab\there",
    "line\nend",
    "[1]",
    "null",
    "007",
    " lead",
    "{}",
    "'",
)
"""Ids and texts that a careless writer breaks."""


def awkward_log(path: Path, *, ids: tuple[str, ...] = (), users: int = 60) -> Path:
    """Write a Parquet log with typed columns, nulls among them."""
    rng = random.Random(5)
    items = [*ids, *(f"i{n}" for n in range(25))]
    rows = []
    for user in range(users):
        for event in range(rng.randint(3, 14)):
            seconds = 1_700_000_000 + 100_000 * user + 977 * event
            rows.append({
                "user_id": f"u {user}" if ids else f"u{user}",
                "item_id": rng.choice(items),
                "timestamp": seconds,
                "rating": rng.choice([1.0, 2.5, 5.0, None]),
                "stars": rng.randint(1, 5),
                "clicked": rng.random() < 0.5,
                "day": dt.date(2024, 1, rng.randint(1, 28)),
                "at": dt.datetime.fromtimestamp(seconds, dt.UTC),
                "note": rng.choice([*AWKWARD, "", None]),
            })  # fmt: skip
    schema = pa.schema([
        ("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.int64()), ("rating", pa.float64()),
        ("stars", pa.int32()), ("clicked", pa.bool_()), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC")),
        ("note", pa.string()),
    ])  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


@pytest.fixture(scope="session")
def kept_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs with awkward ids and kept columns, in several shards."""
    root = tmp_path_factory.mktemp("kept")
    log = awkward_log(root / "log.parquet", ids=AWKWARD)
    augment(
        log, root / "kept.pairs", AugmentOptions(shard_rows=130, user_ids="raw", max_input="6"),
        ingest_options=IngestOptions(keep=KEPT),
    )  # fmt: skip
    return root / "kept.pairs"


@pytest.fixture(scope="session")
def plain_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs whose ids any format holds, with a rating and a time that HSTU reads, in several shards."""
    root = tmp_path_factory.mktemp("plain")
    log = awkward_log(root / "log.parquet")
    augment(
        log, root / "plain.pairs", AugmentOptions(shard_rows=130, max_input="6"),
        ingest_options=IngestOptions(keep=("stars", "at")),
    )  # fmt: skip
    return root / "plain.pairs"


@dataclass(frozen=True)
class Told:
    """Pairs whose items have titles, prices and, but for some of them, codes; each by item number."""

    pairs: Path
    info: Path
    titles: dict[int, str]
    prices: dict[int, float | None]
    codes: dict[int, list[int]]
    options: dict[str, Any]
    """Options by which an export knows codes and titles."""


def exported(told: Told, out: Path, to: str, **options: Any) -> Path:
    export(told.pairs, out, ExportOptions(to=to, **(told.options | options)))
    return out


def rows_of(told: Told, split: str) -> list[dict[str, Any]]:
    """Return the pairs whose items have codes, as `--missing-codes drop` keeps them."""
    rows = []
    for row in shards(told.pairs, split).to_pylist():
        inputs = [item for item in row["input_items"] if item in told.codes]
        if inputs and row["target_item"] in told.codes:
            rows.append(row | {"input_items": inputs})
    return rows


def sid(codes: list[int]) -> str:
    return "".join(f"<{'abcdef'[level]}_{code}>" for level, code in enumerate(codes))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Pairs of items with awkward titles, of which every ninth has no codes."""
    root = tmp_path_factory.mktemp("told")
    log = awkward_log(root / "log.parquet")
    augment(
        log, root / "told.pairs", AugmentOptions(shard_rows=130, max_input="6"),
        ingest_options=IngestOptions(keep=("stars",)),
    )  # fmt: skip
    ids = pq.read_table(root / "told.pairs/items.parquet")["item_id"].to_pylist()
    rng = random.Random(6)
    titles = {n: rng.choice(AWKWARD).replace("null", "nil") + f" {n}" for n in range(1, len(ids) + 1)}
    prices = {n: rng.choice([None, 0.5, 12.25]) for n in titles}
    codes = {n: [n % 4, n // 4 % 3, n // 12] for n in titles if n % 9}
    info = pa.table({"item_id": ids, "title": list(titles.values()), "price": list(prices.values())})
    pq.write_table(info, root / "info.parquet")
    numbers = rng.sample(sorted(codes), len(codes))
    table = pa.table({"item_id": [ids[n - 1] for n in numbers], "codes": [codes[n] for n in numbers]})
    pq.write_table(table, root / "codes.parquet")
    options = {
        "semantic_ids": str(root / "codes.parquet"), "missing_codes": "drop", "item_info": str(root / "info.parquet"),
    }  # fmt: skip
    return Told(root / "told.pairs", root / "info.parquet", titles, prices, codes, options)


@pytest.fixture(scope="session")
def needed_options(plain_pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options with codes and titles of all items of `plain_pairs`, for formats that need them."""
    root = tmp_path_factory.mktemp("needed")
    ids = pq.read_table(plain_pairs / "items.parquet")["item_id"].to_pylist()
    pq.write_table(pa.table({"item_id": ids, "title": ids}), root / "info.parquet")
    pq.write_table(pa.table({"item_id": ids, "codes": [[n // 5, n % 5] for n in range(len(ids))]}), root / "c.parquet")
    return {"semantic_ids": str(root / "c.parquet"), "item_info": str(root / "info.parquet")}
