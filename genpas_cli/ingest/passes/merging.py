"""Two sorted streams of histories into one: what a store has, and what is appended to it; neither is sorted again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from genpas_cli.ingest.passes.histories import History, history_of
from genpas_cli.sampling.kernels import Ints


def merged(old: Iterator[History], new: Iterator[History]) -> Iterator[History]:
    """Yield the rows of both in the order of (user, time), a user's old rows before new ones of the same time.

    Args:
        old: whole users, ascending.
        new: likewise; its columns are the same.
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
    """Return the order of the rows of `old` followed by those of `new`; only users that have new rows are looked at."""
    user = np.concatenate((old.user, new.user)).astype(np.int64)
    time = None if old.time is None or new.time is None else np.concatenate((old.time, new.time))
    both, place = np.unique(user, return_inverse=True)
    has_new = np.zeros(len(both), bool)
    has_new[place[len(old) :]] = True
    mixed = np.flatnonzero(has_new[place])
    # lexsort is stable: of equal times the old row comes first, then the order of either stream.
    by = (place[mixed],) if time is None else (time[mixed], place[mixed])
    mixed = mixed[np.lexsort(by)]
    order = np.empty(len(user), np.int64)
    starts = np.concatenate(([0], np.cumsum(np.bincount(place))))
    for rows in (np.flatnonzero(~has_new[place]), mixed):
        # Both are in the order of users already, so a row's place is that of its user plus its number within it.
        begins = np.searchsorted(place[rows], place[rows], side="left")
        order[starts[place[rows]] + np.arange(len(rows)) - begins] = rows
    return order
