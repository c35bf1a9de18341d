"""Dates in options, for logs whose times are plain numbers."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from genpas_cli import AugmentOptions, IngestOptions, augment, ingest
from genpas_cli.histories.instants import parse_instant
from genpas_cli.ingest.columns.mixed_units import count_units
from tests.support import snapshot

SECONDS, MILLISECONDS = 1_700_000_005.3, 1_700_000_005_300
DATE = "2023-11-14T22:13:25.3"


def log(path: Path, *, fractions: bool) -> Path:
    """Write a log with times in seconds, around DATE."""
    rows = [
        f"u{user},i{(user * 3 + k) % 9},{1_700_000_000 + k + (user / 10 if fractions else 0)}"
        for user in range(6) for k in range(8)
    ]  # fmt: skip
    path.write_text("\n".join(["user_id,item_id,timestamp", *rows, ""]))
    return path


@pytest.mark.parametrize("fractions", [False, True])
def test_a_date_with_a_fraction_of_a_second_splits_like_its_number(tmp_path: Path, *, fractions: bool) -> None:
    source = log(tmp_path / "log.csv", fractions=fractions)
    found = [
        ingest(source, tmp_path / f"{n}.store", IngestOptions(split=f"time:{bound}")).split
        for n, bound in enumerate((DATE, SECONDS))
    ]
    assert found[0] == found[1]
    assert found[0]["test"] == (15 if fractions else 12)


def test_a_date_with_a_fraction_of_a_second_is_the_age_0_that_its_number_is(tmp_path: Path) -> None:
    ingest(log(tmp_path / "log.csv", fractions=True), tmp_path / "log.store", IngestOptions(split="none"))
    for name, as_of in (("date", DATE), ("number", str(SECONDS))):
        options = AugmentOptions(half_life="1s", as_of=as_of, pairs="500")
        augment(tmp_path / "log.store", tmp_path / name, options)
    assert snapshot(tmp_path / "date" / "data") == snapshot(tmp_path / "number" / "data")


@pytest.mark.parametrize(
    ("time_type", "time", "instant"),
    [
        ("BIGINT", 1_700_000_000, SECONDS), ("DOUBLE", 1_700_000_000, SECONDS),
        ("BIGINT", 1_700_000_000_000, MILLISECONDS), ("TIMESTAMP", None, MILLISECONDS * 1000),
    ],
)  # fmt: skip
def test_an_instant_keeps_its_fraction(time_type: str, time: int | None, instant: float) -> None:
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.execute("create table log as select ?::bigint as t", [time])
        counts = None if time is None else count_units(con, "t", "log")
        assert parse_instant(con, DATE, time_type, counts) == instant
