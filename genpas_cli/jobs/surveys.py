"""The two passes over a store that every exact figure of its training pairs comes from, for many strategies at once.

The first counts: targets of each split, p_train, the held-out inputs. The second compares training inputs with the
held-out ones, which needs what the first has found. Memory: a few numbers an item and strategy, a window a held-out
pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genpas_cli.distribution.alignment import (
    HELD_OUT_BYTES,
    Alignment,
    AlignmentSums,
    HeldOutInputs,
    TrainingInputs,
    Windows,
    join,
    windows,
)
from genpas_cli.distribution.finite import BalancedCounts
from genpas_cli.distribution.positions import PositionSums, window_pmf
from genpas_cli.distribution.similarity import Similarity
from genpas_cli.distribution.targets import (
    TargetDistributions,
    Targets,
    TargetSteps,
    TargetWeights,
    item_counts,
    steps_of,
    targets_in,
)
from genpas_cli.errors import MachineError
from genpas_cli.jobs.estimates import FIXED_MEMORY
from genpas_cli.machine import show_size
from genpas_cli.progress import Progress
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.strategies import Strategy
from genpas_cli.sequence_source import HeldOut, Lengths, Split
from genpas_cli.sequences import Sequences, ranges
from genpas_cli.store import Store

INTERACTIONS_A_RUN = 1 << 18
"""Interactions looked at together: what is computed for each of them stays in a processor's cache, or near it."""


@dataclass(frozen=True)
class Candidate:
    """A strategy, and how many pairs of it are looked at."""

    strategy: Strategy
    pairs: int
    draw: str
    """`enumerated` or `balanced`: how `augment` would make them."""


@dataclass(frozen=True)
class Survey:
    """What the first pass found. Counts are int64 (items + 1,), by item number."""

    histogram: Ints
    """Training sequences by their number of possible targets."""
    p: dict[TargetSteps, Floats]
    """p_train by the steps that decide it."""
    balanced: BalancedCounts | None
    positions: PositionSums | None
    """Where targets stand, if the lengths alone do not decide it: where a rule picks them."""
    train: Ints
    """Training interactions."""
    occurs: NDArray[np.bool_]
    """Items that occur anywhere in what was read."""
    targets: dict[HeldOut, Ints]
    """Targets held out, by split."""
    repeats: int
    """Interactions with an item that their user has had before."""
    held_out_target: NDArray[np.int32]
    """Targets of the held-out pairs that inputs are compared with."""
    held_out_input: Windows


def targets_of(store: Store, split: Split, sequences: Sequences, lengths: Lengths) -> Targets:
    """Return the targets of a split that a run of users has."""
    first = int(sequences.user[0]) if len(sequences.user) else 0
    return targets_in(sequences.items, sequences.offsets, store.user_targets(split, first, lengths))


