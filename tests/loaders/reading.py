"""Reading datasets, and their pairs as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import DataLoader

from genpas_cli.loaders import PairDataset

Row = tuple[int, tuple[int, ...], int]
Batch = dict[str, torch.Tensor]


def rows_of(table: Any) -> list[Row]:
    """Return the pairs of an Arrow table: user, input, target."""
    columns = (table[name].to_pylist() for name in ("user_num", "input_items", "target_item"))
    return [(user, tuple(items), target) for user, items, target in zip(*columns, strict=True)]


def pairs_of(batches: Iterable[Batch]) -> list[Row]:
    """Return the pairs of left-padded batches."""
    found = []
    for batch in batches:
        for user, items, length, target in zip(
            *(batch[name].tolist() for name in ("user_num", "input_items", "input_length", "target_item")), strict=True
        ):
            assert items[: len(items) - length] == [0] * (len(items) - length)
            found.append((user, tuple(items[len(items) - length :]), target))
    return found


def loaded(dataset: PairDataset, workers: int, **options: Any) -> DataLoader[Batch]:
    return DataLoader(dataset, batch_size=None, num_workers=workers, **options)


def dataset_of(source: Any, rank: int = 0, ranks: int = 1, **options: Any) -> PairDataset:
    given = {"batch_size": 32, "window": 256, "rank": rank, "world_size": ranks} | options
    return PairDataset(source, **given)
