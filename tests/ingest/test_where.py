"""`--where` computes from the row and reads nothing else."""

from __future__ import annotations

import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.runtime.errors import UsageError
from tests.ingest.support import read, write

TEXT = (
    "user,item,time,Unit Price,qty,zip,country,flag\n"
    "u1,a,1,1.5,2,01234,France,true\n"
    "u2,b,2,2.5,-1,01235,Spain,false\n"
    "u3,c,3,,10,99999,,true\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "a.csv", TEXT)


@pytest.mark.parametrize(
    ("where", "users"),
    [
        ("qty > 0", ["u1", "u3"]),
        ("qty + 1 > 10", ["u3"]),
        ("QTY between 2 and 10 and country = 'France'", ["u1"]),
        ('"Unit Price" > 2', ["u2"]),
        ('"Unit Price" is null', ["u3"]),
        ("country <> 'Spain'", ["u1"]),  # NULL is not true
        ("zip = '01234'", ["u1"]),
        ("zip like '0%' and length(zip) = 5", ["u1", "u2"]),
        ("flag", ["u1", "u3"]),
        ("user in ('u1', 'u2') and item <> 'b'", ["u1"]),
        ("time >= 2 -- the later ones", ["u2", "u3"]),
        ("true", ["u1", "u2", "u3"]),
        ("false or null", []),
        ("case when qty > 5 then true else country = 'Spain' end", ["u2", "u3"]),
        ("regexp_matches(country, '^F') or coalesce(nullif(qty, -1), 0) = 10", ["u1", "u3"]),
        ("list_contains(list_filter([1, 2], lambda x: x = qty), 2)", ["u1"]),
    ],
)
def test_rows_for_which_it_is_true_are_kept(log: Path, where: str, users: list[str]) -> None:
    result = read(log, where=where, keep=("qty",))
    assert result.column("user_id") == users
    assert result.funnel["where"] == 3 - len(users)
    assert result.columns == ["user_id", "item_id", "time", "keep_0"]


@pytest.mark.parametrize(
    "where",
    [
        "qty in (select 1)",
        "exists (select 1 from read_csv('/etc/passwd'))",
        "(select count(*) from read_text('/etc/passwd')) > 0",
        "qty > random()",
        "time < epoch(now())",
        "current_date > date '2020-01-01'",
        "age(timestamp '2020-01-01') is null",
        "current_setting('threads') = '1'",
        "getvariable('x') is null",
        "nextval('s') = 1",
        "error('x')",
        "pg_sleep(1) is null",
        "row_number() over () = 1",
        "sum(qty) > 1",
        "qty = $1",
        "qty = ?",
        "#1 = 'u1'",
        "columns(*) is not null",
        "json_serialize_plan('select 1') is null",
        "true) or (true",
        "true; drop table stage.rows",
        "true limit 1",
        "true union select 1",
        "true order by 1",
        "true, false",
        "*",
        "",
        "qty >",
        "colour = 'red'",
        "stage.rows.qty > 1",
        "genpas_row = 1",
        "rowid = 1",
        "lower(qty, 2)",
        "'a'::integer = 1",
        "country::integer = 1",
        "country = 'caf\udce9'",
    ],
)
def test_anything_else_is_a_usage_error_that_lists_the_columns(log: Path, where: str) -> None:
    with pytest.raises(UsageError, match="--where") as caught:
        read(log, where=where)
    assert 'user, item, time, "Unit Price", qty' in str(caught.value.tip)
    assert "read_csv_auto" not in str(caught.value)


COMMAS = (
    "user,item,time,price,event,when\n"
    'u1,a,1704067200,"47,83",view,2024-01-01 10:00\n'
    'u2,b,1706745600,"3,5",buy,2024-02-01 09:30\n'
)


@pytest.mark.parametrize(
    ("where", "reason", "users"),
    [
        ("price > 5", "price is text, such as '47,83'", ["u1"]),
        ("price::DOUBLE > 5 or event = 'none'", "price is text, such as '47,83'", ["u1"]),
        ("abs(price) + 1 < 5", "price is text, such as '47,83'", ["u2"]),
        ("time > '2024-01-15'", "time contains numbers (seconds since 1970), such as 1704067200", ["u2"]),
        ("time between '2024-01-01' and '2024-01-02'", "time contains numbers (seconds since 1970)", ["u1"]),
        ("time > date '2024-01-15' and price < 5", "price is text, such as '47,83' and time contains", ["u2"]),
        ("\"when\" > timestamp '2024-01-15'", "when is text, such as '2024-01-01 10:00'", ["u2"]),
    ],
)
def test_a_condition_that_does_not_fit_the_values_is_explained_and_the_advised_one_works(
    tmp_path: Path, where: str, reason: str, users: list[str]
) -> None:
    log = write(tmp_path / "a.csv", COMMAS)
    with pytest.raises(UsageError) as caught:
        read(log, where=where)
    assert reason in caught.value.message
    _, advised = shlex.split(str(caught.value.tip).rpartition(": ")[2])
    assert read(log, where=advised).column("user_id") == users


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("event > 3", "event is text, such as 'view', and is compared with the number 3"),
        ("time = 'x'", "time contains numbers, such as 1704067200, and is compared with the text 'x'"),
        ("event::integer = 1", "'view' cannot be converted to a number"),
        ("lower(time) = 'a'", "No function matches the given name and argument types 'lower(BIGINT)'"),
    ],
)
def test_other_conditions_are_explained_without_the_class_of_a_duckdb_error(
    tmp_path: Path, where: str, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(write(tmp_path / "a.csv", COMMAS), where=where)
    assert reason in caught.value.message
    assert "Error:" not in caught.value.message


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_advice_on_times_since_1970_works_for_every_unit(tmp_path: Path, unit: str) -> None:
    times = pa.array([1_704_067_200, 1_706_745_600], pa.timestamp("s")).cast(pa.timestamp(unit)).cast(pa.int64())
    pq.write_table(pa.table({"user": ["u", "v"], "item": ["a", "b"], "time": times}), tmp_path / "a.parquet")
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "a.parquet", where="time >= '2024-02-01'")
    _, advised = shlex.split(str(caught.value.tip).rpartition(": ")[2])
    assert read(tmp_path / "a.parquet", where=advised).column("user_id") == ["v"]


