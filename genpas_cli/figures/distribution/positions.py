"""Distributions of target positions and input lengths, exact, without drawing pairs.

If no condition restricts targets, they follow from the lengths of the training sequences: `position_figures` sums over
cells (m, i), all sequences with m = |s| − 1 possible targets and their target k = i + 1. Cells are far fewer than
interactions. Else `PositionSums` reads all target positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from genpas_cli.figures.distribution.divergence import entropy_terms
from genpas_cli.figures.distribution.targets import Targets, TargetSteps
from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.sequences import ranges

TENTHS = 10
_CELLS_A_CHUNK = 1 << 20
_EXACT_BINS = 50


@dataclass(frozen=True)
class Bin:
    """A range of integers and its share of the mass, 0..1."""

    low: int
    high: int
    """Inclusive."""
    share: float


@dataclass(frozen=True)
class PositionFigures:
    """The positions and lengths of a strategy's pairs."""

    target_position: Floats
    """float64 (longest + 1,): P(k), entries 0 and 1 are 0."""
    relative_position: list[float]
    """Mass of targets by (k − 1) / (|s| − 1), in tenths, the earliest first."""
    longer_than: Floats
    """float64 (L,): P(input length ≥ ℓ) for ℓ = 1..L, L the longest input after truncation."""
    cell_entropy: float
    """Entropy of (s, k, j) in nats; starts that give the same input after truncation to L count as one."""
    sequence_length: Floats
    """float64 (longest + 1,): mass of sequences by |s|."""

    @property
    def mean_input_length(self) -> float:
        """Return the mean length of an input after truncation: Σ_ℓ P(length ≥ ℓ)."""
        return float(self.longer_than.sum())

    def input_lengths(self) -> Floats:
        """Return float64 (L + 1,): P(input length = ℓ); entry 0 is 0."""
        return np.concatenate(([0.0], self.longer_than - np.append(self.longer_than[1:], 0.0)))


@dataclass
class Spread:
    """The mass of a strategy's targets by position."""

    by_position: Floats
    """float64 (longest + 1,): P(k)."""
    tenths: Floats
    """float64 (10,): mass by (k − 1) / (|s| − 1)."""
    entropy: float
    """Entropy of (s, k) in nats."""
    by_length: Floats
    """float64 (longest + 1,): mass by |s|."""

    def figures(self, kernel: PositionKernel, max_input: int | None) -> PositionFigures:
        """Return the figures with an input kernel and at most `max_input` items per input (None: no limit)."""
        longest = len(self.by_position) - 2
        longest = longest if max_input is None else min(max_input, longest)
        starts = _start_entropy(kernel, self.by_position, longest)
        survival = input_survival(kernel, self.by_position, longest)
        return PositionFigures(self.by_position, self.tenths.tolist(), survival, self.entropy + starts, self.by_length)


class PositionSums:
    """Accumulates the `Spread` of several strategies over parts of the sequences.

    Args:
        steps: sequence and target kernels of the strategies.
        longest: length of the longest training sequence, or more.
    """

    def __init__(self, steps: Iterable[TargetSteps], longest: int) -> None:
        self.spread = {each: Spread(np.zeros(longest + 1), np.zeros(TENTHS), 0.0, np.zeros(longest + 1))
                       for each in steps}  # fmt: skip

    def add(self, targets: Targets, length: Ints, steps: TargetSteps, weight: Floats) -> None:
        """Add the targets of some training sequences with their weights p(s, k) under one of the steps.

        Args:
            targets: the targets.
            length: int64, length of each sequence.
            steps: one of the steps.
            weight: float64 (targets,).
        """
        length, spread = length[targets.row], self.spread[steps]
        tenth = (TENTHS * (targets.position - 1) - 1) // (length - 1)
        spread.by_position += np.bincount(targets.position, weights=weight, minlength=len(spread.by_position))
        spread.tenths += np.bincount(tenth, weights=weight, minlength=TENTHS)
        spread.by_length += np.bincount(length, weights=weight, minlength=len(spread.by_length))
        spread.entropy += float(entropy_terms(weight).sum())


