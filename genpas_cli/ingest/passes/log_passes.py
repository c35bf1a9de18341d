"""The passes of `ingest` over the sorted rows: repeats, k-core, sessions, then split and numbering.

Each pass takes the rows and returns the remaining ones and its counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from genpas_cli.histories.cleaning import core_step
from genpas_cli.histories.history import History, Mask, same_as_previous
from genpas_cli.histories.instants import refuse_without_times, time_bounds
from genpas_cli.histories.log_figures import LogFigures, RowFigures, split_at, user_lengths, user_targets
from genpas_cli.histories.sessions import parse_gap, session_numbers
from genpas_cli.histories.split import TRAIN, SplitRule, drop_cold, drop_unevaluated, parse_split, split_codes
from genpas_cli.histories.user_keys import Keys, key_sql
from genpas_cli.ingest.columns.mixed_units import count_units
from genpas_cli.ingest.estimates import sorts
from genpas_cli.ingest.options import PassOptions
from genpas_cli.ingest.passes import numbering
from genpas_cli.ingest.passes.appending import Joined
from genpas_cli.ingest.passes.ordering import sorted_rows
from genpas_cli.ingest.passes.sorted_log import SortedLog
from genpas_cli.ingest.staging.staged import FunnelStep, Staged
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.times.units import UnitCounts, border_places, time_after, units_a_second
from genpas_cli.store import writing


@dataclass(frozen=True)
class Cleaned:
    """The rows for the last pass, which splits them by a rule and stores them."""

    log: SortedLog
    rule: SplitRule
    steps: tuple[FunnelStep, ...]
    """Rows dropped so far; without repeats if the last pass will drop them."""
    session_users: int | None = None
    """Number of users whose histories were cut into sessions; None without `--session-gap`."""
    keys: Keys | None = None
    """uint64, keys of the users by their number in the rows; None unless the rule needs them."""
    trained: Mask | None = None
    """bool by item number in the rows, whether the item occurs in training; None without `--drop-cold`."""

    @property
    def rows_tell_targets(self) -> bool:
        """Whether the lengths of users do not tell which held-out interactions are targets."""
        return self.rule.evaluated == "random" or self.trained is not None


@dataclass(frozen=True)
class LogPasses:
    """All passes over one log: `clean` runs those before the last one, `write` the last one."""

    database: Database
    options: PassOptions
    staged: Staged
    known_users: pa.Table | None
    """User numbers of an earlier run, matched with the ids of sessions."""
    progress: Progress
    joined: Joined | None
    """Merger of the rows with those of a store, for `--append`; else None."""

    @property
    def _has_time(self) -> bool:
        return self.staged.time_type is not None

    @property
    def _columns(self) -> list[str]:
        """Columns of the staged rows other than user and item."""
        columns = (["time"] if self._has_time else []) + (["row_hash"] if self.options.dedup == "exact" else [])
        return columns + [f"keep_{i}" for i in range(len(self.staged.kept))]

    def _sorted(self) -> SortedLog:
        """Return the staged rows in order; each of the queries sorts the rows of one run of users."""
        log = SortedLog(self.database, (), "rows", self.options.dedup, self.joined)
        rows, largest = self.database.con.sql("select count(*), max(rowid) from stage.rows").fetchall()[0]
        users, parts = log.count("users"), sorts(rows, len(self.staged.kept), self.database.free())
        ends = [users * part // parts for part in range(parts + 1)]
        queries = (
            sorted_rows(
                self.options.ties, self._columns, range(*run), has_time=self._has_time, largest_row=largest or 0
            )
            for run in pairwise(ends)
        )
        return replace(log, queries=tuple(queries))

    # ------------------------------------------------------------------------------------------------ before the last

    def clean(self, rows: int) -> Cleaned:
        """Run the passes that come before the last one.

        Args:
            rows: rows left so far, including those of a store that the log is appended to.
        """
        options, steps = self.options, list[FunnelStep]()
        kind, bounds, last_n, share = parse_split(options.split)
        if not self._has_time:
            refuse_without_times({
                "--session-gap": bool(options.session_gap), "--split time": kind == "time",
                "--ties error": options.ties == "error",
            })  # fmt: skip
        log, core = self._sorted(), options.min_user > 1 or options.min_item > 1
        if core or options.session_gap or bounds or options.drop_cold:
            self.progress("sorting")
            log, left = log.kept_sorted()
            steps += repeats(self.options, rows, left)
            rows = left
        if core:
            self.progress("filtering users and items by number of interactions")
            log, left = log.core(options.min_user, options.min_item)
            steps.append(FunnelStep(core_step(options.min_user, options.min_item), rows - left, left))
            if left == 0:
                return Cleaned(log, SplitRule(kind), tuple(steps))
        session_users: int | None = None
        if options.session_gap:
            self.progress("splitting sessions")
            log, session_users = self._cut_sessions(log)
        rule = SplitRule(kind, self._time_bounds(log, bounds) if bounds else None, options.evaluated, last_n, share)
        keys = self._user_keys() if rule.needs_keys else None
        trained = self._trained(log, rule, keys) if options.drop_cold else None
        return Cleaned(log, rule, tuple(steps), session_users, keys, trained)

    def _user_keys(self) -> Keys:
        """Return the keys of the users of the rows, uint64, by their number in the rows."""
        users = "(select rowid as num, id from stage.users)"
        if self.joined is not None:  # the rows have final numbers, of the store's users too
            query = numbering.vocabulary_query(self.database.con, "user", self.joined.numbers[0], self.known_users)
            users = f"({query})"
        key = key_sql(self.options.split_seed, "id")
        table = self.database.con.sql(f"select {key} as key from {users} order by num").to_arrow_table()
        keys: Keys = table.column("key").to_numpy()
        return keys

    def _trained(self, log: SortedLog, rule: SplitRule, keys: Keys | None) -> Mask:
        """Return which items occur in training, bool by item number in the rows."""
        self.progress("looking for items that never occur in training")
        items = log.count("items") if self.joined is None else self.joined.numbers[1].count
        trained = np.zeros(items, bool)
        for history in log.histories():
            trained[history.item[split_codes(history, rule, keys) == TRAIN]] = True
        return trained

    def _cut_sessions(self, log: SortedLog) -> tuple[SortedLog, int]:
        """Make each session a user, with the ids `user/1`, `user/2`, ...; also return the number of users before."""
        con, schema = self.database.con, log.schema()
        units = units_a_second(str(self.staged.time_type), self._unit_counts(log))
        gap, parts, counted = parse_gap(str(self.options.session_gap)) * units, [], 0

        def rows() -> Iterator[pa.RecordBatch]:
            nonlocal counted
            for history in log.histories():
                numbers = session_numbers(history, gap)
                opens = np.flatnonzero(~same_as_previous(history.user, numbers))
                parts.append((history.user[opens], numbers[opens]))
                running = counted + np.repeat(np.arange(len(opens)), np.diff(np.append(opens, len(history))))
                counted += len(opens)
                yield history.rows.set_column(0, schema.field(0), pa.array(running.astype(np.int32)))

        self.database.feed("create table stage.session_rows as select * from feed", schema, rows())
        user, number = (np.concatenate(column) for column in zip(*parts, strict=True))
        con.register("sessions", pa.table({"key": np.arange(counted, dtype=np.int32), "user": user, "number": number}))
        con.execute("create table stage.session_ids as select s.key, u.id || '/' || s.number as id "
                    "from sessions s join stage.users u on u.rowid = s.user")  # fmt: skip
        con.unregister("sessions")
        con.execute("drop table stage.users; drop table stage.sorted")
        numbering.create_numbers(con, "user", "select key, id from stage.session_ids", self.known_users)
        names = "".join(f", r.{name}" for name in self._columns)
        query = (f"select u.rowid::integer as user, r.item{names} from stage.session_rows r "
                 "join stage.users u on r.user = u.key order by u.rowid, r.rowid")  # fmt: skip
        return replace(log, queries=(query,), table="session_rows", users=None), len(np.unique(user))

    def _unit_counts(self, log: SortedLog) -> UnitCounts | None:
        if self.staged.time_type not in ("BIGINT", "DOUBLE"):
            return None
        return count_units(self.database.con, "time", f"stage.{log.table}")

    def _time_bounds(self, log: SortedLog, bounds: tuple[str, ...]) -> tuple[Any, ...]:
        """Return the first times of the held-out parts, parsed from instants or computed from quantiles."""
        return time_bounds(
            self.database.con, bounds, str(self.staged.time_type), quantiles=partial(self._quantiles, log),
            counts=partial(self._unit_counts, log),
        )  # fmt: skip

    def _quantiles(self, log: SortedLog, levels: list[Fraction]) -> list[Any]:
        """Return for each level q the earliest time before which at least a share q of the interactions lies.

        This is the smallest time greater than the n-th smallest one, n = ceil(q · rows); if there is none, a time
        after all of them.
        """
        con, times = self.database.con, self._times(log)
        rows = con.sql(f"select count(*) from {times}").fetchall()[0][0]
        # The middle of the n-th step of the distribution, so that rounding cannot select another step.
        steps = [(math.ceil(level * rows) - 0.5) / rows for level in levels]
        reached = con.sql(f"select quantile_disc(time, {steps}) from {times}").fetchall()[0][0]
        after = ", ".join(f"(select min(time) from {times} where time > $1[{n}])" for n in range(1, len(levels) + 1))
        bounds = con.execute(f"select {after}, max(time) from {times}", [reached]).fetchall()[0]
        last = bounds[-1]
        return [time_after(last) if bound is None else bound for bound in bounds[:-1]]

    def _times(self, log: SortedLog) -> str:
        """Return a relation whose column `time` has the remaining times as numbers."""
        if log.users is None and log.items is None:
            number = {"TIMESTAMP": "epoch_us(time)", "TIMESTAMP_NS": "epoch_ns(time)"}.get(str(self.staged.time_type))
            return f"(select {number or 'time'} as time from stage.{log.table})"
        kind = pa.float64() if self.staged.time_type == "DOUBLE" else pa.int64()
        times = (pa.record_batch({"time": pa.array(history.time)}) for history in log.histories())
        self.database.feed("create table stage.times as select time from feed", pa.schema([("time", kind)]), times)
        return "stage.times"

    # ------------------------------------------------------------------------------------------------------- the last

    def write(
        self, cleaned: Cleaned, users: numbering.Numbers, items: numbering.Numbers, total: int
    ) -> tuple[str, LogFigures]:
        """Write the interactions of the store, with final numbers and splits; return their digest and figures.

        Args:
            cleaned: the rows.
            users: maps the user numbers of the rows to final ones.
            items: maps the item numbers of the rows to final ones.
            total: number of rows, repeats included, for the progress.
        """
        time, kept = ["time"] if self._has_time else [], [f"keep_{i}" for i in range(len(self.staged.kept))]
        staged, counted, numbers = cleaned.log.schema(), list[RowFigures](), 5 if cleaned.rows_tell_targets else 3
        lengths = np.zeros((numbers, users.count), np.int32)
        schema = pa.schema([
            ("user_num", pa.int32()), ("item_num", pa.int32()), *map(staged.field, time), ("split", pa.uint8()),
            *(staged.field(own).with_name(name) for own, name in zip(kept, self.staged.kept, strict=True)),
        ])  # fmt: skip

        def numbered(part: Iterator[History]) -> Iterator[pa.RecordBatch]:
            for history in part:
                codes = split_codes(history, cleaned.rule, cleaned.keys)
                self._check_ties(history)
                evaluated = drop_unevaluated(history, codes, cleaned.rule.evaluated, cleaned.keys)
                targets = evaluated if cleaned.trained is None else drop_cold(history, evaluated, cleaned.trained)
                counted.append(RowFigures.of(history, codes, evaluated, targets))
                of_users = user_lengths(history, codes)
                of_users += user_targets(history, targets) if cleaned.rows_tell_targets else ()
                lengths[:, users.by_provisional[history.user[history.starts]] - 1] = of_users
                user, item = users.by_provisional[history.user], items.by_provisional[history.item]
                own = [[history.rows.column(name) for name in names] for names in (time, kept)]
                columns = [pa.array(user), pa.array(item), *own[0], pa.array(targets), *own[1]]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
                self.progress("sorting and storing", sum(each.rows for each in counted), total)

        digest = writing.write_interactions(
            self.database, schema, map(numbered, cleaned.log.parts()), [*self.staged.kept]
        )
        return digest, LogFigures(self.staged.time_type, lengths, RowFigures.total(counted))

    def _check_ties(self, history: History) -> None:
        if self.options.ties != "error" or history.time is None:
            return
        tied = np.flatnonzero(same_as_previous(history.user, history.time))
        if len(tied):
            user = int(history.user[tied[0]])
            if self.joined is not None:  # the store has no ties, so the user has a row in the new log
                user = int(np.flatnonzero(self.joined.numbers[0].by_provisional == user + 1)[0])
            name = self.database.cursor().sql(f"select id from stage.users where rowid = {user}").fetchall()[0][0]
            raise DataError(
                f"--ties error: some users have interactions that share a timestamp, for example user {name!r}",
                tip="Choose their order with --ties file, --ties item or --ties hash.",
            )


def repeats(options: PassOptions, before: int, after: int) -> Sequence[FunnelStep]:
    """Return the funnel step of a pass that dropped repeats; empty if `--dedup` is none."""
    return [] if options.dedup == "none" else [FunnelStep("repeated rows", before - after, after)]


def possible_split(con: duckdb.DuckDBPyConnection, time_type: str | None) -> str | None:
    """Return a split by time of `store.interactions` that leaves no part empty; None if there is none."""
    distinct = "(select distinct time from store.interactions)"
    times = con.sql(f"select count(*) from {distinct}").fetchall()[0][0]
    if (places := border_places(times)) is None:
        return None
    number = {"TIMESTAMP": "epoch_us(time)", "TIMESTAMP_NS": "epoch_ns(time)"}.get(str(time_type), "time")
    found = [
        con.sql(f"select {number} from {distinct} order by time limit 1 offset {place}").fetchall()[0][0]
        for place in places
    ]
    return split_at(found, str(time_type))
