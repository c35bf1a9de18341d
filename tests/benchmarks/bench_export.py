"""Speed and memory of `export`, against DuckDB's COPY of the same shards to the same format, or what comes nearest.

    python tests/benchmarks/bench_export.py [--rounds 3] [--log FILE] [--pairs N] [--json]

Each measurement is a process of its own that times itself after its imports, and the two sides of a ratio take turns.
DuckDB writes no Arrow files by itself: there the peer is its result as record batches, written by PyArrow.

| figure | target |
|---|---|
| arrow: pairs/s / DuckDB's | ≥ 0.60 |
| jsonl: pairs/s / DuckDB's COPY (FORMAT json) | ≥ 0.25 |
| csv: pairs/s / DuckDB's COPY (FORMAT csv) | shown only |
| peak memory of any format, 10M pairs | < 1 GB |
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log, measured, print_measures, ran_step

TARGETS = {"arrow": 0.60, "jsonl": 0.25, "csv": None}
MEMORY_MB = 1000
KEPT = ("rating", "timestamp")
BATCH_ROWS = 1 << 16


def step_export(pairs: str, to: str, output: str) -> None:
    """Time `export` of the training pairs."""
    from genpas_cli import ExportOptions, export
    from genpas_cli.export.formats import format_named

    format_named(to)  # imported before the clock starts
    started = time.perf_counter()
    done = export(pairs, output, ExportOptions(to=to, split="train"), force=True)
    print_measures(time.perf_counter() - started, pairs=done.pairs["train"])


def step_copy(pairs: str, to: str, output: str) -> None:
    """Time DuckDB writing the same columns of the same shards in the same order."""
    import duckdb
    import pyarrow as pa

    con = duckdb.connect()
    source = f"from read_parquet('{pairs}/data/train-*.parquet')"
    started = time.perf_counter()
    if to == "arrow":
        reader = con.sql(source).to_arrow_reader(BATCH_ROWS)
        with pa.ipc.new_file(output, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    else:
        con.execute(f"copy ({source}) to '{output}' (format {'json' if to == 'jsonl' else to})")
    print_measures(time.perf_counter() - started)


def step_augment(log: str, pairs: str, count: str, *keep: str) -> None:
    """Cut the pairs; not in this process, whose memory its children would start from."""
    from genpas_cli import AugmentOptions, IngestOptions, augment

    started = time.perf_counter()
    augment(log, pairs, AugmentOptions(pairs=count), ingest_options=IngestOptions(keep=keep))
    print_measures(time.perf_counter() - started)


STEPS: dict[str, Callable[..., None]] = {"augment": step_augment, "export": step_export, "copy": step_copy}


def _log(scratch: Path) -> Path:
    log = scratch / "log.parquet"
    make_log(log, ids="integer")
    return log


def _with_ratings(log: Path, rated: Path) -> Path:
    """Return the log with a column of ratings, which HSTU needs."""
    query = f"copy (select *, (1 + hash(item_id) % 5)::int as rating from '{log}') to '{rated}'"
    subprocess.run([sys.executable, "-c", f"import duckdb; duckdb.execute({query!r})"], check=True)
    return rated


def run(rounds: int, log: Path | None, pairs: int) -> list[dict[str, Any]]:
    """Measure everything; return a row a format."""
    from genpas_cli.export.formats import FORMATS

    rows = []
    with tempfile.TemporaryDirectory(prefix="genpas-bench-") as name:
        scratch = Path(name)
        read = log or _log(scratch)
        made, rated = str(scratch / "shop.pairs"), str(scratch / "rated.pairs")
        measured(__file__, "augment", str(read), made, str(pairs))
        measured(__file__, "augment", str(_with_ratings(read, scratch / "rated.parquet")), rated, str(pairs), *KEPT)
        for to in FORMATS:
            source, out = rated if to == "hstu" else made, str(scratch / f"out.{to}")
            ours, peers = [], []
            for _ in range(rounds if to in TARGETS else 1):
                ours.append(measured(__file__, "export", source, to, out))
                if to in TARGETS:
                    peers.append(measured(__file__, "copy", source, to, str(scratch / "out.duckdb")))
            rows.append(_row(to, ours, peers))
    return rows


def _row(to: str, ours: list[dict[str, float]], peers: list[dict[str, float]]) -> dict[str, Any]:
    seconds = statistics.median(each["seconds"] for each in ours)
    peer = statistics.median(each["seconds"] for each in peers) if peers else None
    return {
        "format": to,
        "pairs_per_second": ours[0]["pairs"] / seconds,
        "ratio": peer / seconds if peer else None,
        "target": TARGETS.get(to),
        "peak_mb": max(each["peak_mb"] for each in ours),
    }


def main() -> None:
    """Parse the command line and print the rows."""
    if ran_step(STEPS):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = run(given.rounds, given.log, given.pairs)
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        ratio = f"{row['ratio']:.2f} of DuckDB's (target {row['target'] or 'none'})" if row["ratio"] else ""
        memory = f"{row['peak_mb']:,.0f} MB (target < {MEMORY_MB:,})"
        print(f"{row['format']:<12} {row['pairs_per_second']:>12,.0f} pairs/s  {memory}  {ratio}")


if __name__ == "__main__":
    main()
