"""The reference model: a small decoder that predicts the item after an input (after SASRec, Kang and McAuley 2018).

The items of an input are embedded, learned position embeddings are added, and causal self-attention blocks follow; the
score of an item is the dot product of its embedding with the state of the input's last item. Two things differ from the
original, because a pair has one target: positions are counted from the newest item, and the last block computes only
the newest item's state, which saves nearly half of the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # PyTorch's convention

from genpas_cli.training.evaluation.ranking import ranks_of
from genpas_cli.training.models.attention import Block, init_weights
from genpas_cli.training.models.interface import Batch, Items, NextItemModel, Ranks


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


class SASRec(NextItemModel):
    """The decoder; `shape` is its size."""

    name = "sasrec"

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape, self.items, self.max_input = shape, shape.items, shape.max_input
        self.item = nn.Embedding(shape.items + 1, shape.dim, padding_idx=0)
        self.position = nn.Embedding(shape.max_input, shape.dim)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers - 1))
        self.last_block = _Block(shape)
        self.norm = nn.LayerNorm(shape.dim)
        self.dropout = nn.Dropout(shape.dropout)
        init_weights(self)
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
            states = block(states, causal=True)
        state: Tensor = self.norm(self.last_block.newest(states, lengths - 1))
        return state

    def scores(self, states: Tensor) -> Tensor:
        """Return the score of every item for each state, float (B, items); column i is item number i + 1."""
        return states @ self.item.weight[1:].T

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the targets over all items, in nats."""
        scores = self.scores(self(batch["input_items"], batch["input_length"]))
        return F.cross_entropy(scores.float(), batch["target_item"].long() - 1)

    def ranks(self, batch: Batch, *, filter_seen: bool) -> Ranks:
        """Return the ranks of the targets by the scores of all items; none is missed."""
        inputs, targets = batch["input_items"], batch["target_item"]
        scores = self.scores(self(inputs, batch["input_length"]))
        above, equal = ranks_of(scores, targets, left_out=inputs if filter_seen else None)
        return Ranks(above, equal, torch.zeros_like(above, dtype=torch.bool))

    def top_items(self, batch: Batch, count: int) -> list[list[int]]:
        """Return the numbers of the best items for each input, best first."""
        self.check_width(batch)
        scores = self.scores(self(batch["input_items"], batch["input_length"]))
        best: list[list[int]] = (scores.topk(min(count, self.items)).indices + 1).tolist()
        return best

    def ranking(self, missed: Mapping[str, Items]) -> dict[str, Any]:
        """Return that all items are ranked."""
        assert not any(len(targets) for targets in missed.values()), "every item has a score"
        return {"ranking": "full"}

    def size(self) -> dict[str, Any]:
        """Return the fields of the shape."""
        return asdict(self.shape)

    @classmethod
    def restored(cls, size: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Self:
        """Return a model of a size, with the state that `state_dict` returned."""
        model = cls(ModelShape(**size))
        model.load_state_dict(weights)
        return model


class _Block(Block):
    """A block that can also compute the state of the newest item alone."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__(shape.dim, shape.heads, shape.dim // shape.heads, 4 * shape.dim, shape.dropout)

    def newest(self, states: Tensor, newest: Tensor) -> Tensor:
        """Return the newest item's state after this block, (B, dim), given its index in each row, (B,)."""
        normed, rows = self.attention_norm(states), torch.arange(len(states), device=states.device)
        past = torch.arange(states.shape[1], device=states.device) <= newest[:, None]
        attended = self.attention(normed[rows, newest, None], normed, past[:, None, None])
        return self.fed(states[rows, newest] + attended[:, 0])
