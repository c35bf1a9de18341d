"""The sample logs are those that sample_data/make.py makes, and are what their README says."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sample_data import make

HERE = Path(make.__file__).parent
LOG, EXPORT = HERE / "logs.parquet", HERE / "logs_messy.csv"


@pytest.fixture(scope="module")
def histories() -> dict[str, list[tuple[int, str]]]:
    """Time and item of every event of each user, in the order of the file."""
    found = defaultdict(list)
    for row in pq.read_table(LOG).to_pylist():
        found[row["user_id"]].append((row["timestamp"], row["item_id"]))
    return found


@pytest.fixture(scope="module")
def export() -> list[dict[str, str]]:
    with EXPORT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_made_again_the_files_hold_the_same(tmp_path: Path) -> None:
    log, again = make.write(tmp_path)
    # The bytes of Parquet change with the version of pyarrow; its rows do not.
    assert pq.read_table(log).equals(pq.read_table(LOG))
    assert again.read_bytes() == EXPORT.read_bytes()


def test_together_they_are_under_one_megabyte() -> None:
    assert LOG.stat().st_size + EXPORT.stat().st_size < 1_000_000


def test_the_log_has_the_shape_its_readme_gives(histories: dict[str, list[tuple[int, str]]]) -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    events = [event for history in histories.values() for event in history]
    lengths = sorted(map(len, histories.values()))
    tied = sum(
        count for history in histories.values() for count in Counter(time for time, _ in history).values() if count > 1
    )
    items = Counter(item for _, item in events)
    repeats = len(events) - sum(len({item for _, item in history}) for history in histories.values())
    top_tenth = sum(count for _, count in items.most_common(len(items) // 10))
    for line in (
        f"| users / items / interactions | {len(lengths):,} / {len(items):,} / {len(events):,} |",
        f"| interactions of a user, min / median / max | {lengths[0]} / {lengths[len(lengths) // 2]} / {lengths[-1]} |",
        f"| events that share their time with another of the same user | {tied / len(events):.1%} |",
        f"| events with an item the user had before | {repeats / len(events):.1%} |",
        f"| share of the most frequent tenth of the items | {top_tenth / len(events):.1%} |",
    ):
        assert line in text


def test_the_log_is_in_order_of_time(histories: dict[str, list[tuple[int, str]]]) -> None:
    times = pq.read_table(LOG)["timestamp"].to_pylist()
    assert times == sorted(times)
    assert len(histories) == make.USERS


def test_popularity_drifts(histories: dict[str, list[tuple[int, str]]]) -> None:
    events = sorted(event for history in histories.values() for event in history)
    half = len(events) // 2
    early, late = (
        {item for item, _ in Counter(item for _, item in part).most_common(50)}
        for part in (events[:half], events[half:])
    )
    assert len(early & late) < 35


def test_the_last_item_says_more_about_the_next_than_popularity_does(
    histories: dict[str, list[tuple[int, str]]],
) -> None:
    sequences = [[item for _, item in history] for history in histories.values()]
    popular: Counter[str] = Counter()
    follows: dict[str, Counter[str]] = defaultdict(Counter)
    for *train, _ in sequences:
        popular.update(train)
        for before, after in pairwise(train):
            follows[before][after] += 1
    top = {item for item, _ in popular.most_common(10)}
    by_popularity = sum(target in top for *_, target in sequences)
    by_last_item = sum(target in dict(follows[last].most_common(10)) for *_, last, target in sequences)
    assert by_last_item > 2 * by_popularity


def test_the_export_is_as_messy_as_its_readme_says(export: list[dict[str, str]]) -> None:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    codes = {row["StockCode"] for row in export}
    customers = {row["Customer ID"] for row in export} - {""}
    without = sum(not row["Customer ID"] for row in export)
    twice = len(export) - len({tuple(row.values()) for row in export})
    cancelled = sum(row["Quantity"].startswith("-") for row in export)
    assert all(row["Invoice"].startswith("C") == row["Quantity"].startswith("-") for row in export)
    assert all(customer.endswith(".0") for customer in customers)
    for line in (
        f"| rows / customers / codes | {len(export):,} / {len(customers):,} / {len(codes):,} |",
        f"| rows without a customer | {without:,} |",
        f"| exact duplicates of an earlier row | {twice:,} |",
        f"| cancellations | {cancelled:,} |",
        f"| codes that equal another but for case | {len(codes) - len({code.lower() for code in codes}):,} |",
        f"| codes that equal another but for a trailing blank | {len(codes) - len(set(map(str.strip, codes))):,} |",
        f"| codes with a leading zero | {sum(code.startswith('0') for code in codes):,} |",
    ):
        assert line in text


def test_the_export_has_text_that_needs_quotes(export: list[dict[str, str]]) -> None:
    raw = EXPORT.read_text(encoding="utf-8")
    assert len(raw.splitlines()) == len(export) + 1
    assert any(";" in row["Description"] for row in export)
    assert any('"' in row["Description"] for row in export)
    assert any(not row["Description"] for row in export)
    assert not raw.isascii()
