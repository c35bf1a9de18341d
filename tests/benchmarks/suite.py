"""Time, memory and bytes from a log to the pairs of Multi-Target, by size: genpas, its peers, and two floors.

    python tests/benchmarks/suite.py --results FILE [--sizes 1M 10M 100M] [--rounds 5] [--only WHAT ...]
        [--page docs/benchmarks.md]

Logs have the shape of the paper's industrial set: 22 interactions a user, 43 thousand items; text ids, in order of
time. The steps of a size take turns, so that a machine whose speed drifts slows all of them; medians are shown. Each
measurement is one line of the results file, and is not made again: a run that was stopped goes on. A peer is left out
where its last size says that this one would take over `--patience` seconds or over the machine's memory.

| what | is |
|---|---|
| genpas ingest | log → store, the whole process |
| genpas augment | store → shards, the whole process; also with one thread, in the encoding compact, in the form cuts |
| genpas augment LOG | log → shards in one command |
| floor, zstd | PyArrow writing the rows of these shards from memory, as many threads; reading is not timed |
| floor, fast | the same in the encoding of the shards |
| pandas, Polars, DuckDB SQL | log → one Parquet file, see peers.py; in the log's order of users and not shuffled |
| RecBole | numbered log in memory → pairs in memory; in Python of its own, see recbole_peer.py |
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that `tests` is found

from tests.benchmarks.measuring import (
    make_log,
    measured,
    measured_whole,
    print_measures,
    ran_step,
    recbole,
    time_to_write,
)
from tests.benchmarks.peers import MAX_INPUT, PEERS
from tests.benchmarks.results import Record, Results, page

if TYPE_CHECKING:
    from genpas_cli.pairs.encoding import Encoding

INTERACTIONS_A_USER = 22
ITEMS = 43_000
EVERYTHING = (
    "genpas ingest", "genpas augment", "floor, zstd", "floor, fast", "genpas augment LOG",
    "genpas augment, one thread", "genpas augment --encoding compact", "genpas augment --form cuts", *PEERS, "RecBole",
)  # fmt: skip
PATIENCE = 1200
"""Seconds that a peer may take."""


def genpas(output: str, *words: str) -> Record:
    """Measure a command that writes an output."""
    return {**measured_whole(sys.executable, "-m", "genpas_cli", *words, "-o", output, "--force", "-q"),
            "bytes": _bytes(output)}  # fmt: skip


def step_floor(pairs: str, output: str, encoding: Encoding) -> None:
    """Time bare PyArrow writing the rows of a pairs directory."""
    found = time_to_write(pairs, output, encoding)
    print_measures(found.seconds, cpu=found.cpu, bytes=_bytes(output))


def peer(name: str, log: str, output: str) -> Record:
    """Measure one of the peers, the whole process."""
    measures = measured_whole(sys.executable, __file__, "--step", "peer", name, log, output)
    return {**measures, "bytes": _bytes(output)}


def step_peer(name: str, log: str, output: str) -> None:
    """Run one of the peers."""
    PEERS[name](log, output)


STEPS: dict[str, Callable[..., None]] = {
    "floor": step_floor,
    "peer": step_peer,
}


def _bytes(path: str) -> int:
    files = [Path(path)] if Path(path).is_file() else [file for file in Path(path).rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def measure_size(interactions: int, scratch: Path, given: argparse.Namespace, results: Results) -> None:
    """Measure what the results lack of one size."""
    log, store, pairs, other = (str(scratch / name) for name in ("log.parquet", "log.store", "log.pairs", "other"))
    augment = ("augment", store, "-s", "multi-target", "--max-input", str(MAX_INPUT))
    steps: dict[str, Callable[[], Record]] = {
        "genpas ingest": lambda: genpas(store, "ingest", log),
        "genpas augment": lambda: genpas(pairs, *augment),
        "floor, zstd": lambda: measured(__file__, "floor", pairs, str(scratch / "floor"), "plain"),
        "floor, fast": lambda: measured(__file__, "floor", pairs, str(scratch / "floor"), "fast"),
        "genpas augment LOG": lambda: genpas(other, "augment", log, *augment[2:]),
        "genpas augment, one thread": lambda: genpas(other, *augment, "--threads", "1"),
        "genpas augment --encoding compact": lambda: genpas(other, *augment, "--encoding", "compact"),
        "genpas augment --form cuts": lambda: genpas(other, *augment, "--form", "cuts"),
    }
    peers: dict[str, Callable[[], Record]] = {
        name: partial(peer, name, log, str(scratch / "peer.parquet")) for name in PEERS
    }
    if given.recbole:
        peers["RecBole"] = partial(recbole, given.recbole, "--interactions", str(interactions))
    steps |= {name: step for name, step in peers.items() if not results.too_much(name, interactions, given.patience)}
    for number in range(1, given.rounds + 1):
        lacking = [what for what in steps if what in given.only and results.rounds(what, interactions) < number]
        if not lacking:
            continue
        if not Path(log).exists():
            make_log(log, users=interactions // INTERACTIONS_A_USER, interactions=interactions, items=ITEMS)
        for what in list(steps)[: list(steps).index(lacking[-1]) + 1]:
            # A step that has been measured is run again where a later one reads what it makes.
            makes = {"genpas ingest": store, "genpas augment": pairs}.get(what)
            if what in lacking or (makes is not None and not Path(makes).exists()):
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
    parser.add_argument("--rounds", type=int, default=5)
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
