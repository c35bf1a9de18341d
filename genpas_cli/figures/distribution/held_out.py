"""Held-out inputs with which training inputs are compared, in groups of targets that fit into memory."""

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
    """Item at distance d = 1..window; 0 if there is none, or if the same item also occurs nearer."""
    distinct: NDArray[np.uint8]
    """Number of distinct items among the last d."""


def last_items(values: NDArray[np.int32], end: Ints, available: Ints, window: int) -> LastItems:
    """Return the last items before each index of `end`.

    Args:
        values: int32, 1-based item numbers.
        end: index one past the last item of each window.
        available: number of items before each end that belong to the input.
        window: maximum number of items.
    """
    item = np.zeros((len(end), window), np.int32)
    for d in range(1, window + 1):
        column = np.where(available >= d, values[np.maximum(end - d, 0)], 0) if len(values) else item[:, d - 1]
        for nearer in range(d - 1):
            column[column == item[:, nearer]] = 0
        item[:, d - 1] = column
    return LastItems(item, np.cumsum(item > 0, axis=1, dtype=np.uint8))


class InputItems(NamedTuple):
    """The items of some held-out inputs, one entry per distinct item of an input."""

    target: NDArray[np.int32]
    item: NDArray[np.int32]
    size: NDArray[np.uint8]
    """Number of distinct items in the item's input."""


def items_of(target: NDArray[np.int32], inputs: LastItems) -> InputItems:
    """Return the items of the inputs before these targets."""
    row, column = np.nonzero(inputs.item)
    size = inputs.distinct[:, -1]
    return InputItems(target[row], inputs.item[row, column], size[row])


def _weights(similarity: Similarity) -> Floats:
    """Return float64 (WIDEST + 1,): a(|x|) by the number of distinct items |x| of the held-out input."""
    return similarity.held_out_weight(np.arange(WIDEST + 1, dtype=np.float64))


class MeanInputs:
    """The mean held-out inputs of sets of targets: Σ_y E_{x | y} 1[i ∈ x] a(|x|) over a set, by item i.

    Args:
        sets: sets of held-out targets, bool (items + 1,) each; equal sets share one mean.
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
        """Return the mean of one of the sets, float64 (items + 1,); equal sets get the same array."""
        return self._means[_key(targets)]


def _key(targets: NDArray[np.bool_]) -> bytes:
    return np.packbits(targets).tobytes()


class TargetGroup(NamedTuple):
    """The held-out targets from item number `first` to `last`, inclusive, and a part of the items of their inputs.

    Sums over held-out inputs are sums over their items, so that the parts can be computed one by one and added.
    """

    held_out: NDArray[np.bool_]
    """bool (items + 1,): all held-out targets."""
    first: int
    last: int
    skip: int
    """Number of input items in earlier parts of the group; 0 if the group has one part."""
    most: int
    """Maximum number of input items of the part."""

    def has(self, target: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return bool (n,): which targets belong to the group."""
        return self.held_out[target] & (target >= self.first) & (target <= self.last)


ITEM_BYTES = 36
"""Bytes per item of a group's held-out inputs, while the lookup table is built."""

READ_BYTES = 9
"""Bytes per item of held-out inputs that were read (`InputItems`)."""

_MOST_ITEMS = (1 << 31) - 1
_SIZE_BITS = WIDEST.bit_length()


def target_groups(count: Ints, window: int, memory: int) -> list[TargetGroup]:
    """Return all held-out targets in groups whose inputs fit into memory; a group may be split into several parts.

    Args:
        count: int64 (items + 1,), held-out pairs of each target.
        window: maximum number of items of an input.
        memory: bytes per group.
    """
    most = min(max(memory // ITEM_BYTES, 1), _MOST_ITEMS)
    # Limits the run of targets so that the key of a target, an item and a size stays below 2^63.
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
    """A lookup table of the held-out pairs of a group, by target and item.

    Args:
        group: the group of targets.
        parts: all held-out inputs, in parts.
        similarity: how inputs are compared.
        items: size of the vocabulary.
    """

    def __init__(self, group: TargetGroup, parts: Iterable[InputItems], similarity: Similarity, items: int) -> None:
        self.group, self.similarity, self._items = group, similarity, items
        # The input's size is packed into the low bits of the key, so that one in-place sort of int64 orders everything.
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
        """Return Σ_{(x, y) held out} 1[i ∈ x] a(|x|) for the group's targets y (n,), items i (n, window); 0 for i 0."""
        index = self._table.find(self._keys_of(target[:, None], item).ravel())  # -1, not found: the last sum, 0
        return self._sums[index].reshape(item.shape)

    def _keys_of(self, target: NDArray[np.int32], item: NDArray[np.int32]) -> Ints:
        return (target.astype(np.int64) - self.group.first) * (self._items + 1) + item


def _summed(keys: Ints, weights: Floats) -> tuple[Ints, Floats]:
    """Return the distinct keys and each one's sum of weights, then a 0 for keys not found; overwrites sorted `keys`."""
    size = (keys & ((1 << _SIZE_BITS) - 1)).astype(np.uint8)
    keys >>= _SIZE_BITS
    first = np.flatnonzero(np.concatenate((keys[:1] >= 0, keys[1:] != keys[:-1])))
    sums = np.zeros(len(first) + 1)
    if len(first):
        np.add.reduceat(weights[size], first, out=sums[:-1])
    return keys[first], sums
