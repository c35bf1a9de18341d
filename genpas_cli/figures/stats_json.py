"""The JSON of `genpas stats`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict

from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.rules import Check
from genpas_cli.figures.table import DataFigures, FairDrawFigures, StrategyFigures


class StatsKeys(TypedDict):
    """The report of `genpas stats`; the last four keys are missing where they do not apply."""

    source: str
    data: DataFigures | None
    """Figures of the log; null for a pairs directory without a store."""
    strategies: list[StrategyFigures]
    """Exact figures of each strategy."""
    measured: NotRequired[StrategyFigures]
    """Figures measured on the pairs of a pairs directory."""
    fair_draw: NotRequired[FairDrawFigures]
    """Whether the pairs are a fair draw, with `--store`."""
    notes: NotRequired[list[str]]
    """Why figures are missing."""
    checks: NotRequired[list[Check]]
    """The outcome of each rule of `--check`."""


def stats_as_json(report: StatsReport, checks: Sequence[Check] = ()) -> dict[str, Any]:
    """Return the JSON of `genpas stats --json`, with the keys of `StatsKeys` that apply to this kind of source."""
    optional = {
        "measured": None if report.measured is None else asdict(report.measured),
        "fair_draw": None if report.fair_draw is None else asdict(report.fair_draw),
        "notes": list(report.notes),
        "checks": [asdict(each) for each in checks],
    }
    return {
        "source": report.source,
        "data": None if report.data is None else asdict(report.data),
        "strategies": [asdict(figures) for figures in report.strategies],
        **{key: value for key, value in optional.items() if value},
    }
