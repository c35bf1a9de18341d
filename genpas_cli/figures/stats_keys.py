"""The keys of `genpas stats --json`, as types, from which schemas in docs/reference/schemas are generated."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from genpas_cli.figures.rules import Check
from genpas_cli.figures.split_figures import SplitFigures
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures
from genpas_cli.runtime.machine import MadeWith


class SplitKeys(TypedDict):
    """The report of `genpas stats --split-of`."""

    source: str
    """The directory."""
    files: dict[str, str]
    """Part → file that was read."""
    time_unit: str | None
    """`seconds`, the unit of the gaps; null if the unit of the timestamps is not known, or there are none."""
    split: SplitFigures
    """The figures of the split."""
    made_with: MadeWith
    """Version and options."""
    notes: NotRequired[list[str]]
    """Why figures are missing, and how the files were read."""
    checks: NotRequired[list[Check]]
    """The outcome of each rule of `--check`."""


class StatsKeys(TypedDict):
    """The report of `genpas stats`; keys that do not apply to a source are missing."""

    source: str
    data: DataFigures | None
    """Figures of the log; null for a pairs directory without a store."""
    strategies: list[StrategyFigures]
    """Exact figures of each strategy."""
    made_with: MadeWith
    """Version and options."""
    measured: NotRequired[StrategyFigures]
    """Figures measured on the pairs of a pairs directory."""
    fair_draw: NotRequired[FairDrawFigures]
    """Whether the pairs are a fair draw, with `--store`."""
    notes: NotRequired[list[str]]
    """Why figures are missing."""
    checks: NotRequired[list[Check]]
    """The outcome of each rule of `--check`."""
