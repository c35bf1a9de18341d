"""Keeps which interactions can be targets, and their weights, in a file next to an open store: a number for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.database import Database
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.user_targets import TargetPool, TargetRun, UserTargets
from genpas_cli.store.sequences import longest_run, ranges
from genpas_cli.store.splits import Split

_BATCH_ROWS = 1 << 18
_A_RUN = 1 << 18
"""Interactions whose weights are read together."""
LEAST_WEIGHT = 2.0**-1000
"""Least weight above 0: neither a product of small factors nor a common factor makes a weight 0, so that the
interaction remains a target in all splits."""
_SAFE_EXPONENT = 400
"""Weights up to 2^400 and their sums over 2^62 users are far from the limits of a float64."""
_LEAST_MEAN = 2.0**-900
"""Where a user's mean weight reaches it, weights near the limits of a float64 are negligible."""

RUN_BYTES = 64 * _A_RUN
"""Bytes that a shard needs for the weights of a run."""


@dataclass(frozen=True)
class Weighing:
    """How the weights of interactions are computed from the columns of a store."""

    columns: Sequence[str]
    """SQL of the columns that it needs."""
    weigh: Callable[[Sequence[Any], Callable[[int], tuple[int, int]]], NDArray[np.float64] | NDArray[np.bool_]]
    """(Arrow arrays of these columns, function that finds the user number and the position of a row) → weights, or
    whether a row can be a target. A weight is finite and 0 or more."""
    is_condition: bool
    """Whether it tells only which interactions can be targets."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the weights."""
        return np.dtype(np.bool_ if self.is_condition else np.float64)


def among_marked(weighing: Weighing) -> Weighing:
    """Return weights that are 0 for the interactions that the store marks as held out, but not as targets."""

    def weigh(columns: Sequence[Any], place: Callable[[int], tuple[int, int]]) -> NDArray[Any]:
        marked = columns[-1].to_numpy(zero_copy_only=False)
        product: NDArray[Any] = weighing.weigh(columns[:-1], place) * marked
        return product

    return replace(weighing, columns=[*weighing.columns, "split <> 'unused'"], weigh=weigh)


@dataclass(frozen=True)
class TargetRule:
    """The weights of the interactions of a store; those of weight 0 are not targets."""

    path: Path
    """The file: a number per interaction, in the order of the store."""
    weighing: Weighing
    begin: Ints
    """int64 (users + 1,), row of each user's first interaction, and the number of rows."""
    count: Mapping[Split, NDArray[np.int32]]
    """Each user's number of targets, by split."""
    mean: Floats | None
    """float64 (users,), mean weight of each user's training targets; None for a condition."""
    excludes: bool
    """Whether the weight of any possible training target is 0."""
    exponent: int = 0
    """The weights in the file are multiplied by 2^exponent. It is 0 unless the greatest mean is so large or small that
    the sum of the means over all users, or its inverse, could overflow; then that mean becomes about 1."""
    effective: float | None = None
    """Effective sample size of the weights of the possible training targets, (Σ w)² / Σ w²: the number of targets of
    equal weight whose mean has the same variance. None for a condition. Source: Kish, "Survey Sampling", 1965."""

    def targets(self, split: Split, first: int, possible: UserTargets) -> UserTargets:
        """Return the targets of a run of users; their weights only for training, the only split that is drawn.

        Args:
            split: of which split.
            first: 0-based first user.
            possible: the consecutive positions that could be targets if all weights were above 0.
        """
        users = len(possible.counts)
        base, end = int(self.begin[first]), int(self.begin[first + users])
        dtype = self.weighing.dtype
        weights = np.fromfile(self.path, dtype, end - base, offset=base * dtype.itemsize)
        some = np.flatnonzero(possible.counts > 0)
        begin = self.begin[first : first + users] - base
        counts = possible.counts[some]
        of_targets = weights[ranges((begin + possible.low - 1)[some], counts)]
        is_target = of_targets > 0
        if self.exponent:
            of_targets = np.maximum(np.ldexp(of_targets, self.exponent), LEAST_WEIGHT)
        is_weighted = split == "train" and not self.weighing.is_condition
        if is_target.all():
            return possible._replace(weights=of_targets if is_weighted else None)
        left = np.zeros(users, np.int64)
        left[some] = np.add.reduceat(is_target, np.cumsum(counts) - counts, dtype=np.int64)
        listed = ranges(possible.low[some], counts)[is_target].astype(np.int32)
        return UserTargets(left, np.zeros(users, np.int64), listed, of_targets[is_target] if is_weighted else None)

    def pool(self, split: Split, first: int, possible: UserTargets) -> TargetPool:
        """Return the targets of a run of users, to be read in parts that fit into memory; see `targets`."""
        mean = None if self.mean is None or split != "train" else self.mean[first : first + len(possible.counts)]
        return TargetPool(partial(self._runs, split, first, possible), mean)

    def _runs(self, split: Split, first: int, possible: UserTargets, users: Ints) -> Iterator[TargetRun]:
        begin = 0
        while begin < len(users):
            user = int(users[begin])
            last = longest_run(self.begin, user, _A_RUN)
            end = int(np.searchsorted(users, last))
            through = int(users[end - 1]) + 1
            part = slice(user - first, through - first)
            found = self.targets(split, user, UserTargets(possible.counts[part], possible.low[part]))
            yield TargetRun(slice(begin, end), user, found)
            begin = end


