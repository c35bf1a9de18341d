"""What the first values of a column say about it: whether they look like times, and how fine they are."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence

from genpas_cli.ingest.columns.times import calendar_format, is_iso
from genpas_cli.runtime.time_units import UNITS, unit_of

DAY, INSTANT = 0, 1
"""How fine times are: days, or moments. Numbers that count milliseconds and less are finer still."""

_MIDNIGHT = re.compile(r"\s*[\d/-]+([T ]0?0:00(:00(\.0+)?)?(\s*(Z|UTC|GMT|[+-]00(:?00)?))?)?\s*", re.IGNORECASE)
_PADDED = re.compile(r"[+-]?0\d")
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
          "%B %d, %Y", "%m %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y")  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p")
_WHOLE = ("%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%Y%m%dT%H%M%S", "%Y.%m.%d",
          "%Y.%m.%d %H:%M:%S", "%Y-%m-%d %H:%M:%S,%f")  # fmt: skip
_FORMATS = (*(date + clock for date, clock in itertools.product(_DATES, _CLOCKS)), *_WHOLE)
_LOOKED_AT = 200
"""Values that formats are tried on."""


def resolution(values: Sequence[str]) -> int | None:
    """Return how fine the times are that these texts are, or None if they are no times that tell themselves.

    ISO 8601, integers that are calendar dates, and numbers that are instants since 1970 tell themselves; small numbers
    and times of another format do not.
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
        return None  # an id: a number of seconds has no zeros before it
    try:
        units = {unit_of(float(value)) for value in values}
    except ValueError:
        return None
    found = units.pop()
    return None if found is None or units else INSTANT + UNITS.index(found)


def likely_formats(values: Sequence[str]) -> list[str]:
    """Return the strptime formats in which all these texts are dates: two where it is open which is day and month."""
    present = [value.strip() for value in values if value.strip()][:_LOOKED_AT]
    return [time_format for time_format in _FORMATS if present and all(_fits(v, time_format) for v in present)]


def _fits(value: str, time_format: str) -> bool:
    try:
        dt.datetime.strptime(value, time_format)  # noqa: DTZ007  # only whether it fits
    except ValueError:
        return False
    return True
