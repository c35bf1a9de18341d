"""Splits: which interactions are held out, and how often timestamp ties make that choice arbitrary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.histories.history import History, Mask, same_as_previous
from genpas_cli.histories.instants import as_quantile
from genpas_cli.histories.user_keys import Keys, chosen_number, hashed
from genpas_cli.runtime.errors import UsageError
from genpas_cli.store.records import TieShares
from genpas_cli.store.splits import Evaluated

TRAIN, VALIDATION, TEST, UNUSED = range(4)
"""Codes of the split column."""

_TIMES = "Examples: --split time:0.8,0.9 or --split time:2024-01-01,2024-02-01"


class GivenSplit(NamedTuple):
    """What the text of `--split` says."""

    kind: str
    """`leave-out`, `time`, `users` or `none`."""
    bounds: tuple[str, ...] | None = None
    """Of kind `time`: the first times of validation and of test, or of test alone, as written."""
    last: int = 1
    """Of kind `leave-out`: number of last interactions of each user that are for test, and of those before them that
    are for validation."""
    share: Fraction | None = None
    """Of kind `users`: the share of the users held out for test, and that of those held out for validation."""


@dataclass(frozen=True)
class SplitRule:
    """A parsed split."""

    kind: str
    """See `GivenSplit`."""
    bounds: tuple[int | float, ...] | None = None
    """First times of validation and of test, or of test alone, in the unit of the time column (kind `time`)."""
    evaluated: Evaluated = "all"
    """Which of a user's held-out interactions are targets."""
    last: int = 1
    """See `GivenSplit`."""
    share: Fraction | None = None
    """See `GivenSplit`."""

    @property
    def needs_keys(self) -> bool:
        """Whether users or targets are chosen at random, by the keys of users."""
        return self.share is not None or self.evaluated == "random"


def parse_split(text: str) -> GivenSplit:
    """Return what the text of `--split` says.

    Raises:
        UsageError: `text` is not a split.
    """
    if text == "none":
        return GivenSplit("none")
    if text == "leave-one-out":
        return GivenSplit("leave-out")
    kind, _, value = text.partition(":")
    parts = tuple(part.strip() for part in value.split(","))
    if kind == "leave-n-out" and value.strip().isdecimal() and int(value) > 0:
        return GivenSplit("leave-out", last=int(value))
    if kind == "time" and len(parts) in (1, 2) and all(parts):
        return GivenSplit("time", parts)
    if kind == "users" and (share := as_quantile(value.strip())) is not None and 2 * share < 1:
        return GivenSplit("users", share=share)
    if kind == "users":
        raise UsageError(
            f"--split is {text!r}; it needs the share of the users held out for test, above 0 and below 0.5: the same "
            "share is held out for validation",
            tip="For example, 10% of the users for test and 10% for validation: --split users:0.1",
        )
    if kind == "leave-n-out":
        raise UsageError(
            f"--split is {text!r}; it needs a number of interactions per user, 1 or more",
            tip="For example, the last 2 for test and the 2 before them for validation: --split leave-n-out:2",
        )
    if kind == "time" and value:
        raise UsageError(
            f"--split is {text!r}; it needs two times, the first of validation and the first of test, or the first of "
            "test alone",
            tip=_TIMES,
        )
    raise UsageError(
        f"unknown split {text!r}; it must be leave-one-out, leave-n-out:N, time:VALID,TEST, time:TEST, users:SHARE "
        "or none",
        tip=_TIMES,
    )


