"""Alignment and discrimination in closed form: how alike training and held-out inputs of the same target are (A, higher
is better), and of different targets (D, lower is better). Source: arXiv 2509.13648; A/D ranks configurations there.

    A = mean over held-out pairs (x, y) with y common to both of E_{x' | y} sim(x, x')
    D = mean over pairs y ≠ y' of common targets of E_{x | y} E_{x' | y'} sim(x, x')

A target is common if it is held out and occurs in training. With sim(x, x') = Σ_i 1[i ∈ x] a · 1[i ∈ x'] b both are
sums over the possible training targets (s, k):

    Σ_y' E_{x' | y'} φ(y', x') = Σ_{s,k} p(s, k) / p(s_k) · Σ_d R(d) φ(s_k, s_{k−d})

where d runs over the distances at which an item stands for the last time before k, and R(d) = Σ_{ℓ≥d} P(ℓ | k) b(u(ℓ))
is the weight of an item that is in the input if the input is at least d long: P(ℓ | k) is the chance of ℓ items in the
window, u(ℓ) how many of these are different. γ enters through P(ℓ | k) alone, so R serves all α and β.
"""  # noqa: D205  # one sentence

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.held_out import (
    HeldOutInputs,
    InputItems,
    LastItems,
    MeanInputs,
    TargetGroup,
    target_groups,
)
from genpas_cli.figures.distribution.similarity import Similarity
from genpas_cli.sampling.kernels import Floats, Ints

OCCURS = 0.5
"""A target occurs in training if its expected number of pairs is at least this; p > 0 alone would include any tail."""

_ROUNDING = 1e-12


class TrainedTargets(NamedTuple):
    """How often each target is trained on."""

    p: Floats
    """float64 (items + 1,), mass of each target: what the weights of its pairs add up to."""
    pairs: float
    """Number of pairs N; a target occurs where N p is at least `OCCURS`."""

    def common(self, held_out: Ints) -> NDArray[np.bool_]:
        """Return bool (items + 1,): targets that occur, and of which pairs are held out."""
        return (self.p * self.pairs >= OCCURS) & (held_out > 0)


class TrainingPart(NamedTuple):
    """Some training targets."""

    target: NDArray[np.int32]
    inputs: LastItems
    """Before them."""
    lengths: Sequence[Floats]
    """By input kernel: chances of the lengths 1.. in the window, (targets, window)."""
    weights: Iterable[tuple[int, Floats]]
    """Which distribution, and p(s, k) of each target in it, or 1/N of each drawn pair."""


class InputSource(Protocol):
    """Where inputs come from. Both methods are called more than once."""

    def held_out(self, stage: str) -> Iterator[InputItems]:
        """Yield the items of all held-out inputs, in parts; `stage` says what for."""
        ...

    def training(self, group: TargetGroup, order: Sequence[int], stage: str) -> Iterator[TrainingPart]:
        """Yield the training targets of a group, in parts, and their weights in this order of the distributions."""
        ...


class TrainingInputs:
    """Training targets with the inputs before them: what all strategies share.

    Args:
        held_out: the held-out pairs.
        target: int32 (n,), training targets.
        inputs: the last items before them.
        similarity: how inputs are compared.
    """

    def __init__(
        self, held_out: HeldOutInputs, target: NDArray[np.int32], inputs: LastItems, similarity: Similarity
    ) -> None:
        self._item = inputs.item
        sizes = np.arange(inputs.item.shape[1] + 1, dtype=np.float64)
        self._by_size = similarity.training_weight(sizes)[inputs.distinct]
        self._same = held_out.of_target(target, inputs.item)

    def weighted(self, length_pmf: Floats) -> WeightedInputs:
        """Return the weights of the items of inputs whose length in the window has these chances, (n, window)."""
        weight = np.cumsum((length_pmf * self._by_size)[:, ::-1], axis=1)[:, ::-1]
        return WeightedInputs(weight, self._item, np.einsum("nd,nd->n", weight, self._same))


class WeightedInputs:
    """The inputs of one input kernel.

    Args:
        weight: R(d), (targets, window); of no meaning where no item stands.
        item: items at these distances, likewise.
        same: see below.
    """

    def __init__(self, weight: Floats, item: NDArray[np.int32], same: Floats) -> None:
        self._weight, self._item, self.same = weight, item, same
        """(targets,): Σ_d R(d) φ with the held-out inputs of the same target, summed over its held-out pairs."""
        self._last: tuple[Floats, Floats] | None = None

    def beside(self, mean: Floats) -> Floats:
        """Return (targets,): Σ_d R(d) φ with the mean held-out input of all common targets.

        Distributions that have their common targets in common ask for the same again.
        """
        if self._last is None or self._last[0] is not mean:
            self._last = mean, np.einsum("nd,nd->n", self._weight, mean[self._item])
        return self._last[1]


