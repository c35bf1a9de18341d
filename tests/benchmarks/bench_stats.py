"""Speed and memory of stats and tune, with reading the store and nothing else as the floor.

    python tests/benchmarks/bench_stats.py DATA [--rounds 3] [--log FILE]

DATA is a directory with amazon-beauty/Beauty.txt and ml-1m-half/ratings.dat.gz; FILE a log of ML-20M's shape (made by
tests/benchmarks/generate.py where none is given). Medians of the rounds; each round is a process of its own that starts
its clock after its imports. `x floor` is the time over that of reading every interaction of the store into NumPy.

| what | target |
|---|---|
| one target KL on Beauty, its interactions loaded | ≤ 10 ms |
| 121 target KLs (α, β) on ml-1m-half, from the store | ≤ 2 s |
| A and D of one configuration on ml-1m-half, from the store (the paper: 52 s on the whole of ML-1M) | ≤ 1 s |
| tune, its whole grid of 484, on Beauty | ≤ 60 s |
| stats on 20M interactions: peak memory | < 2 GB |
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log

GRID = [round(0.2 * step, 1) for step in range(11)]
_TARGETS = {"one_kl": 0.010, "grid_kl": 2.0, "one_alignment": 1.0, "whole_tune": 60.0, "big_stats": None}


@contextmanager
def _opened(store: str) -> Iterator[Any]:
    from genpas_cli.runtime.machine import MachineOptions, resolve, scratch_directory
    from genpas_cli.store.access import open_store

    machine = resolve(MachineOptions())
    with scratch_directory(machine.temp_dir) as scratch, open_store(Path(store), machine, scratch) as opened:
        yield opened


def step_floor(store: str) -> float:
    """Read every interaction."""
    with _opened(store) as opened:
        started = time.perf_counter()
        for _ in opened.histories("test", 1 << 18):
            pass
        return time.perf_counter() - started


def step_one_kl(store: str) -> float:
    """Take one target KL; the store has been read."""
    import numpy as np

    from genpas_cli.figures.distribution.divergence import kl_divergence
    from genpas_cli.figures.distribution.targets import TargetDistributions, TargetWeights, share, steps_of
    from genpas_cli.figures.reports.store_passes import targets_of
    from genpas_cli.sampling.strategies import triple

    with _opened(store) as opened:
        histogram = opened.target_histogram()
        runs = [
            (targets_of(opened, "train", s, n), targets_of(opened, "test", s, n))
            for n, s in opened.histories("test", 1 << 18)
        ]
        counts = sum(np.bincount(held.item, minlength=opened.items + 1) for _, held in runs)
        test = share(np.asarray(counts))
        assert test is not None
        seconds = []
        for alpha in (0.3, 0.5, 0.7, 0.9, 1.1):  # each for the first time: no table of powers is there yet
            started = time.perf_counter()
            steps = steps_of(triple(alpha, alpha / 2, 0.0))
            weights, distributions = TargetWeights([steps], histogram), TargetDistributions([steps], opened.items)
            for targets, _ in runs:
                for _, weight in weights.of(targets):
                    distributions.add(targets, steps, weight)
            kl_divergence(test, distributions.p[steps])
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _passes(opened: Any) -> Any:
    from genpas_cli.figures.reports.store_passes import StorePasses
    from genpas_cli.runtime.machine import Machine, cores
    from genpas_cli.runtime.progress import silent

    return StorePasses(
        opened, opened.target_histogram(), against="test", machine=Machine(cores(), 1 << 33, Path()), progress=silent
    )


def step_grid_kl(store: str) -> float:
    """Take the target KL of 121 (α, β)."""
    from genpas_cli.figures.distribution.divergence import kl_divergence
    from genpas_cli.figures.distribution.targets import share
    from genpas_cli.figures.reports.store_passes import Candidate
    from genpas_cli.sampling.strategies import triple

    with _opened(store) as opened:
        started = time.perf_counter()
        grid = [Candidate(triple(alpha, beta, 0.0), 1, "balanced") for alpha in GRID for beta in GRID]
        counted = _passes(opened).count(grid, draws=False)
        test = share(counted.targets["test"])
        assert test is not None
        assert len([kl_divergence(test, p) for p in counted.p.values()]) == len(grid)
        return time.perf_counter() - started


def step_one_alignment(store: str) -> float:
    """Take A and D of one configuration, both passes."""
    from genpas_cli.figures.distribution.similarity import parse_similarity
    from genpas_cli.figures.reports.store_passes import Candidate
    from genpas_cli.sampling.strategies import triple

    with _opened(store) as opened:
        started = time.perf_counter()
        passes, one = _passes(opened), [Candidate(triple(1.0, 0.0, 0.0), 480_000, "balanced")]
        passes.alignments(passes.count(one, draws=False), one, parse_similarity("containment"))
        return time.perf_counter() - started


def step_whole_tune(store: str) -> float:
    """Search the default grid."""
    from genpas_cli import tune

    started = time.perf_counter()
    assert len(tune(store).configurations) == 484
    return time.perf_counter() - started


def step_big_stats(store: str) -> float:
    """Make the default report."""
    from genpas_cli import stats

    started = time.perf_counter()
    stats(store)
    return time.perf_counter() - started


STEPS: dict[str, Callable[[str], float]] = {
    "floor": step_floor, "one_kl": step_one_kl, "grid_kl": step_grid_kl, "one_alignment": step_one_alignment,
    "whole_tune": step_whole_tune, "big_stats": step_big_stats,
}  # fmt: skip


def _measured(step: str, store: Path) -> tuple[float, float]:
    """Run one step in a process of its own; return its seconds and its peak memory in MB."""
    run = subprocess.run(
        [sys.executable, __file__, "--step", step, str(store)], check=True, capture_output=True, text=True
    )
    seconds, peak = json.loads(run.stdout)
    return float(seconds), float(peak)


def _compare(what: str, step: str, store: Path, rounds: int) -> None:
    floors, steps, peaks = [], [], []
    for _ in range(rounds):
        floors.append(_measured("floor", store)[0])
        seconds, peak = _measured(step, store)
        steps.append(seconds)
        peaks.append(peak)
    seconds, target = statistics.median(steps), _TARGETS[step]
    bound = "target 2,000 MB" if target is None else f"target {target:g} s"
    print(
        f"{what:52} {seconds:9.4f} s  ({bound})  {seconds / statistics.median(floors):7.2f} x floor, "
        f"peak {statistics.median(peaks):,.0f} MB"
    )


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--step"]:
        seconds = STEPS[sys.argv[2]](sys.argv[3])
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    from genpas_cli import IngestOptions, ingest

    with tempfile.TemporaryDirectory() as place:
        beauty, half, big = (Path(place) / f"{name}.store" for name in ("beauty", "half", "big"))
        ingest(options.data / "amazon-beauty/Beauty.txt", beauty)
        columns = IngestOptions(user="1", item="2", time="4")
        ingest(options.data / "ml-1m-half/ratings.dat.gz", half, columns)
        _compare("one target KL, Beauty", "one_kl", beauty, options.rounds)
        _compare("121 target KLs, ml-1m-half", "grid_kl", half, options.rounds)
        _compare("A and D of one configuration, ml-1m-half", "one_alignment", half, options.rounds)
        _compare("tune, 484 configurations, Beauty", "whole_tune", beauty, options.rounds)
        log = options.log
        if log is None:
            log = Path(place) / "log.parquet"
            make_log(log)
        ingest(log, big)
        _compare("stats, four strategies, 20M interactions", "big_stats", big, 1)


if __name__ == "__main__":
    main()
