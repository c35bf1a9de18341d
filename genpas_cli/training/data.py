"""What a run reads: training batches without end, and held-out pairs, by the project's own loader."""

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
"""Pairs whose scores are held at a time: as many as stay in a processor's cache, with a vocabulary of ten thousand."""


class TrainingBatches:
    """Batches of training pairs, epoch after epoch without end; each is of inputs of about the same length.

    Attributes:
        waited: seconds that the one who takes batches has waited for them.

    Args:
        source: the pairs.
        batch_size: pairs of a batch.
        max_input: inputs are cut to their most recent so many items.
        seed: of the order.
    """

    def __init__(self, source: PairShards, batch_size: int, max_input: int, seed: int) -> None:
        self._dataset: PairDataset = PairDataset(
            source, batch_size=batch_size, max_input=max_input, seed=seed, pad="right", bucket_by_length=True
        )
        self._batches: Generator[Batch, None, None] | None = None
        self.waited = 0.0

    @property
    def epoch(self) -> int:
        """The epoch that is being read, from 0."""
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
        """Return where it is."""
        return self._dataset.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there.

        Raises:
            UsageError: the state is of other pairs, or of another order.
        """
        self._dataset.load_state_dict(state)
        self._batches = None


def held_out_batches(source: PairShards, split: str, max_input: int) -> PairDataset:
    """Return the pairs of a held-out split, each once, in an order that is always the same."""
    return PairDataset(
        source, split, batch_size=_EVALUATED_TOGETHER, max_input=max_input, pad="right", bucket_by_length=True,
        shuffle=False,
    )  # fmt: skip


def item_occurrences(source: PairShards, split: str, max_input: int, items: int) -> NDArray[np.int64]:
    """Return int64 (items,): how often each item stands in the inputs of a split's pairs.

    Of a held-out split these are the histories themselves, so that what is popular does not depend on how training
    pairs were drawn.
    """
    counts = np.zeros(items + 1, np.int64)
    for batch in held_out_batches(source, split, max_input):
        counts += np.bincount(batch["input_items"].numpy().ravel(), minlength=items + 1)
    return counts[1:]


class FirstEpochs:
    """The first epochs of pairs that were drawn several times, over and over.

    Args:
        source: the pairs.
        epochs: how many of its epochs.
    """

    def __init__(self, source: PairShards, epochs: int) -> None:
        self._source, self._epochs = source, epochs
        self.name, self.schema, self.max_input = source.name, source.schema, source.max_input
        self.identity = f"{source.identity} first {epochs}"

    def blocks(self, split: str, epoch: int) -> Sequence[Block]:
        """Return the blocks of epoch e modulo their number."""
        return self._source.blocks(split, epoch % self._epochs)

    def read(self, split: str, epoch: int, segments: Sequence[Segment], columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield rows of epoch e modulo their number."""
        return self._source.read(split, epoch % self._epochs, segments, columns)
