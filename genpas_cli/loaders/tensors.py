"""Batches as PyTorch has them: tensors over the arrays of a packed batch, in this process or sent to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from genpas_cli.loaders.batches import Field, Packed

Batch = dict[str, torch.Tensor]
"""Tensors by name. All have an entry a pair, in one order, but for the values of inputs that are not padded."""


def as_tensors(packed: Packed) -> Batch:
    """Return a batch as tensors over its arrays; no copy."""
    return {field.name: torch.from_numpy(packed.array(field)) for field in packed.fields}


class SentBatch(Batch):
    """A batch on its way out of a worker: one buffer is sent, and arrives as an ordinary dictionary.

    A DataLoader moves each tensor by a file of its own in shared memory, which takes longer than copying a batch.
    """

    def __init__(self, packed: Packed) -> None:
        super().__init__(as_tensors(packed))
        self._packed = packed

    def __reduce__(self) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
        """Say how it is taken out of the buffer."""
        return _received, (torch.from_numpy(self._packed.buffer), self._packed.fields)


def _received(buffer: torch.Tensor, fields: tuple[Field, ...]) -> Batch:
    return as_tensors(Packed(np.asarray(buffer.numpy()), fields))
