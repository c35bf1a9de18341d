"""The sorted rows of a log, the input and output of every pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import pyarrow as pa

from genpas_cli.histories.cleaning import k_core, not_repeated
from genpas_cli.histories.history import History, Mask, whole_users
from genpas_cli.histories.names import Dedup
from genpas_cli.ingest.passes.appending import Joined
from genpas_cli.runtime.sql.database import Database

_BATCH_ROWS = 1 << 18


@dataclass(frozen=True)
class SortedLog:
    """Sorted rows with filters, which can be iterated several times.

    Rows stream from sorting queries if one pass is enough; else `kept_sorted` stores them in a table that may spill.
    """

    database: Database
    queries: tuple[str, ...]
    """One sorting query per run of consecutive users, in order."""
    table: str
    """Table of the stage that has these rows."""
    dedup: Dedup = "none"
    """Repeats that iteration drops; `none` after they have been dropped."""
    joined: Joined | None = None
    """Merges the rows into those of a store that the log is appended to."""
    users: Mask | None = None
    """Mask of the remaining provisional users; None for all."""
    items: Mask | None = None
    """Mask of the remaining provisional items; None for all."""

    def parts(self) -> Iterator[Iterator[History]]:
        """Yield the remaining rows of each query, in order; one part for all if they are merged into a store's."""
        streams = (whole_users(self.database.read(query, _BATCH_ROWS)) for query in self.queries)
        if self.joined is not None:
            yield self._left(self.joined(chain.from_iterable(streams)))
        else:
            yield from map(self._left, streams)

    def histories(self) -> Iterator[History]:
        """Yield all remaining rows, in order."""
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
        """Return the number of rows of a table of the stage."""
        return int(self.database.con.sql(f"select count(*) from stage.{table}").fetchall()[0][0])

    def kept_sorted(self) -> tuple[Self, int]:
        """Store the rows, without repeats, in the sorted table `stage.sorted`; return them and their number."""
        parts = ((history.rows for history in part) for part in self.parts())
        self.database.create("stage.sorted", "select * from feed", self.schema(), parts)
        self.database.con.execute("drop table stage.rows")
        queries = ("select * from stage.sorted",)
        return replace(self, queries=queries, table="sorted", dedup="none", joined=None), self.count("sorted")

    def core(self, min_user: int, min_item: int) -> tuple[Self, int]:
        """Return the rows of the k-core, and their number."""
        users, items, rows = k_core(
            self.histories, users=self.count("users"), items=self.count("items"), min_user=min_user, min_item=min_item
        )
        return replace(self, users=users, items=items), rows
