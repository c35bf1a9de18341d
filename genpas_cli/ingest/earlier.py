"""What a log that is appended to a store must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genpas_cli.runtime.time_units import UnitCounts


@dataclass(frozen=True)
class EarlierLog:
    """The log that a store was made of."""

    name: str
    """What errors call the store."""
    times: UnitCounts | None
    """Units of its times, where these are plain numbers."""
    types: Mapping[str, str]
    """Types that the columns of `--keep` and `--where` had, by name."""
