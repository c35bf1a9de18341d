"""Beam search over codes that exist."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from genpas_cli.training.models.code_trie import CodeTrie


class Beams(NamedTuple):
    """The code sequences that were found for each input, best first."""

    leaves: Tensor
    """int (B, K), leaves of the trie."""
    scores: Tensor
    """float (B, K), log-likelihood of the codes; -inf in places that are not filled."""


class Decoding(Protocol):
    """The decoding of a batch, code by code."""

    def log_probabilities(self, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """Return the log-probability of every code of the next level, float (B, K, codes).

        Args:
            codes: int (B, K), the code that was chosen last in each of K sequences; None at the first level, K = 1.
            parents: int (B, K), the index, in the call before, of the sequence that each one extends.
        """
        ...


def beam_search(decoding: Decoding, trie: CodeTrie, batch: int, width: int) -> Beams:
    """Return the `width` most likely code sequences of each input, of those that exist.

    A sequence is found if none of its beginnings is less likely than `width` others of the same length, so a beam as
    wide as the trie finds all. Probabilities are over all codes of a level, not only over those that exist.

    Args:
        decoding: of a batch.
        trie: the codes of all items.
        batch: number of inputs.
        width: number of sequences that are kept at each level.
    """
    device = trie.leaf.device
    nodes = torch.zeros((batch, 1), dtype=torch.int64, device=device)
    codes: Tensor | None = None
    parents: Tensor | None = None
    scores: Tensor | None = None
    for depth in range(1, trie.levels + 1):
        likely = decoding.log_probabilities(codes, parents)
        total = likely if scores is None else likely + scores[..., None]
        size = total.shape[-1]
        parent, child, code = trie.below(depth, nodes.flatten())
        place = parent * size + code
        possible = torch.full((total.numel(),), -torch.inf, dtype=total.dtype, device=device)
        possible[place] = total.flatten()[place]
        reached = torch.zeros(total.numel(), dtype=torch.int64, device=device)
        reached[place] = child
        kept = min(width, trie.nodes(depth), possible.numel() // batch)
        scores, chosen = possible.view(batch, -1).topk(kept)
        nodes = reached.view(batch, -1).gather(1, chosen)
        parents, codes = chosen // size, chosen % size
    assert scores is not None, "items have at least one code"
    return Beams(nodes, scores)
