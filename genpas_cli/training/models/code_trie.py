"""The trie of all items' codes, by which decoding generates only codes that exist.

The different code sequences are sorted. A node of depth d stands for all sequences that share their first d codes, and
nodes are numbered in sorted order within their depth. So the children of a node have consecutive numbers, and a leaf's
number is the place of its sequence in the sorted order.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

NO_CODE = -1
"""First code of an item without codes; leaf of such an item."""


class CodeTrie(nn.Module):
    """The trie, as tensors that follow the model to its device; they are not part of the model's state.

    Attributes:
        levels: number of codes of an item, and the depth of leaves.
        leaf: int (items + 1,), the leaf of each item number; `NO_CODE` for items without codes, and for number 0.
        items: int (leaves,), number of items of each leaf: more than one if items share their codes.
        by_leaf: int (items with codes,), item numbers in the order of their leaves.
        ends: int (leaves,), the end of each leaf's items in `by_leaf`.

    Args:
        codes: int (items + 1, levels), by item number; `NO_CODE` for items without codes, and for number 0.
    """

    leaf: Tensor
    items: Tensor
    by_leaf: Tensor
    ends: Tensor

    def __init__(self, codes: NDArray[np.int64]) -> None:
        super().__init__()
        self.levels = codes.shape[1]
        has_codes = codes[:, 0] != NO_CODE
        sequences, leaf = np.unique(codes[has_codes], axis=0, return_inverse=True)
        leaves = np.full(len(codes), NO_CODE)
        leaves[has_codes] = leaf.reshape(-1)
        self._keep("leaf", leaves)
        self._keep("items", np.bincount(leaf.reshape(-1), minlength=len(sequences)))
        self._keep("by_leaf", np.flatnonzero(has_codes)[np.argsort(leaf.reshape(-1), kind="stable")])
        self._keep("ends", np.cumsum(self.items.numpy()))
        parents = np.zeros(len(sequences), np.int64)
        for depth in range(1, self.levels + 1):
            is_first = np.ones(len(sequences), np.bool_)
            is_first[1:] = (sequences[1:, :depth] != sequences[:-1, :depth]).any(axis=1)
            first = np.flatnonzero(is_first)
            # Children of a parent are consecutive, so the first child of each parent, plus one end, is enough.
            self._keep(f"child{depth}", np.searchsorted(parents[first], np.arange(parents[-1] + 2)))
            self._keep(f"code{depth}", sequences[first, depth - 1])
            parents = np.cumsum(is_first) - 1

    def _keep(self, name: str, values: NDArray[np.int64]) -> None:
        self.register_buffer(name, torch.from_numpy(np.asarray(values, np.int64)), persistent=False)

    def nodes(self, depth: int) -> int:
        """Return the number of nodes of a depth, from 1."""
        return len(self.get_buffer(f"code{depth}"))

    def items_of(self, leaf: Tensor) -> list[int]:
        """Return the item numbers of a leaf, in ascending order."""
        end = int(self.ends[leaf])
        items: list[int] = self.by_leaf[end - int(self.items[leaf]) : end].tolist()
        return items

    def below(self, depth: int, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the children of nodes.

        Args:
            depth: depth of the children, from 1.
            nodes: int (N,), nodes of the depth above.

        Returns:
            For each child: the index of its parent in `nodes`, the node, and its code; int (children,) each.
        """
        begins = self.get_buffer(f"child{depth}")
        begin, count = begins[nodes], begins[nodes + 1] - begins[nodes]
        parent = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), count)
        # Children are numbered consecutively over all nodes: subtract the offset of their node, add its first child.
        shift = begin - (count.cumsum(0) - count)
        child = torch.arange(len(parent), device=nodes.device) + shift[parent]
        return parent, child, self.get_buffer(f"code{depth}")[child]
