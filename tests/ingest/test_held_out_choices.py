"""`--eval random`, `--split users:SHARE` and `--drop-cold` against a plain-Python reading of the same log."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import (
    AugmentOptions,
    DataError,
    GenpasError,
    IngestOptions,
    IntegrityError,
    UsageError,
    augment,
    ingest,
    stats,
    verify,
)
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.runtime.object_storage.locations import location_of

MASK = 2**64 - 1
SPLITS = ("time:40,70", "time:60", "leave-n-out:3", "users:0.2")
EVALUATED = ("first", "last", "random", "all")


class Event(NamedTuple):
    user: str
    item: str
    time: int


def events(seed: int, users: int = 60) -> list[Event]:
    """A log without ties within a user, of users with 1 to 12 interactions; some begin late, some items are rare."""
    rng = random.Random(seed)
    return [
        Event(f"u{user}", f"i{int(200 * rng.random() ** 2)}", time)
        for user in range(users)
        for time in sorted(rng.sample(range(rng.choice((0, 0, 50, 80)), 100), rng.randint(1, 12)))
    ]


def write(path: Path, log: list[Event]) -> Path:
    path.write_text("user,item,time\n" + "".join(f"{e.user},{e.item},{e.time}\n" for e in log), encoding="utf-8")
    return path


def key(seed: int, user: str) -> int:
    """The key of a user, as the documentation says it."""
    return int(hashlib.md5(f"{seed}:{user}".encode()).hexdigest()[:16], 16)  # noqa: S324


def hashed(number: int, stream: int) -> int:
    """SplitMix64, with Python's integers."""
    mixed = (number + 0x9E3779B97F4A7C15 * stream) & MASK
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & MASK
    return mixed ^ (mixed >> 31)


def parts_of(user: str, times: list[int], split: str, seed: int) -> list[str]:
    """Return the part of each interaction of a user."""
    rule, _, value = split.partition(":")
    if rule == "users":
        place = hashed(key(seed, user), 0) / 2**64
        return [("test" if place < 0.2 else "validation" if place < 0.4 else "train") for _ in times]
    if rule == "leave-n-out":
        held = 3 if len(times) > 6 else 0
        return ["train"] * (len(times) - 2 * held) + ["validation"] * held + ["test"] * held
    bounds = [int(bound) for bound in value.split(",")]
    parts = [("train" if t < bounds[0] else "validation" if t < bounds[-1] else "test") for t in times]
    if len(bounds) == 1 and parts.count("train") > 1:
        parts[parts.count("train") - 1] = "validation"
    return parts


def marks_of(log: list[Event], split: str, evaluated: str, seed: int, *, drop_cold: bool) -> dict[str, list[str]]:
    """Return what a store says of each interaction of each user: its part, or `unused`."""
    own: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(log, key=lambda each: each.time):
        own[event.user].append(event)
    parts = {user: parts_of(user, [e.time for e in of], split, seed) for user, of in own.items()}
    trained = {e.item for user, of in own.items() for e, part in zip(of, parts[user], strict=True) if part == "train"}
    marks = {}
    for user, of in own.items():
        mark = list(parts[user])
        for stream, part in ((1, "validation"), (2, "test")):
            held = [at for at, each in enumerate(mark) if each == part]
            can = [at for at in held if at] or held
            if evaluated != "all" and can:
                number = {"first": 0, "last": -1, "random": (hashed(key(seed, user), stream) >> 32) * len(can) >> 32}
                for at in set(held) - {can[number[evaluated]]}:
                    mark[at] = "unused"
        if drop_cold:
            mark = [
                "unused" if at and part != "train" and event.item not in trained else part
                for at, (event, part) in enumerate(zip(of, mark, strict=True))
            ]
        marks[user] = mark
    return marks


