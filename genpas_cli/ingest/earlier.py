"""The properties of a store that a log appended to it must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genpas_cli.runtime.times.units import UnitCounts


@dataclass(frozen=True)
class EarlierLog:
    """The log that a store was made from."""

    name: str
    """Name of the store in error messages."""
    times: UnitCounts | None
    """Units of its times if they are plain numbers, else None."""
    types: Mapping[str, str]
    """Column name → type, for the columns of `--keep` and `--where`."""
