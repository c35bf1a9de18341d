"""The passes that `ingest` makes over the sorted rows: repeats, k-core, sessions, then split and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from genpas_cli.ingest.columns.mixed_units import count_units
from genpas_cli.ingest.estimates import sorts
from genpas_cli.ingest.options import Dedup, PassOptions
from genpas_cli.ingest.passes import numbering
from genpas_cli.ingest.passes.cleaning import k_core, not_repeated
from genpas_cli.ingest.passes.histories import History, Mask, same_as_previous, whole_users
from genpas_cli.ingest.passes.instants import as_quantile, parse_instant
from genpas_cli.ingest.passes.log_figures import LogFigures
from genpas_cli.ingest.passes.ordering import sorted_rows
from genpas_cli.ingest.passes.sessions import parse_gap, session_numbers
from genpas_cli.ingest.passes.split import (
    SplitRule,
    drop_unevaluated,
    parse_split,
    split_codes,
)  # fmt: skip
from genpas_cli.ingest.staging.staging import FunnelStep, Staged
from genpas_cli.runtime.database import Database
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.time_units import UnitCounts, time_after, units_a_second

_BATCH_ROWS = 1 << 18


Join = Callable[[Iterator[History]], Iterator[History]]
"""Joins the sorted rows of a log with others."""


class LogPasses:
    """All passes over one log. `prepare` runs those that need the rows more than once, `rows` the last one.

    Rows stream from sorted queries as long as one pass is enough; else they are kept sorted, in a table that spills.
    What they are `joined` with takes part in all passes.
    """

    def __init__(  # the last has a default
        self, database: Database, options: PassOptions, staged: Staged, known_users: pa.Table | None,
        progress: Progress, joined: Join | None = None,
    ) -> None:  # fmt: skip
        self._database, self._options, self._staged, self._progress = database, options, staged, progress
        self._known_users, self._joined = known_users, joined
        self._kind, self._bounds = parse_split(options.split)
        self._check_times()
        columns = (["time"] if self._has_time else []) + (["row_hash"] if options.dedup == "exact" else [])
        self._columns = columns + [f"keep_{i}" for i in range(len(staged.kept))]
        self._queries = self._sorted()
        self._table = "rows"
        self._pending_dedup: Dedup = options.dedup
        self._repeats = 0
        self._live: dict[str, Mask | None] = {"user": None, "item": None}
        self._rule = SplitRule(self._kind, None, options.eval)
        self.figures = LogFigures(staged.time_type)

    @property
    def by_time(self) -> bool:
        """Whether the split is one by time."""
        return self._kind == "time"

    @property
    def _has_time(self) -> bool:
        return self._staged.time_type is not None

    def _check_times(self) -> None:
        for name, needed in (("--session-gap", self._options.session_gap), ("--split time", self._kind == "time")):
            if needed and not self._has_time:
                raise UsageError(
                    f"{name} needs times, and the log has no time column", tip="Name it with --time COLUMN."
                )
        if self._options.ties == "error" and not self._has_time:
            raise UsageError(
                "--ties error needs times, and the log has no time column", tip="Name it with --time COLUMN."
            )

    def _sorted(self) -> list[str]:
        """Return the queries of all rows in order, one after another: each sorts the rows of a run of users."""
        rows, largest = self._database.con.sql("select count(*), max(rowid) from stage.rows").fetchall()[0]
        users, parts = self._count("users"), sorts(rows, len(self._staged.kept), self._database.free())
        ends = [users * part // parts for part in range(parts + 1)]
        return [
            sorted_rows(
                self._options.ties, self._columns, range(*run), has_time=self._has_time, largest_row=largest or 0
            )
            for run in pairwise(ends)
        ]

    # ------------------------------------------------------------------------------------------------ before the last

    def prepare(self, rows: int) -> list[FunnelStep]:
        """Run the passes that come before the last one; `rows` are left so far. Returns their steps of the funnel."""
        options, steps = self._options, []
        core = options.min_user > 1 or options.min_item > 1
        if core or options.session_gap or self.by_time:
            self._progress("sorting")
            self._keep_sorted()
            steps += self.last_steps(rows)
        if core:
            self._progress("finding the k-core")
            users, items = (self._count(table) for table in ("users", "items"))
            self._live["user"], self._live["item"], left = k_core(
                self._histories, users=users, items=items, min_user=options.min_user, min_item=options.min_item
            )
            steps.append(FunnelStep("k-core", (steps[-1].kept if steps else rows) - left, left))
            if left == 0:
                return steps
        if options.session_gap:
            self._progress("cutting sessions")
            self._cut_sessions()
        if self.by_time:
            self._rule = SplitRule("time", self._time_bounds(), options.eval)
        return steps

    def last_steps(self, rows: int) -> list[FunnelStep]:
        """Return the dedup step once its pass has run; `rows` were left before it. Empty if it was told already."""
        if self._pending_dedup == "none":
            return []
        self._pending_dedup = "none"
        return [FunnelStep("repeats", self._repeats, rows - self._repeats)]

    def alive(self) -> list[tuple[numbering.Kind, Mask | None]]:
        """Return, for users and items, which provisional numbers are left; None for all."""
        return [("user", self._live["user"]), ("item", self._live["item"])]

    def _count(self, table: str) -> int:
        return int(self._database.con.sql(f"select count(*) from stage.{table}").fetchall()[0][0])

    def _histories(self) -> Iterator[History]:
        """Yield all rows that are left, in order."""
        return chain.from_iterable(self._parts())

    def _parts(self) -> Iterator[Iterator[History]]:
        """Yield the rows that are left of each query, in order; of all together where they are joined with others."""
        streams = (whole_users(self._database.read(query, _BATCH_ROWS)) for query in self._queries)
        if self._joined is not None and self._table == "rows":
            yield self._left(self._joined(chain.from_iterable(streams)))
        else:
            yield from map(self._left, streams)

    def _left(self, rows: Iterator[History]) -> Iterator[History]:
        for history in rows:
            kept = history
            if self._pending_dedup != "none":
                kept = history.filter(not_repeated(history, self._pending_dedup))
                self._repeats += len(history) - len(kept)
            if self._live["user"] is not None:
                kept = kept.filter(self._live["user"][kept.user])
            if self._live["item"] is not None:
                kept = kept.filter(self._live["item"][kept.item])
            if len(kept):
                yield kept

    def _stage_schema(self) -> pa.Schema:
        limited = self._database.cursor().sql(f"select * from ({self._queries[0]}) limit 0")
        return limited.to_arrow_table().schema

    def _keep_sorted(self) -> None:
        parts = ((history.rows for history in part) for part in self._parts())
        self._database.create("stage.sorted", "select * from feed", self._stage_schema(), parts)
        self._database.con.execute("drop table stage.rows")
        self._queries, self._table = ["select * from stage.sorted"], "sorted"

    def _cut_sessions(self) -> None:
        """Replace users by sessions: rows carry a running session, `stage.users` the ids `user/1`, `user/2`, ..."""
        con, schema = self._database.con, self._stage_schema()
        units = units_a_second(str(self._staged.time_type), self._unit_counts())
        gap, parts, counted = parse_gap(str(self._options.session_gap)) * units, [], 0

        def rows() -> Iterator[pa.RecordBatch]:
            nonlocal counted
            for history in self._histories():
                numbers = session_numbers(history, gap)
                opens = np.flatnonzero(~same_as_previous(history.user, numbers))
                parts.append((history.user[opens], numbers[opens]))
                running = counted + np.repeat(np.arange(len(opens)), np.diff(np.append(opens, len(history))))
                counted += len(opens)
                yield history.rows.set_column(0, schema.field(0), pa.array(running.astype(np.int32)))

        self._database.feed("create table stage.session_rows as select * from feed", schema, rows())
        user, number = (np.concatenate(column) for column in zip(*parts, strict=True))
        con.register("sessions", pa.table({"key": np.arange(counted, dtype=np.int32), "user": user, "number": number}))
        con.execute("create table stage.session_ids as select s.key, u.id || '/' || s.number as id "
                    "from sessions s join stage.users u on u.rowid = s.user")  # fmt: skip
        con.unregister("sessions")
        con.execute("drop table stage.users; drop table stage.sorted")
        self._table = "session_rows"
        numbering.create_numbers(con, "user", "select key, id from stage.session_ids", self._known_users)
        self._live["user"] = None
        names = "".join(f", r.{name}" for name in self._columns)
        query = (f"select u.rowid::integer as user, r.item{names} from stage.session_rows r "
                 "join stage.users u on r.user = u.key order by u.rowid, r.rowid")  # fmt: skip
        self._queries = [query]

    def _unit_counts(self) -> UnitCounts | None:
        if self._staged.time_type not in ("BIGINT", "DOUBLE"):
            return None
        return count_units(self._database.con, "time", f"stage.{self._table}")

    def _time_bounds(self) -> tuple[Any, Any]:
        """Return the first times of validation and test: instants as given, quantiles looked up."""
        assert self._bounds is not None
        levels = [as_quantile(bound) for bound in self._bounds]
        if all(level is not None for level in levels):
            low, high = self._quantiles([level for level in levels if level is not None])
        else:
            kind, counts = str(self._staged.time_type), self._unit_counts()
            low, high = (parse_instant(self._database.con, bound, kind, counts) for bound in self._bounds)
        if low > high:
            raise UsageError(f"--split time:{','.join(self._bounds)}: the test part starts before the validation part")
        return low, high

    def _quantiles(self, levels: list[Fraction]) -> list[Any]:
        """Return for each q the earliest time such that at least q of the interactions lie before it.

        That is the first time after the n-th smallest one, where n is q of their number, rounded up; where there is
        none, a time after all of them.
        """
        con, times = self._database.con, self._times()
        rows = con.sql(f"select count(*) from {times}").fetchall()[0][0]
        # The middle of the n-th step, so that rounding cannot reach another one.
        steps = [(math.ceil(level * rows) - 0.5) / rows for level in levels]
        reached = con.sql(f"select quantile_disc(time, {steps}) from {times}").fetchall()[0][0]
        after = ", ".join(f"(select min(time) from {times} where time > $1[{n}])" for n in range(1, len(levels) + 1))
        bounds = con.execute(f"select {after}, max(time) from {times}", [reached]).fetchall()[0]
        last = bounds[-1]
        return [time_after(last) if bound is None else bound for bound in bounds[:-1]]

    def _times(self) -> str:
        """Return a relation whose column `time` has the times that are left, as numbers."""
        if all(mask is None for mask in self._live.values()):
            number = {"TIMESTAMP": "epoch_us(time)", "TIMESTAMP_NS": "epoch_ns(time)"}.get(str(self._staged.time_type))
            return f"(select {number or 'time'} as time from stage.{self._table})"
        kind = pa.float64() if self._staged.time_type == "DOUBLE" else pa.int64()
        times = (pa.record_batch({"time": pa.array(history.time)}) for history in self._histories())
        self._database.feed("create table stage.times as select time from feed", pa.schema([("time", kind)]), times)
        return "stage.times"

    # ------------------------------------------------------------------------------------------------------- the last

    def schema(self) -> pa.Schema:
        """Return the schema of `rows`."""
        staged = self._stage_schema()
        time = [pa.field("time", staged.field("time").type)] if self._has_time else []
        kept = [pa.field(name, staged.field(f"keep_{i}").type) for i, name in enumerate(self._staged.kept)]
        return pa.schema([("user_num", pa.int32()), ("item_num", pa.int32()), *time, ("split", pa.uint8()), *kept])

    def rows(
        self, users: numbering.Numbers, items: numbering.Numbers, total: int
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """Yield the interactions in order, sort by sort, with final numbers and splits; they count in `figures`."""
        schema = self.schema()
        for part in self._parts():
            yield self._numbered(part, users, items, schema, total)

    def _numbered(
        self, part: Iterator[History], users: numbering.Numbers, items: numbering.Numbers, schema: pa.Schema, total: int
    ) -> Iterator[pa.RecordBatch]:
        for history in part:
            codes = split_codes(history, self._rule)
            self._check_ties(history)
            targets = drop_unevaluated(history, codes, self._rule.evaluated)
            self.figures.add(history, codes, targets, users)
            time = [history.rows.column("time")] if self._has_time else []
            kept = [history.rows.column(f"keep_{i}") for i in range(len(self._staged.kept))]
            columns = [pa.array(users.by_provisional[history.user]), pa.array(items.by_provisional[history.item])]
            yield pa.RecordBatch.from_arrays([*columns, *time, pa.array(targets), *kept], schema=schema)
            self._progress("sorting and storing", self.figures.interactions, total)

    def _check_ties(self, history: History) -> None:
        if self._options.ties != "error" or history.time is None:
            return
        tied = np.flatnonzero(same_as_previous(history.user, history.time))
        if len(tied):
            user = int(history.user[tied[0]])
            cursor = self._database.cursor()
            name = cursor.sql(f"select id from stage.users where rowid = {user}").fetchall()[0][0]
            raise DataError(
                f"--ties error: user {name!r} has interactions with equal times ({len(tied):,} such rows so far)",
                tip="Choose their order with --ties file, --ties item or --ties hash.",
            )

    def bounds(self) -> list[Any] | None:
        """Return the first times of validation and test in the unit of the time column, for kind `time`."""
        return None if self._rule.bounds is None else list(self._rule.bounds)
