"""A generative model: an encoder–decoder that generates the codes of the next item (after TIGER, Rajput et al. 2023).

An input is the sequence of its items' codes. The decoder generates the codes of the target, level by level, and beam
search keeps to codes that exist. Each level has its own embeddings, which are also the output layer; the position of a
code in the input is that of its item, counted from the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genpas_cli.training.models.attention import Attention, Block, KeysValues, feed_forward, init_weights
from genpas_cli.training.models.beam import Beams, beam_search
from genpas_cli.training.models.code_trie import NO_CODE, CodeTrie
from genpas_cli.training.models.interface import Batch, Items, NextItemModel, Ranks

_EMBEDDING_STD = 0.1
"""With 0.02, as in the linear layers, the loss on Amazon Beauty is 11.8 nats after 500 steps, instead of 11.1."""

_CELLS = 1 << 23
"""Maximum number of scores of a decoding step, inputs × sequences × codes; more inputs are decoded in parts."""


@dataclass(frozen=True)
class TigerShape:
    """The sizes of a model, its dropout and its beam."""

    items: int
    """Size of the vocabulary; item numbers are 1..items, 0 is padding."""
    max_input: int
    """Longest input, in items."""
    codes: tuple[int, ...]
    """Number of codes of each level."""
    dim: int
    """Width of a state."""
    layers: int
    """Number of encoder blocks, and of decoder blocks."""
    heads: int
    head_dim: int
    """Width of a head."""
    feed_dim: int
    """Width of the hidden layer of a feed-forward network."""
    user_tokens: int
    """Number of user tokens; 0: none, and each input begins with the same token."""
    dropout: float
    """Dropout probability, 0..1."""
    beam: int
    """Number of code sequences that decoding keeps at each level."""


class Tiger(NextItemModel):
    """The encoder–decoder.

    Args:
        shape: its sizes.
        codes: int (items + 1, levels), codes by item number; -1 for items without codes, and for number 0.
    """

    name = "tiger"
    codes: Tensor
    offset: Tensor
    """int (levels,), row of each level's code 0 in the embeddings."""

    def __init__(self, shape: TigerShape, codes: NDArray[np.integer[Any]]) -> None:
        super().__init__()
        self.shape, self.items, self.max_input = shape, shape.items, shape.max_input
        self.register_buffer("codes", torch.from_numpy(codes.astype(np.int64)))
        self.trie = CodeTrie(codes.astype(np.int64))
        ends = np.cumsum((0, *shape.codes)).tolist()
        self._levels = list(pairwise(ends))
        self.register_buffer("offset", torch.tensor(ends[:-1]), persistent=False)
        self.code = nn.Embedding(ends[-1], shape.dim)
        self.age = nn.Embedding(shape.max_input, shape.dim)
        self.user = nn.Embedding(max(shape.user_tokens, 1), shape.dim)
        self.start = nn.Embedding(1, shape.dim)
        self.encoder = nn.ModuleList(
            Block(shape.dim, shape.heads, shape.head_dim, shape.feed_dim, shape.dropout) for _ in range(shape.layers)
        )
        self.decoder = nn.ModuleList(_DecoderBlock(shape) for _ in range(shape.layers))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(shape.dim), nn.LayerNorm(shape.dim)
        self.dropout = nn.Dropout(shape.dropout)
        init_weights(self)
        for embedding in (self.code, self.age, self.user, self.start):
            nn.init.normal_(embedding.weight, std=_EMBEDDING_STD)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean of minus the log-likelihood of the targets' codes; targets without codes do not count."""
        has_codes = self.trie.leaf[batch["target_item"].long()] != NO_CODE
        likelihood = self.log_likelihood(batch)
        return -torch.where(has_codes, likelihood, 0).sum() / has_codes.sum().clamp_min(1)

    def log_likelihood(self, batch: Batch) -> Tensor:
        """Return the log-likelihood of each target's codes, the sum over the levels, float (B,)."""
        codes = self.codes[batch["target_item"].long()].clamp_min(0)
        begin = self.start.weight.expand(len(codes), 1, -1)
        states = self.dropout(torch.cat((begin, self.code(codes[:, :-1] + self.offset[:-1])), 1))
        encoded, mask = self._encoded(batch)
        for block in _blocks(self):
            states = block(states, block.across.keys_values(encoded), mask)
        states = self.decoder_norm(states)
        likely = [
            self._log_probabilities(states[:, level], level).gather(1, codes[:, level, None])
            for level in range(codes.shape[1])
        ]
        return torch.cat(likely, 1).sum(1)

    def ranks(self, batch: Batch, *, filter_seen: bool) -> Ranks:
        """Return the ranks of the targets among the items that beam search finds.

        Items with equal codes, or equal likelihood, have equal scores. Other targets are missed.
        """
        found = self.beams(batch)
        leaf = self.trie.leaf[batch["target_item"].long()]
        is_target = (found.leaves == leaf[:, None]) & found.scores.isfinite()
        own = torch.where(is_target, found.scores, -torch.inf).amax(1, keepdim=True)
        items = self.trie.items[found.leaves]
        if filter_seen:
            items = items - self._seen(batch, found.leaves)
        missed = ~is_target.any(1)
        above = torch.where(missed, self.items, ((found.scores > own) * items).sum(1))
        equal = torch.where(missed, 1, ((found.scores == own) * items).sum(1))
        return Ranks(above, equal, missed)

    def beams(self, batch: Batch) -> Beams:
        """Return the most likely code sequences for each input, of those that exist."""
        rows = max(1, _CELLS // (min(self.shape.beam, len(self.trie.items)) * max(self.shape.codes)))
        parts = [self._beams(part) for part in _parts(batch, rows)]
        return Beams(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _beams(self, batch: Batch) -> Beams:
        return beam_search(
            _Decoding(self, *self._encoded(batch)), self.trie, len(batch["input_items"]), self.shape.beam
        )

    def top_items(self, batch: Batch, count: int) -> list[list[int]]:
        """Return the best item numbers for each input; items with equal codes in the order of their numbers."""
        self.check_width(batch)
        found = self.beams(batch)
        rows = zip(found.leaves, found.scores.isfinite(), strict=True)
        return [[item for leaf in leaves[real] for item in self.trie.items_of(leaf)][:count] for leaves, real in rows]

    def ranking(self, missed: Mapping[str, Items]) -> dict[str, Any]:
        """Return the beam, the numbers of items that it cannot find or tell apart, and of targets that it missed."""
        has_none = (self.trie.leaf == NO_CODE).cpu().numpy()
        sharing = int(self.trie.items[self.trie.items > 1].sum())
        return {
            "ranking": "beam", "beam": self.shape.beam,
            "missed": {split: len(targets) for split, targets in missed.items()},
            "targets_without_codes": {split: int(has_none[targets].sum()) for split, targets in missed.items()},
            "items_without_codes": int(has_none[1:].sum()), "items_sharing_codes": sharing,
        }  # fmt: skip

    def size(self) -> dict[str, Any]:
        """Return the fields of the shape."""
        return asdict(self.shape) | {"codes": list(self.shape.codes)}

    @classmethod
    def restored(cls, size: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Self:
        """Return a model of a size, with the state that `state_dict` returned, which includes the codes."""
        shape = TigerShape(**{**size, "codes": tuple(size["codes"])})
        model = cls(shape, weights["codes"].cpu().numpy())
        model.load_state_dict(weights)
        return model

    def _encoded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the encoder's states (B, S, dim), and which of them may be attended to, bool (B, 1, 1, S)."""
        inputs, lengths = batch["input_items"].long(), batch["input_length"].long()
        age = (lengths[:, None] - 1 - torch.arange(inputs.shape[1], device=inputs.device)).clamp_min(0)
        codes = self.codes[inputs]
        tokens = self.code(codes.clamp_min(0) + self.offset) + self.age(age)[:, :, None]
        first = (
            (batch["user_num"].long() - 1) % len(self.user.weight)
            if self.shape.user_tokens
            else inputs.new_zeros(len(inputs))
        )
        states = self.dropout(torch.cat((self.user(first)[:, None], tokens.flatten(1, 2)), 1))
        there = (codes != NO_CODE).flatten(1)
        mask = torch.cat((torch.ones_like(there[:, :1]), there), 1)[:, None, None]
        for block in self.encoder:
            states = block(states, mask)
        return self.encoder_norm(states), mask

    def _log_probabilities(self, states: Tensor, level: int) -> Tensor:
        """Return the log-probability of each code of a level after states (..., dim): float (..., codes)."""
        begin, end = self._levels[level]
        scores = states @ self.code.weight[begin:end].T
        return scores.log_softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))

    def _seen(self, batch: Batch, leaves: Tensor) -> Tensor:
        """Return how many items of each leaf, (B, K), are in the input, without the target; repeated ones once."""
        inputs = batch["input_items"].long()
        again = (inputs[:, :, None] == inputs[:, None, :]).tril(-1).any(2)
        counts = ~again & (inputs != batch["target_item"].long()[:, None]) & (inputs > 0)
        return ((self.trie.leaf[inputs][:, None] == leaves[:, :, None]) & counts[:, None]).sum(2)


def _parts(batch: Batch, rows: int) -> Iterator[dict[str, Tensor]]:
    for begin in range(0, len(batch["input_items"]), rows):
        yield {name: tensor[begin : begin + rows] for name, tensor in batch.items()}


class _Decoding:
    """The decoding of a batch: the keys and values of all codes so far are kept, so each step computes one state."""

    def __init__(self, model: Tiger, encoded: Tensor, mask: Tensor) -> None:
        self._model, self._mask = model, mask
        self._encoded: Sequence[KeysValues] = [block.across.keys_values(encoded) for block in _blocks(model)]
        self._past: list[KeysValues] = []
        self._level, self._width = 0, 1

    def log_probabilities(self, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """See `Decoding`."""
        model, level, batch = self._model, self._level, len(self._mask)
        if codes is None or parents is None:
            states = model.start.weight.expand(batch, 1, -1)
        else:
            states = model.code(codes + model.offset[level - 1])
            row = torch.arange(batch, device=parents.device)[:, None] * self._width + parents
            self._past = [KeysValues(*(each[row.flatten()] for each in past)) for past in self._past]
        kept = []
        for number, block in enumerate(_blocks(model)):
            past = self._past[number] if self._past else None
            states, now = block.next(states, past, self._encoded[number], self._mask)
            kept.append(now)
        self._past, self._level, self._width = kept, level + 1, states.shape[1]
        return model._log_probabilities(model.decoder_norm(states), level)  # noqa: SLF001  # its own module


def _blocks(model: Tiger) -> Iterator[_DecoderBlock]:
    for block in model.decoder:
        assert isinstance(block, _DecoderBlock)
        yield block


class _DecoderBlock(nn.Module):
    """A pre-norm block: causal self-attention, attention to the input, and a feed-forward network."""

    def __init__(self, shape: TigerShape) -> None:
        super().__init__()
        self.itself_norm, self.across_norm, self.feed_norm = (nn.LayerNorm(shape.dim) for _ in range(3))
        self.itself = Attention(shape.dim, shape.heads, shape.head_dim, shape.dropout)
        self.across = Attention(shape.dim, shape.heads, shape.head_dim, shape.dropout)
        self.feed = feed_forward(shape.dim, shape.feed_dim)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, encoded: KeysValues, mask: Tensor) -> Tensor:
        """Return the states of all levels, (B, levels, dim), after this block."""
        normed = self.itself_norm(states)
        return self._rest(states + self.itself(normed, normed, causal=True), encoded, mask)

    def next(
        self, states: Tensor, past: KeysValues | None, encoded: KeysValues, mask: Tensor
    ) -> tuple[Tensor, KeysValues]:
        """Return the states of the next level of K sequences, (B, K, dim), and the keys and values up to it.

        Args:
            states: (B, K, dim).
            past: keys and values of the previous levels of all sequences: (B * K, heads, level, head_dim).
            encoded: keys and values of the input.
            mask: see `_encoded`.
        """
        normed = self.itself_norm(states).flatten(0, 1)[:, None]
        now = self.itself.keys_values(normed)
        if past is not None:
            now = KeysValues(*(torch.cat(each, 2) for each in zip(past, now, strict=True)))
        attended = self.itself.attend(normed, now).view(states.shape)
        return self._rest(states + attended, encoded, mask), now

    def _rest(self, states: Tensor, encoded: KeysValues, mask: Tensor) -> Tensor:
        states = states + self.across.attend(self.across_norm(states), encoded, mask)
        fed: Tensor = states + self.dropout(self.feed(self.feed_norm(states)))
        return fed
