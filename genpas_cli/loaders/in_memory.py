"""`InMemoryPairDataset`: the pairs of a split in memory, with random access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from genpas_cli.loaders.arguments import at_least, batch_layout, source_of
from genpas_cli.loaders.batches import Pad, packed_batch, window_of
from genpas_cli.loaders.division import window_stream
from genpas_cli.loaders.pair_shards import PairShards, Segment
from genpas_cli.loaders.tensors import Batch, as_tensors
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked


class RowBatches(Sampler[NDArray[np.int64]]):
    """The rows of each batch, int64 (batch size,); see `InMemoryPairDataset.batches`.

    Attributes:
        epoch: number of the next iteration, from 0; the order depends on it and on the seed alone.
    """

    def __init__(self, rows: int, batch_size: int, seed: int | None, *, drop_last: bool) -> None:
        self._rows, self._batch_size, self._seed = rows, batch_size, seed
        self._count = rows // batch_size if drop_last else -(-rows // batch_size)
        self.epoch = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        epoch, self.epoch = self.epoch, self.epoch + 1  # not in the generator, which may never start
        return self._iterated(epoch)

    def _iterated(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        order = (
            np.arange(self._rows) if self._seed is None
            else window_stream(self._seed, epoch, 0, 0).permutation(self._rows)
        )  # fmt: skip
        for batch in range(self._count):
            yield order[batch * self._batch_size : (batch + 1) * self._batch_size]


class InMemoryPairDataset(Dataset[Batch]):
    """Pairs of one split and epoch as a map-style dataset, for samplers of your own.

    The dataset returns whole batches, so give the DataLoader `collate`, and a batch sampler or a batch size:
    `DataLoader(dataset, batch_sampler=dataset.batches(1024), collate_fn=dataset.collate)` is three times as fast as
    `DataLoader(dataset, batch_size=1024, shuffle=True, collate_fn=dataset.collate)`. Batches have the layout of
    `PairDataset`. Memory: 4 bytes per input item and 16 per pair, and the same again while reading.

    Args:
        source: a pairs directory, or other shards.
        split: the split of the pairs.
        epoch: the epoch of the pairs.
        pad: side on which inputs are padded with 0, or `none`.
        max_input: maximum number of most recent items of an input; by default the limit of the shards.
        columns: further columns of the shards; they must hold numbers.

    Raises:
        UsageError: an argument has an invalid value, or there is no such split.
        DataError, IntegrityError: `source` is not a pairs directory, or it is damaged.
    """

    @checked
    def __init__(
        self, source: PairShards | str | Path, split: str = "train", *, epoch: int = 0, pad: Pad = "left",
        max_input: int | None = None, columns: Sequence[str] = (),
    ) -> None:  # fmt: skip
        at_least("epoch", epoch, 0)
        shards = source_of(source)
        self._layout = batch_layout(shards, pad, max_input, columns, narrow=False)
        segments = [Segment(block, 0, block.rows) for block in shards.blocks(split, epoch)]
        self._rows = window_of(list(shards.read(split, epoch, segments, self._layout.read)), self._layout)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Batch:
        """Return one pair: a batch of one without its first dimension; with `pad="none"`, a batch of one."""
        batch = self.__getitems__([row])
        return batch if self._layout.pad == "none" else {name: tensor[0] for name, tensor in batch.items()}

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows; a DataLoader calls this for each batch."""
        index = np.asarray(rows, np.int64)
        if len(index) and not (-len(self) <= index.min() and index.max() < len(self)):
            wrong = index.max() if index.max() >= len(self) else index.min()
            raise IndexError(f"row {wrong} of {len(self)} pairs")
        return as_tensors(packed_batch(self._rows, index % max(len(self), 1), self._layout))

    def batches(self, batch_size: int, *, shuffle: bool = True, seed: int = 0, drop_last: bool = False) -> RowBatches:
        """Return the batch sampler of a DataLoader with `collate_fn=dataset.collate`.

        A DataLoader's own sampler makes a Python number of every row, which takes longer than making the batches.

        Args:
            batch_size: pairs per batch.
            shuffle: whether the order is random, another one in each iteration.
            seed: seed of the order.
            drop_last: drop an incomplete last batch.

        Raises:
            UsageError: `batch_size` is below 1, or `seed` is below 0.
        """
        at_least("batch_size", batch_size, 1)
        at_least("seed", seed, 0)
        return RowBatches(len(self), batch_size, seed if shuffle else None, drop_last=drop_last)

    @staticmethod
    def collate(batch: Batch) -> Batch:
        """Return the batch of `__getitems__` unchanged."""
        if not isinstance(batch, dict):
            raise UsageError("collate must get the batch that __getitems__ returns, not a list of pairs")
        return batch
