"""Divides the rows of an epoch among readers and orders them, by row counts alone, before anything is read.

The ordered blocks of an epoch form one sequence of rows. It is cut into one equal part per reader (DataLoader workers ×
ranks), so that every row has exactly one reader. A reader goes through its part in windows of whole batches, and
shuffles rows within a window. Each window depends only on its number, so that a resumed run skips the windows before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.loaders.pair_shards import Block, Segment

# First element of every spawn key: the purpose of the stream. sampling/cuts.py uses 0, 1 and 2.
_BLOCKS, _ROWS = 3, 4


class Reader(NamedTuple):
    """One of the workers that share an epoch."""

    number: int
    """rank × workers per rank + worker, from 0."""
    readers: int
    """Ranks × workers per rank."""


@dataclass(frozen=True)
class Batching:
    """The division of rows into readers' parts, windows and batches."""

    batch_size: int
    window: int
    """Rows that are shuffled together; a multiple of the batch size."""
    drop_last: bool
    even: bool
    """Whether all readers get the same number of rows."""

    def part(self, rows: int, reader: Reader) -> range:
        """Return a reader's range of the `rows` rows.

        The parts differ by at most one row and do not overlap; with `even` all are as large as the largest, so that
        some share one row with the next part.
        """
        begin, end = (rows * number // reader.readers for number in (reader.number, reader.number + 1))
        return range(begin, begin + -(-rows // reader.readers) if self.even else end)

    def batches(self, rows: int) -> int:
        """Return the number of batches in this many rows of one reader."""
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)


def ordered_blocks(blocks: Sequence[Block], seed: int, epoch: int, *, shuffle: bool) -> list[Block]:
    """Return the blocks in the epoch's order."""
    if not shuffle:
        return list(blocks)
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_BLOCKS, epoch)))
    return [blocks[index] for index in stream.permutation(len(blocks))]


def segments_of(blocks: Sequence[Block], rows: range) -> list[Segment]:
    """Return the parts of blocks that hold this range of the epoch's rows."""
    found, begin = [], 0
    for block in blocks:
        start, stop = max(rows.start - begin, 0), min(rows.stop - begin, block.rows)
        if start < stop:
            found.append(Segment(block, start, stop))
        begin += block.rows
    return found


def window_order(
    lengths: NDArray[np.int64], stream: np.random.Generator | None, batch_size: int, *, bucket: bool
) -> NDArray[np.int64]:
    """Return the order in which a window's rows are taken, batch after batch.

    Args:
        lengths: int64 (rows,), lengths of the inputs.
        stream: random stream of the shuffle; None keeps the order.
        batch_size: rows per batch.
        bucket: whether a batch has inputs of about the same length. The rows of the incomplete last batch are then
            chosen at random, so that dropping it favours no length.
    """
    rows = np.arange(len(lengths)) if stream is None else stream.permutation(len(lengths))
    if not bucket:
        return rows
    full = len(rows) // batch_size * batch_size
    batches = rows[:full][np.argsort(lengths[rows[:full]], kind="stable")].reshape(-1, batch_size)
    if stream is not None:
        batches = stream.permutation(batches)
    return np.concatenate((batches.ravel(), rows[full:]))


def window_stream(seed: int, epoch: int, reader: int, window: int) -> np.random.Generator:
    """Return the random stream of one window."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ROWS, epoch, reader, window)))


def taken_in_turn(batches: int, of_each: Sequence[int]) -> tuple[list[int], int]:
    """Return the batches taken from each worker after `batches` in total, and the worker whose turn is next.

    A DataLoader takes one batch from each worker in turn, skipping workers that have no more. `of_each` is the number
    of batches that each worker has.
    """

    def given(rounds: int) -> int:
        return sum(min(count, rounds) for count in of_each)

    rounds = bisect_right(range(max(of_each) + 1), batches, key=given) - 1
    taken = [min(count, rounds) for count in of_each]
    others = [worker for worker, count in enumerate(of_each) if count > rounds]
    begun = batches - sum(taken)
    for worker in others[:begun]:
        taken[worker] += 1
    return taken, others[begun] if begun < len(others) else 0
