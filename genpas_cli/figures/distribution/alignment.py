"""Alignment and discrimination in closed form: how alike training and held-out inputs of the same target are (A, higher
is better), and of different targets (D, lower is better). Source: arXiv 2509.13648; A/D ranks configurations there.

    A = mean over held-out pairs (x, y) with y common to both of E_{x' | y} sim(x, x')
    D = mean over pairs y ≠ y' of common targets of E_{x | y} E_{x' | y'} sim(x, x')

A target is common if it is held out and occurs in training. With sim(x, x') = Σ_i 1[i ∈ x] a · 1[i ∈ x'] b both are
sums over the possible training targets (s, k):

    Σ_y' E_{x' | y'} φ(y', x') = Σ_{s,k} p(s, k) / p(s_k) · Σ_d R(d) φ(s_k, s_{k−d})

where d runs over the distances from k to each item's last occurrence before k, and R(d) = Σ_{ℓ≥d} P(ℓ | k) b(u(ℓ)) is
the weight of an item that is in the input only if this has at least d items: P(ℓ | k) is the probability of ℓ items in
the window, u(ℓ) the number of distinct ones. γ enters only through P(ℓ | k), so R is the same for all α and β.
"""  # noqa: D205  # one sentence

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.held_out import (
    ITEM_BYTES,
    READ_BYTES,
    HeldOutInputs,
    InputItems,
    LastItems,
    MeanInputs,
    TargetGroup,
    target_groups,
)
from genpas_cli.figures.distribution.similarity import Similarity
from genpas_cli.runtime.threads import InOrder
from genpas_cli.sampling.kernels import Floats, Ints

OCCURS = 0.5
"""A target occurs in training if its expected number of pairs is at least this; p > 0 would include the whole tail."""

_ROUNDING = 1e-12


class TrainedTargets(NamedTuple):
    """One distribution of training targets."""

    p: Floats
    """float64 (items + 1,), mass of each target: the sum of the weights of its pairs."""
    pairs: float
    """Number of pairs N; a target occurs if N p is at least `OCCURS`."""

    def common(self, held_out: Ints) -> NDArray[np.bool_]:
        """Return bool (items + 1,): targets that occur in training and have held-out pairs."""
        return (self.p * self.pairs >= OCCURS) & (held_out > 0)


class TrainingPart(NamedTuple):
    """A part of the training targets."""

    target: NDArray[np.int32]
    inputs: LastItems
    """The last items before the targets."""
    lengths: Sequence[Floats]
    """Per input kernel: probabilities of the lengths 1..window, float64 (targets, window)."""
    weights: Iterable[tuple[int, Floats]]
    """Index of a distribution, and the weight of each target: p(s, k), or 1/N for each existing pair."""


class InputSource(Protocol):
    """A source of inputs. Both methods are called more than once.

    Attributes:
        kernels: number of input kernels.
    """

    kernels: int

    def held_out(self, stage: str) -> Iterator[Callable[[], InputItems]]:
        """Yield the items of all held-out inputs, in parts; `stage` names the step for the progress.

        A part is computed when it is called, on any thread.
        """
        ...

    def training(self, group: TargetGroup, order: Sequence[int], stage: str) -> Iterator[Callable[[], TrainingPart]]:
        """Yield the training targets of a group, in parts as above, with weights in this order of the distributions."""
        ...


class TrainingInputs:
    """Training targets with the items before them: the part of the computation that all strategies share.

    Args:
        held_out: the held-out pairs.
        target: int32 (n,), training targets.
        inputs: the last items before the targets.
    """

    def __init__(self, held_out: HeldOutInputs, target: NDArray[np.int32], inputs: LastItems) -> None:
        self._item = inputs.item
        sizes = np.arange(inputs.item.shape[1] + 1, dtype=np.float64)
        self._by_size = held_out.similarity.training_weight(sizes)[inputs.distinct]
        self._same = held_out.of_target(target, inputs.item)

    def weighted(self, length_pmf: Floats) -> WeightedInputs:
        """Return the item weights under one input kernel, given its length probabilities, float64 (n, window)."""
        weight = np.cumsum((length_pmf * self._by_size)[:, ::-1], axis=1)[:, ::-1]
        return WeightedInputs(weight, self._item, np.einsum("nd,nd->n", weight, self._same))


class WeightedInputs:
    """The weighted inputs of one input kernel.

    Args:
        weight: R(d), float64 (targets, window); meaningless where `item` is 0.
        item: int32 (targets, window), the items at these distances.
        same: see the attribute `same`.
    """

    def __init__(self, weight: Floats, item: NDArray[np.int32], same: Floats) -> None:
        self._weight, self._item, self.same = weight, item, same
        """float64 (targets,): Σ_d R(d) φ with held-out inputs of the same target, summed over its held-out pairs."""
        self._last: tuple[Floats, Floats] | None = None

    def with_mean(self, mean: Floats) -> Floats:
        """Return float64 (targets,): Σ_d R(d) φ with the mean held-out input of all common targets.

        The last result is cached, because distributions with the same common targets pass the same `mean`.
        """
        if self._last is None or self._last[0] is not mean:
            self._last = mean, np.einsum("nd,nd->n", self._weight, mean[self._item])
        return self._last[1]


