"""`ingest` against a plain-Python reading of the same log: order, cleaning, numbers, split, ties."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import DataError, IngestOptions, IngestReport, UsageError, ingest
from genpas_cli.ingest.estimates import sorts, spilled_bytes
from genpas_cli.ingest.passes import log_passes, sorted_log
from genpas_cli.ingest.staging import stage_place


class Row(NamedTuple):
    user: str
    item: str
    time: int


def random_log(seed: int, rows: int = 3000, users: int = 80, items: int = 60) -> list[Row]:
    """A log with ties, repeats, and users and items of all frequencies."""
    rng = random.Random(seed)
    return [
        Row(f"u{int(users * rng.random() ** 2)}", f"i{int(items * rng.random() ** 3)}", rng.randrange(rows // 2))
        for _ in range(rows)
    ]


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"{r.user},{r.item},{r.time}\n" for r in rows))
    return path


def sequences(rows: list[Row]) -> dict[str, list[Row]]:
    """Users' rows by time, and as in the file where times are equal: Python's sort is stable."""
    by_user = defaultdict(list)
    for row in rows:
        by_user[row.user].append(row)
    return {user: sorted(own, key=lambda row: row.time) for user, own in by_user.items()}


class Stored(NamedTuple):
    report: IngestReport
    sequences: dict[str, list[tuple[str, int, str]]]
    users: list[str]
    items: list[str]
    lengths: dict[str, tuple[int, int, int]]


def stored(log: Path | list[Path], store: Path, **options: Any) -> Stored:
    """Ingest, and read everything back through DuckDB alone."""
    report = ingest(log, store, IngestOptions(**options))
    found: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
    with duckdb.connect(str(store), read_only=True) as con:
        users = con.sql("select user_num, user_id, length, train_length, validation_length from users").fetchall()
        items = con.sql("select item_num, item_id from items").fetchall()
        has_time = "time" in con.sql("select * from interactions limit 0").columns
        rows = con.sql(
            f"select user_num, item_num, {'time' if has_time else 'null'}, split::varchar from interactions"
        ).fetchall()
    names, ids = {n: i for n, i, *_ in users}, dict(items)
    assert [n for n, *_ in users] == list(range(1, len(users) + 1))
    assert [n for n, _ in items] == list(range(1, len(items) + 1))
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    for user, item, time, split in rows:
        found[names[user]].append((ids[item], time, split))
    lengths = {user: (total, train, validation) for _, user, total, train, validation in users}
    return Stored(report, dict(found), [u[1] for u in users], [i[1] for i in items], lengths)


def leave_one_out(length: int) -> list[str]:
    return ["train"] * length if length < 3 else ["train"] * (length - 2) + ["validation", "test"]


@pytest.mark.parametrize("seed", range(3))
def test_order_numbers_and_split_are_those_of_a_plain_reading(tmp_path: Path, seed: int) -> None:
    rows = random_log(seed)
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store")
    expected = sequences(rows)
    assert found.items == sorted({row.item for row in rows}, key=str.encode)
    assert found.users == sorted(expected, key=lambda user: hashlib.md5(user.encode()).digest())  # noqa: S324
    assert found.sequences == {
        user: [(row.item, row.time, split) for row, split in zip(own, leave_one_out(len(own)), strict=True)]
        for user, own in expected.items()
    }
    assert found.lengths == {
        user: (len(own), leave_one_out(len(own)).count("train"), leave_one_out(len(own)).count("validation"))
        for user, own in expected.items()
    }


def test_numbers_do_not_depend_on_the_order_of_rows_or_files(tmp_path: Path) -> None:
    rows = [row._replace(time=index) for index, row in enumerate(random_log(4))]
    whole = stored(write(tmp_path / "log.csv", rows), tmp_path / "whole.store")
    random.Random(0).shuffle(rows)
    files = [write(tmp_path / f"part{i}.csv", rows[i::3]) for i in (2, 0, 1)]
    parts = stored(files, tmp_path / "parts.store")
    assert (parts.sequences, parts.users, parts.items) == (whole.sequences, whole.users, whole.items)


@pytest.mark.parametrize("ties", ["item", "hash"])
def test_the_tie_rule_decides_between_equal_times_whatever_the_file_says(tmp_path: Path, ties: str) -> None:
    rows = list(dict.fromkeys(random_log(5)))  # a repeat at the same time has no order of its own
    one = stored(write(tmp_path / "a.csv", rows), tmp_path / "a.store", ties=ties)
    random.Random(1).shuffle(rows)
    other = stored(write(tmp_path / "b.csv", rows), tmp_path / "b.store", ties=ties)
    assert one.sequences == other.sequences
    if ties == "item":
        for own in one.sequences.values():
            assert [(time, item.encode()) for item, time, _ in own] == sorted((t, i.encode()) for i, t, _ in own)


@pytest.mark.parametrize(
    "options",
    [{}, {"ties": "hash"}, {"dedup": "exact"}, {"min_user": 20, "min_item": 20}, {"session_gap": "30s"},
     {"split": "time:0.8,0.9"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("parts", [2, 7, 200])
def test_a_log_staged_in_a_file_and_sorted_in_parts_gives_the_same_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], parts: int
) -> None:
    log = write(tmp_path / "log.csv", random_log(3))
    usual = stored(log, tmp_path / "usual.store", **options)
    monkeypatch.setattr(log_passes, "sorts", lambda *_: parts)
    monkeypatch.setattr(stage_place, "_SHARE", 0)
    found = stored(log, tmp_path / "other.store", **options)
    assert found._replace(report=usual.report) == usual
    assert dataclasses.replace(found.report, store=usual.report.store) == usual.report


@pytest.mark.parametrize("rows", [7, 1 << 18])
def test_figures_are_of_all_rows_however_few_pass_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(sorted_log, "_BATCH_ROWS", rows)
    # Of every fourth user, the last two of five events have the same time; one user has two events.
    log = [Row(f"u{u}", f"i{n}", 10 * u + n - (u % 4 == 0 and n == 4)) for u in range(40) for n in range(5)]
    report = ingest(write(tmp_path / "log.csv", [*log, *[Row("v", "a", 500), Row("v", "b", 600)]]), tmp_path / "s")
    assert (report.users, report.items, report.interactions) == (41, 7, 202)
    assert report.time_range == [0, 600]
    assert report.split == {"train": 122, "validation": 40, "test": 40, "users_in_train_only": 1}
    assert report.ties == {"tied_events": 20 / 202, "tied_test": 0.25, "tied_validation": 0.0, "tied_either": 0.25}
    assert report.length == {"min": 2, "median": 5.0, "mean": 202 / 41, "p99": 5.0, "max": 5}


def test_a_sort_has_as_many_parts_as_memory_asks_for_up_to_eight() -> None:
    assert [sorts(rows, 0, 32_000) for rows in (0, 1, 1000, 1001, 4000, 10**9)] == [1, 1, 1, 2, 4, 8]
    assert sorts(1000, 2, 32_000) == 2  # kept values are sorted too
    assert [spilled_bytes(rows, 0, 32_000) for rows in (0, 8000, 16_000)] == [0, 0, 68_000]


def test_ties_error_stops_at_equal_times(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", [Row("a", "x", 1), Row("b", "x", 1), Row("b", "y", 1)])
    with pytest.raises(DataError, match="share a timestamp, for example user 'b'"):
        ingest(log, tmp_path / "store", IngestOptions(ties="error"))
    assert not (tmp_path / "store").exists()


def test_tied_shares_count_users_whose_boundary_is_a_tie(tmp_path: Path) -> None:
    rows = [Row("test", "a", 1), Row("test", "b", 2), Row("test", "c", 3), Row("test", "d", 3)]
    rows += [Row("valid", "a", 1), Row("valid", "b", 2), Row("valid", "c", 2), Row("valid", "d", 3)]
    rows += [Row("none", "a", 1), Row("none", "b", 1), Row("none", "c", 2), Row("none", "d", 3)]
    rows += [Row("short", "a", 1), Row("short", "b", 1)]
    ties = ingest(write(tmp_path / "log.csv", rows), tmp_path / "store").ties
    assert ties == {"tied_events": 8 / 14, "tied_test": 1 / 3, "tied_validation": 1 / 3, "tied_either": 2 / 3}


def plain_dedup(own: list[Row], rule: str) -> list[Row]:
    if rule == "consecutive":
        return [own[i] for i in range(len(own)) if i == 0 or own[i].item != own[i - 1].item]
    seen: set[Any] = set()
    keys = [row if rule == "exact" else row.item for row in own]
    return [row for row, key in zip(own, keys, strict=True) if not (key in seen or seen.add(key))]  # type: ignore[func-returns-value]


@pytest.mark.parametrize("rule", ["exact", "consecutive", "user-item"])
def test_repeats_are_dropped_by_the_rule_and_counted(tmp_path: Path, rule: str) -> None:
    rows = random_log(6, rows=4000, users=30, items=12)
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", dedup=rule, split="none")
    expected = {user: plain_dedup(own, rule) for user, own in sequences(rows).items()}
    assert {u: [(i, t) for i, t, _ in own] for u, own in found.sequences.items()} == {
        user: [(row.item, row.time) for row in own] for user, own in expected.items()
    }
    left = sum(map(len, expected.values()))
    assert found.report.funnel[-1] == {"step": "repeated rows", "dropped": len(rows) - left, "kept": left}


@pytest.mark.parametrize(("min_user", "min_item", "dedup"), [(30, 30, "none"), (5, 15, "user-item"), (0, 100, "none")])
def test_the_k_core_is_the_one_found_by_dropping_one_at_a_time(
    tmp_path: Path, min_user: int, min_item: int, dedup: str
) -> None:
    rows = random_log(7)
    left = [row for own in sequences(rows).values() for row in (plain_dedup(own, dedup) if dedup != "none" else own)]
    while True:
        users, items = Counter(r.user for r in left), Counter(r.item for r in left)
        kept = [r for r in left if users[r.user] >= min_user and items[r.item] >= min_item]
        if len(kept) == len(left):
            break
        left = kept
    found = stored(
        write(tmp_path / "log.csv", rows), tmp_path / "store", min_user=min_user, min_item=min_item, dedup=dedup
    )
    assert 0 < len(left) < len(rows)
    assert found.report.interactions == len(left)
    assert found.items == sorted({r.item for r in left}, key=str.encode)
    assert sorted(found.users) == sorted({r.user for r in left})
    assert found.report.funnel[-1]["kept"] == len(left)


@pytest.mark.parametrize("min_item", [0, 40])
def test_sessions_become_users_of_their_own(tmp_path: Path, min_item: int) -> None:
    rows, gap = random_log(8), 60
    frequent = Counter(r.item for r in rows)
    expected = {}
    for user, own in sequences([r for r in rows if frequent[r.item] >= min_item]).items():
        cuts = [0, *(i for i in range(1, len(own)) if own[i].time - own[i - 1].time > gap), len(own)]
        for number, (low, high) in enumerate(itertools.pairwise(cuts), 1):
            expected[f"{user}/{number}"] = [(row.item, row.time) for row in own[low:high]]
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", session_gap=f"{gap}s", min_item=min_item)
    assert {u: [(i, t) for i, t, _ in own] for u, own in found.sequences.items()} == expected
    assert found.users == sorted(expected, key=lambda user: hashlib.md5(user.encode()).digest())  # noqa: S324
    assert all([s for *_, s in own] == leave_one_out(len(own)) for own in found.sequences.values())


@pytest.mark.parametrize("evaluated", ["all", "first", "last"])
def test_a_split_by_time_holds_out_what_comes_at_or_after_the_bounds(tmp_path: Path, evaluated: str) -> None:
    rows = random_log(9)
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", split="time:1000,1200", eval=evaluated)
    for user, own in sequences(rows).items():
        splits = ["train" if r.time < 1000 else "validation" if r.time < 1200 else "test" for r in own]
        if evaluated != "all":
            for part in ("validation", "test"):
                held = [i for i, s in enumerate(splits) if s == part]
                for i in held[1:] if evaluated == "first" else held[:-1]:
                    splits[i] = "unused"
        assert [s for *_, s in found.sequences[user]] == splits
    counts = Counter(s for own in found.sequences.values() for *_, s in own)
    assert {k: found.report.split[k] for k in ("train", "validation", "test")} == {
        k: counts[k] for k in ("train", "validation", "test")
    }


@pytest.mark.parametrize("last", [1, 2, 5])
def test_the_last_interactions_of_each_user_are_held_out(tmp_path: Path, last: int) -> None:
    rows = random_log(11)
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", split=f"leave-n-out:{last}")
    for user, own in sequences(rows).items():
        held = last if len(own) > 2 * last else 0
        expected = ["train"] * (len(own) - 2 * held) + ["validation"] * held + ["test"] * held
        assert [split for *_, split in found.sequences[user]] == expected
    one = stored(write(tmp_path / "log.csv", rows), tmp_path / "one", split="leave-one-out")
    assert (one.sequences == found.sequences) == (last == 1)


@pytest.mark.parametrize("bound", ["1200", "0.8"])
def test_a_split_by_one_time_holds_out_the_last_training_interaction_of_each_user(tmp_path: Path, bound: str) -> None:
    rows = random_log(12)
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", split=f"time:{bound}")
    times = sorted(row.time for row in rows)
    first = 1200 if bound == "1200" else next(t for t in times if t > times[math.ceil(0.8 * len(times)) - 1])
    for user, own in sequences(rows).items():
        before = sum(row.time < first for row in own)
        splits = ["train"] * before + ["test"] * (len(own) - before)
        if before > 1:
            splits[before - 1] = "validation"
        assert [split for *_, split in found.sequences[user]] == splits


def test_a_split_by_quantiles_looks_the_bounds_up(tmp_path: Path) -> None:
    rows = [Row(f"u{t % 7}", f"i{t % 5}", t) for t in range(1000)]
    found = stored(write(tmp_path / "log.csv", rows), tmp_path / "store", split="time:0.8,0.9")
    times = sorted((time, split) for own in found.sequences.values() for _, time, split in own)
    assert [split for _, split in times] == sorted((s for _, s in times), key=["train", "validation", "test"].index)
    assert Counter(split for _, split in times)["train"] == pytest.approx(800, abs=1)


def test_one_is_no_quantile_and_makes_times_of_both_bounds(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\nu,a,0.2\nu,b,0.7\nu,c,1.5\n", encoding="utf-8")
    report = ingest(tmp_path / "log.csv", tmp_path / "log.store", IngestOptions(split="time:0.5,1"))
    assert (report.split["train"], report.split["validation"], report.split["test"]) == (1, 1, 1)


def test_numbers_of_an_earlier_run_stay_and_new_ids_come_after(tmp_path: Path) -> None:
    first = stored(write(tmp_path / "a.csv", random_log(10)), tmp_path / "a.store")
    new = [Row("new-user", "another", 1), Row("new-user", "i3", 2), *random_log(11)[:50]]
    store = str(tmp_path / "a.store")
    second = stored(write(tmp_path / "b.csv", new), tmp_path / "b.store", items=store, users=store)
    assert second.items[: len(first.items)] == first.items
    assert second.items[len(first.items) :] == ["another"]
    assert second.users[: len(first.users)] == first.users
    assert second.users[len(first.users) :] == ["new-user"]
    assert {u for u, own in second.sequences.items() if own} == {row.user for row in new}


def test_a_known_user_without_interactions_is_not_one_in_train_only(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\nu,a,1\nu,b,2\nu,c,3\nv,a,1\n", encoding="utf-8")
    pq.write_table(pa.table({"user_num": [1, 2, 3], "user_id": ["u", "v", "w"]}), tmp_path / "users.parquet")
    options = IngestOptions(users=str(tmp_path / "users.parquet"))
    report = ingest(tmp_path / "log.csv", tmp_path / "log.store", options)
    assert (report.users, report.split["users_in_train_only"]) == (3, 1)


def test_unknown_items_can_be_dropped_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [Row("u", "x", 1), Row("u", "y", 2)])
    ingest(tmp_path / "a.csv", tmp_path / "a.store")
    log = write(tmp_path / "b.csv", [Row("v", "x", 1), Row("v", "z", 2), Row("w", "z", 3)])
    found = stored(log, tmp_path / "b.store", items=str(tmp_path / "a.store"), unknown_items="drop")
    assert found.items == ["x", "y"]
    assert list(found.sequences) == ["v"]
    assert {"step": "unknown items", "dropped": 2, "kept": 1} in found.report.funnel
    with pytest.raises(DataError, match=r"1 items? of the log .* 'z'"):
        ingest(log, tmp_path / "c.store", IngestOptions(items=str(tmp_path / "a.store"), unknown_items="error"))


@pytest.mark.parametrize("choice", ["drop", "error"])
def test_unknown_items_are_those_of_no_file(tmp_path: Path, choice: Any) -> None:
    log = write(tmp_path / "a.csv", [Row("u", "x", 1), Row("u", "y", 2)])
    with pytest.raises(UsageError, match=f"--unknown-items {choice} can only be used with --items"):
        ingest(log, tmp_path / "a.store", unknown_items=choice)


@pytest.mark.parametrize("choice", ["first", "last", "random"])
def test_a_choice_of_held_out_targets_needs_some(tmp_path: Path, choice: Any) -> None:
    log = write(tmp_path / "a.csv", [Row("u", "x", 1), Row("u", "y", 2)])
    with pytest.raises(UsageError, match=f"--eval {choice} cannot be combined with --split none"):
        ingest(log, tmp_path / "a.store", eval=choice, split="none")


def test_without_times_the_order_of_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id\na,3\nb,1\na,1\na,2\nb,9\n")
    found = stored(tmp_path / "log.csv", tmp_path / "store", split="none")
    assert {u: [i for i, *_ in own] for u, own in found.sequences.items()} == {"a": ["3", "1", "2"], "b": ["1", "9"]}
    for options in ({"session_gap": "1h"}, {"split": "time:1,2"}, {"ties": "error"}):
        with pytest.raises(UsageError, match="no timestamp column"):
            ingest(tmp_path / "log.csv", tmp_path / "x.store", IngestOptions(**options))  # type: ignore[arg-type]


def test_cleaning_that_leaves_nothing_names_the_steps_that_dropped_rows(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", random_log(12))
    with pytest.raises(
        DataError,
        match=r"no interactions are left: 'users with fewer than 1,000,000 interactions' dropped 3,000 of 3,000",
    ):
        ingest(log, tmp_path / "store", IngestOptions(min_user=10**6))
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]
