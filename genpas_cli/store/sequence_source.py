"""The interface through which cutting reads users: the lengths of their sequences, their targets and items.

A store provides it for all users; an engine without a store, for the users of one shard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.user_targets import TargetPool, TargetRun, UserTargets, training_targets_of
from genpas_cli.store.sequences import Sequences, Spans
from genpas_cli.store.splits import HeldOut, InOrder, Split

USERS_A_READ = 1 << 17


class Lengths(NamedTuple):
    """The split lengths of a run of users: int64 arrays, one entry per user."""

    train: NDArray[np.int64]
    """Training interactions, which come first."""
    validation: NDArray[np.int64]
    """Interactions held out for validation, whether targets or not, which come next."""
    total: NDArray[np.int64]
    """All interactions; the rest belongs to the test split."""

    def held_out(self, split: HeldOut, evaluated: InOrder) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (position of the first target, number of targets) of each user: consecutive positions, from 2 on.

        Args:
            split: which held-out split.
            evaluated: which of a user's held-out interactions are targets; an interaction without any before it never
                is, as it has no input.
        """
        first, last = {
            "validation": (self.train + 1, self.train + self.validation),
            "test": (self.train + self.validation + 1, self.total),
        }[split]
        first = np.maximum(first, 2)
        low, high = {
            "all": (first, last),
            "first": (first, np.minimum(first, last)),
            "last": (np.maximum(first, last), last),
        }[evaluated]
        return low, np.maximum(high - low + 1, 0)


def possible_targets(split: Split, lengths: Lengths, evaluated: InOrder) -> UserTargets:
    """Return the targets of users in a split, when their lengths tell them and no condition restricts them.

    Args:
        split: which split.
        lengths: of the users.
        evaluated: see `Lengths.held_out`.
    """
    if split == "train":
        return training_targets_of(lengths.train)
    low, count = lengths.held_out(split, evaluated)
    return UserTargets(count, low)


class SequenceSource(ABC):
    """Sequences of users, numbered from 0."""

    @abstractmethod
    def lengths(self, first: int, last: int, rows: int) -> Iterator[Lengths]:
        """Yield the lengths of the 0-based users first..last, in chunks of exactly `rows` users (the last: fewer)."""

    @abstractmethod
    def user_targets(self, split: Split, first: int, lengths: Lengths) -> UserTargets:
        """Return the targets of a split that the users of a run have, given the first user and their lengths."""

    def target_counts(self, split: Split, first: int, lengths: Lengths) -> NDArray[np.int64]:
        """Return each user's number of targets in a split, given the first user of a run and their lengths."""
        return self.user_targets(split, first, lengths).counts

    def target_pool(self, split: Split, first: int, lengths: Lengths) -> TargetPool:
        """Return the targets of the users of a run, to be read in parts that fit into memory.

        Args:
            split: of which split.
            first: 0-based first user of the run.
            lengths: of the users of the run.
        """
        targets = self.user_targets(split, first, lengths)
        return TargetPool(lambda users: iter((TargetRun(slice(0, len(users)), first, targets),)))

    @abstractmethod
    def spans(
        self, first: int, lengths: NDArray[np.int64], spans: Spans, kept: list[str], *, train_only: bool
    ) -> Sequences:  # fmt: skip
        """Read spans of the sequences of a run of consecutive users; only these are held in memory.

        Args:
            first: 0-based first user of the run.
            lengths: int64, length of each user of the run (the training length, where only that is read).
            spans: what to read.
            kept: names of kept columns to read beside the items.
            train_only: read only the training interactions.

        Raises:
            IntegrityError: the rows do not follow the lengths.
        """

    def runs(
        self, through: Split, interactions: int, *, first: int, last: int, kept: Sequence[str] = ()
    ) -> Iterator[tuple[Lengths, Sequences]]:
        """Yield whole sequences with their lengths, in runs of users.

        Args:
            through: the last split to include.
            interactions: approximate number per run; a single user may have more.
            first: 0-based first user.
            last: last user.
            kept: names of kept columns to read beside the items.
        """
        for chunk in self.lengths(first, last, USERS_A_READ):
            runs = np.flatnonzero(np.diff(np.cumsum(chunk.total) // interactions)) + 1
            for part in zip(*(np.split(column, runs) for column in chunk), strict=True):
                lengths = Lengths(*part)
                yield lengths, self._histories_of(first, lengths, through, list(kept))
                first += len(lengths.total)

    def _histories_of(self, first: int, lengths: Lengths, through: Split, kept: list[str]) -> Sequences:
        given = {
            "train": lengths.train, "validation": lengths.train + lengths.validation, "test": lengths.total
        }[through]  # fmt: skip
        user, some = np.arange(first, first + len(given), dtype=np.int32), given > 0
        spans = Spans(user[some], np.ones(int(some.sum()), np.int32), given[some].astype(np.int32))
        whole = lengths.train if through == "train" else lengths.total
        read = self.spans(first, whole, spans, kept, train_only=through == "train")
        offsets = np.concatenate(([0], np.cumsum(given)))
        return Sequences(user, offsets, np.zeros(len(user), np.int64), read.items, read.kept)
