"""JSON with half a character, an unpaired surrogate, which DuckDB does not read: a bad row with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import DataError
from genpas_cli.ingest.formats.records import unpaired_surrogate
from tests.ingest.support import read, write

GOOD = [f'{{"user_id": 1, "item_id": "{item}", "timestamp": {n}}}' for n, item in enumerate("abcd")]
BAD = {
    "an id": r'{"user_id": 1, "item_id": "\ud83d", "timestamp": 9}',
    "a second half": r'{"user_id": 1, "item_id": "x\udc00y", "timestamp": 9}',
    "two first halves": r'{"user_id": 1, "item_id": "\uD83D\uD83D", "timestamp": 9}',
    "an unused value": r'{"user_id": 1, "item_id": "z", "timestamp": 9, "x": {"y": ["\ud83d"]}}',
    "a key": r'{"user_id": 1, "item_id": "z", "timestamp": 9, "\ud83d": 1}',
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json"])
@pytest.mark.parametrize("place", [0, 2, 3000])
@pytest.mark.parametrize("where", BAD)
def test_it_is_a_bad_row(tmp_path: Path, where: str, place: int, name: str) -> None:
    lines = (GOOD * 1000)[:]
    lines[place:place] = [BAD[where]]
    line = place + 1
    text = "\n".join(lines) + "\n"
    if name == "a.json":
        text, line = "[\n" + ",\n".join(lines) + "\n]\n", line + 1
    file = write(tmp_path / name, text)
    with pytest.raises(DataError, match=rf"{name}, line {line}: the escape \\u\w\w\w\w is half a character"):
        read(file)
    log = read(file, bad_rows="skip")
    assert [(row["line"], row["text"]) for row in log.rejects] == [(str(line), BAD[where])]
    assert len(log.rows) == 4000


def test_it_is_no_element_of_a_list_in_csv(tmp_path: Path) -> None:
    rows = ['1,"[""a"",""b""]"', r'2,"[""a"",""\ud83d""]"', '3,"[""c""]"']
    file = write(tmp_path / "a.csv", "user_id,items\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="line 3: the value in column 'items' is not a list"):
        read(file, item="items")
    assert read(file, item="items", bad_rows="skip").events == [("1", "a"), ("1", "b"), ("3", "c")]


def test_whole_characters_and_backslashes_are_none(tmp_path: Path) -> None:
    for text, value in {r'"\ud83d\ude00"': "\U0001f600", r'"\\ud83d"': r"\ud83d", r'"ud83d"': "ud83d"}.items():
        line = f'{{"user_id": 1, "item_id": {text}, "timestamp": 9}}\n'
        assert read(write(tmp_path / "a.jsonl", line)).events == [("1", value)]


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=8))
def test_it_is_found_exactly_where_a_text_has_no_utf8(text: str) -> None:
    try:
        json.loads(json.dumps(text)).encode()
    except UnicodeEncodeError:
        assert unpaired_surrogate(json.dumps(text)) is not None
    else:
        assert unpaired_surrogate(json.dumps(text)) is None
