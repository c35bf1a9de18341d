"""`stats` over a store made by `ingest`: the health of the data against a plain-Python reading, and what is missing."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from genpas_cli import DataError, IngestOptions, UsageError, ingest
from genpas_cli.figures.options import StatsOptions
from genpas_cli.figures.reports import store_passes, store_report
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.stats import stats
from genpas_cli.figures.table import DataFigures
from genpas_cli.store import store
from tests import oracle, oracle_figures


class Row(NamedTuple):
    user: str
    item: str
    time: int


LEAVE_ONE_OUT, NONE, BY_TIME = "leave-one-out", "none", "time:300,600"


def test_users_without_interactions_do_not_count(tmp_path: Path) -> None:
    """`--users` numbers the users of another log too, of whom this one has only some."""
    header = "user_id,item_id,timestamp\n"
    (tmp_path / "a.csv").write_text(header + "".join(f"u{n % 6},i{n % 4},{n}\n" for n in range(36)), encoding="utf-8")
    (tmp_path / "b.csv").write_text(header + "".join(f"u{n % 2},i{n % 3},{n}\n" for n in range(12)), encoding="utf-8")
    ingest([str(tmp_path / "a.csv")], tmp_path / "a.store")
    ingest([str(tmp_path / "b.csv")], tmp_path / "b.store", users=str(tmp_path / "a.store"))
    data = stats([str(tmp_path / "b.store")]).data
    assert data is not None
    assert (data.users, data.items, data.density) == (2, 3, 2.0)


def random_log(seed: int, rows: int = 400, users: int = 40, items: int = 90) -> list[Row]:
    """A log with repeats, rare items and short users; times from 0 to 999, in no order."""
    rng = random.Random(seed)
    return [
        Row(f"u{int(users * rng.random() ** 2):02}", f"i{int(items * rng.random() ** 3):02}", rng.randrange(1000))
        for _ in range(rows)
    ]


def write(path: Path, rows: list[Row], *, kind: str = "number") -> Path:
    """Write a CSV, with times as numbers, as dates with a time, or none."""
    epoch = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

    def columns(row: Row) -> list[str]:
        time = {
            "number": str(row.time), "text": (epoch + dt.timedelta(seconds=row.time)).strftime("%Y-%m-%d %H:%M:%S"),
            "none": "",
        }[kind]  # fmt: skip
        return [row.user, row.item, time] if time else [row.user, row.item]

    header = "user_id,item_id" + ("" if kind == "none" else ",timestamp")
    path.write_text("\n".join([header, *(",".join(columns(row)) for row in rows)]) + "\n", encoding="utf-8")
    return path


class Plain(NamedTuple):
    """What plain Python reads in a log: interactions by split, and how many have come before with that user."""

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    repeats: int
    users: int


def plain(rows: list[Row], split: str, *, evaluated: str = "all") -> Plain:
    """Read and split a log; targets of the held-out splits alone are given."""
    by_user: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_user[row.user].append(row)
    parts: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    repeats = 0
    for history in by_user.values():
        own = sorted(history, key=lambda row: row.time)
        repeats += sum(row.item in {before.item for before in own[:at]} for at, row in enumerate(own))
        labels = {
            LEAVE_ONE_OUT: ["train"] * len(own)
            if len(own) < 3
            else ["train"] * (len(own) - 2) + ["validation", "test"],
            NONE: ["train"] * len(own),
            BY_TIME: ["train" if r.time < 300 else "validation" if r.time < 600 else "test" for r in own],
        }[split]
        for name, into in parts.items():
            positions = [at for at, label in enumerate(labels) if label == name]
            if name != "train":
                positions = [at for at in positions if at > 0]
                positions = {"all": positions, "first": positions[:1], "last": positions[-1:]}[evaluated]
            into += [own[at] for at in positions]
    return Plain(parts["train"], parts["validation"], parts["test"], repeats, len(by_user))


def cold(found: Plain, held_out: list[Row]) -> object:
    """Return the share of targets that training has never seen."""
    known = {row.item for row in found.train}
    return pytest.approx(sum(row.item not in known for row in held_out) / len(held_out)) if held_out else None


def report_of(log: Path, tmp_path: Path, options: StatsOptions | None = None, **ingest_options: Any) -> StatsReport:
    """Ingest, and look at the store."""
    ingest(log, tmp_path / "log.store", IngestOptions(**ingest_options), force=True)
    return stats(tmp_path / "log.store", options or StatsOptions(strategy=("multi-target",)))


def data_of(report: StatsReport) -> DataFigures:
    """Return the figures of the data."""
    assert report.data is not None
    return report.data


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("split", [LEAVE_ONE_OUT, BY_TIME])
@pytest.mark.parametrize("evaluated", ["all", "first", "last"])
def test_counts_against_a_plain_reading(tmp_path: Path, seed: int, split: str, evaluated: str) -> None:
    rows = random_log(seed)
    found = plain(rows, split, evaluated=evaluated)
    data = data_of(report_of(write(tmp_path / "log.csv", rows), tmp_path, split=split, eval=evaluated))
    items = len({row.item for row in rows})
    assert (data.users, data.items, data.interactions) == (found.users, items, len(rows))
    assert data.density == pytest.approx(len(rows) / (found.users * items))
    assert data.repeats == pytest.approx(found.repeats / len(rows))
    assert data.split == {"train": len(found.train), "validation": len(found.validation), "test": len(found.test)}
    assert data.cold_validation == cold(found, found.validation)
    assert data.cold_test == cold(found, found.test)
    assert found.repeats
    assert data.cold_test


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["number", "text"])
@pytest.mark.parametrize("a_part", [7, 1 << 17])
def test_leakage_against_every_pair_of_interactions(
    tmp_path: Path, seed: int, kind: str, a_part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BATCH_ROWS", a_part)
    monkeypatch.setattr(store_report, "_TIME_BYTES", (1 << 50) // a_part)
    rows = random_log(seed)
    found = plain(rows, LEAVE_ONE_OUT)
    data = data_of(report_of(write(tmp_path / "log.csv", rows, kind=kind), tmp_path))
    assert data.leaked_test is not None
    assert data.future_training is not None
    latest = max(row.time for row in found.train)
    leaked = sum(row.time < latest for row in found.test) / len(found.test)
    later = sum(one.time > other.time for one in found.train for other in found.test)
    assert data.leaked_test == pytest.approx(leaked)
    assert data.future_training == pytest.approx(later / (len(found.train) * len(found.test)))
    assert 0 < data.future_training < data.leaked_test < 1


def test_equal_times_are_no_leakage(tmp_path: Path) -> None:
    """Training at 1, 1, 5 and 1, 2; test at 5 and at 4: one of the two is before 5, and one pair of the ten."""
    rows = [Row("a", "x", 1), Row("a", "y", 1), Row("a", "z", 5), Row("a", "x", 5), Row("a", "y", 5)]
    rows += [Row("b", "x", 1), Row("b", "y", 2), Row("b", "z", 3), Row("b", "x", 4)]
    data = data_of(report_of(write(tmp_path / "log.csv", rows), tmp_path))
    assert data.split == {"train": 5, "validation": 2, "test": 2}
    assert (data.leaked_test, data.future_training) == (0.5, 0.1)


def test_a_split_by_time_leaks_nothing(tmp_path: Path) -> None:
    data = data_of(report_of(write(tmp_path / "log.csv", random_log(1)), tmp_path, split=BY_TIME))
    assert (data.leaked_test, data.future_training) == (0.0, 0.0)


def test_without_times_leakage_is_unknown(tmp_path: Path) -> None:
    report = report_of(write(tmp_path / "log.csv", random_log(1), kind="none"), tmp_path)
    assert (data_of(report).leaked_test, data_of(report).future_training, data_of(report).time_range) == (None,) * 3
    assert report.notes == ("the log has no timestamps, so the figures that compare timestamps are missing",)
    assert report.strategies[0].kl_test_train is not None


def test_without_a_held_out_split_its_figures_are_missing_and_it_says_why(tmp_path: Path) -> None:
    report = report_of(write(tmp_path / "log.csv", random_log(1)), tmp_path, split=NONE)
    data, figures = data_of(report), report.strategies[0]
    assert data.split == {"train": 400, "validation": 0, "test": 0}
    missing = {name for name, value in asdict(data).items() if value is None}
    assert missing == {
        "session_users",
        "cold_validation",
        "cold_test",
        "leaked_test",
        "future_training",
        "time_unit",  # the times are small numbers
        "test_popularity_deciles",
    }
    against = {"kl_test_train", "kl_validation_train", "kl_train_test", "js_test_train", "tv_test_train"}
    assert {name for name, value in asdict(figures).items() if value is None} == against | {
        "alignment", "discrimination", "alignment_ratio", "dense",
    }  # fmt: skip
    for drawn in figures.drawn:
        assert {name for name, value in asdict(drawn).items() if value is None} == against
    assert set(report.notes) == {
        "no validation interactions are held out (--split none), so the figures that compare with them are missing",
        "no test interactions are held out (--split none), so the figures that compare with them are missing",
    }


@pytest.mark.parametrize("evaluated", ["all", "first", "last"])
@pytest.mark.parametrize("split", [LEAVE_ONE_OUT, BY_TIME])
def test_strategies_over_a_store_are_as_the_oracle_says(tmp_path: Path, split: str, evaluated: str) -> None:
    """The whole way: a file, a store, two passes over it in runs of users, figures."""
    rows = random_log(7, rows=300, users=30, items=12)
    log = oracle_log(rows, split, evaluated)
    options = StatsOptions(strategy=("0.5,-1,0.5",), pairs="2x", max_input="3", similarity="cosine@2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_passes, "INTERACTIONS_A_RUN", 20)
        report = report_of(write(tmp_path / "log.csv", rows), tmp_path, options, split=split, eval=evaluated)
    whole = stats(tmp_path / "log.store", options)
    figures, rule = report.strategies[0], oracle.Rule(0.5, -1, 0.5)
    p, items = oracle.target_distribution(rule, log), log.occurring
    test, validation = (log.held_out_distribution(name) for name in ("test", "validation"))
    assert test is not None
    assert validation is not None
    assert figures.pairs == 2 * log.possible_targets
    assert figures.kl_test_train == pytest.approx(oracle_figures.kl(test, p, items), rel=1e-12)
    assert figures.kl_validation_train == pytest.approx(oracle_figures.kl(validation, p, items), rel=1e-12)
    assert figures.effective_targets == pytest.approx(math.exp(oracle_figures.entropy(p.values())), rel=1e-12)
    assert figures.inputs_per_target == pytest.approx(oracle_figures.inputs_per_target(rule, log, 3), rel=1e-12)
    comparison = oracle_figures.Comparison("cosine", 2, figures.pairs, 3)
    a_and_d = oracle_figures.alignment(rule, log, comparison)
    assert (figures.alignment, figures.discrimination) == pytest.approx(a_and_d, rel=1e-12)
    assert figures.alignment_ratio == pytest.approx(whole.strategies[0].alignment_ratio, rel=1e-12)
    assert figures.kl_test_train == pytest.approx(whole.strategies[0].kl_test_train, rel=1e-12)


def oracle_log(rows: list[Row], split: str, evaluated: Any) -> oracle.Log:
    """Return the log as the oracle has it: users by number, items by number."""
    numbers = {item: number for number, item in enumerate(oracle.item_order(sorted({r.item for r in rows})), start=1)}
    histories, train, validation = [], [], []
    for user in oracle.user_order(sorted({row.user for row in rows})):
        own = [row for row in rows if row.user == user]
        parts = plain(own, split)
        histories.append([numbers[row.item] for row in sorted(own, key=lambda row: row.time)])
        count = Counter(row.time < 300 for row in own) if split == BY_TIME else {True: len(parts.train)}
        train.append(count[True])
        held_out = sum(300 <= row.time < 600 for row in own) if split == BY_TIME else len(parts.validation)
        validation.append(held_out)
    return oracle.Log(histories, train, validation, evaluated)


def test_a_log_is_ingested_first(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", random_log(3))
    options = StatsOptions(strategy=("2,1,0",))
    of_store = report_of(log, tmp_path, options, split=BY_TIME)
    of_log = stats(log, options, ingest_options=IngestOptions(split=BY_TIME))
    assert (of_log.data, of_log.strategies) == (of_store.data, of_store.strategies)
    assert of_log.source == str(log)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": ("multi-targt",)}, "unknown strategy 'multi-targt'"),
        ({"strategy": ("1,0,0", "1.0,0,0")}, "--strategy 1,0,0 is given twice"),
        ({"similarity": "jaccard"}, "unknown similarity 'jaccard'"),
        ({"max_input": "0"}, "--max-input is '0'"),
        ({"pairs": "0"}, "--pairs is '0'"),
        ({"pairs": "all"}, "--pairs is 'all'"),
        ({"epsilon": -1e-9}, "--epsilon is -1e-09"),
        ({"epsilon": math.nan}, "--epsilon is nan"),
        ({"epsilon": math.inf}, "--epsilon is inf"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_read(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        stats("no such log", StatsOptions(**options))
    assert words in caught.value.message


def test_a_store_without_a_sequence_to_train_on_is_refused(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", [Row("a", "x", 1), Row("b", "y", 2)])
    with pytest.raises(DataError, match="no training pairs can be made: none of the 2 users"):
        report_of(log, tmp_path)


def test_users_whose_histories_were_cut_into_sessions_are_counted(tmp_path: Path) -> None:
    rows = [Row(f"u{user}", f"i{time}", time) for user in range(3) for time in (0, 1, 2, 3, 900, 901, 902, 903)]
    log = write(tmp_path / "log.csv", rows)
    for gap, users, session_users in ((None, 3, None), ("1m", 6, 3)):
        data = stats(str(log), ingest_options=IngestOptions(session_gap=gap)).data
        assert data is not None
        assert (data.users, data.session_users) == (users, session_users)