def stored(store: Path) -> tuple[dict[str, list[str]], list[tuple[Any, ...]]]:
    """Return the marks in a store, and its users."""
    with duckdb.connect(str(store), read_only=True) as con:
        rows = con.sql(
            "select user_id, split::varchar from interactions i join users using (user_num) order by i.rowid"
        ).fetchall()
        users = con.sql("select * exclude (user_num) from users").fetchall()
    marks: dict[str, list[str]] = defaultdict(list)
    for user, mark in rows:
        marks[user].append(mark)
    return dict(marks), users


def pairs_of(directory: Path, split: str) -> list[tuple[list[str], str]]:
    """Return the inputs and targets of a split's pairs, as ids."""
    files = PairFiles(location_of(directory))
    ids = [None, *files.ids("items").to_pylist()]  # type: ignore[union-attr]  # pairs have their items
    return [
        ([ids[number] for number in row["input_items"]], ids[row["target_item"]])
        for epoch in files.epochs(split) for file in epoch for batch in files.batches(file)
        for row in batch.to_pylist()
    ]  # fmt: skip


@pytest.mark.parametrize("drop_cold", [False, True])
@pytest.mark.parametrize("evaluated", EVALUATED)
@pytest.mark.parametrize("split", SPLITS)
def test_the_choice_is_that_of_a_plain_reading(tmp_path: Path, split: str, evaluated: Any, *, drop_cold: bool) -> None:
    log, store, seed = events(1), tmp_path / "log.store", 3
    options = IngestOptions(split=split, eval=evaluated, drop_cold=drop_cold, split_seed=seed)
    report = ingest(write(tmp_path / "log.csv", log), store, options)
    told: Any = report.split
    expected = marks_of(log, split, evaluated, seed, drop_cold=drop_cold)
    found, users = stored(store)
    assert found == expected
    without = marks_of(log, split, evaluated, seed, drop_cold=False)
    for part in ("train", "validation", "test"):
        count = sum(mark.count(part) for mark in expected.values())
        assert told[part] == count
        if part != "train" and drop_cold:
            assert told["cold"][part] == sum(m.count(part) for m in without.values()) - count
    assert ("cold" in report.split) == drop_cold
    if evaluated == "random" or drop_cold:
        for user, _, _, _, validation, test in users:
            assert validation == expected[user][1:].count("validation")
            assert test == expected[user][1:].count("test")


@pytest.mark.parametrize(
    ("split", "evaluated", "drop_cold"),
    [("time:40,70", "random", False), ("time:40,70", "all", True), ("users:0.2", "random", True),
     ("users:0.2", None, False), ("leave-n-out:3", "random", False), ("time:60", "last", True)],
)  # fmt: skip
@pytest.mark.parametrize("form", ["items", "cuts"])
def test_pairs_statistics_and_checks_have_these_targets(
    tmp_path: Path, split: str, evaluated: Any, form: Any, *, drop_cold: bool
) -> None:
    log, store, pairs = events(2), tmp_path / "log.store", tmp_path / "log.pairs"
    ingest(write(tmp_path / "log.csv", log), store, IngestOptions(split=split, eval=evaluated, drop_cold=drop_cold))
    augment(store, pairs, AugmentOptions(strategy="multi-target", form=form, user_ids="raw"))
    assert verify(pairs, store=store).slices
    own: dict[str, list[str]] = defaultdict(list)
    for event in sorted(log, key=lambda each: each.time):
        own[event.user].append(event.item)
    marks = marks_of(log, split, evaluated or ("last" if split.startswith("users") else "all"), 0, drop_cold=drop_cold)
    data = stats(store).data
    assert data is not None
    for part in ("train", "validation", "test"):
        expected = sorted(
            (own[user][:at], own[user][at])
            for user, mark in marks.items() for at, each in enumerate(mark) if at and each == part
        )  # fmt: skip
        assert sorted(pairs_of(pairs, part)) == expected
        if part != "train":
            assert data.split[part] == len(expected)


