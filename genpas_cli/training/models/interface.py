"""The interface of models for training and evaluation: a batch gives a loss, and the ranks of the targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Items = NDArray[np.integer[Any]]
"""Item numbers."""

Batch = Mapping[str, Tensor]
"""Pairs: `input_items`, int (B, L), item numbers, oldest first, padded with 0 on the right; `input_length`, int (B,),
1..L; `target_item`, int (B,), item numbers; `user_num`, int (B,)."""


class Ranks(NamedTuple):
    """The ranks of the targets of a batch among all items."""

    above: Tensor
    """int (B,), number of items with a higher score than the target; that of all items if the target was missed."""
    equal: Tensor
    """int (B,), number of items with the target's score, including the target: 1 or more."""
    missed: Tensor
    """bool (B,), whether the model did not rank the target."""


class NextItemModel(nn.Module, ABC):
    """A model that learns the target of a pair from its input, and ranks items for an input."""

    name: ClassVar[str]
    """Value of `--model`."""
    items: int
    """Size of the vocabulary; item numbers are 1..items, 0 is padding."""
    max_input: int
    """Longest input, in items."""

    @property
    def device(self) -> torch.device:
        """The device of the model's parameters."""
        return next(self.parameters()).device

    def check_width(self, batch: Batch) -> None:
        """Raise ValueError if inputs are longer than this model reads."""
        if (width := batch["input_items"].shape[1]) > self.max_input:
            raise ValueError(f"inputs have up to {width} items; this model reads at most {self.max_input}")

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the mean training loss of the pairs of a batch, in nats."""

    @abstractmethod
    def ranks(self, batch: Batch, *, filter_seen: bool) -> Ranks:
        """Return the ranks of the targets of a batch.

        Args:
            batch: the pairs.
            filter_seen: whether the items of a pair's input are excluded from its ranking, except the target.
        """

    @abstractmethod
    def top_items(self, batch: Batch, count: int) -> list[list[int]]:
        """Return the numbers of the best items for each input, best first; `target_item` is not needed.

        Args:
            batch: the pairs.
            count: maximum number of items; a model with a beam finds no more than the items of its code sequences.
        """

    @abstractmethod
    def ranking(self, missed: Mapping[str, Items]) -> dict[str, Any]:
        """Return how items are ranked, for the key `evaluation` of `metrics.json`.

        Args:
            missed: the missed targets of each held-out split, item numbers, one per pair.
        """

    @abstractmethod
    def size(self) -> dict[str, Any]:
        """Return the sizes of the model as numbers and lists, from which `restored` makes one of the same shape."""

    @classmethod
    @abstractmethod
    def restored(cls, size: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Self:
        """Return a model of a size, with the state that `state_dict` returned."""
