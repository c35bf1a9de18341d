"""Detects the unit of plain numbers that are times since 1970: seconds, milli-, micro- or nanoseconds.

The size of a number tells its unit: instants from 1979 to 2103 have ranges in the four units that do not overlap and
have wide gaps between them. Smaller numbers are counters, or times since another epoch.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_FIRST, _LAST = 3 * 10**8, 42 * 10**8
"""Range of seconds since 1970 that are taken for an instant: July 1979 to February 2103."""

_MOST = 0.9

# (lower bound, index of the unit) if no value is in a unit's range: 10^11 and more are not seconds of this millennium.
_BY_SIZE = ((1e17, 3), (1e14, 2), (1e11, 1), (0.0, 0))


class Unit(NamedTuple):
    """A unit of times since 1970."""

    name: str
    a_second: int
    """Number of units per second."""

    @property
    def first(self) -> int:
        """The smallest number that is taken for an instant in this unit."""
        return _FIRST * self.a_second

    @property
    def last(self) -> int:
        """The largest number that is taken for an instant in this unit."""
        return _LAST * self.a_second


UNITS = (
    Unit("seconds", 1),
    Unit("milliseconds", 10**3),
    Unit("microseconds", 10**6),
    Unit("nanoseconds", 10**9),
)


@dataclass(frozen=True)
class UnitCounts:
    """Numbers of times in the range of each unit, and in the gaps between the ranges."""

    in_unit: tuple[int, ...]
    """One count per unit, in the order of `UNITS`."""
    between: tuple[int, ...]
    """One count per gap: between seconds and milliseconds, and so on."""
    total: int
    """Number of all times."""
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
        """Return the units that occur, the most frequent one first, if there are several; else an empty tuple.

        Two ranges do not mean two units if the gap between them has at least as many values as the rarer one (a counter
        that grew across it), or if they are more than a factor of 1,000 apart and less than 90% of all values are in a
        unit's range (numbers that are not times).
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
        """Return the unit of most times; if none is in a unit's range, the unit by the size of the largest."""
        if any(self.in_unit):
            return UNITS[max(range(len(UNITS)), key=self.in_unit.__getitem__)]
        return UNITS[next(n for bound, n in _BY_SIZE if self.largest >= bound)]


def spans() -> list[tuple[int, int]]:
    """Return the (first, last) numbers of each unit, then of each gap, for `counts_in`."""
    ranges = [(unit.first, unit.last) for unit in UNITS]
    return ranges + [(before.last + 1, after.first - 1) for before, after in pairwise(UNITS)]


def counts_in(found: Sequence[int], total: int, largest: float) -> UnitCounts:
    """Return the UnitCounts of the numbers of times in each of `spans`, their total and largest absolute value."""
    return UnitCounts(tuple(found[: len(UNITS)]), tuple(found[len(UNITS) :]), total, largest)


def unit_of(value: float) -> Unit | None:
    """Return the unit whose range contains a number; None for any other number."""
    return next((unit for unit in UNITS if unit.first <= value <= unit.last), None)


def as_date(value: float, unit: Unit) -> str:
    """Return the UTC date of a number in this unit, as ISO 8601."""
    return str(moment_of(value, unit).date())


def moment_of(value: float, unit: Unit) -> dt.datetime:
    """Return the UTC instant of a number in this unit, truncated to seconds, without a time zone."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=int(value // unit.a_second))  # noqa: DTZ001  # UTC, as in a store


def units_a_second(time_type: str, counts: UnitCounts | None) -> int:
    """Return the number of units per second of a time column, by its type, or for plain numbers by `counts`."""
    if time_type == "TIMESTAMP":
        return 10**6
    if time_type == "TIMESTAMP_NS":
        return 10**9
    assert counts is not None  # plain numbers have been counted
    return counts.unit().a_second


def time_after(time: float) -> int | float:
    """Return the smallest int or float greater than a time."""
    return time + 1 if isinstance(time, int) else math.nextafter(time, math.inf)


def border_places(times: int) -> tuple[int, int] | None:
    """Return 0-based indices of the first validation and test time among `times` distinct times; None below three.

    About 80% of the times are for training, 10% each for validation and test.
    """
    if times < 3:  # noqa: PLR2004  # training, validation and test
        return None
    first = max(min(times * 4 // 5, times - 2), 1)
    return first, max(times * 9 // 10, first + 1)
