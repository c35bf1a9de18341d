"""Audits a split of interactions in DuckDB: sizes, rows in two parts, training from the future, cold targets, ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genpas_cli.figures.split_figures import PARTS, QUARTILES, SplitFigures
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.sql.database import Database
from genpas_cli.runtime.times.units import unit_of

_TARGETS = ("validation_target", "test_target")
_TYPED_UNITS = {"TIMESTAMP": ("epoch_us(time)", 10**6), "TIMESTAMP_NS": ("epoch_ns(time)", 10**9)}
"""Type of times → SQL of the exact number, and units per second."""


@dataclass(frozen=True)
class SplitRows:
    """The rows of a split in the table `stage.rows`."""

    database: Database
    parts: tuple[str, ...]
    """The parts that have files, in the order of their rows."""
    first_rows: Sequence[int]
    """`rowid` of the first row of each part."""
    time_type: str | None
    """SQL type of the times; None without times."""

    def attach(self) -> None:
        """Create the view `split` with columns user_id, item_id, time (a number, null without times) and part."""
        time = "null::bigint"
        if self.time_type is not None:
            time = _TYPED_UNITS.get(self.time_type, ("time", 1))[0]
        later = zip(self.parts[1:], self.first_rows[1:], strict=True)
        cases = " ".join(f"when rowid >= {first} then '{part}'" for part, first in reversed(list(later)))
        part = f"case {cases} else '{self.parts[0]}' end"
        self.database.con.execute(
            f"create or replace temp view split as select user_id, item_id, {time} as time, {part} as part "
            "from stage.rows"
        )

    def one(self, query: str) -> dict[str, Any]:
        """Return the only row of a query, by column."""
        relation = self.database.con.sql(query)
        ((*values,),) = relation.fetchall()
        return dict(zip(relation.columns, values, strict=True))

    def seconds(self) -> int | None:
        """Return the number of units of the times per second; None if the unit is not known, or without times."""
        if self.time_type is None:
            return None
        if self.time_type in _TYPED_UNITS:
            return _TYPED_UNITS[self.time_type][1]
        ends = self.one("select min(time) as first, max(time) as last from split")
        first, last = (None if end is None else unit_of(end) for end in ends.values())
        return first.a_second if first is not None and first == last else None


def split_figures(rows: SplitRows, progress: Progress) -> SplitFigures:
    """Return the figures of a split; DuckDB spills what its memory limit does not hold."""
    rows.attach()
    progress("counting users and items")
    users, items = _counts(rows, "user_id"), _counts(rows, "item_id")
    progress("looking for shared rows")
    shared = _shared(rows)
    progress("comparing timestamps")
    found: dict[str, Any] = {
        "rows": _of_parts(rows, users, "rows"), "users": _of_parts(rows, users, "ids"),
        "items": _of_parts(rows, items, "ids"), "shared_rows": shared,
    }  # fmt: skip
    for split in ("validation", "test"):
        target = f"{split}_target"
        found[f"cold_{split}"] = _ratio(items[f"cold_rows_{target}"], items[f"rows_{target}"])
        found[f"cold_users_{split}"] = _ratio(users[f"cold_ids_{target}"], users[f"ids_{target}"])
    found |= _TIMED if rows.time_type is None else {**_within_users(rows), **_over_all(rows)}
    return SplitFigures(**found)


_NO_GAP = dict.fromkeys(QUARTILES)
_TIMED: dict[str, Any] = {
    **dict.fromkeys(("future_rows", "future_rows_of_users", "leaked_test", "future_training")),
    **dict.fromkeys(("tied_validation", "tied_test", "tied_either")), "gap_validation": _NO_GAP, "gap_test": _NO_GAP,
}  # fmt: skip
"""The figures that need timestamps."""


def _counts(rows: SplitRows, column: str) -> dict[str, Any]:
    """Return numbers of rows and of different ids by part, and those whose id training does not have."""
    each = ", ".join(f"count(*) filter (part = '{part}') as {part}" for part in PARTS)
    sums = ", ".join(
        f"coalesce(sum({part}), 0)::bigint as rows_{part}, count(*) filter ({part} > 0) as ids_{part}, "
        f"coalesce(sum({part}) filter (train = 0), 0)::bigint as cold_rows_{part}, "
        f"count(*) filter ({part} > 0 and train = 0) as cold_ids_{part}"
        for part in PARTS
    )
    return rows.one(f"select {sums} from (select {each} from split group by {column})")


def _of_parts(rows: SplitRows, counts: Mapping[str, Any], what: str) -> dict[str, int | None]:
    return {part: counts[f"{what}_{part}"] if part in rows.parts else None for part in PARTS}


def _shared(rows: SplitRows) -> dict[str, int | None]:
    """Return the numbers of target rows that also occur in an earlier part."""
    each = ", ".join(f"count(*) filter (part = '{part}') as {part}" for part in ("train", *_TARGETS))
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    names = {first: first if first == "train" else f"{first}_target" for first, _ in pairs}
    sums = ", ".join(
        f"coalesce(sum({later}_target) filter ({names[first]} > 0), 0)::bigint as {first}_{later}"
        for first, later in pairs
    )
    wanted = f"part in ('train', '{_TARGETS[0]}', '{_TARGETS[1]}')"
    found = rows.one(f"select {sums} from (select {each} from split where {wanted} group by user_id, item_id, time)")
    has = {"validation": "validation_target" in rows.parts, "test": True, "train": True}
    return {f"{a}_{b}": found[f"{a}_{b}"] if has[a] and has[b] else None for a, b in pairs}


def _over_all(rows: SplitRows) -> dict[str, Any]:
    """Return the figures that compare all times of training with all times of test."""
    ends = rows.one(
        "select max(time) filter (part = 'train') as last, min(time) filter (part = 'test_target') as first from split"
    )
    if ends["last"] is None or ends["first"] is None:
        return dict.fromkeys(("future_rows", "leaked_test", "future_training"))
    counts = rows.one(
        f"select count(*) filter (part = 'train' and time > {ends['first']!r}) as future, "
        f"count(*) filter (part = 'test_target' and time < {ends['last']!r}) as leaked, "
        "count(*) filter (part = 'train') as train, count(*) filter (part = 'test_target') as test from split"
    )
    later = rows.one(
        "select sum(train::hugeint * earlier) as pairs from (select train, coalesce(sum(test) over (order by time "
        "rows between unbounded preceding and 1 preceding), 0)::bigint as earlier from (select time, "
        "count(*) filter (part = 'train') as train, count(*) filter (part = 'test_target') as test from split "
        "where part in ('train', 'test_target') group by time))"
    )["pairs"]
    return {
        "future_rows": counts["future"], "leaked_test": counts["leaked"] / counts["test"],
        "future_training": int(later) / (counts["train"] * counts["test"]),
    }  # fmt: skip


def _within_users(rows: SplitRows) -> dict[str, Any]:
    """Return the figures that compare times of the same user."""
    last = {part: f"max(time) filter (part = '{part}')" for part in PARTS}
    first = {part: f"min(time) filter (part = '{part}')" for part in _TARGETS}
    before_test = f"greatest({last['train']}, {last['validation_target']})"
    rows.database.con.execute(
        "create or replace temp table of_users as select user_id, "
        f"{first['validation_target']} as validation, {first['test_target']} as test, "
        f"{last['train']} as before_validation, {before_test} as before_test, "
        f"coalesce({last['validation_input']}, {last['train']}) as validation_input, "
        f"coalesce({last['test_input']}, {before_test}) as test_input "
        "from split group by user_id having validation is not null or test is not null"
    )
    validation, test = "coalesce(before_validation = validation, false)", "coalesce(before_test = test, false)"
    ties = rows.one(
        f"select count(*) as users, count(*) filter ({validation}) as validation, count(*) filter ({test}) as test, "
        f"count(*) filter ({validation} or {test}) as either from of_users"
    )
    future = rows.one(
        "select count(*) as future from split join of_users using (user_id) where part = 'train' and split.time > test"
    )
    names = ("validation", "test", "either") if "validation_target" in rows.parts else ("test", "either")
    gaps = {f"gap_{split}": _gap(rows, split) for split in ("validation", "test")}
    rows.database.con.execute("drop table of_users")
    return {
        "future_rows_of_users": future["future"], "tied_validation": None,
        **{f"tied_{name}": _ratio(ties[name], ties["users"]) for name in names}, **gaps,
    }  # fmt: skip


def _gap(rows: SplitRows, split: str) -> Mapping[str, float | None]:
    """Return the quartiles of the time between a target and the interaction before it, in seconds if the unit is known.

    That is the last input for a user's first target, and the target before it for the others.
    """
    earlier = f"coalesce(lag(time) over (partition by user_id order by time), {split}_input)"
    gaps = f"select time - {earlier} as gap from split join of_users using (user_id) where part = '{split}_target'"
    ((found,),) = rows.database.con.sql(f"select quantile_cont(gap, [0.25, 0.5, 0.75]) from ({gaps})").fetchall()
    if found is None:
        return _NO_GAP
    units = rows.seconds() or 1
    return dict(zip(QUARTILES, (float(gap) / units for gap in found), strict=True))


def _ratio(count: int, of: int) -> float | None:
    return count / of if of else None