@dataclass(frozen=True)
class Alignment:
    """A and D; None if no held-out target occurs in training (D: if fewer than two do)."""

    alignment: float | None
    discrimination: float | None

    @property
    def ratio(self) -> float | None:
        """Return A / D; None if either is None or D is 0."""
        if self.alignment is None or not self.discrimination:
            return None
        return self.alignment / self.discrimination


class AlignmentSums:
    """Accumulates A and D of one target distribution, for several input kernels, over parts of the training targets.

    Args:
        p: float64 (items + 1,), mass of each target: the sum of the weights of its pairs.
        common: bool (items + 1,), the common targets.
        held_out: int64 (items + 1,), held-out pairs of each target.
        mean: float64 (items + 1,), the mean held-out input over the common targets.
        kernels: number of input kernels.
    """

    def __init__(self, p: Floats, common: NDArray[np.bool_], held_out: Ints, mean: Floats, kernels: int) -> None:
        self._p, self._common, self._held_out, self.mean = p, common, held_out, mean
        self._pairs, targets = int(held_out[common].sum()), int(common.sum())
        self._different = targets * (targets - 1)
        self._sums = np.zeros((3, kernels))
        """Per input kernel: over held-out pairs of the same target; the same divided by their number; over all."""

    def terms(
        self, target: NDArray[np.int32], weight: Floats, weighted: Sequence[WeightedInputs], *, again: bool
    ) -> Floats:
        """Return what some training targets add to the three sums, float64 (3, kernels), for `add`.

        Args:
            target: int32 (n,), the items of the targets.
            weight: float64 (n,), p(s, k) or 1/N of each target.
            weighted: the weighted inputs, per input kernel.
            again: True from the second chunk of a group on; sums that do not depend on the chunk are left alone.
        """
        v = np.divide(weight, self._p[target], out=np.zeros(len(target)), where=self._common[target])
        own = v / np.maximum(self._held_out[target], 1)
        return np.array([
            [float((v * each.same).sum()) for each in weighted],
            [float((own * each.same).sum()) for each in weighted],
            [0.0 if again else float((v * each.with_mean(self.mean)).sum()) for each in weighted],
        ])  # fmt: skip

    def add(self, terms: Floats) -> None:
        """Add terms; in the same order they give the same sums, on whatever threads they were computed."""
        self._sums += terms

    def results(self) -> list[Alignment]:
        """Return A and D for each input kernel."""
        alike, own, everything = self._sums
        others = everything - own
        # Rounding errors are set to 0, so that A / D is missing instead of about ±10^16.
        others[others <= _ROUNDING * everything] = 0.0
        return [
            Alignment(same / self._pairs if self._pairs else None, other / self._different if self._different else None)
            for same, other in zip(alike.tolist(), others.tolist(), strict=True)
        ]


def alignments(  # all but two by keyword
    source: InputSource, trained: Sequence[TrainedTargets], *, held_out: Ints, similarity: Similarity, memory: int,
    run: InOrder,
) -> list[list[Alignment]]:  # fmt: skip
    """Return A and D of target distributions (first index) with input kernels (second index).

    Args:
        source: the source of inputs.
        trained: the target distributions.
        held_out: int64 (items + 1,), held-out pairs of each target.
        similarity: how inputs are compared.
        memory: bytes for held-out inputs.
        run: calls the parts of the source; the figures do not depend on its threads.
    """
    common = [each.common(held_out) for each in trained]
    means = MeanInputs(common, held_out, similarity)
    groups = target_groups(held_out, similarity.window, memory)
    # One group needs all inputs again for its table: they are kept if memory holds both.
    once = len(groups) == 1 and groups[0].most * (ITEM_BYTES + READ_BYTES) <= memory
    kept: list[InputItems] = []
    for inputs in run(source.held_out("reading held-out inputs")):
        means.add(inputs)
        if once:
            kept.append(inputs)
    sums = [
        AlignmentSums(each.p, targets, held_out, means.of(targets), source.kernels)
        for each, targets in zip(trained, common, strict=True)
    ]
    # Distributions with the same common targets follow each other, so that `WeightedInputs.with_mean` uses its cache.
    order = sorted(range(len(trained)), key=lambda number: id(sums[number].mean))
    for number, group in enumerate(groups, 1):
        part = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
        parts = kept if once else run(source.held_out(f"reading held-out inputs{part}"))
        compared = HeldOutInputs(group, parts, similarity, len(held_out) - 1)
        kept.clear()
        training = source.training(group, order, f"comparing inputs{part}")
        for found in run(partial(_terms, part, compared, sums) for part in training):
            for which, terms in found:
                sums[which].add(terms)
    return [each.results() for each in sums]


def _terms(
    part: Callable[[], TrainingPart], compared: HeldOutInputs, sums: Sequence[AlignmentSums]
) -> list[tuple[int, Floats]]:  # fmt: skip
    """Return what a part of the training targets adds to each of the sums, by index."""
    some = part()
    shared = TrainingInputs(compared, some.target, some.inputs)
    weighted = [shared.weighted(lengths) for lengths in some.lengths]
    return [
        (which, sums[which].terms(some.target, weight, weighted, again=compared.group.skip > 0))
        for which, weight in some.weights
    ]
