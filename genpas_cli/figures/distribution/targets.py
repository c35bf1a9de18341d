"""The target distribution p_train(y) = Σ_s p_α(s) Σ_k p_β(k | s) 1[s_k = y]: a weighted count over the interactions.

It is exact, takes one pass, and does not depend on the input step. Source: arXiv 2509.13648.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel, SequenceKernel
from genpas_cli.sampling.sequence_sampling import sequence_pmf
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.sampling.target_weights import Reweighting, mean_weights
from genpas_cli.sampling.user_targets import UserTargets
from genpas_cli.store.sequences import ranges

TargetSteps = tuple[SequenceKernel, PositionKernel]
"""The sequence and target kernels, which determine p_train; strategies that share them share p_train."""


class Targets(NamedTuple):
    """The possible targets of some sequences, in the order of users and positions."""

    item: NDArray[np.int32]
    position: NDArray[np.int64]
    """Position k, 1-based."""
    number: NDArray[np.int64]
    """Number i among the targets of its sequence, 1-based; k − 1 if all positions but the first can be targets."""
    total: NDArray[np.int64]
    """Number of targets m of its sequence."""
    row: NDArray[np.int64]
    """0-based index of its sequence."""
    at: NDArray[np.int64]
    """Index of each target in the values of the sequences."""
    weight: Floats | None = None
    """Weight of each target; None: all are equal."""

    def only(self, some: NDArray[np.bool_]) -> Targets:
        """Return the targets where the mask `some` is True."""
        return self._replace(**{name: column[some] for name, column in self._asdict().items() if column is not None})


def targets_in(items: NDArray[np.int32], offsets: Ints, targets: UserTargets) -> Targets:
    """Return the targets of some sequences.

    Args:
        items: values of all sequences.
        offsets: int64 (sequences + 1,).
        targets: target positions of the sequences.
    """
    some = np.flatnonzero(targets.counts > 0)
    count = targets.counts[some]
    number = ranges(np.ones_like(count), count)
    row = np.repeat(some, count)
    position = targets.position(row, number)
    at = offsets[:-1][row] + position - 1
    return Targets(items[at], position, number, targets.counts[row], row, at, targets.weights)


def steps_of(strategy: Strategy) -> TargetSteps:
    """Return the sequence and target kernels of a strategy."""
    return strategy.sequence, strategy.target


class TargetWeights:
    """p(s, k) of targets for several strategies; each kernel is computed once.

    Args:
        steps: sequence and target kernels.
        histogram: int64 (M + 1,), number of training sequences by their number of possible targets m.
        weight_histogram: (M + 1,), Σ of the mean weights of these sequences; None: the histogram.
    """

    def __init__(
        self, steps: Iterable[TargetSteps], histogram: Ints, weight_histogram: Floats | Ints | None = None
    ) -> None:
        masses = histogram if weight_histogram is None else weight_histogram
        self.steps = list(dict.fromkeys(steps))
        self._sequence = {
            sequence: sequence_pmf(sequence.weights(histogram), masses)
            for sequence in dict.fromkeys(sequence for sequence, _ in self.steps)
        }

    def of(self, targets: Targets, some: NDArray[np.bool_] | None = None) -> Iterable[tuple[TargetSteps, Floats]]:
        """Yield each of the steps with p(s, k) of each target.

        Args:
            targets: all targets of some sequences.
            some: bool (targets,), the targets whose p(s, k) is wanted; None: all.

        Yields:
            The steps, and float64 (wanted targets,).
        """
        if targets.weight is None and some is not None:
            targets, some = targets.only(some), None
        weighting = _Weighting.of(targets)
        by_sequence: dict[SequenceKernel, Floats] = {}
        by_target: dict[PositionKernel, Floats] = {}
        for sequence, target in self.steps:
            if sequence not in by_sequence:
                mass = self._sequence[sequence][targets.total]
                mass = mass if weighting is None else mass * weighting.mean
                by_sequence[sequence] = mass if some is None else mass[some]
            if target not in by_target:
                p = target.pmf(targets.number, targets.total)
                p = p if weighting is None else weighting.reweighted(p)
                by_target[target] = p if some is None else p[some]
            yield (sequence, target), by_sequence[sequence] * by_target[target]


class _Weighting(NamedTuple):
    """The weights of some sequences' targets."""

    mean: Floats
    """float64 (targets,), mean weight of the sequence of each target."""
    reweighted: Reweighting

    @staticmethod
    def of(targets: Targets) -> _Weighting | None:
        if targets.weight is None:
            return None
        counts = targets.total[targets.number == 1]
        return _Weighting(np.repeat(mean_weights(targets.weight, counts), counts), Reweighting(targets.weight, counts))


class TargetDistributions:
    """Accumulates p_train(y) of several strategies over parts of the sequences.

    Args:
        steps: sequence and target kernels of the strategies.
        items: size of the vocabulary.
    """

    def __init__(self, steps: Iterable[TargetSteps], items: int) -> None:
        self.p: dict[TargetSteps, Floats] = {each: np.zeros(items + 1) for each in steps}
        """By steps: float64 (items + 1,), probability by item number; entry 0 is padding and 0."""

    def add(self, targets: Targets, steps: TargetSteps, weight: Floats) -> None:
        """Add the possible targets of some training sequences with their weights p(s, k) under one of the steps."""
        p = self.p[steps]
        p += np.bincount(targets.item, weights=weight, minlength=len(p))


def item_counts(targets: Targets, items: int) -> Ints:
    """Return int64 (items + 1,): the number of times each item is a target."""
    return np.bincount(targets.item, minlength=items + 1)


def share(counts: Ints) -> Floats | None:
    """Return the counts divided by their sum; None if the sum is 0."""
    total = int(counts.sum())
    return counts / total if total else None
