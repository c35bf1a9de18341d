"""Natural order of file names: numbers in them are compared as numbers, so that `day_2` comes before `day_10`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(parts: Sequence[str]) -> tuple[list[list[str | int]], Sequence[str]]:
    """Return the sort key of the parts of a path; equal numbers with different leading zeros are ordered as text."""
    # Texts and numbers alternate, so that numbers are compared with numbers only.
    return [[int(each) if n % 2 else each for n, each in enumerate(_DIGITS.split(part))] for part in parts], parts


def path_order(path: str) -> tuple[list[list[str | int]], Sequence[str]]:
    """Return the sort key of a path with slashes.

    The shards of a data set are then in the order of epoch, split and number: `epoch-101` comes before `epoch-1000`.
    """
    return natural_key(path.split("/"))
