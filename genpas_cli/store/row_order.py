"""Extracts spans of sequences from a stream of rows, without holding the rest in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.runtime.errors import IntegrityError
from genpas_cli.store.sequences import Sequences, Spans, ranges


class RowOrder:
    """Checks that the rows of a run of users arrive in the order that their lengths imply.

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
            tip="The store is damaged. Create it again: genpas ingest LOGS -o STORE --force",
        )


def cut_spans(batches: Iterable[Any], order: RowOrder, spans: Spans, kept: list[str]) -> Sequences:
    """Return the spans out of Arrow batches of user_num, item_num and the kept columns.

    Raises:
        IntegrityError: the rows do not come in the order promised.
    """
    user, low, high = (np.asarray(a, np.int64) for a in spans)
    before = order.begin_of(user)
    begin, end = before + low - 1, before + high
    offsets = np.concatenate(([0], np.cumsum(end - begin)))
    items = np.empty(offsets[-1], np.int32)
    columns: dict[str, list[Any]] = {name: [] for name in kept}
    done = 0
    for batch in batches:
        row = order.row
        order.take(batch.column(0).to_numpy())
        inside = slice(np.searchsorted(end, row, side="right"), np.searchsorted(begin, order.row, side="left"))
        first = np.maximum(begin[inside] - row, 0)
        wanted = ranges(first, np.minimum(end[inside], order.row) - row - first)
        # `mode="clip"` changes no value here, but without it NumPy copies through a buffer.
        np.take(batch.column(1).to_numpy(), wanted, out=items[done : done + len(wanted)], mode="clip")
        done += len(wanted)
        for number, name in enumerate(kept, 2):
            columns[name].append(batch.column(number).take(pa.array(wanted)))
    order.finish()
    arrays = {name: pa.concat_arrays(parts) for name, parts in columns.items() if parts}
    return Sequences(user.astype(np.int32), offsets, low - 1, items, arrays)
