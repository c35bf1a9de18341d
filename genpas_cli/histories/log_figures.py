"""Figures that `ingest` computes while rows pass through: lengths, splits, ties, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.histories.history import History, same_as_previous
from genpas_cli.histories.split import TEST, TRAIN, VALIDATION, TieCounts
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.text.wording import times
from genpas_cli.store.records import ColdCounts, SplitCounts
from genpas_cli.store.schema import USER_LENGTHS, USER_TARGETS

_TIME_UNITS: dict[str, Literal["us", "ns"]] = {"TIMESTAMP": "us", "TIMESTAMP_NS": "ns"}


@dataclass(frozen=True)
class RowFigures:
    """Counts of the rows of some whole users."""

    rows: int
    targets: NDArray[np.int64]
    """Number of rows per split code (4,)."""
    parts: NDArray[np.int64]
    """Number of rows per split code (4,), before any row was marked UNUSED."""
    cold: NDArray[np.int64]
    """Number of targets per split code (4,) that were left out because their item is cold."""
    ties: TieCounts
    times: tuple[Any, Any]
    """First and last time in the unit of the column; (inf, -inf) without times."""

    @classmethod
    def of(
        cls, history: History, codes: NDArray[np.uint8], targets: NDArray[np.uint8], warm: NDArray[np.uint8]
    ) -> RowFigures:  # fmt: skip
        """Count rows.

        Args:
            history: rows of whole users.
            codes: uint8, their splits before any is marked UNUSED.
            targets: uint8, after interactions that are not evaluated are marked UNUSED.
            warm: uint8, after cold targets are marked UNUSED too.
        """
        times = (
            (math.inf, -math.inf) if history.time is None else (history.time.min().item(), history.time.max().item())
        )
        before = np.bincount(codes, minlength=4)
        after = before if targets is codes else np.bincount(targets, minlength=4)
        left = after if warm is targets else np.bincount(warm, minlength=4)
        return cls(len(history), left, before, np.maximum(after - left, 0), TieCounts.of(history, codes), times)

    @classmethod
    def total(cls, each: Sequence[RowFigures]) -> RowFigures:
        """Return the sum of the counts."""
        none = np.zeros(4, np.int64)
        targets, parts, cold = (
            sum((getattr(one, name) for one in each), none) for name in ("targets", "parts", "cold")
        )  # fmt: skip
        first, last = zip(*(one.times for one in each), strict=True) if each else ((math.inf,), (-math.inf,))
        ties = TieCounts.total([one.ties for one in each])
        return cls(sum(one.rows for one in each), targets, parts, cold, ties, (min(first), max(last)))


def user_lengths(history: History, codes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], ...]:
    """Return the numbers of all, training and validation rows per user, int32 (users,) each."""
    starts = history.starts
    train, validation = (np.add.reduceat(codes == code, starts, dtype=np.int32) for code in (TRAIN, VALIDATION))
    return np.diff(np.append(starts, len(history))).astype(np.int32), train, validation


def user_targets(history: History, targets: NDArray[np.uint8]) -> tuple[NDArray[np.int32], ...]:
    """Return the numbers of validation and test targets per user, int32 (users,) each; none has no input."""
    has_input = same_as_previous(history.user)
    return tuple(
        np.add.reduceat((targets == code) & has_input, history.starts, dtype=np.int32) for code in (VALIDATION, TEST)
    )


@dataclass(frozen=True)
class LogFigures:
    """Figures of a whole log."""

    time_type: str | None
    """SQL type of the times; None without times."""
    by_user: NDArray[np.int32]
    """Numbers of all, training and validation rows per user, by final user number less 1, (3, users); (5, users) with
    the numbers of validation and test targets if the rows of the store say which they are."""
    rows: RowFigures

    def lengths(self) -> pa.Table:
        """Return a table of num and the columns of numbers of a store's users (int32), one row per user."""
        names = (*USER_LENGTHS, *USER_TARGETS)[: len(self.by_user)]
        numbers = np.arange(1, self.by_user.shape[1] + 1, dtype=np.int32)
        return pa.table({"num": numbers, **dict(zip(names, self.by_user, strict=True))})

    def split_counts(self) -> SplitCounts:
        """Return the counts of training interactions, validation and test targets, and users with training only."""
        train, validation, test = (int(self.rows.targets[code]) for code in (TRAIN, VALIDATION, TEST))
        alone = int(((self.by_user[0] == self.by_user[1]) & (self.by_user[0] > 0)).sum())
        return {"train": train, "validation": validation, "test": test, "users_in_train_only": alone}

    def cold(self) -> ColdCounts:
        """Return the numbers of validation and test targets that were left out because their item is cold."""
        return {"validation": int(self.rows.cold[VALIDATION]), "test": int(self.rows.cold[TEST])}

    def check_split(self, split: str, bounds: Sequence[Any], possible: Callable[[], str | None]) -> None:
        """Raise DataError if a split by time leaves a part empty; `bounds`: first times of validation and of test."""
        if self.time_type is not None:
            check_parts(split, self.rows.parts, [*bounds, *self.rows.times], self.time_type, possible)

    def nothing_held_out(self) -> bool:
        """Tell whether all interactions are in the training part."""
        return self.rows.rows == int(self.rows.parts[TRAIN])

    def time_range(self) -> list[Any] | None:
        """Return the first and last time as JSON values, see `iso_time`; None without times."""
        return None if self.time_type is None else [iso_time(end, self.time_type) for end in self.rows.times]


