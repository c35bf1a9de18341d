"""Pinned draws: whoever changes a stream, a key, a formula or the order of draws changes these files, and says so.

What is drawn for a seed is part of the contract within one version of genpas and NumPy. Where a change is meant, write
the files again, look at the difference, and note in CHANGELOG.md that seeds draw anew:

    python -m tests.golden.test_first_draws
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from genpas_cli import AugmentOptions, augment
from genpas_cli.sampling.shard_plan import Draw
from genpas_cli.sampling.strategies import MULTI_TARGET, triple
from tests.properties.strategies import SLIDE_WINDOW, drawn, plan_of

HERE = Path(__file__).parent
DRAWS, PAIRS = HERE / "first_draws.json", HERE / "pairs.json"

LENGTHS = [3, 1, 7, 2, 12, 0, 5]
FIRST = 8

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{user},i{(user * at) % 5},{1000 + at}\n" for user, length in enumerate(LENGTHS) for at in range(length)
)


def first_draws() -> dict[str, Any]:
    """Return the first (user, k, j) of some small plans, by what is drawn and the seed."""
    cases: dict[str, tuple[Any, Draw]] = {
        "balanced 1,0,0": (triple(1, 0, 0), "balanced"),
        "balanced 0.5,-1,2": (triple(0.5, -1, 2), "balanced"),
        "independent 1,0,0": (triple(1, 0, 0), "independent"),
        "independent slide-window": (SLIDE_WINDOW, "independent"),
        "enumerated multi-target": (MULTI_TARGET, "enumerated"),
        "enumerated slide-window": (SLIDE_WINDOW, "enumerated"),
    }
    found: dict[str, Any] = {}
    for name, (strategy, draw) in cases.items():
        pairs = 40
        if draw == "enumerated":
            pairs = sum(n * (n - 1) // 2 if strategy is SLIDE_WINDOW else max(n - 1, 0) for n in LENGTHS)
        for seed in (0, 1):
            plan = plan_of(LENGTHS, strategy, draw, pairs=pairs, epochs=2 if draw != "enumerated" else 1, seed=seed,
                           shard_rows=15)  # fmt: skip
            for epoch in range(plan.epochs):
                shards = drawn(plan, LENGTHS, epoch=epoch)
                key = f"{name}, seed {seed}, epoch {epoch}"
                found[key] = {f"shard {h}": [list(cut) for cut in shards[h][:FIRST]] for h in (0, 1)}
    return found


def pairs_of_a_log() -> dict[str, Any]:
    """Return all rows that `augment` writes for a small log, by file and column; bytes may differ between pyarrows."""
    with tempfile.TemporaryDirectory() as directory:
        log, output = Path(directory, "log.csv"), Path(directory, "out.pairs")
        log.write_text(LOG, encoding="utf-8")
        augment(log, output, AugmentOptions(alpha=0.5, seed=1, shard_rows=8, max_input="4", threads=1))
        files = sorted(output.rglob("*.parquet"))
        return {path.relative_to(output).as_posix(): pq.read_table(path).to_pydict() for path in files}


def show(value: Any) -> str:
    """Return JSON with a line for each shard's draws or column."""
    lines = []
    for name, parts in value.items():
        inner = ",\n".join(f"    {json.dumps(key)}: {json.dumps(part)}" for key, part in parts.items())
        lines.append(f"  {json.dumps(name)}: {{\n{inner}\n  }}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def test_first_draws_are_those_pinned() -> None:
    assert first_draws() == json.loads(DRAWS.read_text(encoding="utf-8"))


def test_pairs_of_a_small_log_are_those_pinned() -> None:
    assert pairs_of_a_log() == json.loads(PAIRS.read_text(encoding="utf-8"))


def test_seeds_and_epochs_draw_differently() -> None:
    found = first_draws()
    sampled = [str(draws) for key, draws in found.items() if not key.startswith("enumerated")]
    assert len(set(sampled)) == len(sampled)
    assert found["enumerated slide-window, seed 0, epoch 0"] == found["enumerated slide-window, seed 1, epoch 0"]


if __name__ == "__main__":
    DRAWS.write_text(show(first_draws()), encoding="utf-8")
    PAIRS.write_text(show(pairs_of_a_log()), encoding="utf-8")
