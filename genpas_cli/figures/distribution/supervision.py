"""Where a trainer learns that counts its loss at every position of a pair's sequence (dense supervision).

A pair (s, j, k) whose input is cut to its last L items supervises the positions i in (max(j, k − L), k]: as many as its
input has items. By the length ℓ of the input, with d = k − i:

    per token:  w(s, i) = Σ_d p(s, i + d) P(ℓ > d | i + d), divided by its sum over all s and i
    per pair:   w(s, i) = Σ_d p(s, i + d) Σ_{n > d} P(ℓ = n | i + d) / n

Both follow from p(s, k) and the cdf of the input kernel. `supervised` sums over d, so that a sequence of n items takes
n · min(L, n) additions. Sequences of equal length share these sums if targets are not restricted or weighted:
`DenseTargets` keeps tables for the short lengths, and computes the others in the runs in which they are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.positions import TENTHS
from genpas_cli.figures.distribution.targets import Targets, TargetSteps, steps_of
from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.sequences import Sequences, ranges

TABLE_CELLS = 1 << 17
"""Maximum number of positions in the tables of a strategy, of all lengths together: 2 MiB, so that they stay in the
processor's cache."""


class Supervised(NamedTuple):
    """The mass of every position as a target of a dense trainer."""

    per_pair: Floats
    """Each pair counts once, divided equally among its positions; like p(s, k), all masses sum to 1."""
    per_token: Floats
    """Each position of a pair counts once; all masses sum to the mean input length."""


def supervised(weight: Floats, length: Ints, kernel: PositionKernel, max_input: int | None) -> Supervised:
    """Return the mass of every position of some sequences, given the mass of each as the target of a pair.

    Args:
        weight: float64 (positions,), p(s, k) of each position of each sequence, 0 where it is not a target.
        length: int64 (sequences,), ascending, at least 1.
        kernel: the input kernel.
        max_input: maximum number of items of an input; None: no limit.
    """
    per_pair, per_token = np.zeros(len(weight)), np.zeros(len(weight))
    longest = int(length[-1]) if len(length) else 0
    k = np.arange(longest + 1)
    most = max(longest - 1, 0) if max_input is None else min(max_input, max(longest - 1, 0))
    if most == longest - 1 and _starts_at_1(kernel, k[2:]):
        return _of_whole_prefixes(weight, length)
    position, begin = ranges(np.ones_like(length), length), np.cumsum(length) - length
    inverse = np.zeros(longest + 1)
    for n in range(_longest_input(kernel, k, most), 0, -1):
        some = k[n + 1 :]
        at_least = np.zeros(longest + 1)
        at_least[some] = kernel.cdf(some - n, some - 1)
        # Longer inputs are cut to the longest that is allowed.
        inverse[some] += (at_least[some] if n == most else kernel.pmf(some - n, some - 1)) / n
        # Sequences too short for such an input come first. Below position n + 1, both arrays are 0, so that nothing is
        # added to the sequence before.
        first, d = int(begin[np.searchsorted(length, n + 1)]), n - 1
        targets, at = weight[first + d :], position[first + d :]
        per_token[first : len(weight) - d] += targets * at_least[at]
        per_pair[first : len(weight) - d] += targets * inverse[at]
    return Supervised(per_pair, per_token)


def _starts_at_1(kernel: PositionKernel, targets: Ints) -> bool:
    return bool((kernel.cdf(np.ones_like(targets), targets - 1) == 1).all())


def _longest_input(kernel: PositionKernel, k: Ints, most: int) -> int:
    """Return the largest input length n ≤ `most` that has a probability, by bisection: P(ℓ ≥ n | k) falls with n."""
    low, high = 0, most
    while low < high:
        n = (low + high + 1) // 2
        some = k[n + 1 :]
        low, high = (n, high) if (kernel.cdf(some - n, some - 1) > 0).any() else (low, n - 1)
    return low


def _of_whole_prefixes(weight: Floats, length: Ints) -> Supervised:
    """Return `supervised` where every input starts at position 1: sums over the later targets of each sequence."""
    per_pair, per_token = np.zeros(len(weight)), np.zeros(len(weight))
    edges = np.concatenate(([0], np.cumsum(length)))
    first = np.flatnonzero(np.diff(length, prepend=-1))
    # Not as differences of sums over several sequences, which would lose the digits of small masses.
    for begin, end in zip(first, [*first[1:], len(length)], strict=True):
        n, part = int(length[begin]), slice(edges[begin], edges[end])
        targets = weight[part].reshape(-1, n)[:, :0:-1]
        for sums, terms in ((per_token, targets), (per_pair, targets / np.arange(n - 1, 0, -1))):
            sums[part].reshape(-1, n)[:, :0:-1] = np.cumsum(terms, axis=1)
    return Supervised(per_pair, per_token)