class Surveyor:
    """Passes over a store.

    Args:
        store: open for reading.
        histogram: of `Store.target_histogram`.
        window: how many of the last items inputs are compared by.
        against: the split whose pairs training inputs are compared with; nothing of a later one is read.
        memory: bytes that may be taken.
        progress: told how far it is.

    Raises:
        MachineError: these pairs need more memory.
    """

    def __init__(  # all but two by keyword
        self, store: Store, histogram: Ints, *, window: int, against: HeldOut, memory: int, progress: Progress
    ) -> None:
        self._store, self._histogram, self._window, self._against = store, histogram, window, against
        self._progress = progress
        pairs = int(store.meta["split"][against])
        needed = FIXED_MEMORY + pairs * window * HELD_OUT_BYTES
        if needed > memory:
            raise MachineError(
                f"comparing inputs with the last {window} items of {pairs:,} held-out ones takes {show_size(needed)}; "
                f"the memory limit is {show_size(memory)}",
                tip="Raise --memory-limit, or look at fewer of the last items, such as --similarity containment@3.",
            )

    def survey(self, candidates: Sequence[Candidate], *, draws: bool) -> Survey:
        """Make the first pass.

        Args:
            candidates: the strategies.
            draws: also count balanced draws of each.
        """
        store, against = self._store, self._against
        weights = TargetWeights((steps_of(c.strategy) for c in candidates), self._histogram)
        distributions = TargetDistributions(weights, store.items)
        longest = len(store.train_length_histogram())
        positions = None if store.rule is None or not draws else PositionSums(weights, longest)
        drawn = {steps_of(c.strategy): c.pairs for c in candidates if c.draw != "enumerated"}
        balanced = BalancedCounts(weights, drawn, store.items) if draws else None
        splits: tuple[HeldOut, ...] = ("validation", "test") if against == "test" else ("validation",)
        counts: dict[HeldOut, Ints] = {split: np.zeros(store.items + 1, np.int64) for split in splits}
        train, all_items, repeats = np.zeros(store.items + 1, np.int64), np.zeros(store.items + 1, np.int64), 0
        held_target: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
        held_input: list[Windows] = []
        for sequences, lengths in self._runs("reading targets", against):
            targets = targets_of(store, "train", sequences, lengths)
            distributions.add(targets)
            if positions is not None:
                positions.add(targets, lengths.train)
            if balanced is not None:
                balanced.add(targets)
            all_items += np.bincount(sequences.items, minlength=len(all_items))
            train += _training_counts(sequences, lengths, store.items)
            repeats += _repeats(sequences, store.items)
            for split in splits:
                held = targets_of(store, split, sequences, lengths)
                counts[split] += item_counts(held, store.items)
                if split == against:
                    held_target.append(held.item)
                    held_input.append(windows(sequences.items, held.at, held.position - 1, self._window))
        return Survey(
            self._histogram, distributions.p, balanced, positions, train, all_items > 0, counts, repeats,
            np.concatenate(held_target), join(held_input, self._window),
        )  # fmt: skip

    def alignments(
        self, survey: Survey, candidates: Sequence[Candidate], similarity: Similarity
    ) -> list[Alignment]:  # fmt: skip
        """Make the second pass: A and D of each candidate, in closed form."""
        if len(survey.held_out_target) == 0:
            return [Alignment(None, None)] * len(candidates)
        held_out = HeldOutInputs(survey.held_out_target, survey.held_out_input, similarity, self._store.items)
        kernels = list(dict.fromkeys(c.strategy.input for c in candidates))
        longest = len(self._store.train_length_histogram()) - 1
        tables = [window_pmf(kernel, longest, self._window) for kernel in kernels]
        # Strategies that differ in their input step alone have their targets, and so their sums over them, in common.
        alike = dict.fromkeys((steps_of(c.strategy), c.pairs) for c in candidates)
        sums = {key: AlignmentSums(held_out, survey.p[key[0]], key[1], len(kernels)) for key in alike}
        in_order = sorted(sums.items(), key=lambda entry: id(entry[1].mean))
        weights = TargetWeights((steps for (steps, _), _ in in_order), self._histogram)
        by_steps: dict[TargetSteps, list[AlignmentSums]] = {steps: [] for steps in weights.steps}
        for (steps, _), each in in_order:
            by_steps[steps].append(each)
        for sequences, lengths in self._runs("comparing inputs", "train"):
            targets = targets_of(self._store, "train", sequences, lengths)
            window = windows(sequences.items, targets.at, targets.position - 1, self._window)
            inputs = TrainingInputs(held_out, targets.item, window)
            weighted = [inputs.weighted(table[targets.position]) for table in tables]
            for steps, weight in weights.of(targets):
                for each in by_steps[steps]:
                    each.add(inputs, weight, weighted)
        results = {key: each.results() for key, each in sums.items()}
        return [results[steps_of(c.strategy), c.pairs][kernels.index(c.strategy.input)] for c in candidates]

    def _runs(self, stage: str, through: Split) -> Iterator[tuple[Sequences, Lengths]]:
        done = 0
        for lengths, sequences in self._store.histories(through, INTERACTIONS_A_RUN):
            yield sequences, lengths
            done += len(lengths.total)
            self._progress(stage, done, self._store.users)


def _training_counts(sequences: Sequences, lengths: Lengths, items: int) -> Ints:
    """Count the training interactions of each item."""
    some = lengths.train > 0
    at = ranges(sequences.offsets[:-1][some], lengths.train[some])
    return np.bincount(sequences.items[at], minlength=items + 1)


def _repeats(sequences: Sequences, items: int) -> int:
    row = np.repeat(np.arange(len(sequences.user)), np.diff(sequences.offsets))
    keys = np.sort(row * (items + 1) + sequences.items)
    return int((keys[1:] == keys[:-1]).sum())
