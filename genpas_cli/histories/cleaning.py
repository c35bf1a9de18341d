"""Cleaning of sorted rows: dropping repeats, and the k-core."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from genpas_cli.histories.history import History, Mask, same_as_previous
from genpas_cli.histories.names import Dedup


def not_repeated(history: History, rule: Dedup) -> Mask:
    """Return the mask of the rows that a dedup rule keeps; of equal rows the first one is kept.

    `exact` drops rows equal in every column of the log, `consecutive` an item right after itself, `user-item` every
    later interaction of a user with the same item.
    """
    if rule == "none":
        return np.ones(len(history), bool)
    if rule == "consecutive":
        return ~same_as_previous(history.user, history.item)
    keys: list[NDArray[np.generic]] = [history.item, history.user]
    if rule == "exact":
        keys = [history.rows.column("row_hash").to_numpy(), *([] if history.time is None else [history.time]), *keys]
    # lexsort is stable, so the first of equal rows is the one kept.
    order = np.lexsort(keys)
    keep = np.ones(len(history), bool)
    keep[order[same_as_previous(*(key[order] for key in keys))]] = False
    return keep


def core_step(min_user: int, min_item: int) -> str:
    """Return the name of the step that drops users and items with too few interactions."""
    if min_item <= 1:
        return f"users with fewer than {min_user:,} interactions"
    return f"items with fewer than {min_item:,} interactions" if min_user <= 1 else "k-core"


def k_core(
    histories: Callable[[], Iterable[History]], *, users: int, items: int, min_user: int, min_item: int
) -> tuple[Mask, Mask, int]:
    """Find the k-core: drop users and items with too few interactions until none is left.

    Args:
        histories: yields all rows anew for each round.
        users: number of provisional users.
        items: number of provisional items.
        min_user: minimum interactions per user.
        min_item: minimum interactions per item.

    Returns:
        Masks of the kept provisional users and items, and the number of rows kept.
    """
    live_users, live_items = np.ones(users, bool), np.ones(items, bool)
    while True:
        user_count, item_count = np.zeros(users, np.int64), np.zeros(items, np.int64)
        for history in histories():
            alive = live_users[history.user] & live_items[history.item]
            user_count += np.bincount(history.user[alive], minlength=users)
            item_count += np.bincount(history.item[alive], minlength=items)
        next_users, next_items = live_users & (user_count >= min_user), live_items & (item_count >= min_item)
        next_users &= user_count > 0
        next_items &= item_count > 0
        if np.array_equal(next_users, live_users) and np.array_equal(next_items, live_items):
            return live_users, live_items, int(user_count.sum())
        live_users, live_items = next_users, next_items
