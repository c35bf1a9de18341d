"""Speed and memory of the main job, as ratios against a floor or a peer measured in the same run.

    python tests/benchmarks/bench.py [--rounds 3] [--text-log FILE] [--integer-log FILE] [--recbole PYTHON] [--json]

Each measurement is a process of its own that times itself after its imports, and the two sides of a ratio take turns,
so that a machine whose speed drifts slows both. Ratios are ratios of medians. Where no log is given, one of ML-20M's
shape is made.

| ratio | target |
|---|---|
| augment (10M pairs, store → shards) / pyarrow writing the same rows in order from memory, same threads | ≤ 1.6 |
| ingest, text ids / DuckDB's COPY (SELECT ... ORDER BY user, time) TO parquet | ≤ 2 |
| ingest, integer ids / the same | ≤ 3.5 |
| peak memory of either | < 2 GB |
| pairs per second in memory (augment_stream) / RecBole's data_augmentation, or its loop in pure Python | ≥ 20 |
| the same with writing the shards, which RecBole does not do | shown only |
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
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log, measured, print_measures, ran_step, recbole, time_to_write

PAIRS = 10_000_000


def step_ingest(log: str, store: str) -> None:
    """Time `ingest`."""
    from genpas_cli import ingest
    from genpas_cli.ingest.staging import staging  # noqa: F401  # imported before the clock starts, like everything of a process

    started = time.perf_counter()
    ingest(log, store, force=True)
    print_measures(time.perf_counter() - started)


def step_copy(log: str, output: str) -> None:
    """Time DuckDB sorting the same log into a Parquet file."""
    import duckdb

    con = duckdb.connect()
    query = f"select user_id, item_id, timestamp from read_parquet('{log}') order by user_id, timestamp"
    started = time.perf_counter()
    con.execute(f"copy ({query}) to '{output}' (format parquet)")
    print_measures(time.perf_counter() - started)


def step_augment(store: str, output: str) -> None:
    """Time `augment` with its defaults."""
    from genpas_cli import AugmentOptions, augment

    started = time.perf_counter()
    report = augment(store, output, AugmentOptions(pairs=str(PAIRS)), force=True)
    print_measures(time.perf_counter() - started, pairs=sum(report.pairs.values()))


def step_stream(store: str) -> None:
    """Time `augment_stream` to the end: the pairs in memory, as RecBole leaves them."""
    from genpas_cli import AugmentOptions, augment_stream

    started = time.perf_counter()
    with augment_stream(store, AugmentOptions(pairs=str(PAIRS))) as stream:
        pairs = sum(batch.num_rows for batch in stream.batches)
    print_measures(time.perf_counter() - started, pairs=pairs)


def step_write(pairs: str, output: str) -> None:
    """Time bare PyArrow writing the rows of a pairs directory."""
    print_measures(time_to_write(pairs, output).seconds)


STEPS: dict[str, Callable[..., None]] = {
    "ingest": step_ingest,
    "copy": step_copy,
    "augment": step_augment,
    "stream": step_stream,
    "write": step_write,
}


def _log(kind: str, scratch: Path, given: dict[str, Path]) -> Path:
    if kind in given:
        return given[kind]
    path = scratch / f"{kind}.parquet"
    make_log(path, ids=kind)
    return path


def _paired(
    a: tuple[str, ...], b: tuple[str, ...], rounds: int
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Measure two steps in turn."""
    both = [(measured(__file__, *a), measured(__file__, *b)) for _ in range(rounds)]
    return [x for x, _ in both], [y for _, y in both]


def _row(name: str, ours: list[dict[str, float]], floor: list[dict[str, float]], target: float) -> dict[str, Any]:
    seconds, base = (statistics.median(x["seconds"] for x in side) for side in (ours, floor))
    peak = max(x["peak_mb"] for x in ours)
    return {
        "what": name,
        "seconds": seconds,
        "floor_seconds": base,
        "ratio": seconds / base,
        "target": target,
        "peak_mb": peak,
    }


def _peer_row(
    what: str, ours: list[dict[str, float]], peers: list[dict[str, Any]], target: float | None
) -> dict[str, Any]:
    speed = statistics.median(x["pairs"] / x["seconds"] for x in ours)
    peer = statistics.median(x["pairs_per_second"] for x in peers)
    name = f"pairs/s, {what} / {peers[0]['implementation']}"
    return {
        "what": name,
        "pairs_per_second": speed,
        "peer_pairs_per_second": peer,
        "ratio": speed / peer,
        "target": target,
    }


def run(rounds: int, logs: dict[str, Path], recbole_python: str) -> list[dict[str, Any]]:
    """Measure everything; return a row a ratio."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="genpas-bench-") as name:
        scratch = Path(name)
        for kind, target in (("text", 2.0), ("integer", 3.5)):
            log = str(_log(kind, scratch, logs))
            ours, floor = _paired(
                ("ingest", log, str(scratch / f"{kind}.store")), ("copy", log, str(scratch / "sorted.parquet")), rounds
            )
            rows.append(_row(f"ingest, {kind} ids / COPY ... ORDER BY", ours, floor, target))
        store, pairs = str(scratch / "text.store"), str(scratch / "out.pairs")
        ours, floor = _paired(("augment", store, pairs), ("write", pairs, str(scratch / "floor")), rounds)
        rows.append(_row("augment / bare pyarrow write", ours, floor, 1.6))
        peers = [recbole(recbole_python) for _ in range(rounds)]
        streamed = [measured(__file__, "stream", store) for _ in range(rounds)]
        rows.append(_peer_row("in memory", streamed, peers, 20))
        rows.append(_peer_row("written to shards", ours, peers, None))
    return rows


def main() -> None:
    """Parse the command line and print the rows."""
    if ran_step(STEPS):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text-log", type=Path)
    parser.add_argument("--integer-log", type=Path)
    parser.add_argument("--recbole", default=sys.executable, help="Python of an environment that has RecBole")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logs = {kind: path for kind in ("text", "integer") if (path := getattr(given, f"{kind}_log"))}
    rows = run(given.rounds, logs, given.recbole)
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['what']:<48} {row['ratio']:6.2f}  (target {row['target'] or 'none'})  " + ", ".join(
            f"{key} {value:,.1f}" for key, value in row.items() if key not in ("what", "ratio", "target")))  # fmt: skip


if __name__ == "__main__":
    main()
