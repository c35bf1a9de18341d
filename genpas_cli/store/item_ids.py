"""The ids of the items of a store, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from genpas_cli.store.store import Store


class StoreIds:
    """The id of each item number of a store, from 1; they are read when they are used.

    Args:
        store: the store, open.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def __len__(self) -> int:
        """Return the number of ids."""
        return self._store.items

    def blocks(self) -> Iterator[pa.Array]:
        """Yield the ids in the order of their numbers."""
        return (batch.column(1) for batch in self._store.vocabulary("items"))

    def whole(self) -> pa.Array:
        """Return all ids in memory."""
        return pa.concat_arrays(self.blocks())
