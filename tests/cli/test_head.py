"""`genpas head`: the first rows of pairs, stores and logs, as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genpas_cli
from tests.support import InProcess, refused, shards

DATA, USAGE, INTEGRITY = 1, 2, 4


def test_pairs_are_shown_with_the_ids_of_the_log(inside: InProcess, pairs: Path) -> None:
    ids = [None, *pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()]
    found = inside.json("head", pairs, "-n", "5", "--json")
    assert (found["kind"], found["columns"]) == (
        "pairs", ["user_num", "input_items", "target_item", "input_start", "target_position"],
    )  # fmt: skip
    expected = [
        [row["user_num"], [ids[item] for item in row["input_items"]], ids[row["target_item"]], row["input_start"],
         row["target_position"]]
        for row in shards(pairs).slice(0, 5).to_pylist()
    ]  # fmt: skip
    assert found["rows"] == expected


@pytest.mark.parametrize("form", ["items", "cuts"])
def test_both_forms_and_users(inside: InProcess, store: Path, form: str) -> None:
    inside("augment", store, "--form", form, "--user-ids", "raw", "-o", "x.pairs")
    found = inside.json("head", "x.pairs", "-n", "100000", "--json")
    assert found["columns"][0] == "user_id"
    assert len(found["rows"]) == shards(inside.cwd / "x.pairs").num_rows
    assert found["rows"][0][0].startswith("u")
    held_out = inside.json("head", "x.pairs", "--of", "test", "-n", "3", "--json")
    assert len(held_out["rows"]) == 3
    assert held_out["rows"] != found["rows"][:3]


def test_a_store_is_shown_in_its_order(inside: InProcess, store: Path, log: Path) -> None:
    found = inside.json("head", store, "-n", "4", "--json")
    lines = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()[1:]]
    (user,) = {row[0] for row in found["rows"]}
    history = sorted((int(time), item) for owner, item, time in lines if owner == user)
    assert [(row[2], row[1]) for row in found["rows"]] == history[:4]
    assert found["columns"] == ["user_id", "item_id", "time", "split"]


def test_a_log_is_shown_as_it_would_be_read(inside: InProcess) -> None:
    (inside.cwd / "log.csv").write_text("When;Who;What;Stars\n2024-05-01;a;x;3\n2024-05-02;b;y;4\n", encoding="utf-8")
    given = ("--user", "Who", "--item", "What", "--time", "When", "--keep", "Stars")
    found = inside.json("head", "log.csv", *given, "--json")
    assert found == {
        "kind": "log", "columns": ["user_id", "item_id", "time", "Stars"],
        "rows": [["a", "x", "2024-05-01T00:00:00", "3"], ["b", "y", "2024-05-02T00:00:00", "4"]],
    }  # fmt: skip
    table = inside("head", "log.csv", *given).stdout
    assert "Stars" in table
    assert "2024-05-02 00:00:00" in table


def test_long_inputs_are_shortened_in_the_terminal_alone(inside: InProcess, pairs: Path) -> None:
    longest = max(inside.json("head", pairs, "-n", "200", "--json")["rows"], key=lambda row: len(row[1]))
    assert len(longest[1]) > 6
    assert f"… {len(longest[1]) - 6} more, {' '.join(longest[1][-6:])}" in inside("head", pairs, "-n", "200").stdout


def test_what_cannot_be_shown(inside: InProcess, pairs: Path, tmp_path: Path) -> None:
    refused(inside("head", "none.csv"), DATA, "none.csv")
    refused(inside("head", pairs, "-n", "0"), USAGE, "--rows is 0")
    refused(inside("head", pairs, "-n", "few"), USAGE, "--rows is 'few'", "a whole number")
    refused(inside("head", pairs, "--of", "dev"), USAGE, "--of is 'dev'", "train, validation or test")
    assert inside("augment", pairs.parent / "log.store", "-o", "x.pairs").returncode == 0
    shard = next((inside.cwd / "x.pairs/data").glob("train-*"))
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    refused(inside("head", "x.pairs"), INTEGRITY, shard.name)
    assert not list(tmp_path.glob("*.store"))


BROKEN = {
    "fields.csv": b"user_id,item_id,timestamp\na,x,1,9\na,y,2\n",
    "quote.csv": b'user_id,item_id,timestamp\na,x,1\na,"y,2\na,z,3\n',
    "header.csv": b"user_id,item_id,timestamp\na,x,1\nuser_id,item_id,timestamp\na,y,2\n",
    "time.csv": b"user_id,item_id,timestamp\na,x,1\na,z,soon\na,y,2.5\n",
    "row.jsonl": b'{"user_id":"a","item_id":"x","timestamp":1}\n["a","x",2]\n',
    "key.jsonl": b'{"user_id":"a","item_id":"x","timestamp":1}\n{"user_id":"a","user_id":"b","item_id":"x"}\n',
    "id.jsonl": b'{"user_id":"a","item_id":"x","timestamp":1}\n{"user_id":["a"],"item_id":"x","timestamp":2}\n',
    "cut.jsonl": b'{"user_id":"a","item_id":"x","timestamp":1}\n{"user_id":"a","item_id":"x","time',
    "cut.json": b'[{"user_id":"a","item_id":"x","timestamp":1},{"user_id":"a","item_id":"x","time',
}
"""Logs with a bad row."""


def ids_in_bytes(path: Path) -> Path:
    """Write a log whose first user id is no UTF-8."""
    ids = {"user_id": [b"\xff", b"a"], "item_id": [b"x", b"y"], "timestamp": [1, 2]}
    pq.write_table(pa.table(ids), path)
    return path


@pytest.mark.parametrize("name", [*BROKEN, "ids.parquet"])
def test_bad_rows_have_the_message_of_ingest(inside: InProcess, name: str) -> None:
    if name in BROKEN:
        (inside.cwd / name).write_bytes(BROKEN[name])
    else:
        ids_in_bytes(inside.cwd / name)
    ingested, shown = inside("ingest", name, "-o", "x.store"), inside("head", name)
    refused(shown, DATA, name)
    assert shown.stderr == ingested.stderr


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "cut.json"])
def test_bad_rows_are_skipped_as_by_ingest(inside: InProcess, name: str) -> None:
    (inside.cwd / name).write_bytes(BROKEN[name])
    skip = ("--bad-rows", "skip")
    assert inside("ingest", name, "--split", "none", "-o", "x.store", *skip).returncode == 0
    of_store = inside.json("head", "x.store", "--json")["rows"]
    assert inside.json("head", name, *skip, "--json")["rows"] == [row[:3] for row in of_store]


CONDITIONS: list[dict[str, Any]] = [{}, {"where": "n % 3 = 0"}, {"rating": "n", "min_rating": 7}]


@given(
    defects=st.lists(st.booleans(), min_size=1, max_size=30), rows=st.integers(1, 12),
    condition=st.sampled_from(CONDITIONS),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_first_good_rows_that_meet_a_condition_are_shown(
    tmp_path_factory: pytest.TempPathFactory, defects: list[bool], rows: int, condition: dict[str, Any]
) -> None:
    # If most rows are too long, the header is refused instead.
    hypothesis.assume(defects.count(True) * 2 < len(defects))
    log = tmp_path_factory.mktemp("log") / "log.csv"
    lines = [f"a,i{n},{n},{n}" + ",9" * bad for n, bad in enumerate(defects)]
    log.write_text("\n".join(["user_id,item_id,timestamp,n", *lines, ""]), encoding="utf-8")
    good = [n for n, bad in enumerate(defects) if not bad]
    meeting = [n for n in good if not ("where" in condition and n % 3) and not ("rating" in condition and n < 7)]
    found = genpas_cli.head(log, rows, bad_rows="skip", **condition)
    assert [row[:3] for row in found.rows] == [["a", f"i{n}", n] for n in meeting[:rows]]


def test_bad_rows_after_the_first_ones_are_no_matter(inside: InProcess) -> None:
    lines = ["user_id,item_id,timestamp", *(f"a,i{n},{n}" for n in range(5)), "a,b,5,9", "a,c,soon", "a,d,7"]
    (inside.cwd / "log.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert len(inside.json("head", "log.csv", "-n", "5", "--json")["rows"]) == 5
    refused(inside("head", "log.csv", "-n", "6"), DATA, "log.csv, line 7")


def test_times_are_of_a_wider_kind_if_a_shown_one_is(inside: InProcess) -> None:
    rows = "".join(f"a,i{n},{n}\n" for n in range(1500))  # more than the first values that tell the kind
    (inside.cwd / "log.csv").write_text(f"user_id,item_id,timestamp\n{rows}a,x,1500.5\n", encoding="utf-8")
    assert inside.json("head", "log.csv", "-n", "9999", "--json")["rows"][-1] == ["a", "x", 1500.5]
    (inside.cwd / "few.csv").write_text("user_id,item_id,timestamp\na,x,1\na,z,3\na,y,2.5\n", encoding="utf-8")
    assert [row[2] for row in inside.json("head", "few.csv", "--json")["rows"]] == [1.0, 3.0, 2.5]


def test_a_condition_selects_rows_and_adds_no_column(inside: InProcess) -> None:
    rows = "".join(f"u{n % 7},i{n},{n},{n % 5}\n" for n in range(20_000))
    (inside.cwd / "log.csv").write_text(f"user_id,item_id,timestamp,stars\n{rows}", encoding="utf-8")
    found = inside.json("head", "log.csv", "-n", "3", "--where", "stars = 4 and timestamp > 15000", "--json")
    assert found["columns"] == ["user_id", "item_id", "time"]
    assert [row[2] for row in found["rows"]] == [15_004, 15_009, 15_014]
    rated = inside.json("head", "log.csv", "-n", "3", "--rating", "stars", "--min-rating", "3", "--json")
    assert [(row[2], row[3]) for row in rated["rows"]] == [(3, 3), (4, 4), (8, 3)]
    assert inside.json("head", "log.csv", "--where", "stars > 9", "--json")["rows"] == []


@pytest.mark.parametrize("name", ["lists.jsonl", "lists.parquet"])
def test_lists_are_shown_as_rows(inside: InProcess, name: str) -> None:
    """A row with empty lists has no interactions; one with lists of different lengths is bad."""
    rows = [("a", [], []), ("b", ["x", "y"], [1, 2]), ("c", ["z"], [3, 4]), ("d", ["q", "r"], [5, 6])]
    records = [{"user_id": user, "item_id": items, "timestamp": times} for user, items, times in rows]
    if name.endswith(".jsonl"):
        (inside.cwd / name).write_text("".join(f"{json.dumps(each)}\n" for each in records), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(records), inside.cwd / name)
    given_options = (name, "--item", "item_id", "--time", "timestamp")
    refused(inside("head", *given_options), DATA, f"{name}, ", " 3: lists of different lengths")
    found = inside.json("head", *given_options, "--bad-rows", "skip", "-n", "3", "--json")["rows"]
    assert found == [["b", "x", 1], ["b", "y", 2], ["d", "q", 5]]


def test_decimal_ids_are_shown_as_they_are_read(inside: InProcess) -> None:
    (inside.cwd / "log.csv").write_text("user_id,item_id,timestamp\na,1.0,1\na,x,2\n", encoding="utf-8")
    assert inside.json("head", "log.csv", "--json")["rows"][0][1] == "1.0"
    assert inside.json("head", "log.csv", "--decimal-ids", "integer", "--json")["rows"][0][1] == "1"


def test_json_has_no_bare_nan_and_bytes_in_base64(inside: InProcess) -> None:
    numbers = [float("nan"), float("inf"), float("-inf"), 0.5]
    columns = {
        "user_id": ["a"] * 4,
        "item_id": ["x"] * 4,
        "timestamp": [1, 2, 3, 4],
        "n": numbers,
        "raw": [b"\xff"] * 4,
    }
    pq.write_table(pa.table(columns), inside.cwd / "log.parquet")
    printed = inside("head", "log.parquet", "--keep", "n", "--keep", "raw", "--json").stdout

    def no_constant(text: str) -> None:
        pytest.fail(f"{text} is not JSON")

    rows = json.loads(printed, parse_constant=no_constant)["rows"]
    assert [row[3:] for row in rows] == [[None, "/w=="], ["inf", "/w=="], ["-inf", "/w=="], [0.5, "/w=="]]
    found = genpas_cli.head(inside.cwd / "log.parquet", keep=("n", "raw"))
    assert found.to_dict()["rows"] == rows
    assert found.to_arrow()["raw"].to_pylist() == [b"\xff"] * 4
    assert "/w==" in repr(found)


@pytest.mark.parametrize(
    "option",
    [
        ("--dedup", "exact"), ("--min-user", "2"), ("--min-item", "2"), ("--session-gap", "30m"),
        ("--items", "items.parquet"), ("--users", "users.parquet"), ("--unknown-items", "drop"), ("--ties", "item"),
        ("--split", "none"), ("--eval", "last"), ("--split-seed", "3"), ("--drop-cold",), ("--allow-duplicate-files",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_options_without_effect_on_rows_are_refused(inside: InProcess, log: Path, option: tuple[str, ...]) -> None:
    refused(inside("head", log, *option), USAGE, f"{option[0]} cannot be used with head", "rows as they are read")


def test_options_of_another_kind_of_source_are_refused(inside: InProcess, log: Path, store: Path, pairs: Path) -> None:
    for source, kind in ((store, "store"), (pairs, "pairs")):
        refused(inside("head", source, "--where", "true"), USAGE, "--where cannot be used with", kind)
        refused(inside("head", source, "--keep", "x"), USAGE, "--keep cannot be used with", kind)
        refused(inside("head", source, log), USAGE, str(source), f"only one {kind}", f"Remove {log}")
    refused(inside("head", log, "--of", "test"), USAGE, "--of test can only be used", "a log")
    of_pairs = "--of test can only be used with a pairs directory"
    refused(inside("head", store, "--of", "test"), USAGE, of_pairs, "a store")
    refused(inside("head", log, pairs), DATA, f"{pairs} is a pairs directory, not a log")


@pytest.mark.parametrize("command", ["head", "stats"])
def test_a_part_must_be_merged_first(inside: InProcess, store: Path, command: str) -> None:
    assert inside("augment", store, "-o", "x.pairs", "--part", "1/2").returncode == 0
    (part,) = inside.cwd.glob("x.pairs.part-*")
    exported = inside("export", part, "-o", "x.csv")
    refused(inside(command, part), DATA, "is one part of a data set", "genpas merge PART...")
    assert inside(command, part).stderr == exported.stderr


def test_a_source_that_is_missing_is_called_no_log(inside: InProcess) -> None:
    refused(inside("head", "none.pairs", "--of", "test"), 1, "none.pairs", "no such file")


def test_nanoseconds_are_shown(inside: InProcess) -> None:
    rows = [f"u1,i{k},2024-01-01T00:00:00.{100_000_000 + k:09d}Z" for k in range(4)]
    (inside.cwd / "log.csv").write_text("\n".join(["user_id,item_id,time", *rows, ""]))
    assert inside("ingest", "log.csv", "-o", "log.store").returncode == 0
    for source in ("log.csv", "log.store"):
        found = inside.json("head", source, "-n", "2", "--json")
        assert [row[2] for row in found["rows"]] == ["2024-01-01T00:00:00.100000000", "2024-01-01T00:00:00.100000001"]
