"""Checks of the arguments that both datasets take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch

from genpas_cli.loaders.batches import BatchLayout, Pad, check_columns
from genpas_cli.loaders.pair_shards import PairsDirectory, PairShards
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.object_storage.locations import StorageLocation


def source_of(source: PairShards | str | Path) -> PairShards:
    """Return the shards for a dataset's first argument.

    Raises:
        UsageError: the argument is neither a path nor a `PairShards`.
        DataError, IntegrityError: the path is not a pairs directory, or it is damaged.
    """
    if isinstance(source, str | os.PathLike | StorageLocation):
        return PairsDirectory(source)
    if not all(hasattr(source, name) for name in ("blocks", "read", "schema", "identity")):
        raise UsageError(
            f"source has the type {type(source).__name__}; it must be a pairs directory, or shards such as those of "
            "fresh_pairs(...)"
        )
    return source


def batch_layout(
    source: PairShards, pad: Pad, max_input: int | None, columns: Sequence[str], *, narrow: bool
) -> BatchLayout:
    """Check a dataset's arguments, and return the layout of its batches.

    Args:
        source: the pairs.
        pad: see `PairDataset`.
        max_input: see `PairDataset`.
        columns: see `PairDataset`.
        narrow: whether a padded batch is only as wide as its longest input.

    Raises:
        UsageError: an argument has an invalid value.
    """
    if pad not in get_args(Pad):
        raise UsageError(f"pad is {pad!r}; it must be {', '.join(get_args(Pad)[:-1])} or {get_args(Pad)[-1]}")
    if max_input is not None:
        at_least("max_input", max_input, 1)
    longest = source.max_input if max_input is None else max_input
    width = None if narrow else longest
    if isinstance(columns, str):
        raise UsageError(f"columns is {columns!r}; it must be a list of names")
    return BatchLayout(pad, longest, width, check_columns(source.schema, columns, source.name))


def at_least(name: str, value: int, low: int) -> None:
    """Raise UsageError if `value` is not an integer from `low`; `name` is its name in the message."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:  # type: ignore[redundant-expr]  # callers may pass anything
        raise UsageError(f"{name} is {value!r}; it must be a whole number, {low} or more")


def place_in_world(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return (rank, number of ranks): as given, else from torch.distributed, else from the environment, else (0, 1).

    Raises:
        UsageError: only one of the two is given, or the rank is not below the number of ranks.
    """
    if (rank is None) != (world_size is None):
        raise UsageError(f"rank is {rank} and world_size is {world_size}; give both or neither of them")
    if rank is None or world_size is None:
        rank, world_size = _found_place()
    at_least("world_size", world_size, 1)
    at_least("rank", rank, 0)
    if rank >= world_size:
        raise UsageError(f"rank is {rank}; with world_size {world_size} it must be from 0 to {world_size - 1}")
    return rank, world_size


def _found_place() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    words = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    try:
        return int(words[0]), int(words[1])
    except ValueError as error:
        raise UsageError(
            f"the environment has RANK={words[0]} and WORLD_SIZE={words[1]}; both must be numbers"
        ) from error
