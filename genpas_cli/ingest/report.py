"""The report of `ingest`: what a store holds and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from genpas_cli.ingest.columns.roles import ReadColumns
from genpas_cli.ingest.notes import tie_notes
from genpas_cli.runtime.results.reports import Report, ShownTable
from genpas_cli.runtime.text.wording import time_range
from genpas_cli.store.records import FunnelRow, Lengths, SplitCounts, TieShares
from genpas_cli.store.store import Store


@dataclass(frozen=True, repr=False)
class IngestReport(Report):
    """What a store holds and how it was made; `genpas ingest --json` prints this."""

    users: int
    """Users in the store, including users of --users without interactions."""
    items: int
    """Items in the vocabulary."""
    interactions: int
    """Rows that survived cleaning."""
    funnel: list[FunnelRow]
    """`step`, and its `dropped` and `kept` rows, in the order the steps ran."""
    ties: TieShares
    """Shares, 0..1. `tied_events`: interactions that share user and time with another; `tied_test`, `tied_validation`,
    `tied_either`: of users with held-out interactions, those whose first test, first validation or either of these two
    interactions has the same time as the one before it."""
    split: SplitCounts
    """Interactions in `train`, and held-out targets in `validation` and `test`; `users_in_train_only`: users with too
    few or too early interactions to have any held out; `cold`: with `drop_cold`, the numbers of `validation` and `test`
    targets that were left out because their item never occurs in training."""
    time_range: list[Any] | None
    """First and last time: numbers as in the log, timestamps as ISO 8601 in UTC; None without times."""
    length: Lengths
    """Interactions per user, over users with at least one: `min`, `median`, `mean`, `p99`, `max`."""
    store: str | None
    """Path of the store; None for a temporary one."""
    rejects: str | None = None
    """Path of the file of bad rows; None if there were none."""
    notes: list[str] = field(default_factory=list)
    """Possibly surprising choices in reading the log, such as which of several time columns was taken."""
    columns: ReadColumns | None = None
    """The columns of the first file that were read; None for a store that an earlier run made."""
    session_users: int | None = None
    """Number of users whose histories were cut into sessions, which are counted as users; None without
    `session_gap`."""

    def shown(self) -> list[ShownTable]:
        """Return the figures of the store, and the rows that each step dropped and kept."""
        (fields,) = super().shown()
        times = "" if self.time_range is None else time_range(self.time_range)
        own = {"funnel": "", "time_range": times}
        rows = [(name, own.get(name, text)) for name, text in fields.rows if own.get(name, text)]
        steps = [(step["step"], f"{step['dropped']:,}", f"{step['kept']:,}") for step in self.funnel]
        return [ShownTable(fields.headings, rows), ShownTable(("", "dropped", "kept"), steps)]


def report_of(store: Store) -> IngestReport:
    """Return the report that `ingest` gave when it made this store."""
    meta, split, rows = store.meta, store.meta["split"], store.rows("funnel")
    counts: SplitCounts = {
        "train": split["train"], "validation": split["validation"], "test": split["test"],
        "users_in_train_only": split["users_in_train_only"],
    }  # fmt: skip
    if "cold" in split:
        counts["cold"] = split["cold"]
    funnel: list[FunnelRow] = [{"step": row["step"], "dropped": row["dropped"], "kept": row["kept"]} for row in rows]
    return IngestReport(
        meta["users"], meta["items"], meta["interactions"], funnel, meta["ties"], counts,
        meta["time_range"], meta["length"], str(store.path),
        notes=tie_notes(meta["ties"], meta["options"]["ties"], "users"), session_users=meta.get("session_users"),
    )  # fmt: skip
