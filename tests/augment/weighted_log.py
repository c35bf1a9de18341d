"""Logs with scores, for tests of the weights of targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genpas_cli import IngestOptions, ingest

DAY = 86400
FIRST_DAY = 1_600_000_000

History = list[tuple[int, int, float]]
"""One user's interactions in order: item, day, score."""


def write_store(root: Path, histories: list[History], **options: Any) -> Path:
    """Write a log and its store."""
    rows = [
        f"u{user:03},i{item},{FIRST_DAY + day * DAY},{score!r}"
        for user, history in enumerate(histories)
        for item, day, score in history
    ]
    (root / "log.csv").write_text("\n".join(["user_id,item_id,timestamp,score", *rows]) + "\n", encoding="utf-8")
    ingest(root / "log.csv", root / "log.store", IngestOptions(keep=("score",), **options))
    return root / "log.store"


def histories(users: int = 300, seed: int = 5) -> list[History]:
    """Return random histories of 1 to 16 interactions, with ties of times and scores of 0."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(users):
        n = int(rng.integers(1, 17))
        days = np.sort(rng.integers(0, 400, n))
        items = np.minimum(rng.pareto(1.0, n), 24).astype(int)
        scores = np.where(rng.random(n) < 0.25, 0.0, np.round(rng.random(n) * 5, 3))
        found.append([(int(i), int(d), float(s)) for i, d, s in zip(items, days, scores, strict=True)])
    return found
