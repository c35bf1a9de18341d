"""Pairs to load: several shards, with kept columns; several epochs; and the store that they come from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest

KEPT = ("price", "count", "note")
MAX_INPUT = 7


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with log.store, log.pairs (10 shards) and epochs.pairs (3 epochs)."""
    root = tmp_path_factory.mktemp("loaders")
    rng = random.Random(2)
    rows = [
        f"u{user},i{rng.randint(1, 40)},{event},{rng.choice(('1.5', '20', ''))},{rng.randint(0, 9)},{rng.choice('ab')}"
        for user in range(90)
        for event in range(rng.randint(3, 30))
    ]
    (root / "log.csv").write_text("\n".join(["user_id,item_id,timestamp,price,count,note", *rows]) + "\n", "utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=KEPT))
    options = {"max_input": str(MAX_INPUT), "pairs": "1237", "shard_rows": 130}
    keep = IngestOptions(keep=KEPT)
    augment(root / "log.store", root / "log.pairs", AugmentOptions(**options), ingest_options=keep)  # type: ignore[arg-type]  # by name
    augment(root / "log.store", root / "epochs.pairs", AugmentOptions(**options, epochs=3), ingest_options=keep)  # type: ignore[arg-type]  # by name
    return root


@pytest.fixture(scope="session")
def directory(root: Path) -> Path:
    """Pairs of one epoch."""
    return root / "log.pairs"