def position_figures(strategy: Strategy, histogram: Ints, max_input: int | None) -> PositionFigures:
    """Compute the figures from the sequence lengths, if every position but the first can be a target.

    Args:
        strategy: the three kernels.
        histogram: int64 (M + 1,), number of training sequences by their number of possible targets m.
        max_input: maximum number of items of an input; None: no limit.
    """
    return spread_of((strategy.sequence, strategy.target), histogram).figures(strategy.input, max_input)


def spread_of(steps: TargetSteps, histogram: Ints) -> Spread:
    """Compute the mass of targets by position from the sequence lengths, see `position_figures`."""
    sequence, target = steps
    p_sequence = sequence_pmf(sequence.weights(histogram), histogram)
    by_length = np.concatenate(([0.0], p_sequence * histogram))
    spread = Spread(np.zeros(len(histogram) + 1), np.zeros(TENTHS), 0.0, by_length)
    for m, i in _cells(histogram):
        weight = p_sequence[m] * target.pmf(i, m)
        mass = weight * histogram[m]
        spread.by_position += np.bincount(i + 1, weights=mass, minlength=len(spread.by_position))
        spread.tenths += np.bincount((TENTHS * i - 1) // m, weights=mass, minlength=TENTHS)
        spread.entropy += float((entropy_terms(weight) * histogram[m]).sum())
    return spread


def _cells(histogram: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield (m, i) of all cells whose m occurs, in chunks."""
    present = np.flatnonzero(histogram[1:]) + 1
    splits = np.flatnonzero(np.diff(np.cumsum(present) // _CELLS_A_CHUNK)) + 1
    for part in np.split(present, splits):
        yield np.repeat(part, part), ranges(np.ones_like(part), part)


def input_survival(kernel: PositionKernel, by_position: Floats, longest: int) -> Floats:
    """Return float64 (longest,): P(input length ≥ ℓ), ℓ = 1..longest = Σ_k P(k) P(j ≤ k − ℓ | k).

    Truncation to the last L items does not change the probabilities for ℓ ≤ L.
    """
    k = np.flatnonzero(by_position)
    survival = np.zeros(longest)
    for length in range(1, longest + 1):
        k = k[np.searchsorted(k, length, side="right") :]
        survival[length - 1] = (by_position[k] * kernel.cdf(k - length, k - 1)).sum()
    return survival


def _start_entropy(kernel: PositionKernel, by_position: Floats, longest: int) -> float:
    """Return Σ_k P(k) H(input | k); starts below k − L give the same input as k − L."""
    k = np.flatnonzero(by_position)
    total = 0.0
    for length in range(1, longest + 1):
        k = k[np.searchsorted(k, length, side="right") :]
        p = kernel.cdf(k - length, k - 1) if length == longest else kernel.pmf(k - length, k - 1)
        total += float((by_position[k] * entropy_terms(p)).sum())
    return total


def window_pmf(kernel: PositionKernel, longest: int, window: int) -> Floats:
    """Return float64 (longest + 1, window): P(min(k − j, window) = ℓ | k) at [k, ℓ − 1]; rows 0 and 1 are 0."""
    k = np.arange(longest + 1)
    table = np.zeros((longest + 1, window))
    for length in range(1, window + 1):
        valid = k[min(length + 1, longest + 1) :]
        step = kernel.cdf if length == window else kernel.pmf
        table[valid, length - 1] = step(valid - length, valid - 1)
    return table


def binned(shares: Floats) -> list[Bin]:
    """Group shares by integer into bins: one per integer up to 50, above that each bin 20% of its lower bound wide.

    Leading and trailing integers without a share are left out.
    """
    some = np.flatnonzero(shares)
    if len(some) == 0:
        return []
    bins, low, top = [], int(some[0]), int(some[-1])
    while low <= top:
        high = min(low if low <= _EXACT_BINS else low + max(low // 5, 1) - 1, top)
        bins.append(Bin(low, high, float(shares[low : high + 1].sum())))
        low = high + 1
    return bins
