"""Numbers and times as people read them."""

from __future__ import annotations

import pytest

from genpas_cli.runtime.text.wording import counted, halves, percent, time_range

DAY = 86_400


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0%"), (0.0001, "<0.1%"), (0.0005, "0.1%"), (0.1234, "12.3%"), (0.9994, "99.9%"), (0.9999, ">99.9%"),
        (1, "100.0%"),
    ],
)  # fmt: skip
def test_a_share_is_none_or_all_where_it_is(share: float, text: str) -> None:
    assert percent(share) == text


def test_lengths_are_not_cut_to_six_digits() -> None:
    assert [halves(number) for number in (9, 2.5, 1_234_567, 1_234_567.5)] == ["9", "2.5", "1,234,567", "1,234,567.5"]


def test_one_is_counted_without_an_s() -> None:
    assert [counted(number, "shard") for number in (0, 1, 2, 1000)] == [
        "0 shards",
        "1 shard",
        "2 shards",
        "1,000 shards",
    ]


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (1_600_000_000 + 2 * DAY, "2020-09-13 12:26:40 to 2020-09-15 12:26:40"),
        (1_600_000_000 + 2 * DAY + 1, "2020-09-13 to 2020-09-15"),
    ],
    ids=["two days", "longer"],
)
def test_a_range_of_two_days_has_the_time_of_day(last: int, text: str) -> None:
    assert time_range([1_600_000_000, last]) == text
