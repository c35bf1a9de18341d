"""The held-out inputs that training inputs are compared with, for one group of targets at a time: as memory allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution.key_table import KeyTable
from genpas_cli.figures.distribution.similarity import WIDEST, Similarity
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.store.sequences import longest_run


class LastItems(NamedTuple):
    """The last items before some targets; arrays (targets, window), most recent first."""

    item: NDArray[np.int32]
    """Item at distance d = 1..window; 0 where there is none, or where it stands nearer too."""
    distinct: NDArray[np.uint8]
    """Number of different items among the last d."""


def last_items(values: NDArray[np.int32], end: Ints, available: Ints, window: int) -> LastItems:
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
    return LastItems(item, np.cumsum(item > 0, axis=1, dtype=np.uint8))


class InputItems(NamedTuple):
    """The items of some held-out inputs, one entry an item of an input."""

    target: NDArray[np.int32]
    item: NDArray[np.int32]
    size: NDArray[np.uint8]
    """Different items of the input that it stands in."""


def items_of(target: NDArray[np.int32], inputs: LastItems) -> InputItems:
    """Return the items of inputs before these targets."""
    row, column = np.nonzero(inputs.item)
    size = inputs.distinct[:, -1]
    return InputItems(target[row], inputs.item[row, column], size[row])


def _weights(similarity: Similarity) -> Floats:
    """Return float64 (WIDEST + 1,): a(|x|) by the size of the held-out input."""
    return similarity.held_out_weight(np.arange(WIDEST + 1, dtype=np.float64))


class MeanInputs:
    """The mean held-out inputs of sets of targets: Σ_y E_{x | y} 1[i ∈ x] a(|x|) over a set, by item i.

    Args:
        sets: bool (items + 1,) each, of targets that are held out; equal ones are one.
        count: int64 (items + 1,), held-out pairs of each target.
        similarity: how inputs are compared.
    """

    def __init__(self, sets: Iterable[NDArray[np.bool_]], count: Ints, similarity: Similarity) -> None:
        self._weights, self._inverse = _weights(similarity), 1 / np.maximum(count, 1)
        self._sets = {_key(targets): targets for targets in sets}
        self._means = {key: np.zeros(len(count)) for key in self._sets}

    def add(self, inputs: InputItems) -> None:
        """Add some held-out inputs."""
        share = self._weights[inputs.size] * self._inverse[inputs.target]
        for key, targets in self._sets.items():
            some = np.where(targets[inputs.target], share, 0.0)
            mean = self._means[key]
            mean += np.bincount(inputs.item, weights=some, minlength=len(mean))

    def of(self, targets: NDArray[np.bool_]) -> Floats:
        """Return float64 (items + 1,), of one of the sets; the same array for equal ones."""
        return self._means[_key(targets)]


def _key(targets: NDArray[np.bool_]) -> bytes:
    return np.packbits(targets).tobytes()


class TargetGroup(NamedTuple):
    """The held-out targets of a run of numbers, both ends included, and a part of the items of the inputs before them.

    Sums over held-out inputs are sums over their items: any parts of them add up.
    """

    held_out: NDArray[np.bool_]
    """(items + 1,): all targets that are held out."""
    first: int
    last: int
    skip: int
    """How many of the items are parts before this one; where a group is in one part, 0."""
    most: int
    """Items of the part at most."""

    def has(self, target: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which of some targets are of the group."""
        return self.held_out[target] & (target >= self.first) & (target <= self.last)


ITEM_BYTES = 36
"""Of each item of a group's held-out inputs, while they are arranged for lookups."""

_MOST_ITEMS = (1 << 31) - 1
_SIZE_BITS = WIDEST.bit_length()


def target_groups(count: Ints, window: int, memory: int) -> list[TargetGroup]:
    """Return all targets in groups whose held-out inputs memory holds; those of a single target may take several.

    Args:
        count: int64 (items + 1,), held-out pairs of each target.
        window: items of an input at most.
        memory: bytes for a group.
    """
    most = min(max(memory // ITEM_BYTES, 1), _MOST_ITEMS)
    # So that the key of a target, an item and a size is below 2^63.
    widest = ((1 << (63 - _SIZE_BITS)) - 1) // len(count)
    targets = np.flatnonzero(count)
    held_out, before = count > 0, window * np.concatenate(([0], np.cumsum(count[targets])))
    groups, begin = [], 0
    while begin < len(targets):
        end = min(longest_run(before, begin, most), int(np.searchsorted(targets, targets[begin] + widest)))
        first, last = int(targets[begin]), int(targets[end - 1])
        items = int(before[end] - before[begin])
        groups += [TargetGroup(held_out, first, last, skip, min(most, items - skip)) for skip in range(0, items, most)]
        begin = end
    return groups


class HeldOutInputs:
    """The held-out pairs of a group of targets, arranged for lookups by target and item.

    Args:
        group: the targets.
        parts: all held-out inputs.
        similarity: how inputs are compared.
        items: size of the vocabulary.
    """

    def __init__(self, group: TargetGroup, parts: Iterable[InputItems], similarity: Similarity, items: int) -> None:
        self.group, self._items = group, items
        # An item of an input has the size of the input in its key: sorted by one number, and in place.
        keys, filled, passed = np.empty(group.most, np.int64), 0, 0
        for part in parts:
            here = group.has(part.target)
            key = (self._keys_of(part.target[here], part.item[here]) << _SIZE_BITS) + part.size[here]
            ours = key[max(group.skip - passed, 0) :][: group.most - filled]
            keys[filled : filled + len(ours)] = ours
            passed, filled = passed + len(key), filled + len(ours)
        keys = keys[:filled]
        keys.sort()
        keys, self._sums = _summed(keys, _weights(similarity))
        self._table = KeyTable(keys)

    def of_target(self, target: NDArray[np.int32], item: NDArray[np.int32]) -> Floats:
        """Return Σ_{(x, y) held out} 1[i ∈ x] a(|x|) for targets y (n,) of the group and items i (n, window).

        Item 0 gives 0: it stands in no input.
        """
        index = self._table.find(self._keys_of(target[:, None], item).ravel())  # -1: the last sum
        return self._sums[index].reshape(item.shape)

    def _keys_of(self, target: NDArray[np.int32], item: NDArray[np.int32]) -> Ints:
        return (target.astype(np.int64) - self.group.first) * (self._items + 1) + item


def _summed(keys: Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Return the different keys, and the sum of each one's weights by size; a last sum of 0 is that of any other key.

    The keys, sorted and with the size below, are written over.
    """
    size = (keys & ((1 << _SIZE_BITS) - 1)).astype(np.uint8)
    keys >>= _SIZE_BITS
    first = np.flatnonzero(np.concatenate((keys[:1] >= 0, keys[1:] != keys[:-1])))
    sums = np.zeros(len(first) + 1)
    if len(first):
        np.add.reduceat(weights[size], first, out=sums[:-1])
    return keys[first], sums
