"""Cost of the reference model: a step, the part of it that waits for pairs, an evaluation; on a log like Amazon Beauty.

    python tests/benchmarks/bench_train.py [--pairs DIR] [--steps 400] [--precision bf16] [--threads N] [--json]

Without `--pairs` it makes a log of Beauty's size (22,363 users, 12,101 items, 198,502 interactions), and draws
(1, 0, 0).

| what | target |
|---|---|
| 6,000 steps with their 12 evaluations: a run to its best round | ≤ 8 minutes on two cores |
| ranking 12,101 items for 22,363 users | ≤ 15 s |
| the part of training that waits for pairs | ≤ 5 % |
| a step beside the same step on batches that are in memory already | floor |
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log

_BEST_STEPS, _ROUNDS = 6000, 12


def make_pairs(root: Path) -> Path:
    """Make a log of Beauty's size, and pairs of it."""
    from genpas_cli import augment

    make_log(root / "log.parquet", users=22363, interactions=198502, items=12101, ids="integer")
    augment(root / "log.parquet", root / "log.pairs")
    return root / "log.pairs"


def run(pairs: Path, root: Path, steps: int, precision: str, threads: int | None) -> dict[str, float]:
    """Train for some steps; return what a step, the waiting and an evaluation cost."""
    from genpas_cli import TrainOptions, train

    options = TrainOptions(steps=steps, round_steps=steps, precision=precision, threads=threads, device="cpu")  # type: ignore[arg-type]  # one of its
    report = train(pairs, root / "bench.model", options)
    found, tested = report.metrics["run"], report.metrics["test"]["pairs"]
    a_split = found["evaluation_seconds"] / 2
    return {
        "step, ms": found["step_milliseconds"],
        "step on batches in memory, ms": 1000 * floor(pairs, steps, precision, found["threads"]),
        "share of waiting for pairs": found["loader_share"],
        f"ranking {tested:,} users, s": a_split,
        f"{_BEST_STEPS:,} steps and {_ROUNDS} evaluations, min": (
            _BEST_STEPS * found["step_milliseconds"] / 1000 + _ROUNDS * a_split
        ) / 60,
    }  # fmt: skip


def floor(pairs: Path, steps: int, precision: str, threads: int) -> float:
    """Return the seconds of a step on batches that are in memory."""
    import torch

    from genpas_cli.loaders.pair_shards import PairsDirectory
    from genpas_cli.pairs.manifest import read_manifest
    from genpas_cli.training.models.sasrec import ModelShape, SASRec
    from genpas_cli.training.runs.data import TrainingBatches

    torch.set_num_threads(threads)
    manifest = read_manifest(pairs)
    model = SASRec(ModelShape(manifest["items"], manifest["max_input"] or 50, 64, 2, 2, 0.3)).train()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    batches = TrainingBatches(PairsDirectory(pairs), 512, model.shape.max_input, seed=0)
    held = [batches.take() for _ in range(min(steps, 200))]
    batches.close()
    started = time.perf_counter()
    for batch in islice(cycle(held), steps):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Parse the command line and print the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genpas-bench-") as root:
        pairs = make_pairs(Path(root)) if given.pairs is None else given.pairs
        found = run(pairs, Path(root), given.steps, given.precision, given.threads)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:<45} {value:>10.3f}")


if __name__ == "__main__":
    main()
