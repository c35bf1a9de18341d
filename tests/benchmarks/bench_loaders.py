"""Speed of the loaders: pairs a second into batches of tensors, beside the floor of reading the same columns.

    python tests/benchmarks/bench_loaders.py [--rounds 5] [--log FILE] [--pairs N] [--batch-size N] [--json]

Each measurement is a process of its own that times itself after its imports; they take turns, and medians are shown.

| what | target |
|---|---|
| PairDataset behind a DataLoader with one worker | ≥ 5 M pairs/s, or as near as reading and unpacking allow |
| PyArrow reading the same columns, one thread: what a worker with one core could reach at most | floor |
| the same on two threads, as PairDataset reads | floor |
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log, measured, print_measures, ran_step

COLUMNS = ["user_num", "input_items", "target_item"]


def step_augment(log: str, root: str, count: str) -> None:
    """Cut the pairs, and keep the store."""
    from genpas_cli import AugmentOptions, augment

    started = time.perf_counter()
    augment(log, Path(root, "log.pairs"), AugmentOptions(pairs=count), keep_store=Path(root, "log.store"))
    print_measures(time.perf_counter() - started)


def step_read(root: str, threads: str) -> None:
    """Time PyArrow reading the columns, a row group at a time on each of some threads."""
    from concurrent.futures import ThreadPoolExecutor

    from genpas_cli.pairs.shards import read_row_group, row_groups

    groups = [
        (path, index)
        for path in sorted(Path(root, "log.pairs", "data").glob("train-*"))
        for index in range(len(row_groups(path)))
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(int(threads)) as pool:
        pairs = sum(pool.map(lambda group: read_row_group(group[0], group[1], COLUMNS).num_rows, groups))
    print_measures(time.perf_counter() - started, pairs=pairs)


def step_stream(root: str, batch_size: str, workers: str, pad: str) -> None:
    """Time `PairDataset`, here or behind a DataLoader."""
    from torch.utils.data import DataLoader

    from genpas_cli.loaders import PairDataset

    dataset = PairDataset(Path(root, "log.pairs"), batch_size=int(batch_size), pad=pad)  # type: ignore[arg-type]  # one of its
    pairs, started = 0, time.perf_counter()
    for batch in DataLoader(dataset, batch_size=None, num_workers=int(workers)):
        pairs += len(batch["target_item"])
    print_measures(time.perf_counter() - started, pairs=pairs)


def step_in_memory(root: str, batch_size: str) -> None:
    """Time `InMemoryPairDataset` in random order, without the time it takes to read."""
    from torch.utils.data import DataLoader

    from genpas_cli.loaders import InMemoryPairDataset

    dataset = InMemoryPairDataset(Path(root, "log.pairs"))
    batches = dataset.batches(int(batch_size))
    loader = DataLoader(dataset, batch_sampler=batches, collate_fn=dataset.collate)  # type: ignore[arg-type]  # a batch
    pairs, started = 0, time.perf_counter()
    for batch in loader:
        pairs += len(batch["target_item"])
    print_measures(time.perf_counter() - started, pairs=pairs)


def step_fresh(root: str, batch_size: str, count: str) -> None:
    """Time pairs that are drawn while they are read, behind a DataLoader with one worker."""
    from torch.utils.data import DataLoader

    from genpas_cli import AugmentOptions, fresh_pairs
    from genpas_cli.loaders import PairDataset

    source = fresh_pairs(Path(root, "log.store"), AugmentOptions(pairs=count, epochs=10))
    dataset = PairDataset(source, batch_size=int(batch_size), epoch=1)
    pairs, started = 0, time.perf_counter()
    for batch in DataLoader(dataset, batch_size=None, num_workers=1):
        pairs += len(batch["target_item"])
    print_measures(time.perf_counter() - started, pairs=pairs)


STEPS: dict[str, Callable[..., None]] = {
    "augment": step_augment,
    "read": step_read,
    "stream": step_stream,
    "in-memory": step_in_memory,
    "fresh": step_fresh,
}


def run(rounds: int, log: Path | None, pairs: int, batch_size: int) -> dict[str, float]:
    """Measure everything; return median pairs a second by what was measured."""
    with tempfile.TemporaryDirectory(prefix="genpas-bench-") as root:
        if log is None:
            log = Path(root, "log.parquet")
            make_log(log, ids="integer")
        measured(__file__, "augment", str(log), root, str(pairs))
        size = str(batch_size)
        steps = {
            "PyArrow reads, one thread": ("read", root, "1"),
            "PyArrow reads, two threads": ("read", root, "2"),
            "PairDataset, one worker": ("stream", root, size, "1", "left"),
            "PairDataset, one worker, not padded": ("stream", root, size, "1", "none"),
            "PairDataset, no worker": ("stream", root, size, "0", "left"),
            "InMemoryPairDataset, random order": ("in-memory", root, size),
            "fresh_pairs, one worker": ("fresh", root, size, str(pairs)),
        }
        found: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(rounds):
            for name, step in steps.items():
                result = measured(__file__, *step)
                found[name].append(result["pairs"] / result["seconds"])
        return {name: statistics.median(speeds) for name, speeds in found.items()}


def main() -> None:
    """Parse the command line and print the speeds."""
    if ran_step(STEPS):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    speeds = run(given.rounds, given.log, given.pairs, given.batch_size)
    if given.json:
        print(json.dumps(speeds, indent=2))
        return
    floor = speeds["PyArrow reads, two threads"]
    for name, speed in speeds.items():
        print(f"{name:<40} {speed:>12,.0f} pairs/s  {speed / floor:.2f} of reading on two threads")


if __name__ == "__main__":
    main()
