"""How numbers are written for people, on the terminal and in reports alike: shares, counts, times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from genpas_cli.runtime.time_units import moment_of, unit_of

_SHORT = dt.timedelta(days=2)
"""A range that is no longer is shown with the time of day."""

_TO_MICROSECONDS = 26
"""Characters of an ISO 8601 time with as many digits as Python holds."""


def percent(share: float, digits: int = 1) -> str:
    """Return a share as `12.3%`; what is neither none nor all is not shown as 0% or 100%."""
    least = 10.0**-digits / 100
    if 0 < share < least / 2:
        return f"<{least:.{digits}%}"
    if 1 - least / 2 < share < 1:
        return f">{1 - least:.{digits}%}"
    return f"{share:.{digits}%}"


def counted(number: int, thing: str) -> str:
    """Return `1 shard`, `2 shards`, `1,000 shards`."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def time_range(ends: Sequence[Any]) -> str:
    """Return `2023-01-04 to 2024-12-28` for the first and last time of a log, as its report has them.

    Texts are ISO 8601 in UTC; numbers that are of the size of instants since 1970 are shown as dates too, others as
    they are. A range of two days or less is shown with the time of day.
    """
    return " to ".join(times(ends))


def times(values: Sequence[Any]) -> list[str]:
    """Return some times of one log as people read them, see `time_range`."""
    try:
        moments = [_moment(value, max(values)) for value in values]
    except (OverflowError, ValueError):  # no date that a calendar has, or no date at all
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
