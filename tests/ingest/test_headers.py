"""Headers: again among the rows, shorter than the rows, or a first row that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write

BY_POSITION = {"user": "1", "item": "2", "time": "3"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("user_id,item_id,rating\n1,a,3\nuser_id,item_id,rating\n1,c,5\n", "user_id,item_id,rating"),
        ("user,item,time\n1,a,3\nuser,item,time\n1,c,5\n", "user,item,time"),
        ('"user";"item"\r\n1;a\r\n"user";"item"\r\n1;c\r\n', '"user";"item"'),
        ("\ufeffuser,item\n1,a\n\ufeffuser,item\n1,c\n", "\ufeffuser,item"),
        ("x\titem\ty\tuser\n9\ta\t8\t1\nx\titem\ty\tuser\n9\tc\t8\t1\n", "x\titem\ty\tuser"),
        ("user_id:token\titem_id:token\n1\ta\nuser_id:token\titem_id:token\n1\tc\n", "user_id:token\titem_id:token"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_header_again_is_a_bad_row(tmp_path: Path, text: str, line: str, suffix: str) -> None:
    file = write(tmp_path / f"a.csv{suffix}", text)
    with pytest.raises(DataError, match=r"line 3: repeated header line"):
        read(file)
    log = read(file, bad_rows="skip")
    assert log.events == [("1", "a"), ("1", "c")]
    assert [(row["line"], row["reason"], row["text"]) for row in log.rejects] == [("3", "repeated header line", line)]
    assert log.funnel == {"read": 3, "bad rows": 1, "missing user or item id": 0}


def test_repeated_headers_of_several_files_are_found_beside_other_bad_rows(tmp_path: Path) -> None:
    head = "user,item,time\n"
    one = write(tmp_path / "a.csv", head + "1,a\n1,a,1\n" + head + "1,b,2\n")
    two = write(tmp_path / "b.csv", head + "2,a,1\n2,b,x\n" + head * 2)
    log = read(one, two, bad_rows="skip")
    assert log.events == [("1", "a"), ("1", "b"), ("2", "a")]
    assert [(Path(row["file"]).name, row["line"]) for row in log.rejects] == [
        ("a.csv", "2"), ("a.csv", "4"), ("b.csv", "4"), ("b.csv", "5"), ("b.csv", "3"),
    ]  # fmt: skip


def test_a_row_with_the_names_of_the_columns_in_it_is_no_header_if_the_rest_is_not(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item,note\n1,a,x\nuser,item,hello\n")
    assert read(file).events == [("1", "a"), ("user", "item")]


def test_a_header_in_another_order_stops_even_where_bad_rows_are_skipped(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item\n1,a\nitem,user\nc,1\n")
    with pytest.raises(DataError, match=r"line 3: another header line, with the columns in a different order"):
        read(file, bad_rows="skip")


@pytest.mark.parametrize(
    "text",
    ["u1,i1,\\N\nu1,i2,5\nu1,i3,4\n", "u1,i1,abc\nu1,i2,5\nu1,i3,4\n", "u1,i1,unknown\nu2,i2,5\nu31,i3,4\n"],
)
def test_a_first_row_like_those_below_it_counts_as_a_row(tmp_path: Path, text: str) -> None:
    log = read(write(tmp_path / "a.csv", text), bad_rows="skip", **BY_POSITION)
    assert log.funnel == {"read": 3, "bad rows": 1, "missing user or item id": 0}
    assert [row["line"] for row in log.rejects] == ["1"]


@pytest.mark.parametrize("first", ["ann,tea,?", "ann,tea,", "ann,tea,-"])
def test_a_first_row_that_may_be_a_header_is_asked_about(tmp_path: Path, first: str) -> None:
    file = write(tmp_path / "a.csv", f"{first}\nbob,milk,5\n")
    with pytest.raises(DataError, match=r"line 1: this line can be a header or the first row") as caught:
        read(file, **BY_POSITION)
    assert "--header, or --no-header" in str(caught.value.tip)
    assert read(file, header=False, bad_rows="skip", **BY_POSITION).funnel["read"] == 2


@pytest.mark.parametrize("header", ["who,what,when", "user_id,item_id,ts"])
def test_a_header_above_columns_given_by_position_is_noted(tmp_path: Path, header: str) -> None:
    file = write(tmp_path / "a.csv", f"{header}\na,b,1\nc,d,2\n")
    log = read(file, **BY_POSITION)
    assert log.events == [("a", "b"), ("c", "d")]
    assert log.staged.notes == (f"{file}, line 1 is read as the header: {header!r}; to read it as data: --no-header",)
    assert read(file, header=True, **BY_POSITION).staged.notes == ()


@pytest.mark.parametrize("options", [{}, {"bad_rows": "skip"}])
@pytest.mark.parametrize(
    "text", ["user,item,time\n0,u1,i1,5\n1,u1,i2,6\n", "user\titem\n0\tu1\ti1\n1\tu1\ti2\n2\tu3\t\n"]
)
def test_a_header_shorter_than_its_rows_is_refused(tmp_path: Path, text: str, options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"line 1: the header has \d columns, but the rows have \d fields.*line 2"):
        read(write(tmp_path / "a.csv", text), **options)


def test_delimiters_at_the_end_of_all_rows_are_no_fields(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user,item,time\nu1,i1,5,\nu1,i2,6,\n")
    assert read(file).rows == [("u1", "i1", 5), ("u1", "i2", 6)]


@pytest.mark.parametrize("text", [" u1 i1 5\nu1 i2 6\n", "u1  i1 5\nu1  i2 6\n"])
def test_columns_parted_by_several_blanks_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="separated by several spaces, or a line starts with a space"):
        read(write(tmp_path / "a.txt", "user item time\n" + text))
