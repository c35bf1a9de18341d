"""Parts of histories, cut out of a stream of rows as it passes, so that the rest is never held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.errors import IntegrityError
from genpas_cli.sequences import Sequences, Spans


class RowOrder:
    """Checks that the rows of a run of users arrive as their lengths promise; another order would cut wrong pairs.

    Args:
        name: what the rows come from, for errors.
        first: 0-based first user of the run.
        lengths: int64, rows of each user of the run.
    """

    def __init__(self, name: str, first: int, lengths: NDArray[np.int64]) -> None:
        self._name, self._first, self._lengths, self._ends = name, first, lengths, np.cumsum(lengths)
        self.row = 0

    def take(self, users: NDArray[np.int32]) -> None:
        """Check the next rows, given their user numbers (from 1)."""
        stop = self.row + len(users)
        lo, hi = np.searchsorted(self._ends, [self.row, stop - 1], side="right")
        ends, lengths = self._ends[lo : hi + 1], self._lengths[lo : hi + 1]
        counts = np.minimum(ends, stop) - np.maximum(ends - lengths, self.row)
        expected = np.repeat(np.arange(len(counts)) + self._first + 1 + lo, np.maximum(counts, 0))
        if not np.array_equal(expected, users):
            self._fail()
        self.row = stop

    def finish(self) -> None:
        """Check that no row is missing."""
        if len(self._ends) and self.row != self._ends[-1]:
            self._fail()

    def begin_of(self, user: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row at which each of these 0-based users begins."""
        return (self._ends - self._lengths)[user - self._first]

    def _fail(self) -> None:
        raise IntegrityError(
            f"{self._name}: table interactions does not follow table users after user {self._first + 1}",
            tip="The store is damaged; make it again with genpas ingest.",
        )


def cut_spans(batches: Iterable[Any], order: RowOrder, spans: Spans, kept: list[str]) -> Sequences:
    """Return the spans out of Arrow batches of user_num, item_num and the kept columns.

    Raises:
        IntegrityError: the rows do not come in the order promised.
    """
    user, low, high = (np.asarray(a, np.int64) for a in spans)
    before = order.begin_of(user)
    parts = list(_wanted(batches, order, before + low - 1, before + high))
    items = np.concatenate([np.zeros(0, np.int32), *(part.column(1).to_numpy() for part in parts)])
    offsets = np.concatenate(([0], np.cumsum(high - low + 1)))
    columns = {name: pa.concat_arrays([p.column(2 + i) for p in parts]) for i, name in enumerate(kept)} if parts else {}
    return Sequences(user.astype(np.int32), offsets, low - 1, items, columns)


def _wanted(batches: Iterable[Any], order: RowOrder, begin: NDArray[np.int64], end: NDArray[np.int64]) -> Iterator[Any]:
    """Yield of each batch the rows in any of the ascending ranges [begin, end)."""
    for batch in batches:
        row = order.row
        order.take(batch.column(0).to_numpy())
        inside = slice(np.searchsorted(end, row, side="right"), np.searchsorted(begin, order.row, side="left"))
        # Up where a range begins, down where it ends; as they do not overlap, no two begin or end at the same row.
        steps = np.zeros(batch.num_rows + 1, np.int64)
        steps[np.maximum(begin[inside] - row, 0)] += 1
        steps[np.minimum(end[inside], order.row) - row] -= 1
        mask = np.cumsum(steps[:-1], out=steps[:-1]).astype(np.bool_)
        yield batch if mask.all() else batch.take(pa.array(np.flatnonzero(mask)))
    order.finish()
