"""Which unit plain numbers count that are times since 1970: seconds, milliseconds, microseconds or nanoseconds.

A number tells its unit by its size: instants from 1979 to 2103 lie in ranges that do not overlap, and a wide gap lies
between any two of them. Smaller numbers are counters, or count some unit since another moment.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_FIRST, _LAST = 3 * 10**8, 42 * 10**8
"""Seconds since 1970 that are taken for an instant: July 1979 to February 2103."""

_MOST = 0.9

# Where no value lies in a range above: numbers of the size of 10^11 and more are no seconds of this millennium.
_BY_SIZE = ((1e17, 3), (1e14, 2), (1e11, 1), (0.0, 0))


class Unit(NamedTuple):
    """What a time counts since 1970."""

    name: str
    a_second: int
    """How many of it make a second."""

    @property
    def first(self) -> int:
        """The smallest number that is taken for an instant in this unit."""
        return _FIRST * self.a_second

    @property
    def last(self) -> int:
        """The largest such number."""
        return _LAST * self.a_second


UNITS = (
    Unit("seconds", 1),
    Unit("milliseconds", 10**3),
    Unit("microseconds", 10**6),
    Unit("nanoseconds", 10**9),
)


@dataclass(frozen=True)
class UnitCounts:
    """How many times lie in the range of each unit, and in the gaps between the ranges."""

    in_unit: tuple[int, ...]
    """One number per unit, as `UNITS`."""
    between: tuple[int, ...]
    """One number per gap: between seconds and milliseconds, and so on."""
    total: int
    """All times."""
    largest: float
    """Largest absolute value; 0 without any time."""

    def __add__(self, other: UnitCounts) -> UnitCounts:
        return UnitCounts(
            tuple(map(sum, zip(self.in_unit, other.in_unit, strict=True))),
            tuple(map(sum, zip(self.between, other.between, strict=True))),
            self.total + other.total,
            max(self.largest, other.largest),
        )

    def mixed(self) -> tuple[Unit, ...]:
        """Return the units that occur, the most frequent one first, if there are several; else nothing.

        A counter that grows from the range of one unit into that of another has values in the gap too. Numbers that
        are no times at all may lie anywhere: units that are further apart than a thousand need most times in them.
        """
        found = [n for n, count in enumerate(self.in_unit) if count]
        for low, high in pairwise(found):
            passed = sum(self.between[low:high])
            if passed and passed >= min(self.in_unit[low], self.in_unit[high]):
                return ()
            if high - low > 1 and sum(self.in_unit) < _MOST * self.total:
                return ()
        order = sorted(found, key=lambda n: -self.in_unit[n])
        return tuple(UNITS[n] for n in order) if len(found) > 1 else ()

    def unit(self) -> Unit:
        """Return the unit of most times; where none lies in a range, that of the largest by its size."""
        if any(self.in_unit):
            return UNITS[max(range(len(UNITS)), key=self.in_unit.__getitem__)]
        return UNITS[next(n for bound, n in _BY_SIZE if self.largest >= bound)]


def spans() -> list[tuple[int, int]]:
    """Return first and last number of each unit, then of the gaps between them: what `UnitCounts` counts."""
    ranges = [(unit.first, unit.last) for unit in UNITS]
    return ranges + [(before.last + 1, after.first - 1) for before, after in pairwise(UNITS)]


def counts_in(found: Sequence[int], total: int, largest: float) -> UnitCounts:
    """Return the counts of times in each of `spans`, with their total and the largest absolute value."""
    return UnitCounts(tuple(found[: len(UNITS)]), tuple(found[len(UNITS) :]), total, largest)


def unit_of(value: float) -> Unit | None:
    """Return the unit in whose range a number lies; None for any other number."""
    return next((unit for unit in UNITS if unit.first <= value <= unit.last), None)


def as_date(value: float, unit: Unit) -> str:
    """Return the date (UTC) that a number of this unit means."""
    return str(moment_of(value, unit).date())


def moment_of(value: float, unit: Unit) -> dt.datetime:
    """Return the moment (UTC) that a number of this unit means, to the second."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=int(value // unit.a_second))  # noqa: DTZ001  # UTC, as in a store


def units_a_second(time_type: str, counts: UnitCounts | None) -> int:
    """Return how many units of a time column make a second: by its type, for plain numbers by `counts`."""
    if time_type == "TIMESTAMP":
        return 10**6
    if time_type == "TIMESTAMP_NS":
        return 10**9
    assert counts is not None  # plain numbers have been counted
    return counts.unit().a_second


def time_after(time: float) -> int | float:
    """Return the first number after a time."""
    return time + 1 if isinstance(time, int) else math.nextafter(time, math.inf)


def border_places(times: int) -> tuple[int, int] | None:
    """Return where validation and test may begin among so many different times, from 0; None for fewer than three.

    Training has about 80% of them, validation and test 10% each.
    """
    if times < 3:  # noqa: PLR2004  # training, validation and test
        return None
    first = max(min(times * 4 // 5, times - 2), 1)
    return first, max(times * 9 // 10, first + 1)
