"""What `ingest` counts of a log while its rows pass: lengths, splits, ties, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.ingest.passes.histories import History, Mask
from genpas_cli.ingest.passes.numbering import Numbers
from genpas_cli.ingest.passes.split import TEST, TRAIN, VALIDATION, Ties
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.wording import times

_TIME_UNITS: dict[str, Literal["us", "ns"]] = {"TIMESTAMP": "us", "TIMESTAMP_NS": "ns"}


class LogFigures:
    """Figures of the rows that are added.

    Args:
        time_type: SQL type of their times; None without.

    Attributes:
        ties: events whose place their times do not decide.
        interactions: rows.
    """

    def __init__(self, time_type: str | None) -> None:
        self._time_type = time_type
        self._lengths: list[tuple[NDArray[np.int32], ...]] = []
        self._counts, self._parts = np.zeros((2, 4), np.int64)
        self._low, self._high = math.inf, -math.inf
        self._alone = 0
        self.ties = Ties()
        self.interactions = 0

    def add(self, history: History, codes: NDArray[np.uint8], targets: NDArray[np.uint8], users: Numbers) -> None:
        """Count the rows of some whole users, given their splits, before and after any is marked UNUSED."""
        self.ties.add(history, codes)
        starts = history.starts()

        def per_user(mask: Mask) -> NDArray[np.int32]:
            return np.add.reduceat(mask, starts, dtype=np.int32)

        train, total = per_user(codes == TRAIN), np.diff(np.append(starts, len(history))).astype(np.int32)
        number = users.by_provisional[history.user[starts]]
        self._lengths.append((number, total, train, per_user(codes == VALIDATION)))
        self._counts += np.bincount(targets, minlength=4)
        self._parts += np.bincount(codes, minlength=4)
        self._alone += int((train == total).sum())
        self.interactions += len(history)
        if history.time is not None:
            self._low = min(self._low, history.time.min().item())
            self._high = max(self._high, history.time.max().item())

    def lengths(self, users: int) -> pa.Table:
        """Hand out, once, (num, length, train_length, validation_length) of users 1..`users`, int32, 0 for none."""
        table = np.zeros((3, users), np.int32)
        while self._lengths:  # given back as they are entered: they are as large as the table
            number, *values = self._lengths.pop()
            table[:, number - 1] = values
        names = ("length", "train_length", "validation_length")
        return pa.table({"num": np.arange(1, users + 1, dtype=np.int32), **dict(zip(names, table, strict=True))})

    def split_counts(self) -> dict[str, int]:
        """Return interactions in train, targets in validation and test, and users without anything held out."""
        train, validation, test = (int(self._counts[code]) for code in (TRAIN, VALIDATION, TEST))
        return {"train": train, "validation": validation, "test": test, "users_in_train_only": self._alone}

    def check_split(self, split: str, bounds: Sequence[Any], possible: Callable[[], str | None]) -> None:
        """Raise DataError if a split by time leaves one of the three parts empty.

        Args:
            split: as given.
            bounds: first times of validation and of test.
            possible: gives a split that would leave none empty; None if the log has too few different times.
        """
        if self._time_type is not None:
            check_parts(split, self._parts, [*bounds, self._low, self._high], self._time_type, possible)

    def nothing_held_out(self) -> bool:
        """Tell whether all interactions are for training."""
        return self.interactions == int(self._parts[TRAIN])

    def time_range(self) -> list[Any] | None:
        """Return first and last time as JSON holds them: numbers, or ISO 8601 in UTC."""
        if self._time_type is None:
            return None
        return [iso_time(end, self._time_type) for end in (self._low, self._high)]


def iso_time(time: Any, time_type: str) -> Any:
    """Return a time as JSON holds it: a number; of timestamps ISO 8601 in UTC, without a fraction of zeros."""
    if (unit := _TIME_UNITS.get(time_type)) is None:
        return time
    whole, _, fraction = str(np.datetime64(int(time), unit)).partition(".")
    return f"{whole}.{fraction.rstrip('0')}" if fraction.strip("0") else whole


def split_at(bounds: Sequence[Any], time_type: str) -> str:
    """Return the split by time with these first times of validation and of test, as `--split` takes it."""
    return f"time:{','.join(str(iso_time(time, time_type)) for time in bounds)}"


def check_parts(
    split: str, counts: NDArray[np.int64], ends: Sequence[Any], time_type: str, possible: Callable[[], str | None]
) -> None:
    """Raise DataError if a split by time leaves one of the three parts empty.

    Args:
        split: as given.
        counts: rows of each part, by their code.
        ends: first times of validation and of test, then first and last time of all.
        time_type: of the times.
        possible: gives a split that would leave none empty; None if the log has too few different times.
    """
    train, validation, test = (int(counts[code]) for code in (TRAIN, VALIDATION, TEST))
    held_out = validation + test
    if train and validation and test:
        return
    lacks = "nothing is held out" if not held_out else "there is nothing to train on"
    if train and held_out:
        lacks = f"the {'test' if validation else 'validation'} part is empty"
    low, high, first, last = times([iso_time(end, time_type) for end in ends])
    raise DataError(
        f"--split {split}: {lacks}: of {counts.sum():,} interactions, {train:,} are before the first bound and "
        f"{held_out:,} are not ({validation:,} from {low} on, {test:,} from {high} on); the log's times are {first} to "
        f"{last}",
        tip="The log has fewer than three different times; hold out the last interactions of each user: --split "
        "leave-one-out"
        if (other := possible()) is None
        else "Give two times with interactions before, between and after them (quantiles: time:0.8,0.9), "
        f"for example: --split {other}",
    )
