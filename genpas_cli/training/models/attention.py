"""Attention and feed-forward layers of the models."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # PyTorch's convention

_INIT_STD = 0.02


class KeysValues(NamedTuple):
    """Keys and values of S states: (B, heads, S, head_dim) each."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Multi-head attention.

    Args:
        dim: width of a state.
        heads: number of heads.
        head_dim: width of a head.
        dropout: dropout probability of the attention weights and of the result.
    """

    def __init__(self, dim: int, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, dropout
        self.query = nn.Linear(dim, heads * head_dim)
        self.key_value = nn.Linear(dim, 2 * heads * head_dim)
        self.out = nn.Linear(heads * head_dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, states: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Return the output of queries (B, Q, dim) over states (B, S, dim); see `attend` for the rest."""
        return self.attend(queries, self.keys_values(states), mask, causal=causal)

    def keys_values(self, states: Tensor) -> KeysValues:
        """Return the keys and values of states, (B, S, dim)."""
        keys, values = (self._split(part) for part in self.key_value(states).chunk(2, dim=-1))
        return KeysValues(keys, values)

    def attend(
        self, queries: Tensor, over: KeysValues, mask: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:  # fmt: skip
        """Return the output of queries over keys and values, (B, Q, dim).

        Args:
            queries: (B, Q, dim).
            over: the keys and values.
            mask: bool, that can be broadcast to (B, heads, Q, S): True where attention is allowed; None: everywhere.
            causal: whether state q attends to states 0..q only; then `mask` is None.
        """
        drop = self.drop if self.training else 0.0
        query = self._split(self.query(queries))
        attended = F.scaled_dot_product_attention(query, *over, mask, drop, is_causal=causal)
        out: Tensor = self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return out

    def _split(self, states: Tensor) -> Tensor:
        return states.view(*states.shape[:-1], self.heads, -1).transpose(1, 2)


def feed_forward(dim: int, hidden: int) -> nn.Sequential:
    """Return a feed-forward network with one hidden layer."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))


class Block(nn.Module):
    """A pre-norm transformer block: self-attention and a feed-forward network, each with a residual connection.

    Args:
        dim: width of a state.
        heads: number of heads.
        head_dim: width of a head.
        feed_dim: width of the hidden layer of the feed-forward network.
        dropout: dropout probability.
    """

    def __init__(self, dim: int, heads: int, head_dim: int, feed_dim: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, head_dim, dropout)
        self.feed = feed_forward(dim, feed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Return the states (B, L, dim) after this block; see `Attention.attend` for the rest."""
        normed = self.attention_norm(states)
        return self.fed(states + self.attention(normed, normed, mask, causal=causal))

    def fed(self, states: Tensor) -> Tensor:
        """Return states after the feed-forward network."""
        fed: Tensor = states + self.dropout(self.feed(self.feed_norm(states)))
        return fed


def init_weights(model: nn.Module) -> None:
    """Draw the weights of all linear and embedding layers from a normal distribution, truncated at two deviations."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.trunc_normal_(module.weight, std=_INIT_STD, a=-2 * _INIT_STD, b=2 * _INIT_STD)
