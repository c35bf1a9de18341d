"""RecBole's header says which columns are lists: they are read as lists, or refused as single values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genpas_cli import DataError, IngestOptions, ingest
from tests.ingest.support import read, write

HEADER = "user_id:token\titem_id_list:token_seq\tat_list:float_seq\tgenre:token_seq\tage:float\n"
ROWS = "u1\ta b c\t1 2 3\tx y\t3\nu2\ta c\t4 5\tz\t4\n"
EVENTS = [("u1", "a"), ("u1", "b"), ("u1", "c"), ("u2", "a"), ("u2", "c")]


@pytest.mark.parametrize("options", [{}, {"list_delimiter": " "}, {"dedup": "exact"}, {"keep": ("age",)}])
def test_a_declared_list_is_read_as_one_interaction_per_element(tmp_path: Path, options: dict[str, Any]) -> None:
    file = write(tmp_path / "a.inter", HEADER + ROWS)
    log = read(file, item="item_id_list", time="at_list", **options)
    assert log.events == EVENTS
    assert log.column("time") == [1, 2, 3, 4, 5]


def test_another_delimiter_of_lists(tmp_path: Path) -> None:
    file = write(tmp_path / "a.inter", HEADER + ROWS.replace("a b c", "a|b|c").replace("a c", "a|c"))
    assert read(file, item="item_id_list", list_delimiter="|").events == EVENTS


def test_the_options_may_say_that_it_is_one_id(tmp_path: Path) -> None:
    file = write(tmp_path / "a.inter", HEADER + ROWS)
    assert read(file, item="item_id_list", list_delimiter="").events == [("u1", "a b c"), ("u2", "a c")]


def test_a_list_of_a_known_name_is_refused_with_the_option_that_reads_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.inter", "user_id:token\titem_id:token_seq\nu1\ta b c\nu2\ta c\n")
    with pytest.raises(DataError, match="column 'item_id' contains lists") as caught:
        read(file)
    assert "--user user_id --item item_id" in str(caught.value.tip)
    assert read(file, user="user_id", item="item_id").events == EVENTS


def test_a_list_beside_single_items_stays_whole(tmp_path: Path) -> None:
    text = "user_id:token\titem_id:token\ttags:token_seq\nu\ta\tx y\nu\tb\tz\nu\tc\t\n"
    log = read(write(tmp_path / "a.inter", text), keep=("tags",), where="tags <> 'z' or tags is null")
    assert (log.events, log.column("keep_0")) == ([("u", "a"), ("u", "c")], ["x y", None])
    with pytest.raises(DataError, match=r"column 'tags' \(time\) contains lists, but column 'item_id' \(item\) does"):
        read(tmp_path / "a.inter", time="tags")


def test_a_store_of_declared_lists(tmp_path: Path) -> None:
    options = IngestOptions(item="item_id_list", time="at_list", split="none")
    report = ingest(write(tmp_path / "a.inter", HEADER + ROWS), tmp_path / "s.store", options)
    assert (report.interactions, report.users, report.items) == (5, 2, 3)
    assert report.columns is not None
    assert report.columns["lists"] == ["item_id_list", "at_list"]
