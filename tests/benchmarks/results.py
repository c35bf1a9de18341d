"""Measurements of the suite: the file that keeps them, and the page that shows them."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Iterator, Mapping
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
        """Return the measurements of one thing, by size."""
        return sorted((each for each in self.records if each["what"] == what), key=lambda each: each["interactions"])

    def lacks(self, what: str, interactions: int) -> bool:
        """Tell whether this is still to be measured."""
        return not any(each["interactions"] == interactions for each in self.of(what))

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
    names = list(dict.fromkeys(each["what"] for each in results.records))
    head = "| | " + " | ".join(f"{_size(size)}" for size in sizes)
    rule = "|---|" + "---|" * len(sizes)
    parts = [_PREFACE.format(machine=_machine())]
    for title, key, show, extra in _TABLES:
        lines = [f"## {title}", "", head + (" | exponent |" if extra else " |"), rule + ("---|" if extra else "")]
        for what in names:
            found = {each["interactions"]: each for each in results.of(what) if key in each}
            if found:
                cells = [show(found[size][key]) if size in found else "" for size in sizes]
                lines.append(
                    f"| {what} | " + " | ".join([*cells, *([_exponent(list(found.values()))] if extra else [])]) + " |"
                )
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, "\n".join(["## Ratios", "", head + " |", rule, *_ratios(results, sizes)])]) + "\n"


def _exponent(found: list[Record]) -> str:
    """Return the slope of a line through log size and log seconds, by least squares."""
    if len(found) == 1:
        return ""
    sizes, seconds = ([math.log(each[key]) for each in found] for key in ("interactions", "seconds"))
    return f"{np.polyfit(sizes, seconds, 1)[0]:.2f}"


def _ratios(results: Results, sizes: list[int]) -> Iterator[str]:
    for name, (above, below, key) in _RATIOS.items():
        cells = []
        for size in sizes:
            a, b = (_at(results, what, size) for what in (above, below))
            cells.append(f"{a[key] / b[key]:.2f}" if a and b else "")
        yield f"| {name} | " + " | ".join(cells) + " |"


def _at(results: Results, what: str, size: int) -> Mapping[str, float] | None:
    return next((each for each in results.of(what) if each["interactions"] == size), None)


def _size(interactions: int) -> str:
    return f"{interactions / 1e6:,.0f}M"


def _machine() -> str:
    from genpas_cli.machine import cores
    from genpas_cli.manifest import library_versions

    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return f"{cores()} cores, {memory_mb() / 1024:.0f} GiB, Python {platform.python_version()}, {versions}"


_TABLES: tuple[tuple[str, str, Callable[[float], str], bool], ...] = (
    ("Seconds", "seconds", lambda x: f"{x:,.1f}", True),
    ("Most memory, MB", "peak_mb", lambda x: f"{x:,.0f}", False),
    ("Written, MB", "bytes", lambda x: f"{x / 1e6:,.0f}", False),
)

_RATIOS = {
    "augment / floor, time": ("genpas augment", "floor", "seconds"),
    "augment: one thread / two, time": ("genpas augment, one thread", "genpas augment", "seconds"),
    "items / cuts, time": ("genpas augment", "genpas augment --form cuts", "seconds"),
    "items / cuts, bytes": ("genpas augment", "genpas augment --form cuts", "bytes"),
}

_PREFACE = """<!-- Written by tests/benchmarks/suite.py --page. -->

# Benchmarks

From a log to the pairs of Multi-Target with inputs of at most 50 items, by number of interactions: 22 a user, 43
thousand items; text ids, in Parquet in order of time. `python tests/benchmarks/suite.py` measures it; what each line is
stands there. An exponent of 1 is time that grows as the log does. A peer without a figure would have taken too long or
too much memory.

{machine}."""
