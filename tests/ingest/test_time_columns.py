"""Which column is the time, in which unit, and where files come from: the mechanisms behind an order that is right."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from genpas_cli import DataError, IngestOptions, UsageError, ingest
from genpas_cli.runtime.text.wording import percent, time_range
from genpas_cli.runtime.times.units import UNITS, counts_in, spans
from tests.ingest.support import read, write

MOMENT = dt.datetime(2024, 1, 31, 12, 30)  # noqa: DTZ001
SECONDS = 1_706_704_200


def counts(*values: float) -> Any:
    """Count the units of some times."""
    return counts_in(
        [sum(a <= v <= b for v in values) for a, b in spans()], len(values), max((abs(v) for v in values), default=0)
    )


# -------------------------------------------------------------------------------------------------------- which column


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"date": "20220408", "hourmin": "2300", "time_ms": "1649430000000"}, "time_ms"),
        ({"date": "2024-01-01", "time": "2024-01-01 10:00:00"}, "time"),
        ({"date": "2024-01-01", "created_at": "1649430000"}, "created_at"),
        ({"timestamp": "2024-01-01", "event_time": "2024-01-01T10:00:00Z"}, "event_time"),
        ({"timestamp": "1649430000", "created_at": "2024-01-01 10:00:00.123"}, "timestamp"),
        ({"ts": "1649430000", "ts_ms": "1649430000123"}, "ts_ms"),
        ({"utcTimestamp": "2024-01-01 10:00:00", "date": "2024-01-01"}, "utcTimestamp"),
        ({"order_purchase_timestamp": "2017-10-02 10:56:33"}, "order_purchase_timestamp"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_the_finer_column_of_times_wins(tmp_path: Path, columns: dict[str, str], chosen: str, form: str) -> None:
    row = {"user_id": "u", "item_id": "i", **columns}
    if form == "csv":
        file = write(tmp_path / "a.csv", ",".join(row) + "\n" + ",".join(row.values()) + "\n")
    elif form == "jsonl":
        file = write(tmp_path / "a.jsonl", json.dumps(row) + "\n")
    else:
        file = tmp_path / "a.parquet"
        pq.write_table(pa.table({name: [value] for name, value in row.items()}), file)
    assert read(file).column("time") == read(file, time=chosen).column("time")


def test_a_date_beside_a_time_of_day_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several columns can be the time column: date or time"):
        read(write(tmp_path / "a.csv", "user_id,item_id,date,time\n1,a,2024-01-01,10:30\n"))


# --------------------------------------------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240131", dt.datetime(2024, 1, 31)), (" 20240131 ", dt.datetime(2024, 1, 31)),  # noqa: DTZ001
        ("20240131.0", dt.datetime(2024, 1, 31)), ("20240131123000", MOMENT), ("202401311230", MOMENT),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_integers_that_are_dates(tmp_path: Path, value: str, expected: dt.datetime) -> None:
    text = write(tmp_path / "a.csv", f"user_id,item_id,date\n1,a,{value}\n")
    typed = pa.table({"user_id": [1], "item_id": [1], "date": [float(value) if "." in value else int(value)]})
    pq.write_table(typed, tmp_path / "a.parquet")
    for file in (text, tmp_path / "a.parquet"):
        log = read(file)
        assert log.column("time") == [expected]
        assert "column date are read as dates in the form yyyymmdd" in log.staged.notes[0]


@pytest.mark.parametrize("values", [["20240131", "20249999"], ["19", "20"]])
def test_integers_that_are_none(tmp_path: Path, values: list[str]) -> None:
    rows = "".join(f"1,a{n},{value}\n" for n, value in enumerate(values))
    assert read(write(tmp_path / "a.csv", f"user_id,item_id,time\n{rows}")).staged.time_type == "BIGINT"


def test_a_date_that_no_calendar_has_is_a_bad_row(tmp_path: Path) -> None:
    rows = "".join(f"1,a{n},2024{n // 28 + 1:02d}{n % 28 + 1:02d}\n" for n in range(40)) + "1,z,20240231\n"
    with pytest.raises(
        DataError, match="line 42: timestamp '20240231' in column 'date' is not a date written yyyymmdd"
    ):
        read(write(tmp_path / "a.csv", f"user_id,item_id,date\n{rows}"))


def test_dates_give_right_gaps_and_bounds(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "user_id,item_id,date\n1,a,20240131\n1,b,20240201\n1,c,20240202\n1,d,20240301\n")
    assert ingest(file, tmp_path / "gap.store", IngestOptions(session_gap="7d", split="none")).users == 2
    split = ingest(file, tmp_path / "split.store", IngestOptions(split="time:20240202,2024-03-01")).split
    assert (split["train"], split["validation"], split["test"]) == (2, 1, 1)
    more = write(tmp_path / "b.csv", "user_id,item_id,date\n1,e,20240305\n")
    assert ingest(more, tmp_path / "split.store", append=True).time_range == [
        "2024-01-31T00:00:00",
        "2024-03-05T00:00:00",
    ]


TYPES = [
    *itertools.starmap(pa.timestamp, itertools.product(("s", "ms", "us", "ns"), (None, "UTC", "Asia/Tokyo"))),
    pa.date32(), pa.date64(),
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_type_of_time(tmp_path: Path, kind: pa.DataType) -> None:
    day = pa.types.is_date(kind)
    values = pa.array([MOMENT.date() if day else MOMENT]).cast(kind)
    table = pa.table({"user_id": [1], "item_id": [1], "timestamp": values})
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.feather")
    if not day:
        pq.write_table(table, tmp_path / "int96.parquet", use_deprecated_int96_timestamps=True)
    expected = MOMENT.replace(hour=0, minute=0) if day else MOMENT
    for file in tmp_path.iterdir():
        assert read(file).column("time") == [expected]


@pytest.mark.parametrize(
    "value",
    [" 2024-01-31 12:30 ", "2024-01-31T14:30:00 +0200", "\t2024-01-31T12:30:00z", "2024-01-31 12:30:00 UTC",
     "2024-01-31T18:00+05:30", " 2024-01-31 12:30:00.0000000 "],
)  # fmt: skip
def test_blanks_and_offsets_do_not_matter(tmp_path: Path, value: str) -> None:
    assert read(write(tmp_path / "a.csv", f"user_id,item_id,time\n1,a,{value}\n")).column("time") == [MOMENT]


# --------------------------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(("low", "high"), list(itertools.combinations(UNITS, 2)))
def test_two_units_are_an_error_that_says_where(tmp_path: Path, low: Any, high: Any) -> None:
    rows = [f"1,a,{SECONDS * low.a_second}", f"1,b,{(SECONDS + 9) * low.a_second}", f"1,c,{SECONDS * high.a_second}"]
    header = "user_id,item_id,timestamp\n"
    one = write(tmp_path / "one.csv", header + "\n".join(rows) + "\n")
    said = rf"{high.name} \(2024-01-31\); .*a?\w*\.csv, line 2: {SECONDS * low.a_second} is in {low.name}"
    with pytest.raises(DataError, match=rf"one\.csv, line 4: .* is in {said}"):
        read(one)
    old, new = write(tmp_path / "a.csv", header + "\n".join(rows[:2])), write(tmp_path / "b.csv", header + rows[2])
    with pytest.raises(DataError, match=rf"b\.csv, line 2: .* is in {said}"):
        read(old, new)
    ingest(old, tmp_path / "a.store", IngestOptions(split="none"))
    with pytest.raises(DataError, match=rf"b\.csv, line 2: .* the timestamps of .*a\.store are in {low.name}"):
        ingest(new, tmp_path / "a.store", append=True)


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 10**9, 2**31 - 1], [0, 5, 10**12], range(0, 10**12, 10**10), range(0, 5 * 10**12, 10**9),
        [1, 1000, 10**6], [10**11, 10**12, 1_700_000_000_000], [-(10**9), 10**9], [1.5, 2e9], [0, 0, 0, 10**9, 10**18],
    ],
)  # fmt: skip
def test_plausible_times_are_of_one_unit(values: list[float]) -> None:
    assert counts(*values).mixed() == ()


def test_the_gap_of_sessions_and_the_bounds_of_a_split_count_the_same_unit(tmp_path: Path) -> None:
    rows = "".join(f"1,a{n},{(SECONDS + n * 3600) * 1000}\n" for n in range(8)) + "1,z,9999999999999\n"
    file = write(tmp_path / "a.csv", f"user_id,item_id,timestamp\n{rows}")
    assert ingest(file, tmp_path / "a.store", IngestOptions(session_gap="2h", split="none")).users == 2
    options = IngestOptions(split="time:2024-01-31T15:00:00,2024-01-31T18:00:00")
    assert ingest(file, tmp_path / "b.store", options).split["validation"] == 3


@pytest.mark.parametrize("bound", ["inf", "nan", "infinity", "soon"])
def test_a_bound_that_is_no_time(tmp_path: Path, bound: str) -> None:
    file = write(tmp_path / "a.csv", "user_id,item_id,timestamp\n1,a,1\n1,b,2\n1,c,3\n")
    with pytest.raises(UsageError, match="is not a date or time"):
        ingest(file, tmp_path / "a.store", IngestOptions(split=f"time:1,{bound}"))


# ----------------------------------------------------------------------------------------------------------- quantiles


@settings(max_examples=40)
@given(
    times=st.lists(st.integers(0, 9), min_size=3, max_size=40), levels=st.tuples(*[st.integers(1, 99)] * 2).map(sorted),
    scale=st.sampled_from([1, 0.1]),
)  # fmt: skip
def test_a_quantile_is_the_earliest_time_with_that_share_before_it(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], levels: list[int], scale: float
) -> None:
    directory = tmp_path_factory.mktemp("q")
    values = [time * scale for time in times]
    file = write(directory / "a.csv", "user_id,item_id,timestamp\n" + "".join(f"1,a,{value!r}\n" for value in values))
    low, high = (
        min((t for t in values if sum(v < t for v in values) >= Fraction(q, 100) * len(values)), default=None)
        for q in levels
    )
    options = IngestOptions(split=f"time:{levels[0] / 100},{levels[1] / 100}")
    expected = None if low is None or high is None else [
        sum(v < low for v in values), sum(low <= v < high for v in values), sum(v >= high for v in values)
    ]  # fmt: skip
    if expected is None or not all(expected):
        with pytest.raises(
            DataError, match=r"no interactions would be (held out|left for training)|split would be empty"
        ):
            ingest(file, directory / "a.store", options)
        return
    split = ingest(file, directory / "a.store", options).split
    assert [split[name] for name in ("train", "validation", "test")] == expected


# --------------------------------------------------------------------------------------------------------------- files


def test_directories_are_columns_without_a_flag(tmp_path: Path) -> None:
    text = "user_id,item_id\n1,b\n"
    write(tmp_path / "log/date=2024-01-10/x.csv", text)
    write(tmp_path / "log/date=2024-01-09%2000%3A30/x.csv", text.replace("b", "a"))
    log = read(tmp_path / "log")
    assert log.column("time") == [dt.datetime(2024, 1, 9, 0, 30), dt.datetime(2024, 1, 10)]  # noqa: DTZ001
    assert read(tmp_path / "log/date=2024-01-10/x.csv").staged.time_type == "TIMESTAMP"
    assert read(tmp_path / "log", hive=False).staged.time_type is None
    write(tmp_path / "log/date=__HIVE_DEFAULT_PARTITION__/x.csv", text)
    with pytest.raises(DataError, match=r"__HIVE_DEFAULT_PARTITION__/x\.csv, line 2: no value in column 'date'"):
        read(tmp_path / "log")


def test_the_file_s_own_column_wins_over_its_path(tmp_path: Path) -> None:
    file = write(tmp_path / "user_id=9/time=final/a.csv", "User_ID,item_id\n1,b\n")
    log = read(file)
    assert (log.events, log.staged.time_type) == ([("1", "b")], None)


def test_the_order_of_files_that_decides_is_told(tmp_path: Path) -> None:
    for n in (1, 2, 10):
        write(tmp_path / f"ev_{n}.csv", f"user_id,item_id\n1,a{n}\n1,b{n}\n")
        write(tmp_path / f"t_{n}.csv", f"user_id,item_id,time\n1,a{n},5\n1,b{n},5\n")
    report = ingest(str(tmp_path / "ev_*.csv"), tmp_path / "a.store")
    assert report.notes[-1].startswith(
        "the log has no timestamps, so the order of the files decides which interactions are held out: "
    )
    assert [Path(name).name for name in report.notes[-1].split(": ")[1].split(", ")] == [
        "ev_1.csv",
        "ev_2.csv",
        "ev_10.csv",
    ]
    report = ingest(str(tmp_path / "t_*.csv"), tmp_path / "b.store")
    assert report.notes[0].startswith(
        "interactions that share a timestamp but come from different files are ordered by file: "
    )
    assert ingest(tmp_path / "t_1.csv", tmp_path / "c.store").notes == [
        "no interactions are held out: --split leave-one-out needs users with three or more interactions"
    ]


# ------------------------------------------------------------------------------------------------------- exact repeats


def test_exact_repeats_are_equal_values_whatever_the_text(tmp_path: Path) -> None:
    row = '{"user_id":1,"item_id":"a","timestamp":3,"x":{"b":[1,{"q":2,"p":3}],"a":"Z"},"n":null,"f":3.0}'
    same = '{"f": 3, "x": {"a": "\\u005a", "b": [1, {"p":3,"q":2}]}, "item_id": "a", "user_id": 1, "timestamp": 3}'
    other = same.replace('"p":3', '"p":4')
    write(tmp_path / "a.jsonl", f"{row}\n{same}\n{other}\n")
    write(tmp_path / "a.csv", 'user_id,item_id,timestamp,price\n1,a,3,5.0\n"1","a", 3,5\n1,a,3,\n')
    write(tmp_path / "b.csv", "price,timestamp,item_id,user_id\n5,3,a,1\n6,3,a,1\n")
    exact = IngestOptions(dedup="exact", split="none")
    assert ingest(tmp_path / "a.jsonl", tmp_path / "j.store", exact).interactions == 2
    assert ingest([tmp_path / "a.csv", tmp_path / "b.csv"], tmp_path / "c.store", exact).interactions == 3
    table = pa.table({"price": [5, 7], "user_id": [1, 1], "timestamp": [3, 3], "item_id": ["a", "a"]})
    pq.write_table(table, tmp_path / "c.parquet")
    files = [tmp_path / "a.csv", tmp_path / "c.parquet"]
    assert ingest(files, tmp_path / "d.store", exact).interactions == 3


# --------------------------------------------------------------------------------------------------------- nothing left


@pytest.mark.parametrize("more", [{"session_gap": "1h"}, {"split": "time:0.5,0.9"}, {"dedup": "user-item"}, {}])
def test_nothing_left_is_one_error(tmp_path: Path, more: dict[str, Any]) -> None:
    file = write(tmp_path / "a.csv", "user_id,item_id,timestamp\n1,a,10\n2,b,20\n")
    with pytest.raises(
        DataError,
        match=r"no interactions are left: 'items with fewer than 5 interactions' dropped 2 of 2",
    ):
        ingest(file, tmp_path / "a.store", IngestOptions(min_item=5, **more))


# ------------------------------------------------------------------------------------------------------------- wording


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ([1672821501, 1735417623], "2023-01-04 to 2024-12-28"),
        ([1672821501000.0, 1735417623000.0], "2023-01-04 to 2024-12-28"),
        ([0, 1735417623], "1970-01-01 to 2024-12-28"),
        ([1706704200, 1706704260], "2024-01-31 12:30:00 to 2024-01-31 12:31:00"),
        (["2024-01-31T12:30:00.123456789", "2024-01-31T12:31:00"], "2024-01-31 12:30:00 to 2024-01-31 12:31:00"),
        ([1, 9], "1 to 9"), ([0.5, 2.25], "0.5 to 2.25"), ([-5, 10**15 * 9], "-5 to 9000000000000000"),
    ],
)  # fmt: skip
def test_ranges_are_dates_for_people(ends: list[Any], shown: str) -> None:
    assert time_range(ends) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "0.0%"), (1e-9, "<0.1%"), (0.123, "12.3%"), (0.9999, ">99.9%"), (1, "100.0%")]
)
def test_shares_that_are_not_all_are_not_shown_as_all(share: float, shown: str) -> None:
    assert percent(share) == shown
