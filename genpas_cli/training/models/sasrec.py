"""The reference model: a small decoder that predicts the item after an input (after SASRec, Kang and McAuley 2018).

The items of an input are embedded, learned position embeddings are added, and causal self-attention blocks follow; the
score of an item is the dot product of its embedding with the state of the input's last item. Two things differ from the
original, because a pair has one target: positions are counted from the newest item, and the last block computes only
the newest item's state, which saves nearly half of the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # PyTorch's convention

_INIT_STD = 0.02


@dataclass(frozen=True)
class ModelShape:
    """The sizes that determine the shapes of a model's parameters, and the dropout."""

    items: int
    """Size of the vocabulary; item numbers are 1..items, 0 is padding."""
    max_input: int
    """Longest input, in items."""
    dim: int
    """Width of a state."""
    layers: int
    heads: int
    dropout: float
    """Dropout probability, 0..1."""


class SASRec(nn.Module):
    """The decoder; `shape` is its size."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.item = nn.Embedding(shape.items + 1, shape.dim, padding_idx=0)
        self.position = nn.Embedding(shape.max_input, shape.dim)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers - 1))
        self.last_block = _Block(shape)
        self.norm = nn.LayerNorm(shape.dim)
        self.dropout = nn.Dropout(shape.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=_INIT_STD, a=-2 * _INIT_STD, b=2 * _INIT_STD)
        with torch.no_grad():
            self.item.weight[0] = 0

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Return the state of each input's newest item.

        Args:
            inputs: int (B, L), item numbers, oldest first, padded on the right. Causal attention ignores the padding.
            lengths: int (B,), number of items of each input, 1..L.

        Returns:
            float (B, dim).
        """
        lengths = lengths.long()
        age = (lengths[:, None] - 1 - torch.arange(inputs.shape[1], device=inputs.device)).clamp_min(0)
        states = self.dropout(self.item(inputs) + self.position(age))
        for block in self.blocks:
            states = block(states)
        state: Tensor = self.norm(self.last_block.newest(states, lengths - 1))
        return state

    def scores(self, states: Tensor) -> Tensor:
        """Return the score of every item for each state, float (B, items); column i is item number i + 1."""
        return states @ self.item.weight[1:].T

    def loss(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the targets, int (B,) item numbers, over all items, in nats."""
        return F.cross_entropy(self.scores(self(inputs, lengths)).float(), targets.long() - 1)


class _Block(nn.Module):
    """A pre-norm transformer block: self-attention and a feed-forward network, each with a residual connection."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.heads, self.drop = shape.heads, shape.dropout
        self.attention_norm, self.feed_norm = nn.LayerNorm(shape.dim), nn.LayerNorm(shape.dim)
        self.query = nn.Linear(shape.dim, shape.dim)
        self.key_value = nn.Linear(shape.dim, 2 * shape.dim)
        self.out = nn.Linear(shape.dim, shape.dim)
        self.feed = nn.Sequential(nn.Linear(shape.dim, 4 * shape.dim), nn.GELU(), nn.Linear(4 * shape.dim, shape.dim))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor) -> Tensor:
        """Return the states (B, L, dim) after this block."""
        normed = self.attention_norm(states)
        attended = self._attend(normed, normed, mask=None)
        return self._fed(states + attended)

    def newest(self, states: Tensor, newest: Tensor) -> Tensor:
        """Return the newest item's state after this block, (B, dim), given its index in each row, (B,)."""
        normed, rows = self.attention_norm(states), torch.arange(len(states), device=states.device)
        past = torch.arange(states.shape[1], device=states.device) <= newest[:, None]
        attended = self._attend(normed[rows, newest, None], normed, mask=past[:, None, None])
        return self._fed(states[rows, newest] + attended[:, 0])

    def _attend(self, asking: Tensor, states: Tensor, *, mask: Tensor | None) -> Tensor:
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.key_value(states).chunk(2, dim=-1))
        drop = self.drop if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, mask, drop, is_causal=mask is None)
        out: Tensor = self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return out

    def _split(self, states: Tensor) -> Tensor:
        """Split states into heads: (B, heads, L, dim / heads)."""
        return states.view(*states.shape[:-1], self.heads, -1).transpose(1, 2)

    def _fed(self, states: Tensor) -> Tensor:
        fed: Tensor = states + self.dropout(self.feed(self.feed_norm(states)))
        return fed
