"""Formatting of numbers for people, on the terminal and in reports: shares, counts, times, the best of several."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from genpas_cli.runtime.times.units import moment_of, unit_of

_SHORT = dt.timedelta(days=2)
"""A range up to this long is shown with the time of day."""

_TO_MICROSECONDS = 26
"""Characters of an ISO 8601 time with microseconds, the finest that Python's datetime holds."""


_ROUNDING = 1e-12
"""A sum of shares that is nearer to 1 is 1, but for rounding."""


def percent(share: float, digits: int = 1) -> str:
    """Format a share as `12.3%`; shares between 0 and 1 are never shown as 0% or 100%, but as `<0.1%` or `>99.9%`."""
    least = 10.0**-digits / 100
    if 0 < share < least / 2:
        return f"<{least:.{digits}%}"
    if 1 - least / 2 < share < 1 - _ROUNDING:
        return f">{1 - least:.{digits}%}"
    return f"{share:.{digits}%}"


def counted(number: int, thing: str) -> str:
    """Format a count with its noun: `1 shard`, `2 shards`, `1,000 shards`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def halves(number: float) -> str:
    """Format a number of whole things, or a median of such numbers: `9`, `2.5`, `1,234,567.5`."""
    return f"{number:,.1f}".removesuffix(".0")


def listed(words: Sequence[str]) -> str:
    """Join words as `a`, `a and b`, or `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)}{' and ' if others else ''}{last}"


def pairs_by_split(pairs: Mapping[str, int], epochs: int = 1) -> str:
    """Format numbers of pairs by split, such as `2 × 12,710 training, 2,500 validation, 2,500 test pairs`.

    Args:
        pairs: the pairs of each split, those of all epochs together.
        epochs: number of epochs, among which the training pairs are divided; a total that is not divisible is whole.
    """
    train = pairs.get("train", 0)
    each = f"{epochs} × {train // epochs:,}" if epochs > 1 and train % epochs == 0 else f"{train:,}"
    parts = [f"{each} training" if split == "train" else f"{rows:,} {split}" for split, rows in pairs.items()]
    return f"{', '.join(parts)} pair" + ("" if sum(pairs.values()) == 1 else "s")


def best_places(values: Sequence[float | None], better: str) -> set[int]:
    """Return the indices of the better values; none if there is only one value, or all are equal.

    Args:
        values: None and infinite values are ignored.
        better: `lower` or `higher`.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:  # noqa: PLR2004  # a single value is not better than another
        return set()
    best = min(known) if better == "lower" else max(known)
    # Values that differ only by rounding are equal.
    places = {
        at for at, value in enumerate(values)
        if value is not None and math.isclose(value, best, rel_tol=1e-9, abs_tol=1e-12)
    }  # fmt: skip
    return places if len(places) < len(known) else set()


def time_range(ends: Sequence[Any]) -> str:
    """Format the first and last time of a log, as in its report, such as `2023-01-04 to 2024-12-28`.

    Texts are ISO 8601 in UTC; numbers that are instants since 1970 by their size are shown as dates too, other numbers
    unchanged. A range of two days or less is shown with the time of day.
    """
    return " to ".join(times(ends))


_DURATIONS = (("days", 86400), ("hours", 3600), ("minutes", 60))
_MOST_OF_A_UNIT = 2
"""A duration is written in the largest unit of which it has at least as many."""


def duration(value: float, unit: str | None = "seconds") -> str:
    """Format a duration, such as `45 seconds` or `2.5 days`; a plain number if its unit is not known."""
    if unit is None:
        return _number(value)
    name, size = next(((n, s) for n, s in _DURATIONS if value >= _MOST_OF_A_UNIT * s), (unit, 1))
    return f"{value / size:,.0f} {name}" if size == 1 or value >= 10 * size else f"{value / size:.1f} {name}"


def times(values: Sequence[Any]) -> list[str]:
    """Format several times of one log, see `time_range`."""
    try:
        moments = [_moment(value, max(values)) for value in values]
    except (OverflowError, ValueError):  # out of the range of dates, or not an instant
        return [_number(value) for value in values]
    is_short = max(moments) - min(moments) <= _SHORT
    return [f"{moment:%Y-%m-%d %H:%M:%S}" if is_short else f"{moment:%Y-%m-%d}" for moment in moments]


def _moment(end: Any, largest: Any) -> dt.datetime:
    if isinstance(end, str):
        return dt.datetime.fromisoformat(end[:_TO_MICROSECONDS])
    if (unit := unit_of(largest)) is None:
        raise ValueError
    return moment_of(end, unit)


def _number(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
