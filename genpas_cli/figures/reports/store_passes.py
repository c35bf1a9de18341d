"""The passes over a store that compute the exact figures of its training pairs, for many strategies at once.

The first pass counts the targets of each split and computes p_train. Further passes use these counts to compare
training inputs with held-out inputs. Memory: about 50 bytes per item and strategy; held-out inputs get the rest of the
limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.alignment import Alignment, TrainedTargets, TrainingPart, alignments
from genpas_cli.figures.distribution.finite import BalancedCounts
from genpas_cli.figures.distribution.held_out import InputItems, LastItems, TargetGroup, items_of, last_items
from genpas_cli.figures.distribution.positions import PositionSums, window_pmf
from genpas_cli.figures.distribution.similarity import Similarity
from genpas_cli.figures.distribution.supervision import DenseRun, DenseTargets
from genpas_cli.figures.distribution.targets import (
    TargetDistributions,
    Targets,
    TargetSteps,
    TargetWeights,
    item_counts,
    steps_of,
    targets_in,
)
from genpas_cli.figures.memory import LEAST_ROOM, THREAD_BYTES, figures_memory, limit_for_figures, strategies_at_once
from genpas_cli.figures.reports.time_counts import TimeCounts, TimeFigures
from genpas_cli.runtime.errors import MachineError
from genpas_cli.runtime.machine import Machine, show_size
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import calling_in_order, lanes
from genpas_cli.sampling.kernels import Floats, Ints, PositionKernel
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.sequence_source import Lengths
from genpas_cli.store.sequences import Sequences, ranges
from genpas_cli.store.splits import HeldOut, Split
from genpas_cli.store.store import Store

INTERACTIONS_A_RUN = 1 << 18
"""Interactions processed together: small enough that the intermediate arrays stay in or near the processor's cache."""

_COMPARED_AT_ONCE = 1 << 20
"""Input items processed together, for the same reason."""


@dataclass(frozen=True)
class Candidate:
    """A strategy with a number of pairs."""

    strategy: Strategy
    pairs: int
    draw: str
    """How `augment` makes the pairs: `enumerated` or `balanced`, or the draw recorded in a manifest."""


@dataclass(frozen=True)
class StoreCounts:
    """The results of the first pass. Counts are int64 (items + 1,) by item number."""

    histogram: Ints
    """int64 (M + 1,): training sequences by their number of possible targets."""
    p: dict[TargetSteps, Floats]
    """p_train by its sequence and target kernels."""
    balanced: BalancedCounts | None
    positions: PositionSums | None
    """Target positions, if targets are restricted or weighted; else None, as they follow from the lengths."""
    dense: DenseTargets | None
    """Supervised positions, if they were asked for."""
    train: Ints
    """Training interactions."""
    occurs: NDArray[np.bool_]
    """bool (items + 1,): items that occur in the splits that were read."""
    targets: dict[HeldOut, Ints]
    """Held-out targets, by split."""
    repeats: int
    """Interactions with an item that the same user has interacted with before."""
    times: TimeFigures | None
    """None unless they were asked for."""


def targets_of(store: Store, split: Split, sequences: Sequences, lengths: Lengths) -> Targets:
    """Return the targets of a run of users in one split."""
    first = int(sequences.user[0]) if len(sequences.user) else 0
    return targets_in(sequences.items, sequences.offsets, store.user_targets(split, first, lengths))


class Room(NamedTuple):
    """The part of a memory limit that the figures of all strategies do not take."""

    bytes: int
    """For held-out inputs. It does not depend on the threads of the machine, and so neither do groups of targets."""
    threads: int
    """Maximum number of threads: a quarter of the bytes is for threads after the first one."""


