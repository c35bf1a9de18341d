"""Who reads which rows of an epoch, in which order: arithmetic on row counts, before anything is read.

The blocks of an epoch are put in an order, and their rows make one line. The line is cut into as many equal parts as
there are readers (DataLoader workers × ranks), so every row has one reader whatever their number. A reader goes through
its part in windows of whole batches; rows are shuffled within a window. So each window is a function of its number
alone, and a run that is resumed reads nothing of the windows before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genpas_cli.loaders.pair_shards import Block, Segment

# First element of every spawn key: what the stream is for. Those of sampling/cuts.py are 0, 1 and 2.
_BLOCKS, _ROWS = 3, 4


class Reader(NamedTuple):
    """One of those who share an epoch."""

    number: int
    """rank × workers of a rank + worker, from 0."""
    readers: int
    """Ranks × workers of a rank."""


@dataclass(frozen=True)
class Batching:
    """How a reader's rows become batches, as far as counts go."""

    batch_size: int
    window: int
    """Rows that are shuffled together; a multiple of the batch size."""
    drop_last: bool
    even: bool
    """Whether all readers get equally many rows."""

    def part(self, rows: int, reader: Reader) -> range:
        """Return a reader's rows on the line of `rows`.

        The parts differ by one row at most, and do not overlap; `even` lets all have as many as the largest, so that
        one row of some is another's too.
        """
        begin, end = (rows * number // reader.readers for number in (reader.number, reader.number + 1))
        return range(begin, begin + -(-rows // reader.readers) if self.even else end)

    def batches(self, rows: int) -> int:
        """Return how many batches so many rows of one reader make."""
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)


def ordered_blocks(blocks: Sequence[Block], seed: int, epoch: int, *, shuffle: bool) -> list[Block]:
    """Return the blocks in the epoch's order."""
    if not shuffle:
        return list(blocks)
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_BLOCKS, epoch)))
    return [blocks[index] for index in stream.permutation(len(blocks))]


def segments_of(blocks: Sequence[Block], rows: range) -> list[Segment]:
    """Return the parts of blocks that are these rows of their line."""
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
        lengths: of the inputs.
        stream: shuffles; None keeps the order.
        batch_size: rows of a batch.
        bucket: whether a batch has inputs of about the same length. What does not fill a batch then comes last and is
            of any length, so that dropping it favours none.
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
    """Return the randomness of one window."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ROWS, epoch, reader, window)))


def taken_in_turn(batches: int, of_each: Sequence[int]) -> tuple[list[int], int]:
    """Return how many batches of each worker a DataLoader has given after so many in all, and whose turn is next.

    It takes one batch of each worker in turn, leaving out those that have no more.
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
