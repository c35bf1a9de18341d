"""Measurements of the suite: the file that keeps them, and the page that shows them."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
"""`what`, `interactions`, `seconds`, and `peak_mb`, `bytes`, `pairs` where they are known."""


class Results:
    """Measurements, in a file of lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.records: list[Record] = [json.loads(line) for line in lines]

    def of(self, what: str) -> list[Record]:
        """Return the medians of one thing, by size."""
        sizes = sorted({each["interactions"] for each in self.records if each["what"] == what})
        return [found for size in sizes if (found := self.at(what, size)) is not None]

    def at(self, what: str, interactions: int) -> Record | None:
        """Return the medians of one thing at one size, if it was measured."""
        rounds = self._rounds(what, interactions)
        if not rounds:
            return None
        return {key: value if isinstance(value, str) else statistics.median(each[key] for each in rounds)
                for key, value in rounds[0].items()}  # fmt: skip

    def rounds(self, what: str, interactions: int) -> int:
        """Return how often one thing was measured at one size."""
        return len(self._rounds(what, interactions))

    def _rounds(self, what: str, interactions: int) -> list[Record]:
        return [each for each in self.records if (each["what"], each["interactions"]) == (what, interactions)]

    def add(self, what: str, interactions: int, measures: Record) -> None:
        """Keep a measurement, and say it."""
        record = {"what": what, "interactions": interactions, **measures}
        self.records.append(record)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{interactions:>13,}  {what:<26} {record['seconds']:9.1f} s", flush=True)

    def too_much(self, what: str, interactions: int, patience: float) -> bool:
        """Tell whether the last size says that this one takes too long, or too much memory."""
        smaller = [each for each in self.of(what) if each["interactions"] < interactions]
        if not smaller:
            return False
        growth = interactions / smaller[-1]["interactions"]
        too_long = smaller[-1]["seconds"] * growth > patience
        return bool(too_long or smaller[-1].get("peak_mb", 0) * growth > 0.9 * memory_mb())


def memory_mb() -> float:
    """Return the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20


def page(results: Results) -> str:
    """Return the results as a page of tables."""
    sizes = sorted({each["interactions"] for each in results.records})
    columns = [f"{size / 1e6:,.0f}M" for size in sizes]
    names = list(dict.fromkeys(each["what"] for each in results.records))
    parts = [_PREFACE.format(machine=_machine())]
    for title, key, show in _TABLES:
        rows = {}
        for what in names:
            found = [(each or {}).get(key) for each in (results.at(what, size) for size in sizes)]
            if any(found):
                rows[what] = ["" if value is None else show(value) for value in found]
                rows[what] += [_exponent(results.of(what))] if key == "seconds" else []
        parts.append(_table(title, [*columns, *(["exponent"] if key == "seconds" else [])], rows))
    ratios = {name: [_ratio(results, size, *of) for size in sizes] for name, of in _RATIOS.items()}
    return "\n\n".join([*parts, _table("Ratios", columns, ratios)]) + "\n"


def _table(title: str, columns: list[str], rows: Mapping[str, list[str]]) -> str:
    lines = [["", *columns], ["---"] * (len(columns) + 1), *([name, *cells] for name, cells in rows.items())]
    return "\n".join([f"## {title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def _exponent(found: list[Record]) -> str:
    """Return the slope of a line through log size and log seconds, by least squares."""
    if len(found) == 1:
        return ""
    sizes, seconds = ([math.log(each[key]) for each in found] for key in ("interactions", "seconds"))
    return f"{np.polyfit(sizes, seconds, 1)[0]:.2f}"


def _ratio(results: Results, size: int, above: str, below: str, key: str) -> str:
    one, other = results.at(above, size), results.at(below, size)
    return f"{one[key] / other[key]:.2f}" if one and other else ""


def _machine() -> str:
    from genpas_cli.pairs.manifest import library_versions
    from genpas_cli.runtime.machine import cores

    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return f"{cores()} cores, {memory_mb() / 1024:.0f} GiB, Python {platform.python_version()}, {versions}"


_TABLES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Seconds", "seconds", lambda x: f"{x:,.1f}"),
    ("CPU seconds of all threads", "cpu", lambda x: f"{x:,.1f}"),
    ("Peak memory, MB", "peak_mb", lambda x: f"{x:,.0f}"),
    ("Written, MB", "bytes", lambda x: f"{x / 1e6:,.0f}"),
)

_RATIOS = {
    "augment / floor with zstd, time": ("genpas augment", "floor, zstd", "seconds"),
    "the same, CPU time": ("genpas augment", "floor, zstd", "cpu"),
    "augment / floor in the same encoding, time": ("genpas augment", "floor, fast", "seconds"),
    "the same, CPU time ": ("genpas augment", "floor, fast", "cpu"),
    "bytes, fast / plain": ("floor, fast", "floor, zstd", "bytes"),
    "bytes, compact / plain": ("genpas augment --encoding compact", "floor, zstd", "bytes"),
    "DuckDB SQL / augment LOG, time": ("DuckDB SQL", "genpas augment LOG", "seconds"),
    "Polars / augment LOG, time": ("Polars", "genpas augment LOG", "seconds"),
    "augment: one thread / two, time": ("genpas augment, one thread", "genpas augment", "seconds"),
    "items / cuts, time": ("genpas augment", "genpas augment --form cuts", "seconds"),
    "items / cuts, bytes": ("genpas augment", "genpas augment --form cuts", "bytes"),
}

_PREFACE = """<!-- Written by tests/benchmarks/suite.py --page. -->

# Benchmarks

This page measures the time, memory and disk that it takes to get from a log to the pairs of Multi-Target. Inputs have
at most 50 items. The logs have 22 interactions per user, 43 thousand items and text ids; they are Parquet files in the
order of time. The columns of each table are the number of interactions. `python tests/benchmarks/suite.py` makes the
measurements. Times are medians: all rows of a size are measured once, then all of them again, and so on.

- Times of genpas and its peers are those of whole processes: the start counts. `genpas augment LOG` goes from the log
  to pairs in one command; `genpas ingest` (log to store) and `genpas augment` (store to pairs) are its two halves. No
  memory limit is set.
- **floor** is PyArrow writing the rows of the same shards from memory, with as many threads, once with zstd and once in
  the default encoding of genpas. Its start does not count. Its memory is mostly these rows.
- **pandas, Polars and DuckDB SQL** go from the log to one Parquet file. They leave the rows in the order of users, so
  their files compress to a fraction of the size. genpas shuffles the rows.

An exponent of 1 means that time grows in proportion to the log. An empty cell or a missing row means that the tool was
not measured, or would have needed too much time or memory, judging by its measurement at the size before.

{machine}."""
