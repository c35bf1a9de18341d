"""`ingest --append`: the store that all logs at once would make, with the numbers of the store that there was."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from genpas_cli import AugmentOptions, DataError, IngestOptions, UsageError, augment, ingest, verify
from tests.support import snapshot

HEADER = "user_id,item_id,timestamp,price"


def log(path: Path, *, seed: int, users: range, items: range, times: range, rows: int = 400) -> Path:
    """Write a log of random rows, many of them tied."""
    rng = random.Random(seed)
    lines = [f"u{rng.choice(users)},i{rng.choice(items)},{rng.choice(times)},{rng.random():.3f}" for _ in range(rows)]
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def days(tmp_path: Path) -> tuple[Path, Path]:
    """Two logs: the second has new users and items, users that come back, and events that are late."""
    old = log(tmp_path / "old.csv", seed=1, users=range(40), items=range(30), times=range(1000, 1100))
    new = log(tmp_path / "new.csv", seed=2, users=range(25, 60), items=range(20, 45), times=range(1080, 1150), rows=150)
    return old, new


def contents(store: Path) -> dict[str, Any]:
    """Return the tables of a store, those about how it was made apart."""
    with duckdb.connect(str(store), read_only=True) as con:
        return {
            table: con.sql(f"select * from {table} order by rowid").to_arrow_table().to_pylist()
            for table in ("interactions", "users", "items")
        }


OPTIONS = {
    "as it is": {},
    "by time, quantiles": {"split": "time:0.7,0.9"},
    "by time, instants": {"split": "time:1050,1090", "eval": "last"},
    "nothing held out": {"split": "none"},
    "each item of a user once": {"dedup": "user-item"},
    "filtered, a column kept": {"where": "price > 0.3", "keep": ("price",)},
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_it_is_what_all_logs_at_once_make(days: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    old, new = days
    options = IngestOptions(**OPTIONS[kind])  # type: ignore[arg-type]  # literals
    store, whole = tmp_path / "log.store", tmp_path / "whole.store"
    ingest(old, store, options)
    reused = IngestOptions(**OPTIONS[kind], items=str(store), users=str(store))  # type: ignore[arg-type]  # literals
    at_once = ingest([old, new], whole, reused)
    report = ingest(new, store, append=True)
    assert contents(store) == contents(whole)
    told = ("users", "items", "interactions", "ties", "split", "time_range", "length")
    assert {name: getattr(report, name) for name in told} == {name: getattr(at_once, name) for name in told}
    assert report.funnel[-1]["kept"] == report.interactions == at_once.interactions


def test_day_after_day(tmp_path: Path) -> None:
    """Several days, one after the other, end where all at once do: numbers are those of the days' order."""
    days = [
        log(tmp_path / f"{n}.csv", seed=n, users=range(10 * n + 30), items=range(9 * n + 20), times=range(n, n + 9))
        for n in range(4)
    ]
    store = tmp_path / "log.store"
    ingest(days[0], store)
    for day in days[1:]:
        ingest(day, store, append=True)
    ingest(days, tmp_path / "whole.store", IngestOptions(items=str(store), users=str(store)))
    assert contents(store) == contents(tmp_path / "whole.store")
    with duckdb.connect(str(store), read_only=True) as con:
        names = [name for (name,) in con.sql("select name from sources").fetchall()]
        funnel = con.sql("select step, kept from funnel").fetchall()
    assert names == [day.name for day in days]
    assert [kept for step, kept in funnel if step == "read"] == [400, 800, 1200, 1600]


