"""The data of charts: when the targets took place, whose they are, and where the KL comes from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import IngestOptions, StatsOptions, ingest, stats
from genpas_cli.figures.distribution.divergence import kl_by_popularity, kl_divergence
from genpas_cli.figures.distribution.groups import COHORTS, TimeBins, cohort_of
from genpas_cli.figures.illustrations.data import Illustrations

Event = tuple[int, int]
"""Item and time."""


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40),
       st.sampled_from([0.0, 1e-10, 1e-3]))  # fmt: skip
def test_the_parts_of_a_divergence_sum_to_it(items: list[tuple[int, int, int]], epsilon: float) -> None:
    held_out, training, popularity = (np.array(column, np.int64) for column in zip(*items, strict=True))
    if not held_out.any() or not training.any():
        return
    p, q = held_out / held_out.sum(), training / training.sum()
    whole = kl_divergence(p, q, epsilon)
    tenths, never = kl_by_popularity(p, q, popularity, epsilon)
    assert len(tenths) == 10
    assert sum(tenths) + never == pytest.approx(whole, abs=1e-9)
    terms = (p + epsilon) * np.log((p + epsilon) / (q + epsilon), where=q == 0, out=np.zeros(len(p))) if epsilon else 0
    if epsilon:
        assert never == pytest.approx(float(np.sum(terms)), abs=1e-12)


def test_a_tenth_has_the_most_popular_items_first() -> None:
    p, q = np.array([0.0] * 9 + [1.0]), np.full(10, 0.1)
    tenths, never = kl_by_popularity(p, q, np.arange(10), 0.0)
    assert tenths[0] == pytest.approx(np.log(10))
    assert tenths[1:] == [0.0] * 9
    assert never == 0


def test_cohorts_cover_every_length_once() -> None:
    lengths = np.arange(500)
    for length, cohort in zip(lengths, cohort_of(lengths), strict=True):
        low, high = COHORTS[cohort]
        assert low <= length <= (high or np.inf)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.lists(st.floats(0, 1), min_size=1), st.integers(1, 60))
def test_each_time_is_in_its_interval(first: float, length: float, places: list[float], bins: int) -> None:
    found = TimeBins(first, first + length, bins)
    times = np.clip(first + np.array([0.0, *places, 1.0]) * length, first, first + length)
    at = found.of(times)
    assert at[0] == 0
    assert at[-1] == bins - 1
    assert (found.edges[at] <= times).all()
    assert (times <= found.edges[at + 1]).all()


def log(seed: int) -> dict[int, list[Event]]:
    rng = np.random.default_rng(seed)
    return {
        user: [
            (int(rng.integers(30)), int(time))
            for time in np.sort(rng.choice(10**6, rng.integers(3, 130), replace=False))
        ]
        for user in range(40)
    }


def drawn(tmp_path: Path, histories: dict[int, list[Event]], start: int, *names: str) -> Illustrations:
    """The illustrations of a log whose times begin at `start`; leave-one-out."""
    rows = [f"{user},{item},{start + time}" for user, events in histories.items() for item, time in events]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows, ""]), encoding="utf-8")
    ingest(tmp_path / "log.csv", tmp_path / "log.store", IngestOptions())
    report = stats(tmp_path / "log.store", StatsOptions(strategy=names), illustrated=True)
    assert report.illustrations is not None
    return report.illustrations


def shares(groups: list[int], count: int) -> list[float]:
    found = Counter(groups)
    return [found[group] / len(groups) for group in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_shares_by_time_and_cohort_are_those_of_the_log(tmp_path: Path, seed: int) -> None:
    histories = log(seed)
    found = drawn(tmp_path, histories, 0, "multi-target", "last-target")
    events = [time for history in histories.values() for _, time in history]
    bins = TimeBins(min(events), max(events), 48)
    # Leave-one-out: the last event is the test target, the one before it the validation target.
    targets = {
        "test": [(history[-1][1], len(history) - 2) for history in histories.values()],
        "multi-target": [(t, len(history) - 2) for history in histories.values() for _, t in history[1:-2]],
        "last-target": [(history[-3][1], len(history) - 2) for history in histories.values() if len(history) > 3],
    }
    assert found.calendar is not None
    assert [each.name for each in found.calendar.targets] == [each.name for each in found.cohorts] == list(targets)
    for by_time, by_cohort in zip(found.calendar.targets, found.cohorts, strict=True):
        whose = targets[by_time.name]
        intervals = bins.of(np.array([time for time, _ in whose], np.float64)).tolist()
        assert by_time.shares == pytest.approx(shares(intervals, 48))
        cohorts = cohort_of(np.array([length for _, length in whose])).tolist()
        assert by_cohort.shares == pytest.approx(shares(cohorts, len(COHORTS)))


def test_the_calendar_has_dates_where_times_are_instants(tmp_path: Path) -> None:
    found = drawn(tmp_path, log(0), 1_700_000_000, "multi-target").calendar
    assert found is not None
    assert str(found.edges[0]).startswith("2023-11-14T")
    assert len(found.edges) == 49
    assert found.edges == sorted(found.edges)


def test_a_counter_stays_a_number(tmp_path: Path) -> None:
    found = drawn(tmp_path, log(0), 0, "multi-target").calendar
    assert found is not None
    assert all(isinstance(edge, float) for edge in found.edges)


def test_items_of_the_user_are_shown_by_their_ids(tmp_path: Path) -> None:
    histories = log(1)
    found = drawn(tmp_path, histories, 0, "multi-target")
    items = [[str(item) for item, _ in history] for history in histories.values()]
    assert any(history[: len(found.user_items)] == found.user_items for history in items)