@dataclass(frozen=True)
class Alignment:
    """A, D and their ratio; None where no held-out target occurs in training, or no two targets differ."""

    alignment: float | None
    discrimination: float | None

    @property
    def ratio(self) -> float | None:
        """Return A / D."""
        if self.alignment is None or not self.discrimination:
            return None
        return self.alignment / self.discrimination


class AlignmentSums:
    """A and D of one target distribution, for several input kernels, added up over parts of the training targets.

    Args:
        p: float64 (items + 1,), mass of each target: what the weights of its pairs add up to.
        common: bool (items + 1,), its common targets.
        held_out: int64 (items + 1,), held-out pairs of each target.
        mean: float64 (items + 1,), the mean held-out input over the common targets.
        kernels: how many input kernels there are.
    """

    def __init__(self, p: Floats, common: NDArray[np.bool_], held_out: Ints, mean: Floats, kernels: int) -> None:
        self._p, self._common, self._held_out, self.mean = p, common, held_out, mean
        self._pairs, targets = int(held_out[common].sum()), int(common.sum())
        self._different = targets * (targets - 1)
        self._same, self._own, self._all = np.zeros(kernels), np.zeros(kernels), np.zeros(kernels)

    def add(
        self, target: NDArray[np.int32], weight: Floats, weighted: Sequence[WeightedInputs], *, again: bool
    ) -> None:
        """Add training targets.

        Args:
            target: their items.
            weight: p(s, k) or 1/N of each.
            weighted: what each input kernel makes of their inputs.
            again: True from the second chunk of a group on; sums that do not depend on the chunk are left alone.
        """
        v = np.divide(weight, self._p[target], out=np.zeros(len(target)), where=self._common[target])
        own = v / np.maximum(self._held_out[target], 1)
        for number, each in enumerate(weighted):
            self._same[number] += float((v * each.same).sum())
            self._own[number] += float((own * each.same).sum())
            if not again:
                self._all[number] += float((v * each.beside(self.mean)).sum())

    def results(self) -> list[Alignment]:
        """Return A and D for each input kernel."""
        others = self._all - self._own
        # What rounding leaves of nothing is nothing: A / D is missing then, and not 10^16 of either sign.
        others[others <= _ROUNDING * self._all] = 0.0
        return [
            Alignment(same / self._pairs if self._pairs else None, other / self._different if self._different else None)
            for same, other in zip(self._same.tolist(), others.tolist(), strict=True)
        ]


def alignments(  # all but two by keyword
    source: InputSource, trained: Sequence[TrainedTargets], *, held_out: Ints, kernels: int, similarity: Similarity,
    memory: int,
) -> list[list[Alignment]]:  # fmt: skip
    """Return A and D of target distributions (first index) with input kernels (second).

    Args:
        source: of the inputs.
        trained: the distributions.
        held_out: int64 (items + 1,), held-out pairs of each target.
        kernels: how many input kernels there are.
        similarity: how inputs are compared.
        memory: bytes for held-out inputs.
    """
    common = [each.common(held_out) for each in trained]
    means = MeanInputs(common, held_out, similarity)
    for inputs in source.held_out("reading held-out inputs"):
        means.add(inputs)
    sums = [
        AlignmentSums(each.p, targets, held_out, means.of(targets), kernels)
        for each, targets in zip(trained, common, strict=True)
    ]
    # Distributions whose common targets are the same share what is computed with their mean, one after the other.
    order = sorted(range(len(trained)), key=lambda number: id(sums[number].mean))
    groups = target_groups(held_out, similarity.window, memory)
    for number, group in enumerate(groups, 1):
        part = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
        parts = source.held_out(f"reading held-out inputs{part}")
        compared = HeldOutInputs(group, parts, similarity, len(held_out) - 1)
        for some in source.training(group, order, f"comparing inputs{part}"):
            shared = TrainingInputs(compared, some.target, some.inputs, similarity)
            weighted = [shared.weighted(lengths) for lengths in some.lengths]
            for which, weight in some.weights:
                sums[which].add(some.target, weight, weighted, again=group.skip > 0)
    return [each.results() for each in sums]