def test_numbers_stay_and_new_ids_come_after(days: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = days
    store = tmp_path / "log.store"
    ingest(old, store)
    before = contents(store)
    ingest(new, store, append=True)
    after = contents(store)
    for table, key in (("users", "user_id"), ("items", "item_id")):
        ids = [row[key] for row in after[table]]
        assert ids[: len(before[table])] == [row[key] for row in before[table]]
        assert len(ids) > len(before[table])
    augment(store, tmp_path / "log.pairs", AugmentOptions(pairs="500"))
    verify(tmp_path / "log.pairs", store=store)


def test_columns_without_times_and_other_formats(tmp_path: Path) -> None:
    """The order of the rows counts: new rows come last. A new log may be of another format than the first."""
    (tmp_path / "old.csv").write_text("user_id,item_id\na,1\nb,2\na,3\na,4\nb,1\n")
    (tmp_path / "new.jsonl").write_text('{"user_id": "a", "item_id": "2"}\n{"user_id": "0", "item_id": "9"}\n')
    store = tmp_path / "log.store"
    ingest(tmp_path / "old.csv", store)
    ingest(tmp_path / "new.jsonl", store, append=True)
    with duckdb.connect(str(store), read_only=True) as con:
        rows = con.sql(
            "select user_id, list(item_id order by i.rowid) from interactions i join users u using (user_num) "
            "join items using (item_num) group by all order by all"
        ).fetchall()
    assert rows == [("0", ["9"]), ("a", ["1", "3", "4", "2"]), ("b", ["2", "1"])]


def test_whole_numbers_go_into_a_column_of_fractions(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("user_id,item_id,timestamp,price\na,1,1.5,2.5\na,2,2.5,3.5\na,3,3.5,3\n")
    (tmp_path / "new.csv").write_text("user_id,item_id,timestamp,price\na,1,9,7\n")
    store = tmp_path / "log.store"
    ingest(tmp_path / "old.csv", store, IngestOptions(keep=("price",)))
    ingest(tmp_path / "new.csv", store, append=True)
    assert [(row["time"], row["price"]) for row in contents(store)["interactions"]] == [
        (1.5, 2.5), (2.5, 3.5), (3.5, 3.0), (9.0, 7.0)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ refusals


def test_what_nothing_can_be_appended_to(days: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = days
    cases: dict[str, dict[str, Any]] = {
        "--min-user 3": {"min_user": 3}, "--session-gap 30s": {"session_gap": "30s"},
        "--dedup exact": {"dedup": "exact"}, "--ties item": {"ties": "item"},
    }  # fmt: skip
    for words, options in cases.items():
        store = tmp_path / "log.store"
        ingest(old, store, IngestOptions(**options), force=True)
        before = snapshot(tmp_path)
        with pytest.raises(UsageError, match=f"cannot be appended to: it was made with {words}"):
            ingest(new, store, append=True)
        assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "none"}, "--split is none, but .* was made with --split leave-one-out"),
        ({"dedup": "user-item"}, "--dedup is user-item, but .* was made with --dedup none"),
        ({"items": "x.parquet"}, "--items and --users cannot be used with --append"),
    ],
)
def test_options_that_the_store_was_not_made_with(
    days: tuple[Path, Path], tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    old, new = days
    ingest(old, tmp_path / "log.store")
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=words):
        ingest(new, tmp_path / "log.store", IngestOptions(**options), append=True)
    assert snapshot(tmp_path) == before


def test_logs_that_do_not_fit(days: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = days
    store = tmp_path / "log.store"
    ingest(old, store, IngestOptions(keep=("price",)))
    shutil.copy(old, tmp_path / "again.csv")
    (tmp_path / "iso.csv").write_text("user_id,item_id,timestamp,price\na,b,2024-05-01T00:00:00,1.5\n")
    (tmp_path / "text.csv").write_text("user_id,item_id,timestamp,price\na,b,1,cheap\n")
    before = snapshot(tmp_path)
    for name, words in {
        "again.csv": "is already in .*: it has the same content as old.csv",
        "iso.csv": "column time is TIMESTAMP in the new log, but BIGINT in",
        "text.csv": "column price is VARCHAR in the new log, but DOUBLE in",
    }.items():
        with pytest.raises(DataError, match=words):
            ingest(tmp_path / name, store, append=True)
    (tmp_path / "empty.csv").write_text("user_id,item_id,timestamp,price\n,b,1,2.5\n")
    with pytest.raises(DataError, match="no new interactions are left: 'missing user or item id' dropped 1 of 1"):
        ingest(tmp_path / "empty.csv", store, append=True)
    (tmp_path / "empty.csv").unlink()
    with pytest.raises(DataError, match="no such store"):
        ingest(new, tmp_path / "nosuch.store", append=True)
    with pytest.raises(DataError, match="not a genpas store"):
        ingest(new, old, append=True)
    with pytest.raises(UsageError, match="--append and --force cannot be combined"):
        ingest(new, store, append=True, force=True)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("split", ["leave-one-out", "time:0.5,0.8"])
@pytest.mark.parametrize("user", ["u1", "new"])
def test_a_tie_in_what_is_appended_names_its_user(tmp_path: Path, user: str, split: str) -> None:
    rows = [f"u{n % 3},i{n},{n}" for n in range(12)]
    (tmp_path / "old.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, ""]))
    (tmp_path / "new.csv").write_text(f"user_id,item_id,timestamp\nu0,x,20\n{user},y,10\n{user},z,10\n")
    ingest(tmp_path / "old.csv", tmp_path / "log.store", IngestOptions(ties="error", split=split))
    with pytest.raises(DataError, match=f"--ties error: .* that share a timestamp, for example user '{user}'"):
        ingest(tmp_path / "new.csv", tmp_path / "log.store", append=True)


def test_a_log_without_a_kept_column_is_told_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,item,time,event\nu,1,5,buy\nu,2,6,buy\nu,3,7,buy\n")
    (tmp_path / "b.csv").write_text("user,item,time\nu,4,8\n")
    ingest(tmp_path / "a.csv", tmp_path / "s.store", IngestOptions(keep=("event",)))
    with pytest.raises(DataError, match="no column 'event'") as caught:
        ingest(tmp_path / "b.csv", tmp_path / "s.store", append=True)
    assert "Add this column to the log" in str(caught.value.tip)