def split_codes(history: History, rule: SplitRule, keys: Keys | None = None) -> NDArray[np.uint8]:
    """Return the split code of each row, uint8; within a user, codes never decrease.

    Args:
        history: rows of whole users.
        rule: the split.
        keys: uint64, keys of all users by their number in the history; None unless the rule needs them.
    """
    codes = np.full(len(history), TRAIN, np.uint8)
    if rule.kind == "leave-out":
        from_end = history.ends - np.arange(len(history))
        has_enough = history.lengths > 2 * rule.last
        codes[has_enough & (from_end <= 2 * rule.last)] = VALIDATION
        codes[has_enough & (from_end <= rule.last)] = TEST
    elif rule.kind == "time":
        assert rule.bounds is not None
        assert history.time is not None
        if len(rule.bounds) > 1:
            codes[history.time >= rule.bounds[0]] = VALIDATION
        codes[history.time >= rule.bounds[-1]] = TEST
        if len(rule.bounds) == 1:
            codes[_last_of_training(history, codes)] = VALIDATION
    elif rule.kind == "users":
        assert rule.share is not None
        assert keys is not None
        codes = user_codes(keys[history.user], rule.share)
    return codes


def user_codes(keys: Keys, share: Fraction) -> NDArray[np.uint8]:
    """Return the split code of all interactions of each user, uint8, given their keys and the share of `users:SHARE`.

    Users that are held out for test with some share are so with every larger share too.
    """
    # A hash of its own, so that `--eval random` does not prefer early interactions of the users with small keys.
    numbers, below = hashed(keys, TRAIN), np.uint64(share * 2**64)
    codes = np.full(len(keys), TRAIN, np.uint8)
    codes[numbers < below * np.uint64(2)] = VALIDATION
    codes[numbers < below] = TEST
    return codes


def _last_of_training(history: History, codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the index of the last training row of each user who has two or more."""
    counts = np.add.reduceat(codes == TRAIN, history.starts, dtype=np.int64)
    has_two = counts > 1
    return history.starts[has_two] + counts[has_two] - 1


def drop_unevaluated(
    history: History, codes: NDArray[np.uint8], evaluated: Evaluated, keys: Keys | None = None
) -> NDArray[np.uint8]:
    """Return the codes, with held-out interactions that are not targets marked UNUSED.

    A user's very first interaction has no input: with `first` and `random`, another one of its split is the target. It
    keeps its code if its split has no other interaction.

    Args:
        history: rows of whole users.
        codes: uint8, see `split_codes`.
        evaluated: which of a user's held-out interactions are targets.
        keys: see `split_codes`.
    """
    if evaluated == "all":
        return codes
    repeat = same_as_previous(history.user, codes)
    followed = np.append(repeat[1:], np.zeros(min(len(codes), 1), bool))
    extra = followed
    if evaluated == "first":
        begins = ~same_as_previous(history.user) & followed
        extra = begins | (repeat & ~np.append(np.zeros(min(len(codes), 1), bool), begins[:-1]))
    elif evaluated == "random":
        assert keys is not None
        extra = ~_random_targets(history, codes, keys)
    return np.where(extra & (codes != TRAIN), UNUSED, codes).astype(np.uint8)


def _random_targets(history: History, codes: NDArray[np.uint8], keys: Keys) -> Mask:
    """Return the mask of one row of each user and split that has an input; of the only row if that has none."""
    starts = np.flatnonzero(~same_as_previous(history.user, codes))
    ends = np.append(starts[1:], len(codes))
    user, is_first = history.user[starts], ~same_as_previous(history.user)[starts]
    first = np.minimum(starts + is_first, ends - 1)
    chosen = np.zeros(len(codes), bool)
    chosen[first + chosen_number(keys[user], codes[starts].astype(np.int64), ends - first)] = True
    return chosen


def drop_cold(history: History, targets: NDArray[np.uint8], trained: Mask) -> NDArray[np.uint8]:
    """Return the codes, with held-out targets whose item never occurs in training marked UNUSED.

    A user's very first interaction is no target, so it keeps its code.

    Args:
        history: rows of whole users.
        targets: uint8, codes after `drop_unevaluated`.
        trained: bool by item number of the history: whether the item occurs in training.
    """
    cold = (targets != TRAIN) & ~trained[history.item] & same_as_previous(history.user)
    return np.where(cold, UNUSED, targets).astype(np.uint8)


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