def pick_targets(
    database: Database, path: Path, weighing: Weighing, length: Ints, possible: Mapping[Split, UserTargets]
) -> TargetRule:
    """Compute the weights of all interactions, and count the targets.

    Args:
        database: of an open store.
        path: the file to write.
        weighing: how the weights are computed.
        length: int64, interactions of each user.
        possible: by split, the consecutive positions of each user that could be targets.

    Raises:
        DataError: the weights are too small or too large for a float64.
    """
    begin = np.concatenate(([0], np.cumsum(length)))
    count = {split: targets.counts.astype(np.int32) for split, targets in possible.items()}
    query = f"select {', '.join(weighing.columns)} from store.interactions"
    row = 0

    def place(number: int) -> tuple[int, int]:
        user = int(np.searchsorted(begin, row + number, side="right")) - 1
        return user + 1, row + number - int(begin[user]) + 1

    with path.open("wb") as file:
        for batch in database.read(query, _BATCH_ROWS):
            weights = np.ascontiguousarray(weighing.weigh(batch.columns, place), weighing.dtype)
            file.write(weights.data)
            excluded = np.flatnonzero(weights == 0) + row
            user = np.searchsorted(begin, excluded, side="right") - 1
            position = excluded - begin[user] + 1
            for split, (counts, low, *_) in possible.items():
                found = (position >= low[user]) & (position < low[user] + counts[user])
                np.subtract.at(count[split], user[found], 1)
            row += len(weights)
    excludes = not np.array_equal(count["train"], possible["train"].counts)
    rule = TargetRule(path, weighing, begin, count, None, excludes)
    return rule if weighing.is_condition else _with_means(rule, possible["train"])


def _with_means(rule: TargetRule, possible: UserTargets) -> TargetRule:
    means = np.zeros(len(possible.counts))
    sums = squares = 0.0
    for _, first, targets in rule.pool("train", 0, possible).runs(np.arange(len(means))):
        found = targets.mean_weights()
        assert found is not None, "a condition has no weights"
        assert targets.weights is not None, "as above"
        means[first : first + len(found)] = found
        with np.errstate(over="ignore", under="ignore"):
            sums += float(targets.weights.sum())
            squares += float(np.square(targets.weights).sum())  # not a dot product: its order depends on threads
    greatest = float(means.max(initial=0.0))
    if 0 < greatest < _LEAST_MEAN:
        raise DataError(
            "the weights of the targets are too small: their differences are lost in rounding",
            tip="Multiply --target-weight by a constant, or use a longer --half-life.",
        )
    exponent = -int(np.frexp(greatest)[1])
    if abs(exponent) < _SAFE_EXPONENT:
        exponent = 0
    is_exact = 0 < squares < np.inf
    return replace(
        rule, mean=np.ldexp(means, exponent), exponent=exponent, effective=sums**2 / squares if is_exact else None
    )