def test_a_condition_on_targets_selects_among_the_chosen_ones(tmp_path: Path) -> None:
    store, pairs = tmp_path / "log.store", tmp_path / "log.pairs"
    log = events(4)
    ingest(write(tmp_path / "log.csv", log), store, IngestOptions(split="time:40,70", eval="random", drop_cold=True))
    augment(store, pairs, AugmentOptions(strategy="multi-target", target_where="time % 2 = 0 or time > 90"))
    with duckdb.connect(str(store), read_only=True) as con:
        rows = con.sql(
            "select split::varchar, item_id, (time % 2 = 0 or time > 90) from (select *, row_number() over "
            "(partition by user_num order by rowid) as position from interactions) join items using (item_num) "
            "where position > 1"
        ).fetchall()
    for part in ("train", "validation", "test"):
        expected = sorted(item for split, item, yes in rows if split == part and yes)
        assert sorted(target for _, target in pairs_of(pairs, part)) == expected
        assert expected


@pytest.mark.parametrize(("last", "possible"), [(3, "leave-n-out:2"), (1_000_000, "leave-n-out:2")])
def test_a_log_too_short_for_leave_n_out_is_refused(tmp_path: Path, last: int, possible: str) -> None:
    log = write(tmp_path / "log.csv", [Event("u", "abc"[time % 3], time) for time in range(5)])
    with pytest.raises(DataError) as raised:
        ingest(log, tmp_path / "s.store", split=f"leave-n-out:{last}")
    assert "no interactions would be held out" in raised.value.message
    assert raised.value.tip == f"For example: --split {possible}"
    assert not (tmp_path / "s.store").exists()
    ingest(log, tmp_path / "s.store", split=possible)


LOGS = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("abcd"), st.integers(0, 8)), min_size=2, max_size=30
)