def test_a_misspelled_column_is_named_as_the_log_spells_it(log: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(log, where="upper(Unit_Pric) = '1'")
    assert "Did you mean Unit Price?" in str(caught.value.tip)


def test_columns_of_parquet_have_their_own_types(tmp_path: Path) -> None:
    table = pa.table({
        "user": ["u", "v"], "item": [1, 2], "tags": [["x"], []],
        "seen": pa.array([0, 10**15], pa.timestamp("us", tz="UTC")), "code": ["1", "02"],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    for where in ("seen > '1980-01-01'", "len(tags) = 0", "code = '02'", "item > 1", "year(seen) > 1999"):
        assert read(tmp_path / "a.parquet", where=where, time="seen").column("user_id") == ["v"]


def test_it_holds_over_files_of_several_formats(tmp_path: Path) -> None:
    one = write(tmp_path / "a.csv", "user,item,n\nu,i,1\nu,j,5\n")
    pq.write_table(pa.table({"n": [2.5, 7.0], "user": ["v", "v"], "item": ["i", "j"]}), tmp_path / "b.parquet")
    assert read(one, tmp_path / "b.parquet", where="n > 2").events == [("u", "j"), ("v", "i"), ("v", "j")]


def test_a_type_that_only_a_late_row_shows_does_not_break_it(tmp_path: Path) -> None:
    text = "user,item,n\n" + "".join(f"u,i,{n}\n" for n in range(40_000)) + "u,i,many\n"
    log = read(write(tmp_path / "a.csv", text), where="n = 'many' or n = '7'")
    assert len(log.rows) == 2


@pytest.mark.parametrize(
    ("where", "unknown", "meant"),
    [
        ("lowr(event) = 'view'", "there is no function lowr()", "Did you mean lower()?"),
        ("price &&& 2 = 1", "there is no operator &&&", "The columns are"),
        ("random() > 0.5", "the function random(), which is not allowed", "The columns are"),
    ],
)
def test_a_function_that_does_not_exist_is_told_from_one_that_is_not_allowed(
    log: Path, where: str, unknown: str, meant: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(log, where=where)
    assert unknown in caught.value.message
    assert meant in str(caught.value.tip)
