"""Restricts which interactions can be targets: a table of their positions, attached to an open store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.runtime.sql.database import Database
from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.user_targets import UserTargets

_BATCH_ROWS = 1 << 18
_SCHEMA = pa.schema([("user_num", pa.int32()), ("split", pa.int8()), ("position", pa.int32())])


@dataclass(frozen=True)
class TargetRule:
    """The targets that satisfy a condition."""

    text: str
    """The condition."""
    database: Database
    count: Mapping[str, NDArray[np.int32]]
    """Each user's number of targets, by split."""

    def targets(self, split: str, first: int, users: int) -> UserTargets:
        """Return the targets of a run of users.

        Args:
            split: of which split.
            first: 0-based first user.
            users: how many.
        """
        count = self.count[split][first : first + users].astype(np.int64)
        query = (
            f"select position from picked.targets where user_num between {first + 1} and {first + users} "
            f"and split = {list(self.count).index(split)}"
        )
        parts = [batch.column(0).to_numpy() for batch in self.database.read(query, _BATCH_ROWS)]
        listed = np.concatenate([np.zeros(0, np.int32), *parts])
        assert len(listed) == count.sum(), "the table holds what was counted"
        return UserTargets(count, np.zeros(users, np.int64), listed)


def pick_targets(database: Database, text: str, length: Ints, possible: Mapping[str, tuple[Ints, Ints]]) -> TargetRule:
    """Find the interactions that satisfy a condition and can be targets.

    Args:
        database: of an open store.
        text: the condition; it has been checked to be one expression over the columns of `interactions`.
        length: int64, interactions of each user.
        possible: by split, (first position, number of positions) of each user's possible targets.
    """
    begin = np.cumsum(length) - length
    count = {split: np.zeros(len(length), np.int32) for split in possible}

    def picked() -> Iterator[pa.RecordBatch]:
        row = 0
        query = f"select user_num, coalesce(cast(({text}\n) as boolean), false) from store.interactions"
        for batch in database.read(query, _BATCH_ROWS):
            user = batch.column(0).to_numpy() - np.int32(1)
            position = np.arange(row + 1, row + 1 + len(user)) - begin[user]
            row += len(user)
            yes = batch.column(1).to_numpy(zero_copy_only=False)
            for number, (split, (low, possible_count)) in enumerate(possible.items()):
                found = yes & (position >= low[user]) & (position < (low + possible_count)[user])
                first = user[0]
                more = np.bincount(user[found] - first)
                count[split][first : first + len(more)] += more.astype(np.int32)
                columns = (user[found] + np.int32(1), np.full(found.sum(), number, np.int8), position[found])
                yield pa.RecordBatch.from_arrays(
                    [pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
                )

    database.con.execute("attach ':memory:' as picked")
    database.feed("create table picked.targets as select * from feed", _SCHEMA, picked())
    return TargetRule(text, database, count)
