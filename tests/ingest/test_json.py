"""JSON: one array, objects over several lines, keys that come late or twice, and what only looks like JSON."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli.ingest.formats.json_values import read_values
from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write

ROWS = [{"user": 1, "item": "a, ]}\\", "time": 5, "x": [1, {"y": "["}]}, {"user": "é\u2028", "item": "b", "time": 6}]
EVENTS = [("1", "a, ]}\\", 5), ("é\u2028", "b", 6)]


@pytest.mark.parametrize("name", ["a.json", "a", "a.json.gz", "a.log.zst"])
@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("mark", ["", "\ufeff", " \n\t"])
def test_an_array_of_objects(tmp_path: Path, name: str, indent: int | None, mark: str) -> None:
    text = mark + json.dumps(ROWS, indent=indent, ensure_ascii=False) + "\n"
    log = read(write(tmp_path / name, text))
    assert log.rows == EVENTS
    assert log.staged.files[0].format == "json"
    assert read(tmp_path / name, format="jsonl", dedup="exact").column("user_id") == [user for user, *_ in EVENTS]


def test_objects_over_several_lines(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(row, indent=2) for row in ROWS)
    assert read(write(tmp_path / "a.jsonl", text)).rows == EVENTS


def test_brackets_in_a_header_are_no_array(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", "[user],[item]\n1,2\n")).events == [("1", "2")]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[{"user": 1, "item": 2},\n{"user": 1, "item": 3}\n', "line 2: the file ends inside the JSON array"),
        ('[{"user": 1, "item": 2},\n{"user": 1, "item": "3', "line 2: the file ends inside the JSON array"),
        ('[{"user": 1, "item": 2},\n\n', "line 3: the file ends inside the JSON array"),
        ('[{"user": 1, "item": 2}]\n[{"user": 1, "item": 3}]', "line 2: there is other data after the end"),
        ("[ ]", "only an empty JSON array"),
        ("[1, 2]", "not a JSON object: '1'"),
        ('{"data": [\n{"user": 1}\n]}', r"the columns are: data \(lists or objects\)"),
    ],
)
def test_an_array_that_cannot_be_read(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        read(write(tmp_path / "a.json", text), bad_rows="skip")


def test_malformed_values_of_an_array_are_bad_rows_with_their_lines(tmp_path: Path) -> None:
    text = (
        '[{"user": 1, "item": "a", "ts": 1},\n {"user": 1 "item": "b", "ts": 2}, 5,\n[1], {"user": [1], "item": 2, '
        '"ts": 3},\n{"user": 2,\n"item": "c",\n"ts": "x"}, {"user": 1, "item": "d\ne", "ts": 4}, '
        '{"user": 2, "item": "f", "ts": 5}]'
    )
    file = write(tmp_path / "a.json", text)
    with pytest.raises(DataError, match=r"line 2: malformed JSON"):
        read(file)
    log = read(file, bad_rows="skip")
    assert log.rows == [("1", "a", 1), ("2", "f", 5)]
    assert [row["line"] for row in log.rejects] == ["2", "2", "3", "3", "6", "4"]
    assert log.rejects[-1]["reason"] == "timestamp 'x' in column 'ts' is not an integer"
    assert log.funnel == {"read": 8, "bad rows": 6, "missing user or item id": 0}


@settings(max_examples=50)
@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=3),
            st.recursive(st.none() | st.text(max_size=6) | st.integers(), lambda inner: st.lists(inner, max_size=3)),
            max_size=3,
        ),
        max_size=6,
    ),
    st.sampled_from([None, 0, 3]),
)
def test_the_values_of_an_array_come_one_by_one(rows: list[dict[str, Any]], indent: int | None) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "a.json")
        text = json.dumps(rows, indent=indent)
        path.write_text(text, encoding="utf-8")
        values = list(read_values(path, "none", "a.json"))
    assert [json.loads(value.text) for value in values] == rows
    lines = text.split("\n")
    assert all(lines[value.line - 1].lstrip(" [")[:1] == "{" for value in values)


def test_a_value_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    rows = [{"user": 1, "item": "a" * 700_000}, {"user": 2, "item": "b"}]
    assert read(write(tmp_path / "a.json", json.dumps(rows))).events == [("1", "a" * 700_000), ("2", "b")]


def test_a_key_that_comes_late_is_a_column(tmp_path: Path) -> None:
    early = '{"session": 1, "item": "a", "ts": 1}\n' * 1500
    file = write(tmp_path / "a.jsonl", early + '{"session": 1, "user_id": "u", "item": "b", "ts": 2, "price": 3}\n')
    log = read(file, keep=("price",))  # user_id wins over session wherever it stands
    assert log.events == [("u", "b")]
    assert log.funnel == {"read": 1501, "missing user or item id": 1500}
    assert read(file, user="session", keep=("price",)).column("keep_0") == [None] * 1500 + [3]


@pytest.mark.parametrize("late", ['"user_id": "u"', '"item_id": "u"', '"timestamp": 5'])
@pytest.mark.parametrize("early", ['"uid": 1, "movie": 2, "date": 3', '"reviewerID": 1, "asin": 2, "time": 3'])
def test_a_better_name_that_comes_late_wins(tmp_path: Path, early: str, late: str) -> None:
    file = write(tmp_path / "a.jsonl", f"{{{early}}}\n" * 1100 + f"{{{early}, {late}}}\n")
    log = read(file, bad_rows="skip")
    assert len(log.rows) == 1
    assert ("u" in log.events[0]) != ("timestamp" in late)


def test_a_late_key_is_found_beside_malformed_rows_too(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", '{"user": 1, "item": 2}\n' * 1200 + 'oops\n{"user": 1, "item": 2, "ts": 5}\n')
    log = read(file, bad_rows="skip", time="ts")
    assert log.rows == [("1", "2", 5)]
    assert log.funnel["bad rows"] == 1201


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ('{"user": 1, "user": 2, "item": 3}', {}),
        ('{"user": 1, "user": 2, "item": 3}', {"dedup": "exact"}),
        ('{"x": 1, "user": 1, "item": 3, "x": 2}', {"dedup": "exact"}),
        ('{"x": 1, "user": 1, "item": 3, "x": 2}', {"where": "true"}),
    ],
)
def test_a_key_twice_in_one_object_is_a_bad_row(tmp_path: Path, line: str, options: dict[str, Any]) -> None:
    good = '{"user": 1, "item": 2, "y": {"a": 1, "a": 2}}\n'
    file = write(tmp_path / "a.jsonl", good + line + "\n")
    with pytest.raises(DataError, match=r"line 2: the key '(user|x)' occurs twice in one object"):
        read(file, **options)
    log = read(file, bad_rows="skip", **options)
    assert (log.events, [row["line"] for row in log.rejects]) == ([("1", "2")], ["2"])


@pytest.mark.parametrize(
    "text",
    [
        "{'user': 'it\"s', 'item': None, 'x': True}\n{'user': 'u', 'item': 'i'}\n",
        "[{'user': 1, 'item': 'i'}, {'user': 2}]",
    ],
)
def test_python_literals_are_named_and_the_command_that_is_shown_converts_them(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "a b.json", text)
    with pytest.raises(DataError, match="line 1: a Python literal") as caught:
        read(file)
    subprocess.run(str(caught.value.tip).removeprefix("Convert it: "), shell=True, check=True, cwd=tmp_path)  # noqa: S602  # it is to be typed
    (made,) = tmp_path.glob("log.json*")
    assert shlex.quote(str(file)) in str(caught.value.tip)
    assert len(read(made).events) == 1


@pytest.mark.parametrize("line", ["{'user': 1, 'item': True}", "[" * 5000, '{"user": ' + "9" * 5000 + "}"])
def test_lines_that_python_cannot_take_are_bad_rows(tmp_path: Path, line: str) -> None:
    file = write(tmp_path / "a.jsonl", '{"user": 1, "item": 2}\n{"user": 1, "item": 3}\nx\n' + line + "\n")
    log = read(file, bad_rows="skip")
    assert [row["line"] for row in log.rejects] == ["3", "4"]
    assert log.events == [("1", "2"), ("1", "3")]
