"""Merges two sorted streams of histories, a store's and a new log's, without sorting either again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from genpas_cli.histories.history import History, history_of
from genpas_cli.sampling.kernels import Ints


def merged(old: Iterator[History], new: Iterator[History]) -> Iterator[History]:
    """Yield the rows of both in the order of (user, time); of rows with the same user and time, old ones come first.

    Args:
        old: histories of whole users, ascending.
        new: histories of whole users, ascending, with the same columns.
    """
    waiting = next(new, None)
    for history in old:
        last, parts = int(history.user[-1]), []
        while waiting is not None and waiting.user[0] <= last:
            below = int(np.searchsorted(waiting.user, last, side="right"))
            parts.append(waiting.rows.slice(0, below))
            waiting = history_of([waiting.rows.slice(below)]) if below < len(waiting) else next(new, None)
        yield _merge(history, history_of(parts)) if parts else history
    while waiting is not None:
        yield waiting
        waiting = next(new, None)


def _merge(old: History, new: History) -> History:
    rows = pa.concat_batches([old.rows, new.rows])
    return history_of([rows.take(pa.array(_order(old, new)))])


def _order(old: History, new: History) -> Ints:
    """Return the indices that sort the concatenated rows of `old` and `new`; only users with new rows are sorted."""
    user = np.concatenate((old.user, new.user)).astype(np.int64)
    time = None if old.time is None or new.time is None else np.concatenate((old.time, new.time))
    both, place = np.unique(user, return_inverse=True)
    has_new = np.zeros(len(both), bool)
    has_new[place[len(old) :]] = True
    mixed = np.flatnonzero(has_new[place])
    # lexsort is stable: of equal times the old rows come first, each stream in its own order.
    by = (place[mixed],) if time is None else (time[mixed], place[mixed])
    mixed = mixed[np.lexsort(by)]
    order = np.empty(len(user), np.int64)
    starts = np.concatenate(([0], np.cumsum(np.bincount(place))))
    for rows in (np.flatnonzero(~has_new[place]), mixed):
        # Both are in the order of users, so a row's index is the start of its user plus its number within the user.
        begins = np.searchsorted(place[rows], place[rows], side="left")
        order[starts[place[rows]] + np.arange(len(rows)) - begins] = rows
    return order
