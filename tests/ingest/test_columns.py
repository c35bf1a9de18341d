"""Which column is the user, the item and the time."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from genpas_cli.runtime.errors import DataError
from tests.ingest.support import read, write


@pytest.mark.parametrize(
    ("header", "user", "item", "time"),
    [
        ("Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID,Country", "Customer ID", "StockCode", "InvoiceDate"),
        ("userId,movieId,rating,timestamp", "userId", "movieId", "timestamp"),
        ("timestamp,visitorid,event,itemid,transactionid", "visitorid", "itemid", "timestamp"),
        ("event_time,event_type,product_id,price,user_id,user_session", "user_id", "product_id", "event_time"),
        ("user_id,asin,parent_asin,rating,timestamp", "user_id", "asin", "timestamp"),
        ("user_id,parent_asin,rating,timestamp", "user_id", "parent_asin", "timestamp"),
        ("t_dat,customer_id,article_id,price,sales_channel_id", "customer_id", "article_id", "t_dat"),
        ("session,aid,ts,type", "session", "aid", "ts"),
        ("review_id,user_id,business_id,stars,date", "user_id", "business_id", "date"),
        ("USER-ID,Item Id,Time", "USER-ID", "Item Id", "Time"),
        ("user_name,user_id,session_id,title,item_id,date,timestamp", "user_id", "item_id", "timestamp"),
    ],
)  # fmt: skip
def test_known_logs_need_no_flag(tmp_path: Path, header: str, user: str, item: str, time: str) -> None:
    names = header.split(",")
    dates = {"t_dat", "date", "event_time", "InvoiceDate"}
    rows = "\n".join(
        ",".join("2020-01-0" + str(n) if c in dates else f"{n}{k}" for k, c in enumerate(names)) for n in (1, 2)
    )
    log = read(write(tmp_path / "a.csv", header + "\n" + rows + "\n"), keep=(user, item, time))
    assert log.column("user_id") == [f"{n}{names.index(user)}" for n in (1, 2)]
    assert log.column("item_id") == [f"{n}{names.index(item)}" for n in (1, 2)]
    assert list(log.staged.kept) == [user, item, time]
    assert log.column("time")[0] < log.column("time")[1]


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("user_id,product_id,movie_id,timestamp", "item"),
        ("customer_id,member_id,item_id,timestamp", "user"),
        ("user_id,item_id,date,time", "time"),
        ("a,item_id,b,timestamp", "user"),
        ("user_id,x,y,timestamp", "item"),
    ],
)
def test_a_column_that_cannot_be_told_is_asked_for_with_options_that_work(
    tmp_path: Path, header: str, role: str
) -> None:
    file = write(tmp_path / "a.csv", f"{header}\n1,2,3,1300000000\n")
    with pytest.raises(DataError, match=f"the {role}") as caught:
        read(file)
    assert ", ".join(header.split(",")) in caught.value.message
    words = shlex.split(str(caught.value.tip).partition("example: ")[2])
    flags = {flag.removeprefix("--"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert {"user", "item", "time"} <= flags.keys()
    assert len(read(file, **flags).rows) == 1


def test_without_a_header_the_columns_are_shown_with_values(tmp_path: Path) -> None:
    file = write(tmp_path / "a.tsv", "u1\ti9\t5\t2020-01-01 00:00:00\nu2\ti8\t4\t2020-01-02 00:00:00\n")
    with pytest.raises(DataError, match=r"1: 'u1', 2: 'i9', 3: '5', 4: '2020-01-01") as caught:
        read(file)
    assert "example: --user 1 --item 2 --time 4" in str(caught.value.tip)


def test_columns_by_position_and_by_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "x,y,2,z\nu,i,j,5\nv,k,l,6\n")
    assert read(file, user="1", item="Y", time="4").rows == [("u", "i", 5), ("v", "k", 6)]
    assert read(file, user="x", item="2").events == [("u", "j"), ("v", "l")]  # a name comes before a position


@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"item": "9"}, {"time": "0"}, {"keep": ("colour",)}])
def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(DataError, match="the columns are: user, item, time"):
        read(write(tmp_path / "a.csv", "user,item,time\n1,2,3\n"), **wrong)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"user": "Custmer", "item": "sku"}, "--user Customer --item sku"),
        ({"user": "Customer", "item": "SKUs", "time": "3"}, "--user Customer --item sku --time 3"),
        ({"user": "who", "item": "what"}, "--user Customer --item sku"),
        ({"item": "sku", "keep": ("pric", "sku")}, "--item sku --keep price --keep sku"),
        ({"user": "Customer", "rating": "strs", "min_rating": 3}, "--user Customer --rating stars"),
        ({"user": "9"}, "--user Customer"),
    ],
)
def test_the_tip_for_a_wrong_name_changes_that_name_and_no_other(
    tmp_path: Path, given: dict[str, Any], meant: str
) -> None:
    file = write(tmp_path / "a.csv", "Customer,sku,seen,price,stars\nu,i,1,2,4\nu,j,2,2,5\n")
    with pytest.raises(DataError, match=r"columns separated by ','; see --delimiter") as caught:
        read(file, **given)
    assert str(caught.value.tip) == f"Name the columns, for example: {meant}"


def test_a_rating_that_is_missing_is_asked_for_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the rating column was not detected") as caught:
        read(write(tmp_path / "a.csv", "user,item,liking\nu,i,1.5\n"), min_rating=3, keep=("liking",))
    assert str(caught.value.tip).endswith(" --user user --item item --rating liking --keep liking")


@pytest.mark.parametrize("given", [{}, {"rating": "stars"}])
def test_a_column_of_other_numbers_is_not_proposed_as_the_rating(tmp_path: Path, given: dict[str, str]) -> None:
    """A filter by invoice numbers would drop rows without an error."""
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "b.csv", "invoice,user,item,time\n50001,u,i,1\n"), min_rating=3, **given)
    assert "the columns are: invoice, user, item, time" in caught.value.message
    assert str(caught.value.tip) == (
        "Name the column of ratings: --rating COLUMN. If the log has no ratings, remove --min-rating."
    )


def test_user_and_item_are_two_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="both"):
        read(write(tmp_path / "a.csv", "user,item\n1,2\n"), user="1", item="user")


def test_without_a_column_of_times_there_is_none(tmp_path: Path) -> None:
    log = read(write(tmp_path / "a.csv", "user,item\n1,2\n"))
    assert (log.staged.time_type, log.columns) == (None, ["user_id", "item_id"])


def test_one_file_with_times_and_one_without_are_no_log(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.csv", "user,item,time\n1,2,3\n"), write(tmp_path / "b.csv", "user,item\n1,2\n")]
    with pytest.raises(DataError, match=r"b\.csv: no timestamp column was detected"):
        read(*files)


def test_each_file_has_its_columns_where_it_has_them(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", "user,item,time,price\nu,i,1,5\n")
    second = write(tmp_path / "b.csv", "price;time;item;user\n6;2;j;v\n")
    assert read(first, second, keep=("price",)).rows == [("u", "i", 1, 5), ("v", "j", 2, 6)]


def test_kept_columns_have_the_type_of_their_values(tmp_path: Path) -> None:
    text = "user,item,n,x,flag,zip,note\nu,i,1,1.5,true,01234,a\nu,j,,2,False,99999,\n"
    log = read(write(tmp_path / "a.csv", text), keep=("n", "x", "flag", "zip", "note"))
    assert log.staged.kept == {"n": "BIGINT", "x": "DOUBLE", "flag": "BOOLEAN", "zip": "VARCHAR", "note": "VARCHAR"}
    assert log.rows == [("u", "i", 1, 1.5, True, "01234", "a"), ("u", "j", None, 2.0, False, "99999", None)]


def test_a_rating_that_is_named_must_exist_even_if_nothing_needs_it(tmp_path: Path) -> None:
    log = write(tmp_path / "a.csv", "user,item,stars\nu,i,4\n")
    with pytest.raises(DataError, match=r"no column 'strs' \(--rating\)"):
        read(log, rating="strs")
    assert read(log, rating="stars").rows


@pytest.mark.parametrize(
    ("given", "message", "advised"),
    [
        (
            {"user": "item_id"},
            "'item_id' is named as the user column",
            "--user user_id --item item_id --time timestamp",
        ),
        (
            {"item": "user_id"},
            "'user_id' is named as the item column",
            "--user user_id --item item_id --time timestamp",
        ),
        (
            {"time": "item_id"},
            "'item_id' is named as the time column",
            "--user user_id --item item_id --time timestamp",
        ),
    ],
)
def test_a_column_that_is_named_for_another_role_is_told_so(
    tmp_path: Path, given: dict[str, str], message: str, advised: str
) -> None:
    file = write(tmp_path / "a.csv", "user_id,item_id,timestamp\nu,i,1700000000\n")
    with pytest.raises(DataError, match=message) as caught:
        read(file, **given)
    assert str(caught.value.tip) == f"Name the columns, for example: {advised}"
