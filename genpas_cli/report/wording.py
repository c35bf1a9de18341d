"""Formats figures for readers, and finds the better of several values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from genpas_cli.figures.figure import Figure, figures_in
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.runtime.text.wording import best_places, percent

MISSING = "–"


def count(value: float) -> str:
    """Format an integer with thousands separators."""
    return f"{value:,.0f}"


def decimals(digits: int) -> Callable[[float], str]:
    """Return a function that formats numbers with a given number of decimals and thousands separators."""
    return lambda value: f"{value:z,.{digits}f}"


def exponent(value: float | str | None) -> str:
    """Format a bias as people write it: ∞ and −∞, no trailing zeros."""
    if value is None:
        return MISSING
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    return f"{number:g}".replace("-", "−")


STRATEGY = figures_in(StrategyFigures)
"""The figures of a strategy by key."""


def written(figure: Figure, value: float | None) -> str:
    """Format a figure's value for the page."""
    if value is None or not math.isfinite(value):
        return MISSING
    return percent(value, figure.digits) if figure.is_share else decimals(figure.digits)(value)


def best_of(figure: Figure, values: Sequence[float | None]) -> set[int]:
    """Return the indices of the better values of a figure; none if it has no better side, or all are equal."""
    return set() if figure.better is None else best_places(values, figure.better)
