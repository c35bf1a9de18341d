"""Real logs give the counts that their publishers, and data/README.md, state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.support import Log, read


def counts(log: Log) -> tuple[int, int, int]:
    return len(set(log.column("user_id"))), len(set(log.column("item_id"))), len(log.rows)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("amazon-beauty/Beauty.txt", (22_363, 12_101, 198_502)),
        ("amazon-toys/Toys_and_Games.txt", (19_412, 11_924, 167_597)),
    ],
)
def test_sequence_text_is_read_without_a_flag(logs_data: Path, file: str, expected: tuple[int, int, int]) -> None:
    log = read(logs_data / file)
    assert counts(log) == expected
    assert log.staged.time_type is None
    assert log.staged.files[0].format == "sequences"


@pytest.mark.parametrize(
    ("file", "time", "expected"),
    [
        ("amazon-beauty/beauty.log.tsv.gz", "3", (22_363, 12_101, 198_502)),
        ("yelp-2019/yelp-a.log.tsv.gz", "3", (30_431, 20_033, 316_354)),
        ("ml-1m-half/ratings.dat.gz", "4", (2_999, 3_615, 487_650)),
    ],
)
def test_logs_without_a_header_are_read_by_position(
    logs_data: Path, file: str, time: str, expected: tuple[int, int, int]
) -> None:
    log = read(logs_data / file, user="1", item="2", time=time)
    assert counts(log) == expected
    assert log.staged.time_type == "BIGINT"


def test_a_shop_log_is_read_without_a_flag(logs_data: Path) -> None:
    log = read(logs_data / "online-retail-ii/online_retail_2009-2010.csv.gz", keep=("Quantity", "Description"))
    assert log.funnel == {"read": 525_461, "missing user or item id": 107_927}
    assert counts(log) == (4_383, 4_031, 417_534)
    assert log.staged.time_type == "TIMESTAMP"
    assert log.staged.kept == {"Quantity": "BIGINT", "Description": "VARCHAR"}
    assert ("13085.0", "79323P") in log.events


def test_a_condition_types_the_columns_of_a_csv(logs_data: Path) -> None:
    log = read(
        logs_data / "online-retail-ii/online_retail_2009-2010.csv.gz",
        where="Quantity > 0 and Country = 'France'",
        keep=("Quantity",),
    )
    assert min(log.column("keep_0")) > 0
    assert log.funnel["where"] == 417_534 - len(log.rows)
    assert len(log.rows) == 5_470


def test_exact_duplicates_are_told_by_the_hash_of_the_whole_row(logs_data: Path) -> None:
    log = read(logs_data / "online-retail-ii/online_retail_2009-2010.csv.gz", dedup="exact", where="true")
    hashes = log.column("row_hash")
    assert len(hashes) - len(set(hashes)) == 6_771
