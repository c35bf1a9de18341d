"""How figures are written for a reader, and which of several is the better one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from genpas_cli.figures.figure import Figure, figures_in
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.runtime.text.wording import percent

MISSING = "–"


def count(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}"


def decimals(digits: int) -> Callable[[float], str]:
    """Return what writes numbers with so many decimals, their thousands apart."""
    return lambda value: f"{value:z,.{digits}f}"


def exponent(value: float | str | None) -> str:
    """Return a bias as people write it: ∞ and −∞, no trailing zeros."""
    if value is None:
        return MISSING
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    return f"{number:g}".replace("-", "−")


STRATEGY = figures_in(StrategyFigures)
"""The figures of a strategy by key."""


def written(figure: Figure, value: float | None) -> str:
    """Return a figure's value as the page shows it."""
    if value is None or not math.isfinite(value):
        return MISSING
    return percent(value, figure.digits) if figure.is_share else decimals(figure.digits)(value)


def best_places(values: Sequence[float | None], better: str) -> set[int]:
    """Return the places of the better values; none where there is one value, or all are alike.

    Args:
        values: None and what is infinite take no part.
        better: `lower` or `higher`.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:  # noqa: PLR2004  # one alone is not the better one
        return set()
    best = min(known) if better == "lower" else max(known)
    # What differs by rounding alone is as good.
    places = {
        at for at, value in enumerate(values)
        if value is not None and math.isclose(value, best, rel_tol=1e-9, abs_tol=1e-12)
    }  # fmt: skip
    return places if len(places) < len(known) else set()


def best_of(figure: Figure, values: Sequence[float | None]) -> set[int]:
    """Return the places of the better figure; none where no side is better, or all are alike."""
    return set() if figure.better is None else best_places(values, figure.better)
