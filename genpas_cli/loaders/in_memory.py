"""`InMemoryPairDataset`: the pairs of a split in memory, any of them at any time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from genpas_cli.loaders.arguments import at_least, batch_form, source_of
from genpas_cli.loaders.batches import Pad, packed_batch, window_of
from genpas_cli.loaders.pair_shards import PairShards, Segment
from genpas_cli.loaders.tensors import Batch, as_tensors
from genpas_cli.runtime.arguments import checked
from genpas_cli.runtime.errors import UsageError


class InMemoryPairDataset(Dataset[Batch]):
    """Pairs of one split and epoch as a map-style dataset, for samplers of your own.

    Rows come a batch at a time, so give the DataLoader both its batch size and `collate`:
    `DataLoader(dataset, batch_size=1024, shuffle=True, collate_fn=dataset.collate)`. A batch is as of `PairDataset`.
    Memory: 4 bytes an item of an input, 16 a pair, and as much again while it is being read.

    Args:
        source: a pairs directory, or other shards.
        split: which pairs.
        epoch: which epoch's.
        pad: on which side of an input the 0s are, or `none`.
        max_input: inputs are cut to their most recent so many items; by default what the shards were made with.
        columns: further columns of the shards; they must be of numbers.

    Raises:
        UsageError: a value that an argument does not take, or a split that is not there.
        DataError, IntegrityError: no pairs directory, or one that is damaged.
    """

    @checked
    def __init__(
        self, source: PairShards | str | Path, split: str = "train", *, epoch: int = 0, pad: Pad = "left",
        max_input: int | None = None, columns: Sequence[str] = (),
    ) -> None:  # fmt: skip
        at_least("epoch", epoch, 0)
        shards = source_of(source)
        self._form = batch_form(shards, pad, max_input, columns, narrow=False)
        segments = [Segment(block, 0, block.rows) for block in shards.blocks(split, epoch)]
        self._rows = window_of(list(shards.read(split, epoch, segments, self._form.read)), self._form)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Batch:
        """Return one pair: a batch of one, its first dimension left out; with `pad="none"`, a batch of one."""
        batch = self.__getitems__([row])
        return batch if self._form.pad == "none" else {name: tensor[0] for name, tensor in batch.items()}

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows; a DataLoader asks for a whole batch by this."""
        index = np.asarray(rows, np.int64)
        if len(index) and not (-len(self) <= index.min() and index.max() < len(self)):
            wrong = index.max() if index.max() >= len(self) else index.min()
            raise IndexError(f"row {wrong} of {len(self)} pairs")
        return as_tensors(packed_batch(self._rows, index % max(len(self), 1), self._form))

    @staticmethod
    def collate(batch: Batch) -> Batch:
        """Return what `__getitems__` made: it is a batch already."""
        if not isinstance(batch, dict):
            raise UsageError("collate takes the batch that __getitems__ returns, not a list of pairs")
        return batch
