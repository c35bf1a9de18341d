"""`InMemoryPairDataset`: the pairs of a split in memory, with random access."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from genpas_cli.loaders.arguments import at_least, batch_layout, source_of
from genpas_cli.loaders.batches import Pad, packed_batch, window_of
from genpas_cli.loaders.pair_shards import PairShards, Segment
from genpas_cli.loaders.tensors import Batch, as_tensors
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked


class InMemoryPairDataset(Dataset[Batch]):
    """Pairs of one split and epoch as a map-style dataset, for samplers of your own.

    The dataset returns whole batches, so give the DataLoader both a batch size and `collate`:
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

    @staticmethod
    def collate(batch: Batch) -> Batch:
        """Return the batch of `__getitems__` unchanged."""
        if not isinstance(batch, dict):
            raise UsageError("collate must get the batch that __getitems__ returns, not a list of pairs")
        return batch
