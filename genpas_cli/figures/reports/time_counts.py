"""What a pass over a store counts about times: gaps before held-out targets, and lifetimes of users and items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.durations import QUANTILES, Durations
from genpas_cli.figures.distribution.targets import Targets
from genpas_cli.runtime.times.units import unit_of
from genpas_cli.store.sequences import Sequences
from genpas_cli.store.splits import HeldOut

_TYPED_UNITS = {"TIMESTAMP": 10**6, "TIMESTAMP_NS": 10**9}


_NONE: dict[str, float | None] = dict.fromkeys(QUANTILES)


class TimeFigures(NamedTuple):
    """Quantiles by the keys of `QUANTILES`; None without durations, or without times."""

    unit: str | None = None
    """`seconds`; None if the unit of the times is not known, or without times."""
    gaps: Mapping[str, dict[str, float | None]] = dict.fromkeys(("validation", "test"), _NONE)
    """By held-out split: from the last input to the target."""
    users: dict[str, float | None] = _NONE
    """From a user's first interaction to the last one."""
    items: dict[str, float | None] = _NONE
    """From an item's first interaction to the last one."""


class TimeCounts:
    """Counts durations in the sequences of a store with times; memory: 16 bytes per item, and 20 MB.

    Args:
        meta: metadata of the store.
    """

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._units = _units_a_second(meta)
        kind: type = np.float64 if meta["time_type"] == "DOUBLE" else np.int64
        ends = (-np.inf, np.inf) if kind is np.float64 else (np.iinfo(np.int64).min, np.iinfo(np.int64).max)
        items = int(meta["items"])
        self._first: NDArray[Any] = np.full(items + 1, ends[1], kind)
        self._last: NDArray[Any] = np.full(items + 1, ends[0], kind)
        self._kind = kind
        self._users, self._gaps = Durations(), {"validation": Durations(), "test": Durations()}

    def add(self, sequences: Sequences, targets: Mapping[HeldOut, Targets]) -> None:
        """Add the whole sequences of some users.

        Args:
            sequences: with the column `time`.
            targets: the held-out targets in them, by split.
        """
        if not len(sequences.items):
            return
        times = sequences.kept["time"].cast("int64" if self._kind is np.int64 else "float64").to_numpy()
        np.minimum.at(self._first, sequences.items, times)
        np.maximum.at(self._last, sequences.items, times)
        begins, ends = sequences.offsets[:-1], sequences.offsets[1:]
        some = ends > begins
        self._users.add(self._durations(times[begins[some]], times[ends[some] - 1]))
        for split, found in targets.items():
            self._gaps[split].add(self._durations(times[found.at - 1], times[found.at]))

    def _durations(self, begin: NDArray[Any], end: NDArray[Any]) -> NDArray[np.float64]:
        """Return durations, float64; integers are subtracted before they are rounded."""
        durations: NDArray[np.float64] = (end - begin) / np.float64(self._units or 1)
        return durations

    def figures(self) -> TimeFigures:
        """Return the quantiles of all sequences that were added."""
        items, occurs = Durations(), self._first <= self._last
        items.add(self._durations(self._first[occurs], self._last[occurs]))
        return TimeFigures(
            None if self._units is None else "seconds",
            {split: gaps.quantiles() for split, gaps in self._gaps.items()},
            self._users.quantiles(), items.quantiles(),
        )  # fmt: skip


def _units_a_second(meta: Mapping[str, Any]) -> int | None:
    """Return the number of units of the times per second; None if the times are numbers of no known unit."""
    if (typed := _TYPED_UNITS.get(meta["time_type"])) is not None:
        return typed
    first, last = map(unit_of, meta["time_range"])
    return first.a_second if first is not None and first == last else None