def room_beside_figures(items: int, strategies: int, memory: int) -> Room:
    """Return the part of a memory limit that the figures of all strategies do not take.

    Args:
        items: size of the vocabulary.
        strategies: number of different target distributions.
        memory: the limit in bytes.

    Raises:
        MachineError: less than `LEAST_ROOM` remains.
    """
    room = memory - figures_memory(items, strategies, memory)
    if room < LEAST_ROOM:
        needed = math.ceil(limit_for_figures(items, strategies) / 10**6)
        helps = limit_for_figures(items, 1) <= memory
        raise MachineError(
            f"the memory limit of {show_size(memory)} is too small for the figures of {strategies:,} "
            f"{'distribution' if strategies == 1 else 'distributions'} of targets over {items:,} items: about "
            f"{needed} MB are needed",
            tip=f"Increase the limit: --memory-limit {needed}MB{', or compute fewer strategies' if helps else ''}.",
        )
    further = room // 4 // THREAD_BYTES
    return Room(room - further * THREAD_BYTES, 1 + further)


class StorePasses:
    """Passes over a store.

    Args:
        store: the store, open for reading.
        histogram: int64 (M + 1,), training sequences by their number of possible targets.
        against: the split whose inputs are compared with training inputs; later splits are not read.
        machine: threads and memory limit. The figures do not depend on the number of threads.
        progress: called with the progress.
    """

    def __init__(  # all but two by keyword
        self, store: Store, histogram: Ints, *, against: HeldOut, machine: Machine, progress: Progress
    ) -> None:
        self.store, self.histogram, self.against = store, histogram, against
        self.weight_histogram = store.weight_histogram()
        self._threads, self._memory, self._progress = machine.threads, machine.memory, progress

    def weights_of(self, steps: Iterable[TargetSteps]) -> TargetWeights:
        """Return p(s, k) of the targets of the store, for strategies with these steps."""
        return TargetWeights(steps, self.histogram, self.weight_histogram)

    def batches(self, candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
        """Yield the candidates, grouped by `steps_of`, in batches whose figures fit into half of the memory limit."""
        by_steps: dict[TargetSteps, list[Candidate]] = {}
        for each in candidates:
            by_steps.setdefault(steps_of(each.strategy), []).append(each)
        together = list(by_steps.values())
        at_once = strategies_at_once(self.store.items, self._memory)
        for begin in range(0, len(together), at_once):
            yield [each for some in together[begin : begin + at_once] for each in some]

    def count(
        self, candidates: Sequence[Candidate], *, draws: bool, times: bool = False, dense: DenseTargets | None = None
    ) -> StoreCounts:  # fmt: skip
        """Make the first pass.

        Args:
            candidates: the strategies.
            draws: also count balanced draws, and target positions if targets are restricted or weighted.
            times: also count durations; the store has times, and all splits are read.
            dense: to which the supervised positions of the same strategies are added; None: they are not counted.

        Raises:
            MachineError: the memory limit is too small for this many strategies and items.
        """
        store = self.store
        steps = list(dict.fromkeys(steps_of(c.strategy) for c in candidates))
        most = room_beside_figures(store.items, _distributions(steps, dense), self._memory).threads
        drawn = {steps_of(c.strategy): c.pairs for c in candidates if c.draw != "enumerated"}
        longest = len(store.train_length_histogram())
        distributions = TargetDistributions(steps, store.items)
        positions = None if store.rule is None or not draws else PositionSums(steps, longest)
        balanced = BalancedCounts(drawn, store.items) if draws else None
        timed = TimeCounts(store.meta) if times else None
        data = _DataCounts(store, ("validation", "test") if self.against == "test" else ("validation",), timed)
        with lanes(min(self._threads, most, len(steps) + 1), "genpas-count") as threads:
            shares = [self.weights_of(some) for some in _shared(steps, len(threads))]

            def add(weights: TargetWeights, targets: Targets, lengths: Lengths, run: DenseRun | None) -> None:
                for each, weight in weights.of(targets):
                    distributions.add(targets, each, weight)
                    if positions is not None:
                        positions.add(targets, lengths.train, each, weight)
                    if balanced is not None:
                        balanced.add(targets, each, weight)
                    if dense is not None and run is not None:
                        dense.add(run, each, weight)

            def add_last(
                weights: TargetWeights, targets: Targets, lengths: Lengths, run: DenseRun | None, sequences: Sequences
            ) -> None:
                data.add(sequences, lengths)
                add(weights, targets, lengths, run)

            kept = ("time",) if times else ()
            for sequences, lengths in self.runs("reading targets", self.against, INTERACTIONS_A_RUN, kept):
                targets = targets_of(store, "train", sequences, lengths)
                run = None if dense is None else dense.run(sequences, lengths.train, targets)
                threads.put([
                    *(partial(add, weights, targets, lengths, run) for weights in shares[:-1]),
                    partial(add_last, shares[-1], targets, lengths, run, sequences),
                ])  # fmt: skip
        return StoreCounts(
            self.histogram, distributions.p, balanced, positions, dense, data.train, data.all > 0, data.targets,
            data.repeats, None if timed is None else timed.figures(),
        )  # fmt: skip

    def alignments(
        self, counted: StoreCounts, candidates: Sequence[Candidate], similarity: Similarity
    ) -> list[Alignment]:  # fmt: skip
        """Make the further passes: A and D of each candidate, in closed form."""
        # Strategies that differ only in their input step share their targets, and therefore all sums over targets.
        alike = list(dict.fromkeys((steps_of(c.strategy), c.pairs) for c in candidates))
        kernels = list(dict.fromkeys(c.strategy.input for c in candidates))
        with calling_in_order(self.threads(counted), "genpas-compare") as run:
            found = alignments(
                _StoreInputs(self, [steps for steps, _ in alike], kernels, similarity.window),
                [TrainedTargets(counted.p[steps], pairs) for steps, pairs in alike],
                held_out=counted.targets[self.against], similarity=similarity, memory=self.room(counted), run=run,
            )  # fmt: skip
        return [
            found[alike.index((steps_of(c.strategy), c.pairs))][kernels.index(c.strategy.input)] for c in candidates
        ]

    def room(self, counted: StoreCounts) -> int:
        """Return the bytes of the memory limit that remain after the results of a pass."""
        return self._room(counted).bytes

    def threads(self, counted: StoreCounts) -> int:
        """Return the number of threads for work on the results of a pass, within the memory limit."""
        return min(self._threads, self._room(counted).threads)

    def _room(self, counted: StoreCounts) -> Room:
        return room_beside_figures(self.store.items, _distributions(counted.p, counted.dense), self._memory)

    def runs(
        self, stage: str, through: Split, interactions: int, kept: Sequence[str] = ()
    ) -> Iterator[tuple[Sequences, Lengths]]:
        """Yield the sequences of all users in runs of about `interactions` interactions, with the `kept` columns."""
        done = 0
        for lengths, sequences in self.store.histories(through, interactions, kept):
            yield sequences, lengths
            done += len(lengths.total)
            self._progress(stage, done, self.store.users)


def _distributions(steps: Collection[TargetSteps], dense: DenseTargets | None) -> int:
    """Return the number of distributions over the items that the results of a pass hold."""
    return len(steps) + (0 if dense is None else len(dense))


def _shared(steps: Sequence[TargetSteps], lanes: int) -> list[list[TargetSteps]]:
    """Divide the steps among lanes; steps with the same target kernel stay together, so that it is computed once."""
    by_kernel: dict[PositionKernel, list[TargetSteps]] = {}
    for each in steps:
        by_kernel.setdefault(each[1], []).append(each)
    ordered = [each for some in by_kernel.values() for each in some]
    # The last lane also counts the data, which takes about as long as two strategies.
    ends = [min(-(-(len(ordered) + 2) * lane // lanes), len(ordered)) for lane in range(lanes + 1)]
    return [ordered[begin:end] for begin, end in pairwise(ends)]


class _DataCounts:
    """Counts of the data itself, which do not depend on the strategy.

    Args:
        store: the store.
        splits: held-out splits whose targets are counted.
        times: counts durations; None if they are not asked for.
    """

    def __init__(self, store: Store, splits: Sequence[HeldOut], times: TimeCounts | None) -> None:
        self._store, self._times = store, times
        self.train, self.all = (np.zeros(store.items + 1, np.int64) for _ in range(2))
        """int64 (items + 1,): training interactions, and all interactions, of each item."""
        self.targets: dict[HeldOut, Ints] = {split: np.zeros(store.items + 1, np.int64) for split in splits}
        self.repeats = 0

    def add(self, sequences: Sequences, lengths: Lengths) -> None:
        """Add the sequences of some users."""
        items = self._store.items
        self.all += np.bincount(sequences.items, minlength=items + 1)
        self.train += _training_counts(sequences, lengths, items)
        self.repeats += _repeats(sequences, items)
        held_out = {split: targets_of(self._store, split, sequences, lengths) for split in self.targets}
        for split, found in held_out.items():
            self.targets[split] += item_counts(found, items)
        if self._times is not None:
            self._times.add(sequences, held_out)


class _StoreInputs:
    """The `InputSource` of a store.

    Args:
        passes: the passes over the store.
        steps: sequence and target kernels of each target distribution.
        kernels: the input kernels.
        window: number of last items of an input that are compared.
    """

    def __init__(
        self, passes: StorePasses, steps: Sequence[TargetSteps], kernels: Sequence[PositionKernel], window: int
    ) -> None:
        self.kernels = len(kernels)
        self._passes, self._store, self._steps, self._window = passes, passes.store, steps, window
        longest = len(self._store.train_length_histogram()) - 1
        self._length_pmf = [window_pmf(kernel, longest, window) for kernel in kernels]

    def held_out(self, stage: str) -> Iterator[Callable[[], InputItems]]:
        """See `InputSource.held_out`."""
        split = self._passes.against

        def part(sequences: Sequences, lengths: Lengths) -> InputItems:
            targets = targets_of(self._store, split, sequences, lengths)
            return items_of(targets.item, self._last_items(sequences, targets))

        return (partial(part, *run) for run in self._runs(stage, split))

    def training(self, group: TargetGroup, order: Sequence[int], stage: str) -> Iterator[Callable[[], TrainingPart]]:
        """See `InputSource.training`."""
        steps = (self._steps[number] for number in order)
        weights = self._passes.weights_of(steps)
        numbers = {steps: [number for number in order if self._steps[number] == steps] for steps in weights.steps}

        def part(sequences: Sequences, lengths: Lengths) -> TrainingPart:
            targets = targets_of(self._store, "train", sequences, lengths)
            some = group.has(targets.item)
            compared = targets.only(some)
            return TrainingPart(
                compared.item,
                self._last_items(sequences, compared),
                [table[compared.position] for table in self._length_pmf],
                ((number, weight) for steps, weight in weights.of(targets, some) for number in numbers[steps]),
            )

        return (partial(part, *run) for run in self._runs(stage, "train"))

    def _runs(self, stage: str, through: Split) -> Iterator[tuple[Sequences, Lengths]]:
        interactions = min(INTERACTIONS_A_RUN, _COMPARED_AT_ONCE // self._window)
        return self._passes.runs(stage, through, interactions)

    def _last_items(self, sequences: Sequences, targets: Targets) -> LastItems:
        return last_items(sequences.items, targets.at, targets.position - 1, self._window)


def _training_counts(sequences: Sequences, lengths: Lengths, items: int) -> Ints:
    """Return int64 (items + 1,), the training interactions of each item."""
    some = lengths.train > 0
    at = ranges(sequences.offsets[:-1][some], lengths.train[some])
    return np.bincount(sequences.items[at], minlength=items + 1)


def _repeats(sequences: Sequences, items: int) -> int:
    row = np.repeat(np.arange(len(sequences.user)), np.diff(sequences.offsets))
    keys = np.sort(row * (items + 1) + sequences.items)
    return int((keys[1:] == keys[:-1]).sum())
