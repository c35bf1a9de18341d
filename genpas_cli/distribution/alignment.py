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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.distribution.similarity import Similarity
from genpas_cli.sampling.kernels import Floats, Ints

OCCURS = 0.5
"""A target occurs in training if it is expected at least so often among the pairs; p > 0 would do so in any tail."""


_ROUNDING = 1e-12


class Windows(NamedTuple):
    """The last items before some targets; arrays (targets, window), most recent first."""

    item: NDArray[np.int32]
    """Item at distance d = 1..window; 0 where there is none, or where it stands nearer too."""
    distinct: NDArray[np.uint8]
    """Number of different items among the last d."""


def windows(values: NDArray[np.int32], end: Ints, available: Ints, window: int) -> Windows:
    """Return the last items before index `end` of the values.

    Args:
        values: items, 1-based numbers.
        end: index one past the last item of each window.
        available: how many items stand there at all.
        window: how many are looked at.
    """
    item = np.zeros((len(end), window), np.int32)
    for d in range(1, window + 1):
        column = np.where(available >= d, values[np.maximum(end - d, 0)], 0) if len(values) else item[:, d - 1]
        for nearer in range(d - 1):
            column[column == item[:, nearer]] = 0
        item[:, d - 1] = column
    return Windows(item, np.cumsum(item > 0, axis=1, dtype=np.uint8))


HELD_OUT_BYTES = 80
"""Of each item of the held-out inputs, while they are arranged for lookups. Measured at 6.6 million held-out pairs."""


class HeldOutInputs:
    """The held-out pairs, arranged for lookups by target and item.

    Args:
        target: int32 (pairs,), item numbers.
        inputs: the windows before them.
        similarity: how inputs are compared.
        items: size of the vocabulary.
    """

    def __init__(self, target: NDArray[np.int32], inputs: Windows, similarity: Similarity, items: int) -> None:
        self.similarity, self._items = similarity, items
        self.count = np.bincount(target, minlength=items + 1)
        """int64 (items + 1,): held-out pairs of each target."""
        size = inputs.distinct[:, -1] if len(target) else np.zeros(0)
        weight = similarity.held_out_weight(size.astype(np.float64))
        row, column = np.nonzero(inputs.item)
        key = target[row].astype(np.int64) * (items + 1) + inputs.item[row, column]
        self._keys, inverse = np.unique(key, return_inverse=True)
        self._sums = np.bincount(inverse, weights=weight[row], minlength=len(self._keys))
        self._key_target, self._key_item = (part.astype(np.int32) for part in np.divmod(self._keys, items + 1))
        self._means: dict[bytes, Floats] = {}
        # Nearly all keys that are looked up are not there: a table of hashes tells most of them at a tenth of the time.
        self._bits = min(max((8 * len(self._keys)).bit_length(), 10), 27)
        self._may_be = np.zeros(1 << self._bits, bool)
        self._may_be[self._hashes(self._keys)] = True

    def mean_over(self, targets: NDArray[np.bool_]) -> Floats:
        """Return float64 (items + 1,): Σ_y E_{x | y} 1[i ∈ x] a(|x|) over some held-out targets, by item i.

        The same array for the same targets.
        """
        key = np.packbits(targets).tobytes()
        if key in self._means:
            return self._means[key]
        share = np.where(targets[self._key_target], self._sums / self.count[self._key_target], 0.0)
        mean = np.asarray(np.bincount(self._key_item, weights=share, minlength=self._items + 1), np.float64)
        return self._means.setdefault(key, mean)

    def of_target(self, target: NDArray[np.int32], item: NDArray[np.int32]) -> Floats:
        """Return Σ_{(x, y) held out} 1[i ∈ x] a(|x|) for targets y (n,) and items i (n, window); item 0 gives 0."""
        # In the order of targets, lookups are near each other; else each waits for the memory, in a large table.
        order = np.argsort(target)
        # Item 0 stands in no key.
        keys = (target[order].astype(np.int64) * (self._items + 1))[:, None] + item[order]
        likely = np.flatnonzero(self._may_be[self._hashes(keys.ravel())])
        key = keys.ravel()[likely]
        found = np.minimum(np.searchsorted(self._keys, key), max(len(self._keys) - 1, 0))
        sums, result = np.zeros(item.size), np.empty(item.shape)
        if len(self._keys):
            sums[likely] = np.where(self._keys[found] == key, self._sums[found], 0.0)
        result[order] = sums.reshape(item.shape)
        return result

    def _hashes(self, keys: Ints) -> NDArray[np.uint64]:
        """Return numbers below 2^bits, by Knuth's multiplication with the golden ratio."""
        return (keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - self._bits)


class TrainingInputs:
    """Training targets with the inputs before them: what all strategies share.

    Args:
        held_out: the held-out pairs.
        target: int32 (n,), training targets.
        inputs: the windows before them.
    """

    def __init__(self, held_out: HeldOutInputs, target: NDArray[np.int32], inputs: Windows) -> None:
        self.target, self.item = target, inputs.item
        sizes = np.arange(inputs.item.shape[1] + 1, dtype=np.float64)
        self._by_size = held_out.similarity.training_weight(sizes)[inputs.distinct]
        self._same = held_out.of_target(target, inputs.item)

    def weighted(self, length_pmf: Floats) -> WeightedInputs:
        """Return the weights of the items of inputs whose length in the window has these chances, (n, window)."""
        weight = np.cumsum((length_pmf * self._by_size)[:, ::-1], axis=1)[:, ::-1]
        return WeightedInputs(weight, self.item, np.einsum("nd,nd->n", weight, self._same))


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

        Distributions that have their common targets in common ask for the same again; see `AlignmentSums.mean`.
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
        held_out: the held-out pairs.
        p_train: float64 (items + 1,), mass of each target: what the weights of its pairs add up to.
        pairs: number of pairs N; a target occurs where N p is at least `OCCURS`.
        kernels: how many input kernels there are.
    """

    def __init__(self, held_out: HeldOutInputs, p_train: Floats, pairs: float, kernels: int) -> None:
        count = held_out.count
        common = (p_train * pairs >= OCCURS) & (count > 0)
        self._per_target = np.divide(1.0, p_train, out=np.zeros_like(p_train), where=common)
        self._inverse_count = np.divide(1.0, count, out=np.zeros(len(count)), where=count > 0)
        self.mean = held_out.mean_over(common)
        """float64 (items + 1,): the mean held-out input over the common targets; one array for all distributions with
        the same ones, so sums that are added to in the order of `id(mean)` share their work."""
        self._pairs, targets = int(count[common].sum()), int(common.sum())
        self._different = targets * (targets - 1)
        self._same, self._own, self._all = np.zeros(kernels), np.zeros(kernels), np.zeros(kernels)

    def add(self, inputs: TrainingInputs, weight: Floats, weighted: Sequence[WeightedInputs]) -> None:
        """Add training targets.

        Args:
            inputs: the targets and their inputs.
            weight: p(s, k) of each, or 1/N of each drawn pair.
            weighted: what each input kernel makes of the inputs.
        """
        v = weight * self._per_target[inputs.target]
        own = v * self._inverse_count[inputs.target]
        for number, each in enumerate(weighted):
            self._same[number] += float((v * each.same).sum())
            self._own[number] += float((own * each.same).sum())
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


def join(parts: Sequence[Windows], window: int) -> Windows:
    """Return windows one below the other."""
    empty = Windows(np.zeros((0, window), np.int32), np.zeros((0, window), np.int64))
    return Windows(*(np.concatenate(column) for column in zip(empty, *parts, strict=True)))