def iso_time(time: Any, time_type: str) -> Any:
    """Return a time as a JSON value: timestamps as ISO 8601 in UTC without trailing zeros, other times as they are."""
    if (unit := _TIME_UNITS.get(time_type)) is None:
        return time
    whole, _, fraction = str(np.datetime64(int(time), unit)).partition(".")
    return f"{whole}.{fraction.rstrip('0')}" if fraction.strip("0") else whole


def split_at(bounds: Sequence[Any], time_type: str) -> str:
    """Return the value of `--split` with these first times of validation and of test."""
    return f"time:{','.join(str(iso_time(time, time_type)) for time in bounds)}"


def check_parts(
    split: str, counts: NDArray[np.int64], ends: Sequence[Any], time_type: str, possible: Callable[[], str | None]
) -> None:
    """Raise DataError if a split by time leaves one of the three parts empty.

    Args:
        split: as given.
        counts: number of rows per split code.
        ends: first times of validation and of test, or of test alone, then first and last time of the log.
        time_type: SQL type of the times.
        possible: returns a split that leaves no part empty; None if the log has too few different times.
    """
    train, validation, test = (int(counts[code]) for code in (TRAIN, VALIDATION, TEST))
    held_out = validation + test
    if train and validation and test:
        return
    lacks = "no interactions would be held out" if not held_out else "no interactions would be left for training"
    if train and held_out:
        lacks = f"the {'test' if validation else 'validation'} split would be empty"
    *bounds, first, last = times([iso_time(end, time_type) for end in ends])
    parts = [(train, f"before {bounds[0]}"), (validation, f"from {bounds[0]} to {bounds[-1]}"),
             (test, f"from {bounds[-1]} on")]  # fmt: skip
    if len(bounds) == 1:
        parts = [(train + validation, f"before {bounds[0]}"), (test, f"from {bounds[0]} on")]
    where = ", ".join(f"{rows:,} {when}" for rows, when in parts)
    raise DataError(
        f"--split {split}: {lacks}. The log has {where}; its timestamps are {first} to {last}",
        tip="The log has fewer than three different timestamps. Hold out the last interactions of each user instead: "
        "--split leave-one-out"
        if (other := possible()) is None
        else "Choose two times (or quantiles, such as time:0.8,0.9) with interactions before, between and after them, "
        f"for example: --split {other}",
    )
