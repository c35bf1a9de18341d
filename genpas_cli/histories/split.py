"""Splits: which interactions are held out, and how often timestamp ties make that choice arbitrary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from genpas_cli.histories.history import History, same_as_previous
from genpas_cli.runtime.errors import UsageError
from genpas_cli.store.records import TieShares
from genpas_cli.store.splits import Evaluated

TRAIN, VALIDATION, TEST, UNUSED = range(4)
"""Codes of the split column."""

_LEAVE_ONE_OUT_LENGTH = 3
"""Minimum interactions of a user for one in each split."""


@dataclass(frozen=True)
class SplitRule:
    """A parsed split."""

    kind: str
    """`leave-one-out`, `time` or `none`."""
    bounds: tuple[int | float, int | float] | None = None
    """First times of validation and of test, in the unit of the time column (kind `time`)."""
    evaluated: Evaluated = "all"
    """Which of a user's held-out interactions are targets."""


def parse_split(text: str) -> tuple[str, tuple[str, str] | None]:
    """Return the kind of a split, and the two bounds of `time:VALID,TEST` as written, else None.

    Raises:
        UsageError: `text` is not a split.
    """
    if text in ("leave-one-out", "none"):
        return text, None
    kind, _, bounds = text.partition(":")
    parts = tuple(part.strip() for part in bounds.split(","))
    if kind == "time" and len(parts) == 2 and all(parts):  # noqa: PLR2004  # validation and test
        return "time", (parts[0], parts[1])
    if kind == "time" and bounds:
        raise UsageError(
            f"--split is {text!r}; it needs two times, the first of validation and the first of test",
            tip="Examples: --split time:0.8,0.9 or --split time:2024-01-01,2024-02-01",
        )
    raise UsageError(
        f"unknown split {text!r}; it must be leave-one-out, none or time:VALID,TEST",
        tip="Examples: --split time:0.8,0.9 or --split time:2024-01-01,2024-02-01",
    )


def split_codes(history: History, rule: SplitRule) -> NDArray[np.uint8]:
    """Return the split code of each row, uint8; within a user, codes never decrease."""
    codes = np.full(len(history), TRAIN, np.uint8)
    if rule.kind == "leave-one-out":
        starts = history.starts
        ends = np.append(starts[1:], len(history))
        long = ends[ends - starts >= _LEAVE_ONE_OUT_LENGTH]
        codes[long - 1], codes[long - 2] = TEST, VALIDATION
    elif rule.kind == "time":
        assert rule.bounds is not None
        assert history.time is not None
        codes[history.time >= rule.bounds[0]] = VALIDATION
        codes[history.time >= rule.bounds[1]] = TEST
    return codes


def drop_unevaluated(history: History, codes: NDArray[np.uint8], evaluated: Evaluated) -> NDArray[np.uint8]:
    """Return the codes, with held-out interactions that are not targets marked UNUSED.

    A user's very first interaction has no input: with `first`, the next one of its split is the target instead. It
    keeps its code if its split has no other interaction.
    """
    if evaluated == "all":
        return codes
    repeat = same_as_previous(history.user, codes)
    followed = np.append(repeat[1:], np.zeros(min(len(codes), 1), bool))
    extra = followed
    if evaluated == "first":
        begins = ~same_as_previous(history.user) & followed
        extra = begins | (repeat & ~np.append(np.zeros(min(len(codes), 1), bool), begins[:-1]))
    return np.where(extra & (codes != TRAIN), UNUSED, codes).astype(np.uint8)


@dataclass
class TieCounts:
    """Counts of timestamp ties, overall and at the boundaries of the split."""

    events: int = 0
    tied_events: int = 0
    """Events that share user and time with another."""
    users: int = 0
    """Users with held-out interactions."""
    test: int = 0
    """Of these, users whose first test interaction has the time of the one before it."""
    validation: int = 0
    """Of these, users whose first validation interaction has the time of the one before it."""
    either: int = 0
    """Users counted in `test` or `validation`."""

    def add(self, history: History, codes: NDArray[np.uint8]) -> None:
        """Add the rows of some whole users, given their splits before any is marked UNUSED."""
        self.events += len(history)
        self.users += int(np.count_nonzero(np.maximum.reduceat(codes, history.starts) > TRAIN))
        if history.time is None:
            return
        same = same_as_previous(history.user, history.time)
        self.tied_events += int(np.count_nonzero(same) + np.count_nonzero(same[1:] > same[:-1]))
        boundaries = np.flatnonzero(same & (np.diff(codes, prepend=codes[:1]) != 0))
        users, begun = history.user[boundaries], codes[boundaries]
        self.test += int(np.count_nonzero(begun == TEST))
        self.validation += int(np.count_nonzero(begun == VALIDATION))
        self.either += int(np.count_nonzero(~same_as_previous(users)))

    @classmethod
    def of(cls, history: History, codes: NDArray[np.uint8]) -> TieCounts:
        """Count the rows of some whole users, see `add`."""
        ties = cls()
        ties.add(history, codes)
        return ties

    @classmethod
    def total(cls, each: Sequence[TieCounts]) -> TieCounts:
        """Return the sum of the counts."""
        return cls(*(sum(getattr(one, field.name) for one in each) for field in fields(cls)))

    def shares(self) -> TieShares:
        """Return `tied_events` as a share of interactions, the others as shares of users with any held out; 0..1."""
        users = max(self.users, 1)
        return {
            "tied_events": self.tied_events / max(self.events, 1),
            "tied_test": self.test / users,
            "tied_validation": self.validation / users,
            "tied_either": self.either / users,
        }
