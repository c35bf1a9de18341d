"""Pairs to export: awkward ids, several shards and row groups, kept columns of every kind."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment

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
