"""A tiny log → store → pairs directory: every pair is the slice of its history that the slow oracle cuts."""

from __future__ import annotations

import csv
import math
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest
from genpas_cli.augment.engines import work
from genpas_cli.augment.planning import job_plan
from tests import oracle

HELD_OUT = 2
"""Interactions that leave-one-out holds out of users of three and more."""


@dataclass(frozen=True)
class Log:
    """A log and what the oracle needs of it: histories of (item, price), by the order of user numbers."""

    path: Path
    users: list[str]
    histories: list[list[tuple[str, float | None]]]
    items: list[str]

    def train_length(self, user: int) -> int:
        """Return how many interactions of a user (0-based) are for training."""
        n = len(self.histories[user])
        return n - HELD_OUT if n > HELD_OUT else n


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Users of 1 to 40 interactions, items that repeat (also in a row), prices of which some are missing."""
    chance = random.Random(7)
    histories: dict[str, list[tuple[str, float | None]]] = {}
    rows = []
    for number, length in enumerate([1, 2, 2, 3, 3, 4, 5, 5, 8, 13, 21, 34, 40]):
        user = f"u{number:02d}"
        items = [f"i{chance.choice([1, 1, 2, 3, 10, 11, 200, 20])}" for _ in range(length)]
        histories[user] = [(item, chance.choice([None, 0.5, 2.25])) for item in items]
        rows += [(user, at, *event) for at, event in enumerate(histories[user])]
    chance.shuffle(rows)
    path = tmp_path_factory.mktemp("log") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("user_id", "timestamp", "item_id", "price"))
        writer.writerows((user, 1000 + at, item, "" if price is None else price) for user, at, item, price in rows)
    users = oracle.user_order(list(histories))
    items = oracle.item_order(sorted({item for history in histories.values() for item, _ in history}))
    return Log(path, users, [histories[user] for user in users], items)


@pytest.fixture(scope="module")
def store(log: Log) -> Path:
    path = log.path.with_name("log.store")
    ingest(log.path, path, IngestOptions(keep=("price",)))
    return path


def rows_of(pairs: Path, split: str = "train") -> list[list[dict[str, Any]]]:
    """Return the rows of each shard."""
    return [pq.read_table(path).to_pylist() for path in sorted((pairs / "data").rglob(f"{split}-*.parquet"))]


def cut_of(row: dict[str, Any]) -> oracle.Cut:
    """Return the cut of a pair."""
    return row["user_num"] - 1, row["target_position"], row["input_start"]


def expected_row(log: Log, cut: oracle.Cut, max_input: int | None) -> dict[str, Any]:
    """Return the pair that a cut means."""
    user, k, j = cut
    history = log.histories[user]
    inputs = oracle.input_of(history, k, j, max_input)
    number = {item: at for at, item in enumerate(log.items, start=1)}
    item, price = history[k - 1]
    return {
        "user_num": user + 1, "input_items": [number[i] for i, _ in inputs], "target_item": number[item],
        "input_start": j, "target_position": k, "input_price": [p for _, p in inputs], "target_price": price,
    }  # fmt: skip


def made(log: Log, store: Path, output: Path, **options: Any) -> Path:
    """Run augment with the kept column."""
    augment(log.path, output, AugmentOptions(**options), ingest_options=IngestOptions(keep=("price",)))
    assert store.exists()
    return output


OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "all of the input": {"max_input": "none", "gamma": -math.inf},
    "one item": {"max_input": "1"},
    "user order": {"order": "user", "alpha": 0.5, "pairs": "3x"},
    "independent": {"draw": "independent", "beta": 1.5, "gamma": -1.0, "pairs": "500", "shard_rows": 120},
    "enumerated": {"strategy": "slide-window", "pairs": "all", "shard_rows": 97, "max_input": "7"},
    "last target": {"strategy": "last-target"},
    "epochs": {"epochs": 3, "shard_rows": 20},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_every_pair_is_the_slice_that_its_positions_say(log: Log, store: Path, tmp_path: Path, case: str) -> None:
    options = OPTIONS[case]
    pairs = made(log, store, tmp_path / "out.pairs", **options)
    text = options.get("max_input", "50")
    max_input = None if text == "none" else int(text)
    for split in ("train", "validation", "test"):
        rows = [row for shard in rows_of(pairs, split) for row in shard]
        assert rows
        for row in rows:
            assert row == expected_row(log, cut_of(row), max_input)
    for user, k, j in (cut_of(row) for shard in rows_of(pairs) for row in shard):
        assert 1 <= j < k <= log.train_length(user)


def test_the_held_out_targets_are_all_there(log: Log, store: Path, tmp_path: Path) -> None:
    pairs = made(log, store, tmp_path / "out.pairs")
    for split, back in (("validation", 1), ("test", 0)):
        found = [cut_of(row) for shard in rows_of(pairs, split) for row in shard]
        assert found == [(u, len(h) - back, 1) for u, h in enumerate(log.histories) if len(h) > HELD_OUT]


@pytest.mark.parametrize("shard_rows", [1_000_000, 50])
@pytest.mark.parametrize("order", ["user", "shuffled"])
@pytest.mark.parametrize("draw", ["balanced", "enumerated"])
def test_shards_hold_what_the_oracle_draws(
    log: Log, store: Path, tmp_path: Path, draw: str, order: str, shard_rows: int
) -> None:
    lengths = [log.train_length(user) for user in range(len(log.users))]
    if draw == "enumerated":
        options: dict[str, Any] = {"strategy": "slide-window"}
        whole = oracle.enumerate_pairs("slide-window", lengths)
        expected = [whole[begin:end] for begin, end in oracle.shard_bounds(len(whole), shard_rows)]
    else:
        options = {"alpha": 0.5, "beta": -1.0, "gamma": 2.0, "pairs": "333", "seed": 5}
        wanted = oracle.Draw(333, 1, 5, shard_rows)
        expected = oracle.balanced_shards(oracle.Rule(0.5, -1, 2), lengths, wanted, 0)
    pairs = made(log, store, tmp_path / "out.pairs", order=order, shard_rows=shard_rows, **options)
    found = [list(map(cut_of, shard)) for shard in rows_of(pairs)]
    if order == "user":
        assert found == expected
    else:
        assert found != expected
        assert list(map(Counter, found)) == list(map(Counter, expected))
        # The order is the shard's own permutation, stream 3 of its key.
        seed = options.get("seed", 0)
        for h, shard in enumerate(expected):
            order_stream = oracle.shard_streams(seed, 0, h)[3]
            assert found[h] == [shard[i] for i in order_stream.permutation(len(shard))]


def test_how_users_are_looked_at_changes_no_balanced_draw(
    log: Log, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"alpha": 0.5, "pairs": "500", "shard_rows": 60, "epochs": 2}
    usual = rows_of(made(log, store, tmp_path / "usual.pairs", **options))
    for chunk in (1, 2, 5):
        for module in (work, job_plan):
            monkeypatch.setattr(module, "USERS_A_CHUNK", chunk)
        assert rows_of(made(log, store, tmp_path / f"{chunk}.pairs", **options)) == usual
        independent = made(log, store, tmp_path / f"{chunk}.independent", draw="independent", **options)
        assert sum(map(len, rows_of(independent))) == 1000


def test_the_schema_is_the_contracts(log: Log, store: Path, tmp_path: Path) -> None:
    pairs = made(log, store, tmp_path / "out.pairs")
    schema = pq.read_schema(next((pairs / "data").glob("train-*.parquet")))
    found = [(field.name, field.type.value_type if pa.types.is_list(field.type) else field.type) for field in schema]
    assert found == [
        ("user_num", pa.int32()), ("input_items", pa.int32()), ("target_item", pa.int32()), ("input_start", pa.int32()),
        ("target_position", pa.int32()), ("input_price", pa.float64()), ("target_price", pa.float64()),
    ]  # fmt: skip
    assert [field.name for field in schema if pa.types.is_list(field.type)] == ["input_items", "input_price"]
    assert [field.name for field in schema if field.nullable] == ["target_price"]
    items = pq.read_table(pairs / "items.parquet").to_pylist()
    assert items == [{"item_num": at, "item_id": item} for at, item in enumerate(log.items, start=1)]
