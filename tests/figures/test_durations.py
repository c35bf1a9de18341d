"""Durations in `stats`: gaps before held-out targets and lifetimes, against a plain reading of the log."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpas_cli import IngestOptions, StatsOptions, ingest, stats
from genpas_cli.figures.distribution.durations import QUANTILES, Durations
from genpas_cli.figures.reports import store_passes
from genpas_cli.figures.rules import check, read_rules
from genpas_cli.runtime.text.wording import duration

START = 1_600_000_000
FIGURES = ("user_lifetime", "item_lifetime", "gap_validation", "gap_test")
MISSING = dict.fromkeys(QUANTILES)


def quantiles(durations: list[float]) -> dict[str, float | None]:
    """Return the shortest duration that at least each share does not exceed."""
    ordered = sorted(durations)
    if not ordered:
        return MISSING
    return {key: ordered[max(math.ceil(share * len(ordered)), 1) - 1] for key, share in QUANTILES.items()}


@given(durations=st.lists(st.integers(0, 4095) | st.integers(0, 300).map(lambda day: day * 86400), max_size=60))
def test_short_and_whole_day_durations_are_exact(durations: list[int]) -> None:
    counted = Durations()
    for part in (durations[::2], durations[1::2]):
        counted.add(np.array(part, np.float64))
    assert counted.quantiles() == quantiles([float(each) for each in durations])


@given(durations=st.lists(st.floats(2**-32, 2**63), min_size=1, max_size=60))
def test_any_duration_is_too_short_by_less_than_a_bin(durations: list[float]) -> None:
    counted = Durations()
    counted.add(np.array(durations))
    for key, exact in quantiles(durations).items():
        found = counted.quantiles()[key]
        assert exact is not None
        assert found in durations
        assert exact * (1 - 1 / 4096) < found <= exact


def log(seed: int) -> list[tuple[str, str, int]]:
    """Rows of users with 1 to 9 interactions, without ties."""
    rng = random.Random(seed)
    return [
        (f"u{user}", f"i{int(150 * rng.random() ** 2)}", time)
        for user in range(50) for time in sorted(rng.sample(range(4000), rng.randint(1, 9)))
    ]  # fmt: skip


FORMS: dict[str, tuple[float, str]] = {
    "seconds": (1, "{}"), "milliseconds": (1e-3, "{}000"), "decimals": (1, "{}.0"), "timestamps": (1, "ISO"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "options", [{}, {"split": "time:0.6,0.8"}, {"split": "time:0.7", "eval": "random", "drop_cold": True},
                {"split": "users:0.2"}], ids=str,
)  # fmt: skip
@pytest.mark.parametrize("a_run", [20, 1 << 18])
def test_durations_are_those_of_a_plain_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, options: dict[str, Any], a_run: int
) -> None:
    monkeypatch.setattr(store_passes, "INTERACTIONS_A_RUN", a_run)
    rows = log(1)

    def written(time: int) -> str:
        text = FORMS[form][1]
        return str(np.datetime64(START + time, "s")) if text == "ISO" else text.format(START + time)

    file, store = tmp_path / "log.csv", tmp_path / "log.store"
    file.write_text("user,item,time\n" + "".join(f"{u},{i},{written(t)}\n" for u, i, t in rows), encoding="utf-8")
    ingest(file, store, IngestOptions(**options))
    data = stats(store, StatsOptions(strategy=("multi-target",))).data
    assert data is not None
    assert data.time_unit == "seconds"
    by_user, by_item = defaultdict(list), defaultdict(list)
    for user, item, time in rows:
        by_user[user].append(time)
        by_item[item].append(time)
    assert data.user_lifetime == quantiles([max(of) - min(of) for of in by_user.values()])
    assert data.item_lifetime == quantiles([max(of) - min(of) for of in by_item.values()])
    gaps = gaps_in(store, rows)
    assert data.gap_validation == quantiles(gaps["validation"])
    assert data.gap_test == quantiles(gaps["test"])
    assert any(data.dropped_cold.values()) == ("drop_cold" in options)


def gaps_in(store: Path, rows: list[tuple[str, str, int]]) -> dict[str, list[float]]:
    """Return the times between targets and the interactions before them, by what the store says of each row."""
    import duckdb

    with duckdb.connect(str(store), read_only=True) as con:
        marks = con.sql(
            "select user_id, split::varchar from interactions i join users using (user_num) order by i.rowid"
        ).fetchall()
    times: dict[str, list[int]] = defaultdict(list)
    for user, _, time in rows:
        times[user].append(time)
    gaps: dict[str, list[float]] = {"validation": [], "test": []}
    seen: dict[str, int] = defaultdict(int)
    for user, mark in marks:
        at = seen[user]
        seen[user] += 1
        if at and mark in gaps:
            gaps[mark].append(times[user][at] - times[user][at - 1])
    return gaps


def test_without_times_durations_are_missing(tmp_path: Path) -> None:
    file, store = tmp_path / "log.csv", tmp_path / "log.store"
    file.write_text("user,item\n" + "".join(f"{u},{i}\n" for u, i, _ in log(2)), encoding="utf-8")
    ingest(file, store)
    data = stats(store).data
    assert data is not None
    assert [data.time_unit, *(getattr(data, key) for key in FIGURES)] == [None, *[MISSING] * len(FIGURES)]


def test_numbers_of_no_known_unit_give_durations_in_it(tmp_path: Path) -> None:
    file, store = tmp_path / "log.csv", tmp_path / "log.store"
    file.write_text("user,item,time\nu,a,1\nu,b,3\nu,c,6\nu,d,16\n", encoding="utf-8")
    ingest(file, store)
    data = stats(store).data
    assert data is not None
    assert (data.time_unit, data.gap_validation["median"], data.gap_test["median"]) == (None, 3, 10)
    assert data.user_lifetime == dict.fromkeys(QUANTILES, 15)


def test_nothing_held_out_has_no_gaps(tmp_path: Path) -> None:
    file, store = tmp_path / "log.csv", tmp_path / "log.store"
    file.write_text("user,item,time\nu,a,1\nu,b,3\nv,c,6\n", encoding="utf-8")
    ingest(file, store, IngestOptions(split="none"))
    data = stats(store).data
    assert data is not None
    assert (data.gap_validation, data.gap_test) == (MISSING, MISSING)
    assert data.user_lifetime["median"] == 0


def test_rules_may_use_durations(tmp_path: Path) -> None:
    file, rules = tmp_path / "log.csv", tmp_path / "rules.toml"
    file.write_text("user,item,time\nu,a,1\nu,b,3\nu,c,6\nu,d,16\n", encoding="utf-8")
    rules.write_text("[data]\nfail = ['gap_test.median > 9']\nwarn = ['user_lifetime.p99 < 15']\n", encoding="utf-8")
    report = stats(file)
    assert [each.held for each in check(report, read_rules(str(rules)))] == [True, False]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0, "seconds", "0 seconds"), (45, "seconds", "45 seconds"), (150, "seconds", "2.5 minutes"),
     (7200, "seconds", "2.0 hours"), (36_000, "seconds", "10 hours"), (172_800, "seconds", "2.0 days"),
     (86_400 * 1234, "seconds", "1,234 days"), (1500.5, None, "1500.5"), (7.0, None, "7")],
)  # fmt: skip
def test_durations_are_written_for_people(value: float, unit: str | None, text: str) -> None:
    assert duration(value, unit) == text