@dataclass
class DenseSums:
    """The positions that one strategy supervises, counted in one of the two ways."""

    by_item: Floats
    """float64 (items + 1,), mass by item number."""
    tenths: Floats
    """float64 (10,), mass by (i − 1) / (|s| − 1), the earliest first."""

    @staticmethod
    def empty(items: int) -> DenseSums:
        """Return sums of 0 over a vocabulary of this size."""
        return DenseSums(np.zeros(items + 1), np.zeros(TENTHS))

    @property
    def p(self) -> Floats:
        """Return float64 (items + 1,), the distribution of the items at supervised positions."""
        return self.by_item / float(self.by_item.sum())

    @property
    def shares(self) -> list[float] | None:
        """Return the share of each tenth; None if no positions were added."""
        total = float(self.tenths.sum())
        return (self.tenths / total).tolist() if total else None

    def add(self, items: NDArray[np.int32], weight: Floats) -> None:
        """Add the items at some positions, with their masses."""
        self.by_item += np.bincount(items, weights=weight, minlength=len(self.by_item))

    def add_tenths(self, position: Ints, length: Ints, weight: Floats) -> None:
        """Add positions i from 2 of sequences of these lengths, with their masses."""
        self.tenths += np.bincount((TENTHS * (position - 1) - 1) // (length - 1), weights=weight, minlength=TENTHS)


class Dense(NamedTuple):
    """The positions that one strategy, or some existing pairs, supervise."""

    per_pair: DenseSums
    per_token: DenseSums

    @staticmethod
    def empty(items: int) -> Dense:
        """Return sums of 0 over a vocabulary of this size."""
        return Dense(DenseSums.empty(items), DenseSums.empty(items))


class DenseRun(NamedTuple):
    """A run of sequences, arranged for all strategies."""

    cell: Ints
    """int64, row in the tables of each target of a sequence that has one."""
    tabled: NDArray[np.int32]
    """Item of each of these targets."""
    others: _Others | None
    """The sequences without tables; None if there are none."""


class _Others(NamedTuple):
    """Sequences without tables, in ascending order of their length; arrays over all their positions."""

    length: Ints
    """int64 (sequences,)."""
    items: NDArray[np.int32]
    target: Ints
    """int64 (targets,), where each of their targets is."""
    chosen: NDArray[np.bool_] | None
    """Which targets of the run these are; None: all."""
    later: Ints
    """int64, the positions from 2 on."""
    position: Ints
    """int64, position of each of `later`."""
    of_length: Ints
    """int64, length of the sequence of each of `later`."""


class _Tables:
    """The first row of each length in tables over positions, for short sequences.

    Args:
        histogram: int64 (M + 1,), training sequences by their number of possible targets m = |s| − 1.
        cells: maximum number of rows; the smallest m come first.
    """

    def __init__(self, histogram: Ints, cells: int) -> None:
        present = np.flatnonzero(histogram[1:]) + 1
        self.m = present[: np.searchsorted(np.cumsum(present + 1), cells, side="right")]
        """The m that have tables, ascending."""
        self.begin = np.full(len(histogram), -1)
        """int64 (M + 1,), row of position 1 by m; -1: no table."""
        self.begin[self.m] = np.cumsum(self.m + 1) - (self.m + 1)
        self.position = ranges(np.ones_like(self.m), self.m + 1)
        self.row_m = np.repeat(self.m, self.m + 1)

    def of(self, strategy: Strategy, histogram: Ints, max_input: int | None) -> Supervised:
        """Return the masses of the positions of one sequence of each length."""
        p_sequence = sequence_pmf(strategy.sequence.weights(histogram), histogram)
        weight = p_sequence[self.row_m] * strategy.target.pmf(self.position - 1, self.row_m)
        return supervised(weight, self.m + 1, strategy.input, max_input)


class DenseTargets:
    """Accumulates the supervised positions of several strategies over parts of the sequences.

    Args:
        strategies: the strategies.
        items: size of the vocabulary.
        histogram: int64 (M + 1,), training sequences by their number of possible targets.
        max_input: maximum number of items of an input; None: no limit.
        listed: whether targets are restricted or weighted, so that sequences of equal length differ.
        cells: see `TABLE_CELLS`.
    """

    def __init__(  # all but two by keyword
        self, strategies: Iterable[Strategy], items: int, *, histogram: Ints, max_input: int | None, listed: bool,
        cells: int = TABLE_CELLS,
    ) -> None:  # fmt: skip
        self._max_input = max_input
        self._tables = _Tables(histogram, 0 if listed else cells)
        self._of_steps: dict[TargetSteps, list[tuple[PositionKernel, Supervised, Dense]]] = {}
        self._found: dict[tuple[TargetSteps, PositionKernel], Dense] = {}
        tables = self._tables
        for each in strategies:
            key = steps_of(each), each.input
            if key not in self._found:
                masses, sums = tables.of(each, histogram, max_input), Dense.empty(items)
                later = tables.position > 1
                m = tables.row_m[later]
                for one, mass in zip(sums, masses, strict=True):
                    one.add_tenths(tables.position[later], m + 1, mass[later] * histogram[m])
                self._found[key] = sums
                self._of_steps.setdefault(key[0], []).append((each.input, masses, sums))

    def __len__(self) -> int:
        """Return the number of distributions that take memory."""
        return 2 * len(self._found)

    def run(self, sequences: Sequences, length: Ints, targets: Targets) -> DenseRun:
        """Arrange the training sequences of a run.

        Args:
            sequences: the sequences; they may go on after training.
            length: int64, training interactions of each.
            targets: all training targets of the sequences.
        """
        begin = self._tables.begin[targets.total]
        has_table = begin >= 0
        if has_table.all():
            return DenseRun(begin + targets.number, targets.item, None)
        cell = (begin + targets.number)[has_table]
        chosen = ~has_table if has_table.any() else None
        left = targets if chosen is None else targets.only(chosen)
        return DenseRun(cell, targets.item[has_table], _others(sequences, length, left, chosen))

    def add(self, run: DenseRun, steps: TargetSteps, weight: Floats) -> None:
        """Add a run.

        Args:
            run: the run.
            steps: the sequence and target kernels of some of the strategies.
            weight: float64 (targets,), p(s, k) of all training targets of the run under these steps.
        """
        for kernel, table, sums in self._of_steps[steps]:
            if len(run.cell):
                for one, masses in zip(sums, table, strict=True):
                    one.add(run.tabled, masses[run.cell])
            if run.others is not None:
                self._add_others(run.others, weight, kernel, sums)

    def _add_others(self, run: _Others, weight: Floats, kernel: PositionKernel, sums: Dense) -> None:
        of_position = np.zeros(len(run.items))
        of_position[run.target] = weight if run.chosen is None else weight[run.chosen]
        for one, masses in zip(sums, supervised(of_position, run.length, kernel, self._max_input), strict=True):
            one.add(run.items[run.later], masses[run.later])
            one.add_tenths(run.position, run.of_length, masses[run.later])

    def of(self, strategy: Strategy) -> Dense:
        """Return the sums of one of the strategies."""
        return self._found[steps_of(strategy), strategy.input]


def _others(sequences: Sequences, length: Ints, targets: Targets, chosen: NDArray[np.bool_] | None) -> _Others:
    rows = np.flatnonzero(np.bincount(targets.row, minlength=len(length)))
    rows = rows[np.argsort(length[rows], kind="stable")]
    lengths = length[rows]
    begin = np.zeros(len(length), np.int64)
    begin[rows] = np.cumsum(lengths) - lengths
    position = ranges(np.ones_like(lengths), lengths)
    later = np.flatnonzero(position > 1)
    return _Others(
        lengths, sequences.items[ranges(sequences.offsets[:-1][rows], lengths)],
        begin[targets.row] + targets.position - 1, chosen, later, position[later], np.repeat(lengths, lengths)[later],
    )  # fmt: skip


def add_measured(
    sums: Dense, target: NDArray[np.int32], values: NDArray[np.int32], end: Ints, length: Ints
) -> None:  # fmt: skip
    """Add existing pairs: each supervises the items of its input after the first, and its target.

    Args:
        sums: to which the pairs are added.
        target: int32 (n,), items.
        values: items of all inputs.
        end: int64 (n,), index one past the last item of each input.
        length: int64 (n,), items of each input; a pair without input supervises its target alone.
    """
    share = 1.0 / np.maximum(length, 1)
    sums.per_pair.add(target, share)
    sums.per_token.add(target, np.ones(len(target)))
    some = np.flatnonzero(length > 1)
    inputs = values[ranges((end - length + 1)[some], (length - 1)[some])]
    sums.per_pair.add(inputs, np.repeat(share[some], (length - 1)[some]))
    sums.per_token.add(inputs, np.ones(len(inputs)))


def add_measured_places(sums: Dense, position: Ints, length: Ints, of_length: Ints) -> None:
    """Add the places of existing pairs.

    Args:
        sums: to which the pairs are added.
        position: int64 (n,), position k of each target, from 2.
        length: int64 (n,), items of each input, from 1.
        of_length: int64 (n,), length of each training sequence, at least k.
    """
    places, of_length = ranges(position - length + 1, length), np.repeat(of_length, length)
    sums.per_pair.add_tenths(places, of_length, np.repeat(1.0 / length, length))
    sums.per_token.add_tenths(places, of_length, np.ones(len(places)))
