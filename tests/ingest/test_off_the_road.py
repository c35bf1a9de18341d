"""What an adversary found beside the road: each is a variant of a kind that is tested elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from genpas_cli import DataError, IngestOptions, UsageError, ingest


def write(path: Path, text: str) -> Path:
    """Write a file of that text."""
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("row", ["2024,z,1709300000", "2024,z,1709300000.5"])
def test_dates_written_as_integers_among_seconds(tmp_path: Path, row: str) -> None:
    log = write(tmp_path / "log.csv", f"user,item,time\n2024,x,20240131\n2024,y,20240301\n{row}\n")
    with pytest.raises(DataError, match=r"log\.csv, line 2: 20240131 is a date in the form yyyymmdd"):
        ingest(log, tmp_path / "o.store")


def test_a_counter_that_grows_into_the_seconds_is_none_of_dates(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 3},i{n},{n * 10_000_019}\n" for n in range(60))
    assert ingest(write(tmp_path / "log.csv", "user,item,time\n" + rows), tmp_path / "o.store").interactions == 60


def test_ids_that_differ_in_blanks_alone_are_noted(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", "user, item, time\na, x, 1\na, y, 2\na , z,3\n")
    report = ingest(log, tmp_path / "o.store")
    assert report.users == 2
    assert [note for note in report.notes if "whitespace" in note] == [
        (
            "1 user id differs from another id only in leading or trailing whitespace, such as 'a '; they are read as "
            "different ids. If they are the same, trim them first: https://genpas.github.io/genpas/"
            "how-to/clean-a-log/#ids-with-stray-whitespace"
        )
    ]


@pytest.mark.parametrize("again", [" user, item", "user ,item ", " item, user"])
def test_a_repeated_header_with_blanks(tmp_path: Path, again: str) -> None:
    log = write(tmp_path / "log.csv", f"user,item\na,x\n{again}\na,y\n")
    with pytest.raises(DataError, match="line 3"):
        ingest(log, tmp_path / "o.store")


def test_decimal_ids_of_a_store_that_is_appended_to(tmp_path: Path) -> None:
    """The store has `1.0`, and the new log's `1.0` would become `1`."""
    store = tmp_path / "o.store"
    ingest(write(tmp_path / "a.csv", "user,item,time\n1.0,10,4\n2.0,11,5\n"), store)
    later = write(tmp_path / "b.csv", "user,item,time\n1,12,6\n2,13,7\n")
    for how in ("error", "integer"):
        with pytest.raises(DataError, match="written in two forms"):
            ingest(later, store, IngestOptions(decimal_ids=how), append=True)


def test_an_address_with_a_container(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="abfss:// URIs are not supported"):
        ingest("abfss://c@a/x", tmp_path / "o.store")


def test_a_column_without_a_name(tmp_path: Path) -> None:
    """An index that pandas left without a name: DuckDB calls it otherwise than the file does."""
    columns = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "z"], "timestamp": [1, 2, 3], "": [0, 1, 2]}
    feather.write_feather(pa.table(columns), tmp_path / "log.feather")
    with pytest.raises(DataError, match=r"log\.feather: a column name cannot be used: ''"):
        ingest(tmp_path / "log.feather", tmp_path / "o.store")


@pytest.mark.parametrize(
    ("where", "message", "tip"),
    [
        ("ratng > 3", "there is no column 'ratng'", "Did you mean rating?"),
        ("event = view", "there is no column 'view'", "in single quotes: 'view'"),
        ("rating + 1", "is a number", "--where 'rating + 1 > 0'"),
    ],
)
def test_a_condition_that_cannot_be_meant(tmp_path: Path, where: str, message: str, tip: str) -> None:
    log = write(tmp_path / "log.csv", "user,item,rating,event\na,x,1,view\na,y,2,buy\n")
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        ingest(log, tmp_path / "o.store", IngestOptions(where=where))
    assert tip in str(caught.value.tip)


def test_a_delimiter_that_is_not_in_the_header(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", "user;item;price\na;b;1,5\na;c;1,5\n")
    with pytest.raises(DataError, match="';' does") as caught:
        ingest(log, tmp_path / "o.store", IngestOptions(delimiter=","))
    assert caught.value.tip == "Did you mean --delimiter ';'?"
