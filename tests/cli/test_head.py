"""`genpas head`: the first rows of pairs, stores and logs, as they are."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

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