@settings(max_examples=60)
@given(
    rows=LOGS, split=st.sampled_from(["leave-n-out:2", "time:3,6", "time:5", "users:0.3"]),
    evaluated=st.sampled_from(EVALUATED), drop_cold=st.booleans(), order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_parts_partition_the_log_whatever_the_order_of_files(
    rows: list[tuple[str, str, int]], split: str, evaluated: Any, order: random.Random, *, drop_cold: bool
) -> None:
    options = IngestOptions(split=split, eval=evaluated, drop_cold=drop_cold, ties="item", allow_duplicate_files=True)
    shuffled = order.sample(rows, len(rows))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        one = write(directory / "one.csv", [Event(*row) for row in rows])
        half = len(rows) // 2
        two = [
            write(directory / f"{n}.csv", [Event(*row) for row in part])
            for n, part in enumerate((shuffled[:half], shuffled[half:]))
        ]
        told = []
        for number, files in enumerate(([one], two)):
            store = directory / f"{number}.store"
            try:
                ingest(files, store, dataclasses.replace(options, threads=number + 1))
            except GenpasError as error:
                told.append(str(error))
                continue
            told.append(repr(sorted(stored(store)[0].items())))
            check_partition(store, len(rows), split)
        assert told[0] == told[1]


def check_partition(store: Path, rows: int, split: str) -> None:
    """Check that each interaction has one mark, and that no training interaction follows a held-out one."""
    with duckdb.connect(str(store), read_only=True) as con:
        found = con.sql("select user_num, time, split::varchar from interactions order by rowid").fetchall()
    assert len(found) == rows
    for (user, _, split_before), (other, _, mark) in itertools.pairwise(found):
        assert user != other or mark != "train" or split_before == "train"
    if split == "time:3,6":  # for all users alike
        latest = max(time for _, time, mark in found if mark == "train")
        assert latest < min(time for _, time, mark in found if mark in ("validation", "test"))
    if split.startswith("users"):
        trained = {user for user, _, mark in found if mark == "train"}
        assert not trained & {user for user, _, mark in found if mark != "train"}


@pytest.mark.parametrize("options", [{"split": "users:0.2"}, {"split": "time:60", "eval": "random"}], ids=str)
def test_the_choice_does_not_depend_on_other_users(tmp_path: Path, options: dict[str, Any]) -> None:
    log = events(5, users=80)
    ingest(write(tmp_path / "all.csv", log), tmp_path / "all.store", IngestOptions(**options))
    some = [event for event in log if int(event.user[1:]) % 3]
    ingest(write(tmp_path / "some.csv", some), tmp_path / "some.store", IngestOptions(**options))
    whole, part = stored(tmp_path / "all.store")[0], stored(tmp_path / "some.store")[0]
    assert part == {user: marks for user, marks in whole.items() if user in part}


def test_another_seed_is_another_choice(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", events(6))
    found: list[dict[str, list[str]]] = []
    for seed in (0, 0, 1, -1):
        store = tmp_path / f"{len(found)}.store"
        ingest(file, store, IngestOptions(split="users:0.2", eval="random", split_seed=seed))
        found.append(stored(store)[0])
    assert found[0] == found[1]
    assert found[0] != found[2] != found[3] != found[0]


def test_a_larger_share_keeps_the_test_users_of_a_smaller_one(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", events(7, users=300))
    users: list[set[str]] = []
    for share in ("0.1", "0.2", "0.4"):
        store = tmp_path / f"{share}.store"
        ingest(file, store, IngestOptions(split=f"users:{share}", eval="all"))
        users.append({user for user, marks in stored(store)[0].items() if "test" in marks})
    assert users[0] < users[1] < users[2]


STORES: list[dict[str, Any]] = [
    {"split": "users:0.2"}, {"split": "users:0.2", "eval": "random", "drop_cold": True, "split_seed": 8},
    {"split": "time:40,70", "eval": "random"}, {"split": "leave-n-out:2", "drop_cold": True},
]  # fmt: skip


@pytest.mark.parametrize("options", STORES, ids=str)
def test_an_appended_log_gives_the_split_of_all_rows(tmp_path: Path, options: dict[str, Any]) -> None:
    log = events(8)
    random.Random(0).shuffle(log)
    parts = [write(tmp_path / f"{n}.csv", log[n::2]) for n in range(2)]
    ingest(parts[0], tmp_path / "grown.store", IngestOptions(**options))
    grown = ingest(parts[1], tmp_path / "grown.store", append=True)
    whole = ingest(parts, tmp_path / "whole.store", IngestOptions(**options))
    assert stored(tmp_path / "grown.store")[0] == stored(tmp_path / "whole.store")[0]
    assert sorted(stored(tmp_path / "grown.store")[1]) == sorted(stored(tmp_path / "whole.store")[1])
    assert grown.split == whole.split
    augment(tmp_path / "grown.store", tmp_path / "log.pairs")
    assert verify(tmp_path / "log.pairs", store=tmp_path / "grown.store").slices


def test_sessions_are_held_out_as_users(tmp_path: Path) -> None:
    log, store = events(9), tmp_path / "log.store"
    ingest(write(tmp_path / "log.csv", log), store, IngestOptions(split="users:0.2", session_gap="9s", eval="random"))
    found, _ = stored(store)
    assert all(user.count("/") == 1 for user in found)
    for session, marks in found.items():
        place = hashed(key(0, session), 0) / 2**64
        held = "test" if place < 0.2 else "validation" if place < 0.4 else "train"
        assert set(marks) <= {held, "unused"}


def test_a_damaged_choice_is_found(tmp_path: Path) -> None:
    """A pair whose target is held out, but is not the chosen target, does not pass `verify`."""
    file, log = tmp_path / "log.csv", events(10)
    write(file, log)
    for name, seed in (("one", 0), ("other", 1)):
        ingest(file, tmp_path / f"{name}.store", IngestOptions(split="time:40,70", eval="random", split_seed=seed))
    augment(tmp_path / "one.store", tmp_path / "one.pairs")
    with pytest.raises(IntegrityError, match="is not the store of"):
        verify(tmp_path / "one.pairs", store=tmp_path / "other.store")


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("share", ["0", "1", "0.5", "0.9", "-0.1", "1.5", "x", "", "nan", "inf", "0.1,0.1", "1/10"])
def test_a_share_outside_0_and_a_half_is_refused(tmp_path: Path, share: str) -> None:
    file = write(tmp_path / "log.csv", events(1))
    with pytest.raises(UsageError, match="share of the users held out for test, above 0 and below") as raised:
        ingest(file, tmp_path / "log.store", IngestOptions(split=f"users:{share}"))
    assert "--split users:0.1" in str(raised.value.tip)


@pytest.mark.parametrize(
    ("options", "flag"), [({"eval": "random"}, "--eval random"), ({"drop_cold": True}, "--drop-cold")]
)
def test_what_needs_held_out_interactions_is_refused_without(
    tmp_path: Path, options: dict[str, Any], flag: str
) -> None:
    file = write(tmp_path / "log.csv", events(1))
    with pytest.raises(UsageError, match=f"^{flag} cannot be combined with --split none"):
        ingest(file, tmp_path / "log.store", IngestOptions(split="none", **options))
    ingest(file, tmp_path / "log.store", IngestOptions(split="leave-one-out", **options))


def test_a_part_without_users_is_an_error_whose_command_works(tmp_path: Path) -> None:
    seen = set()
    for users in range(1, 30):
        log = [Event(f"u{user}", f"i{at}", at) for user in range(users) for at in range(3)]
        file, split = write(tmp_path / "log.csv", log), "users:0.1"
        for _ in range(2):
            try:
                ingest(file, tmp_path / "log.store", IngestOptions(split=split), force=True)
            except DataError as error:
                assert split == "users:0.1", "the proposed split leaves no part empty"
                split = str(error.tip).rpartition("--split ")[2]
                seen.add((split.partition(":")[0], "part would be empty: of" in str(error)))
    assert seen == {("users", True), ("leave-one-out", True)}


@pytest.mark.parametrize("part", ["validation", "test"])
def test_leaving_out_all_targets_is_an_error(tmp_path: Path, part: str) -> None:
    late = {"validation": 3, "test": 4}[part]
    log = [Event(f"u{user}", f"new{user}" if at == late else f"i{at % 3}", at) for user in range(9) for at in range(5)]
    file = write(tmp_path / "log.csv", log)
    with pytest.raises(DataError, match=f"--drop-cold leaves no {part} targets: no item of the 9 {part} targets"):
        ingest(file, tmp_path / "log.store", IngestOptions(drop_cold=True))
    assert not (tmp_path / "log.store").exists()


def test_an_append_keeps_the_choice_of_the_store(tmp_path: Path) -> None:
    file, more = write(tmp_path / "log.csv", events(1)), write(tmp_path / "more.csv", events(2))
    ingest(file, tmp_path / "log.store", IngestOptions(split="time:40,70", eval="random", split_seed=4))
    given: list[dict[str, Any]] = [{"eval": "last"}, {"split_seed": 5}, {"drop_cold": True}]
    for wrong in given:
        flag = f"--{next(iter(wrong)).replace('_', '-')}"
        with pytest.raises(UsageError, match=f"^{flag} is .* was made with {flag} "):
            ingest(more, tmp_path / "log.store", IngestOptions(**wrong), append=True)
    report = ingest(more, tmp_path / "log.store", append=True)
    assert report.split["test"]


def test_an_append_may_repeat_the_split(tmp_path: Path) -> None:
    file, more = write(tmp_path / "log.csv", events(1)), write(tmp_path / "more.csv", events(2))
    for number, evaluated in enumerate(("all", "last", None)):
        store = tmp_path / f"{number}.store"
        ingest(file, store, IngestOptions(split="users:0.2", eval=evaluated))  # type: ignore[arg-type]  # literals
        ingest(more, store, IngestOptions(split="users:0.2"), append=True)
        with pytest.raises(UsageError, match=r"^--eval is first, but .* was made with --eval "):
            ingest(more, store, IngestOptions(split="users:0.2", eval="first"), append=True)


def test_a_seed_without_effect_is_noted(tmp_path: Path) -> None:
    report = ingest(write(tmp_path / "log.csv", events(1)), tmp_path / "log.store", IngestOptions(split_seed=5))
    assert "--split-seed has no effect without --eval random or --split users:SHARE" in report.notes
