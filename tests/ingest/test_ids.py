"""What the text of an id is: integers that became doubles, numbers of JSON, and what is no id at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.ingest.job import ingest
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.ingest.passes.numbering import read_known
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write

NAN = float("nan")


def parquet(path: Path, users: Any) -> Path:
    pq.write_table(pa.table({"user": users, "item": [f"i{n}" for n in range(len(users))]}), path)
    return path


@pytest.mark.parametrize(
    "users",
    [
        pa.array([1.0, NAN, None, 20.0]),
        pa.array([1, None, None, 20], pa.float32()),
        pa.array(np.array([1, NAN, NAN, 20], np.float16)),
        pa.array([1, None, None, 20], pa.decimal128(10, 2)),
    ],
)
def test_whole_numbers_of_a_floating_point_column_are_the_integers(tmp_path: Path, users: Any) -> None:
    floats, integers = parquet(tmp_path / "a.parquet", users), parquet(tmp_path / "b.parquet", [1, 20])
    wanted = [("1", "i0"), ("20", "i3")]
    assert read(floats).events == wanted
    assert read(integers, floats).events == [("1", "i0"), ("20", "i1"), *wanted]
    text = write(tmp_path / "c.csv", "user,item\n1,a\n007,b\n")
    assert read(floats, text).events == [*wanted, ("1", "a"), ("007", "b")]


@pytest.mark.parametrize(
    ("users", "what"),
    [
        (pa.array([1.0, 2.0**53]), "contains the id 9007199254740992 as a DOUBLE"),
        (pa.array([1.0, 2.0**24], pa.float32()), "contains the id 16777216 as a FLOAT"),
        (pa.array(np.array([1, 2048], np.float16)), "contains the id 2048 as a half-precision FLOAT"),
        (pa.array([1.0, float("inf")]), "infinite"),
        (pa.array([1.0, float("-inf")]), "infinite"),
    ],
)
def test_numbers_that_may_stand_for_several_ids_are_refused(tmp_path: Path, users: Any, what: str) -> None:
    with pytest.raises(DataError, match=what):
        read(parquet(tmp_path / "a.parquet", users))


def test_numbers_below_the_limit_are_exact(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", pa.array([2.0**53 - 1, 2.0**53 - 2]))
    assert [user for user, _ in read(file).events] == ["9007199254740991", "9007199254740990"]


def test_fractions_beside_whole_numbers_of_another_file_are_refused(tmp_path: Path) -> None:
    fractions = parquet(tmp_path / "a.parquet", [1.0, 2.5])
    assert [user for user, _ in read(fractions).events] == ["1.0", "2.5"]
    with pytest.raises(
        DataError, match=r"ids with a fraction \(2.5 in .*a\.parquet\) and whole numbers \(.*b\.parquet"
    ):
        read(fractions, parquet(tmp_path / "b.parquet", [1, 2]))


def test_numbers_of_json_are_the_integers_and_texts_are_texts(tmp_path: Path) -> None:
    values = ["1", "1.0", '"1.0"', "2.5", "1e3", "-0.0", "12345678901234567890123", "true", "null", '"NA"', '"é\\n"']
    text = "".join(f'{{"user": {value}, "item": "i"}}\n' for value in values)
    wanted = ["1", "1", "1.0", "2.5", "1000", "0", "12345678901234567890123", "true", "é\n"]
    file = write(tmp_path / "a.jsonl", text)
    for options in ({}, {"dedup": "exact"}, {"keep": ("user",)}):
        assert [user for user, _ in read(file, **options).events] == wanted
    assert read(file, keep=("user",)).column("keep_0")[2:4] == ["1.0", "2.5"]


@pytest.mark.parametrize("value", ["[1]", "[]", '{"id": 1}', "9007199254740993.0", "1e400"])
@pytest.mark.parametrize("options", [{}, {"dedup": "exact"}])
def test_a_value_of_json_that_is_no_id_is_a_bad_row(tmp_path: Path, value: str, options: dict[str, Any]) -> None:
    good = '{"user": 1, "item": "i"}\n'
    file = write(tmp_path / "a.jsonl", good + f'{{"user": {value}, "item": "j"}}\n' + good)
    with pytest.raises(DataError, match=r"line 2: the value in column 'user' is a"):
        read(file, **options)
    log = read(file, bad_rows="skip", **options)
    assert log.events == [("1", "i"), ("1", "i")]
    assert [row["line"] for row in log.rejects] == ["2"]


@pytest.mark.parametrize(
    "items",
    [
        pa.array([[[1, 2]]]),
        pa.array([{"id": 1}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    ],
)
def test_objects_and_lists_of_lists_are_no_ids_and_no_message_proposes_them(tmp_path: Path, items: Any) -> None:
    pq.write_table(pa.table({"session": ["s"], "events": items}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="an id must be a string or a number"):
        read(tmp_path / "a.parquet", item="events")
    with pytest.raises(DataError, match=r"session, events \(lists or objects\)") as caught:
        read(tmp_path / "a.parquet")
    assert "--" not in str(caught.value.tip)


@pytest.mark.parametrize("value", ['{"aid": 1}', "[[1]]"])
def test_objects_in_json_are_no_ids_and_no_message_proposes_them(tmp_path: Path, value: str) -> None:
    file = write(tmp_path / "a.jsonl", f'{{"session": 0, "events": {value}, "what": 5}}\n')
    with pytest.raises(DataError, match="column 'events' contains lists o"):
        read(file, item="events")
    with pytest.raises(DataError, match="the item column was not detected") as caught:
        read(file)
    assert str(caught.value.tip) == "Name the columns, for example: --user session --item what"


ROWS = "user_id,item_id,timestamp\n"
WHOLE, DECIMAL = ROWS + "1,a,1\n1,b,2\n2,a,3\n", ROWS + "1.0,c,4\n3.0,c,5\n"


def users_of(store: Path) -> list[str]:
    return sorted(read_known(str(store), "user").column("id").to_pylist())


def test_ids_in_two_ways_are_refused_with_both_files(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.csv", WHOLE), write(tmp_path / "b.csv", DECIMAL)]
    with pytest.raises(DataError, match=r"1 user id is written in two forms: '1' \(.*a\.csv\) and '1\.0' \(.*b\.csv\)"):
        ingest(files, tmp_path / "o.store")
    ingest(files, tmp_path / "o.store", IngestOptions(decimal_ids="integer", split="none"))
    assert users_of(tmp_path / "o.store") == ["1", "2", "3"]
    ingest(files, tmp_path / "o.store", IngestOptions(decimal_ids="text", split="none"), force=True)
    assert users_of(tmp_path / "o.store") == ["1", "1.0", "2", "3.0"]
    ingest(files[1], tmp_path / "o.store", IngestOptions(split="none"), force=True)
    assert users_of(tmp_path / "o.store") == ["1.0", "3.0"]  # nothing else is there that it could be


@pytest.mark.parametrize("first", ["whole", "decimal"])
def test_ids_in_two_ways_are_refused_in_what_is_appended(tmp_path: Path, first: str) -> None:
    one, two = (WHOLE, DECIMAL) if first == "whole" else (DECIMAL, WHOLE)
    store = tmp_path / "o.store"
    ingest(write(tmp_path / "a.csv", one), store, IngestOptions(split="none"))
    new = write(tmp_path / "b.csv", two)
    with pytest.raises(DataError, match=r"'1\.0'.*written|written.*'1\.0'") as caught:
        ingest(new, store, append=True)
    assert "in an earlier log" in caught.value.message
    if first == "whole":
        ingest(new, store, IngestOptions(decimal_ids="integer"), append=True)
        assert users_of(store) == ["1", "2", "3"]
    else:
        ingest(new, store, IngestOptions(decimal_ids="text"), append=True)
        assert users_of(store) == ["1", "1.0", "2", "3.0"]


def test_doubles_are_appended_to_integers(tmp_path: Path) -> None:
    store = tmp_path / "o.store"
    ingest(parquet(tmp_path / "a.parquet", [1, 2, 1]), store, IngestOptions(split="none"))
    ingest(parquet(tmp_path / "b.parquet", [1.0, NAN, 3.0]), store, append=True)
    assert users_of(store) == ["1", "2", "3"]
