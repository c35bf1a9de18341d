"""Tells by the first values of a column whether they look like times, and their resolution."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence

from genpas_cli.runtime.times.readers import calendar_format, is_iso
from genpas_cli.runtime.times.units import UNITS, unit_of

DAY, INSTANT = 0, 1
"""Resolutions of times: days, or seconds and instants. Numbers of milliseconds and finer units rank above INSTANT."""

_MIDNIGHT = re.compile(r"\s*[\d/-]+([T ]0?0:00(:00(\.0+)?)?(\s*(Z|UTC|GMT|[+-]00(:?00)?))?)?\s*", re.IGNORECASE)
_PADDED = re.compile(r"[+-]?0\d")
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
          "%B %d, %Y", "%m %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p")
_WHOLE = ("%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%Y%m%dT%H%M%S", "%Y.%m.%d",
          "%Y.%m.%d %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f")  # fmt: skip
_FORMATS = (*(date + clock for date, clock in itertools.product(_DATES, _CLOCKS)), *_WHOLE)
_LOOKED_AT = 200
"""Maximum number of values that formats are tried on."""


def resolution(values: Sequence[str]) -> int | None:
    """Return the resolution of texts that are recognizable times, else None.

    Recognisable are ISO 8601, integers that are calendar dates, and numbers in one unit since 1970; small numbers and
    times in other formats are not.
    """
    present = [value.strip() for value in values if value.strip()]
    if not present:
        return None
    if all(map(is_iso, present)):
        return DAY if all(map(_MIDNIGHT.fullmatch, present)) else INSTANT
    if time_format := calendar_format(present):
        return DAY if time_format == "%Y%m%d" else INSTANT
    return _of_numbers(present)


def _of_numbers(values: Sequence[str]) -> int | None:
    if any(_PADDED.match(value) for value in values):
        return None  # an id: times as numbers have no leading zeros
    try:
        units = {unit_of(float(value)) for value in values}
    except ValueError:
        return None
    found = units.pop()
    return None if found is None or units else INSTANT + UNITS.index(found)


def likely_formats(values: Sequence[str]) -> list[str]:
    """Return the strptime formats that fit all these texts: two if day and month are ambiguous."""
    present = [value.strip() for value in values if value.strip()][:_LOOKED_AT]
    return [time_format for time_format in _FORMATS if present and all(_fits(v, time_format) for v in present)]


def _fits(value: str, time_format: str) -> bool:
    try:
        dt.datetime.strptime(value, time_format)  # noqa: DTZ007  # the value is not used
    except ValueError:
        return False
    return True
