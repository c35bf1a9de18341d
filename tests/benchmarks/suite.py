"""Time, memory and bytes from a log to the pairs of Multi-Target, by size: genpas, its peers, and the floor.

    python tests/benchmarks/suite.py --results FILE [--sizes 1M 10M 100M] [--only WHAT ...] [--page docs/benchmarks.md]

Logs have the shape of the paper's industrial set: 22 interactions a user, 43 thousand items; text ids, in order of
time. Each measurement is a process of its own and one line of the results file; what is in there is not measured again,
so a run that was stopped goes on. A peer is left out where its last size says that this one would take over
`--patience` seconds or over the machine's memory.

| what | is |
|---|---|
| genpas ingest | log → store |
| genpas augment | store → shards |
| genpas cuts | store → shards of `--form cuts` |
| floor | PyArrow writing the rows of these shards from memory, with as many threads; reading them is not timed |
| pandas, Polars, DuckDB SQL | log → one Parquet file, see peers.py; in the log's order of users and not shuffled |
| RecBole | numbered log in memory → pairs in memory; in Python of its own, see recbole_peer.py |
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import make_log, measured, print_measures, ran_step, recbole, seconds_to_write
from tests.benchmarks.peers import MAX_INPUT, PEERS
from tests.benchmarks.results import Record, Results, page

INTERACTIONS_A_USER = 22
ITEMS = 43_000
EVERYTHING = (
    "genpas ingest", "genpas augment", "floor", "genpas augment, one thread", "genpas augment --form cuts", *PEERS,
    "RecBole",
)  # fmt: skip
PATIENCE = 1200
"""Seconds that a peer may take."""


def step_ingest(log: str, store: str) -> None:
    """Time `ingest`."""
    from genpas_cli import ingest
    from genpas_cli.ingest.staging import staging  # noqa: F401  # imported before the clock starts, like everything of a process

    started = time.perf_counter()
    ingest(log, store, force=True)
    print_measures(time.perf_counter() - started, bytes=_bytes(store))


def step_augment(store: str, output: str, form: str = "items", threads: str = "0") -> None:
    """Time `augment`."""
    from genpas_cli import AugmentOptions, augment

    options = AugmentOptions(
        strategy="multi-target", max_input=str(MAX_INPUT), form="cuts" if form == "cuts" else "items",
        threads=int(threads) or None,
    )  # fmt: skip
    started = time.perf_counter()
    report = augment(store, output, options, force=True)
    print_measures(time.perf_counter() - started, pairs=report.pairs["train"], bytes=_bytes(output))


def step_floor(pairs: str, output: str) -> None:
    """Time bare PyArrow writing the rows of a pairs directory."""
    print_measures(seconds_to_write(pairs, output), bytes=_bytes(output))


def step_peer(name: str, log: str, output: str) -> None:
    """Time one of the peers."""
    import pyarrow.parquet as pq

    started = time.perf_counter()
    PEERS[name](log, output)
    seconds = time.perf_counter() - started
    print_measures(seconds, pairs=pq.read_metadata(output).num_rows, bytes=_bytes(output))


STEPS: dict[str, Callable[..., None]] = {
    "ingest": step_ingest,
    "augment": step_augment,
    "floor": step_floor,
    "peer": step_peer,
}


def _bytes(path: str) -> int:
    files = [Path(path)] if Path(path).is_file() else [file for file in Path(path).rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def measure_size(interactions: int, scratch: Path, given: argparse.Namespace, results: Results) -> None:
    """Measure what the results lack of one size."""
    log, store, pairs = (str(scratch / name) for name in ("log.parquet", "log.store", "log.pairs"))
    steps: dict[str, Callable[[], Record]] = {
        "genpas ingest": lambda: measured(__file__, "ingest", log, store),
        "genpas augment": lambda: measured(__file__, "augment", store, pairs),
        "floor": lambda: measured(__file__, "floor", pairs, str(scratch / "floor")),
        "genpas augment, one thread": lambda: measured(__file__, "augment", store, pairs, "items", "1"),
        "genpas augment --form cuts": lambda: measured(__file__, "augment", store, pairs, "cuts"),
    }
    peers = {peer: partial(measured, __file__, "peer", peer, log, str(scratch / "peer.parquet")) for peer in PEERS}
    if given.recbole:
        peers["RecBole"] = partial(recbole, given.recbole, "--interactions", str(interactions))
    steps |= {peer: step for peer, step in peers.items() if not results.too_much(peer, interactions, given.patience)}
    lacking = [what for what in steps if what in given.only and not results.at(what, interactions)]
    if not lacking:
        return
    make_log(log, users=interactions // INTERACTIONS_A_USER, interactions=interactions, items=ITEMS)
    for what in list(steps)[: list(steps).index(lacking[-1]) + 1]:
        # A step that has been measured is run again where a later one reads what it makes.
        if what in lacking or what in ("genpas ingest", "genpas augment"):
            measures = steps[what]()
            if what in lacking:
                results.add(what, interactions, measures)


def sizes(text: str) -> int:
    """Return the number that 15M means."""
    return int(float(text.removesuffix("M")) * 1e6) if text.endswith("M") else int(text)


def main() -> None:
    """Parse the command line, measure, and write the page."""
    if ran_step(STEPS):
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--sizes", type=sizes, nargs="+", default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--only", nargs="+", choices=EVERYTHING, default=EVERYTHING)
    parser.add_argument("--patience", type=float, default=PATIENCE)
    parser.add_argument("--recbole", help="Python of an environment that has RecBole")
    parser.add_argument("--temp-dir", type=Path, help="where logs, stores and pairs go")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    results = Results(given.results)
    for interactions in given.sizes:
        with tempfile.TemporaryDirectory(prefix="genpas-suite-", dir=given.temp_dir) as scratch:
            measure_size(interactions, Path(scratch), given, results)
    if given.page:
        given.page.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
