"""The rows of a log in order, which every pass takes and gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import pyarrow as pa

from genpas_cli.ingest.options import Dedup
from genpas_cli.ingest.passes.appending import Joined
from genpas_cli.ingest.passes.cleaning import k_core, not_repeated
from genpas_cli.ingest.passes.histories import History, Mask, whole_users
from genpas_cli.runtime.database import Database

_BATCH_ROWS = 1 << 18


@dataclass(frozen=True)
class SortedLog:
    """Rows in order, and what is to be left out of them. They can be gone through again and again.

    They stream from sorted queries as long as one pass is enough; else they are kept sorted, in a table that spills.
    """

    database: Database
    queries: tuple[str, ...]
    """Each gives the rows of a run of users, one run after the other."""
    table: str
    """The table of the stage whose rows these are."""
    dedup: Dedup = "none"
    """Repeats to leave out; none once they have been."""
    joined: Joined | None = None
    """Puts the rows among those of a store that the log is appended to."""
    users: Mask | None = None
    """Which provisional users are left; None for all. Likewise the items."""
    items: Mask | None = None

    def parts(self) -> Iterator[Iterator[History]]:
        """Yield the rows that are left of each query, in order; of all together where they are joined with others."""
        streams = (whole_users(self.database.read(query, _BATCH_ROWS)) for query in self.queries)
        if self.joined is not None:
            yield self._left(self.joined(chain.from_iterable(streams)))
        else:
            yield from map(self._left, streams)

    def histories(self) -> Iterator[History]:
        """Yield all rows that are left, in order."""
        return chain.from_iterable(self.parts())

    def _left(self, rows: Iterator[History]) -> Iterator[History]:
        for history in rows:
            kept = history if self.dedup == "none" else history.filter(not_repeated(history, self.dedup))
            if self.users is not None:
                kept = kept.filter(self.users[kept.user])
            if self.items is not None:
                kept = kept.filter(self.items[kept.item])
            if len(kept):
                yield kept

    def schema(self) -> pa.Schema:
        """Return the schema of the rows."""
        return self.database.cursor().sql(f"select * from ({self.queries[0]}) limit 0").to_arrow_table().schema

    def count(self, table: str) -> int:
        """Return how many rows a table of the stage has."""
        return int(self.database.con.sql(f"select count(*) from stage.{table}").fetchall()[0][0])

    def kept_sorted(self) -> tuple[Self, int]:
        """Return the rows as a table that keeps their order, without repeats, and how many there are."""
        parts = ((history.rows for history in part) for part in self.parts())
        self.database.create("stage.sorted", "select * from feed", self.schema(), parts)
        self.database.con.execute("drop table stage.rows")
        queries = ("select * from stage.sorted",)
        return replace(self, queries=queries, table="sorted", dedup="none", joined=None), self.count("sorted")

    def core(self, min_user: int, min_item: int) -> tuple[Self, int]:
        """Return the rows of the k-core, and how many there are."""
        users, items, rows = k_core(
            self.histories, users=self.count("users"), items=self.count("items"), min_user=min_user, min_item=min_item
        )
        return replace(self, users=users, items=items), rows
