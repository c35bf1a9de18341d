"""The data of a training run: an endless stream of training batches, and held-out pairs, read by `PairDataset`."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.loaders import PairDataset
from genpas_cli.loaders.pair_shards import Block, PairShards, Segment
from genpas_cli.loaders.tensors import Batch

_EVALUATED_TOGETHER = 256
"""Pairs per evaluation batch: with ten thousand items, their scores stay in the processor's cache."""


class TrainingBatches:
    """An endless stream of training batches, epoch after epoch; each batch has inputs of about the same length.

    Attributes:
        waited: seconds spent waiting for batches in `take`.

    Args:
        source: the pairs.
        batch_size: pairs per batch.
        max_input: maximum number of most recent items of an input.
        seed: seed of the order.
    """

    def __init__(self, source: PairShards, batch_size: int, max_input: int, seed: int) -> None:
        self._dataset: PairDataset = PairDataset(
            source, batch_size=batch_size, max_input=max_input, seed=seed, pad="right", bucket_by_length=True
        )
        self._batches: Generator[Batch, None, None] | None = None
        self.waited = 0.0

    @property
    def epoch(self) -> int:
        """The current epoch, from 0."""
        return self._dataset.epoch

    def take(self) -> Batch:
        """Return the next batch."""
        started = time.perf_counter()
        if self._batches is None:
            self._batches = iter(self._dataset)
        batch = next(self._batches, None)
        while batch is None:
            self._dataset.set_epoch(self._dataset.epoch + 1)
            self._batches = iter(self._dataset)
            batch = next(self._batches, None)
        self.waited += time.perf_counter() - started
        return batch

    def close(self) -> None:
        """End the threads that read ahead."""
        if self._batches is not None:
            self._batches.close()

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream."""
        return self._dataset.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue at a position; raise UsageError if it is of other pairs or another order."""
        self._dataset.load_state_dict(state)
        self._batches = None


def held_out_batches(source: PairShards, split: str, max_input: int) -> PairDataset:
    """Return the pairs of a held-out split, each once, in a fixed order."""
    return PairDataset(
        source, split, batch_size=_EVALUATED_TOGETHER, max_input=max_input, pad="right", bucket_by_length=True,
        shuffle=False,
    )  # fmt: skip


def item_occurrences(source: PairShards, split: str, max_input: int, items: int) -> NDArray[np.int64]:
    """Return int64 (items,): the occurrences of each item in the inputs of a split's pairs.

    For a held-out split these are the histories, so that popularity does not depend on how training pairs were drawn.
    """
    counts = np.zeros(items + 1, np.int64)
    for batch in held_out_batches(source, split, max_input):
        counts += np.bincount(batch["input_items"].numpy().ravel(), minlength=items + 1)
    return counts[1:]


class FirstEpochs:
    """The first epochs of a source, in turn: epoch e is the source's epoch e modulo `epochs`."""

    def __init__(self, source: PairShards, epochs: int) -> None:
        self._source, self._epochs = source, epochs
        self.name, self.schema, self.max_input = source.name, source.schema, source.max_input
        self.identity = f"{source.identity} first {epochs}"

    def blocks(self, split: str, epoch: int) -> Sequence[Block]:
        """Return the blocks of epoch e modulo `epochs`."""
        return self._source.blocks(split, epoch % self._epochs)

    def read(self, split: str, epoch: int, segments: Sequence[Segment], columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield rows of epoch e modulo `epochs`."""
        return self._source.read(split, epoch % self._epochs, segments, columns)
