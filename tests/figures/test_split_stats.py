"""`stats --split-of`: the figures of a split against a plain-Python reading and against the store."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genpas_cli import DataError, IngestOptions, SplitReport, export, ingest, split_stats, stats
from genpas_cli.figures.figure import figures_in
from genpas_cli.figures.split_figures import PARTS, QUARTILES, SplitFigures
from tests.figures.split_files import START, Row, Split, random_split, write


def by_user(rows: Iterable[Row]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        found[row.user].append(row.time)
    return found


def quartiles(values: list[float]) -> dict[str, float | None]:
    names = ("lower", "median", "upper")
    if not values:
        return dict.fromkeys(names)
    return dict(zip(names, statistics.quantiles(values, n=4, method="inclusive"), strict=True))


def expected(split: Split) -> dict[str, Any]:
    """Return the figures of a split, read in plain Python."""
    train, validation, test = (split.get(part, []) for part in PARTS[::2])
    of_train, of_validation, of_test = by_user(train), by_user(validation), by_user(test)
    before_test = by_user([*train, *validation])
    held_out = of_validation.keys() | of_test.keys()
    tied = {
        "validation": {u for u, times in of_validation.items() if u in of_train and max(of_train[u]) == min(times)},
        "test": {u for u, times in of_test.items() if u in before_test and max(before_test[u]) == min(times)},
    }
    tied["either"] = tied["validation"] | tied["test"]
    first, last = min(row.time for row in test), max(row.time for row in train)
    items = {row.item for row in train}
    found: dict[str, Any] = {
        "rows": {part: len(split[part]) if part in split else None for part in PARTS},
        "users": {part: len({row.user for row in split[part]}) if part in split else None for part in PARTS},
        "items": {part: len({row.item for row in split[part]}) if part in split else None for part in PARTS},
        "shared_rows": {
            "train_validation": sum(row in set(train) for row in validation) if "validation_target" in split else None,
            "train_test": sum(row in set(train) for row in test),
            "validation_test": sum(row in set(validation) for row in test) if "validation_target" in split else None,
        },
        "future_rows": sum(row.time > first for row in train),
        "future_rows_of_users": sum(row.time > min(of_test[row.user]) for row in train if row.user in of_test),
        "leaked_test": sum(row.time < last for row in test) / len(test),
        "future_training": sum(a.time > b.time for a in train for b in test) / (len(train) * len(test)),
        **{f"tied_{name}": len(users) / len(held_out) for name, users in tied.items()},
    }
    if "validation_target" not in split:
        found["tied_validation"] = None
    for name, rows, targets, usual in (
        ("validation", validation, of_validation, of_train), ("test", test, of_test, before_test),
    ):  # fmt: skip
        found[f"cold_{name}"] = sum(row.item not in items for row in rows) / len(rows) if rows else None
        found[f"cold_users_{name}"] = len(targets.keys() - of_train.keys()) / len(targets) if targets else None
        inputs = {**usual, **by_user(split.get(f"{name}_input", []))}
        ends = {user: [max(inputs[user])] if user in inputs else [] for user in targets}
        gaps = (later - time for u, times in targets.items() for time, later in pairwise([*ends[u], *sorted(times)]))
        found[f"gap_{name}"] = quartiles(list(gaps))
    return found


def figures(report: SplitReport) -> dict[str, Any]:
    return asdict(report.split)


def as_approximated(value: Any) -> Any:
    """Return a value whose floats equal those that differ by rounding only."""
    if isinstance(value, dict):
        return {key: as_approximated(each) for key, each in value.items()}
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


# ---------------------------------------------------------------------------------------------------------- the figures


@pytest.mark.parametrize("kind", ["csv", "parquet", "inter"])
@pytest.mark.parametrize("seed", range(3))
def test_every_figure_against_plain_python(tmp_path: Path, seed: int, kind: str) -> None:
    split = random_split(seed)
    report = split_stats(write(tmp_path / "split", split, kind=kind))
    assert figures(report) == as_approximated(expected(split))
    assert report.time_unit == "seconds"


VARIANTS: dict[str, dict[str, str]] = {
    "three files": {"train": "train", "validation_target": "validation", "test_target": "test"},
    "other words": {"train": "Training", "validation_target": "valid", "test_target": "TEST"},
    "RecBole's names": {"train": "shop.train", "validation_target": "shop.valid", "test_target": "shop.test"},
    "dashes": {
        "train": "train", "validation_target": "val-target", "test_target": "test-target", "test_input": "test-input",
    },
    "no validation": {"train": "train", "test_target": "test"},
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_parts_by_their_names(tmp_path: Path, name: str) -> None:
    names = VARIANTS[name]
    split = {part: rows for part, rows in random_split(1).items() if part in names}
    write(tmp_path / "split", split, names=names)
    (tmp_path / "split/README.md").write_text("train and test")
    report = split_stats(tmp_path / "split")
    assert figures(report) == as_approximated(expected(split))
    assert report.files == {part: f"{names[part]}.csv" for part in PARTS if part in names}


def test_a_clean_split_has_no_leaks(tmp_path: Path) -> None:
    split = {
        "train": [Row("a", "x", START), Row("b", "y", START + 1)],
        "validation": [Row("a", "y", START + 100), Row("b", "x", START + 200)],
        "test": [Row("a", "x", START + 300), Row("b", "y", START + 500)],
    }
    found = figures(split_stats(write(tmp_path / "split", split)))
    for key in ("future_rows", "future_rows_of_users", "leaked_test", "future_training", "tied_either", "cold_test"):
        assert found[key] == 0, key
    assert set(found["shared_rows"].values()) == {0}
    assert found["gap_test"] == {"lower": 225.0, "median": 250.0, "upper": 275.0}


def test_a_split_worked_out_by_hand(tmp_path: Path) -> None:
    split = {
        "train": [Row("a", "x", START), Row("a", "y", START + 10), Row("b", "x", START + 50)],
        "validation": [Row("a", "z", START + 10), Row("c", "x", START + 20)],
        "test": [
            Row("a", "y", START + 10),
            Row("b", "w", START + 40),
            Row("d", "x", START + 60),
            Row("e", "x", START + 70),
        ],
    }
    found = figures(split_stats(write(tmp_path / "split", split)))
    assert found["users"] == {
        "train": 2, "validation_input": None, "validation_target": 2, "test_input": None, "test_target": 4,
    }  # fmt: skip
    assert found["shared_rows"] == {"train_validation": 0, "train_test": 1, "validation_test": 0}
    assert (found["future_rows"], found["future_rows_of_users"]) == (1, 1)
    assert (found["leaked_test"], found["future_training"]) == (0.5, 2 / 12)
    assert (found["cold_validation"], found["cold_test"]) == (0.5, 0.25)
    assert (found["cold_users_validation"], found["cold_users_test"]) == (0.5, 0.5)
    assert (found["tied_validation"], found["tied_test"], found["tied_either"]) == (0.2, 0.2, 0.2)
    assert found["gap_validation"] == {"lower": 0, "median": 0, "upper": 0}
    assert found["gap_test"] == {"lower": -7.5, "median": -5, "upper": -2.5}


TIMED = [key for key in figures_in(SplitFigures) if key.startswith(("future", "leaked", "tied", "gap"))]


def test_a_split_without_times(tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    for part, rows in {"train": "a,x\nb,y\n", "test": "a,x\nb,z\n"}.items():
        (tmp_path / "split" / f"{part}.csv").write_text(f"user_id,item_id\n{rows}")
    report = split_stats(tmp_path / "split")
    found = figures(report)
    assert {key: found[key] for key in TIMED if not key.startswith("gap")} == dict.fromkeys(
        key for key in TIMED if not key.startswith("gap")
    )
    assert found["gap_test"] == {"lower": None, "median": None, "upper": None}
    assert (found["cold_test"], found["shared_rows"]["train_test"], report.time_unit) == (0.5, 1, None)
    assert any("no timestamps" in note for note in report.notes)


TIMES: dict[str, tuple[list[Any], float, str | None]] = {
    "seconds": ([START, START + 60], 60.0, "seconds"),
    "milliseconds": ([START * 1000, START * 1000 + 1500], 1.5, "seconds"),
    "text": (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.250Z"], 0.25, "seconds"),
    "counters": ([1, 8], 7.0, None),
}


@pytest.mark.parametrize("name", TIMES)
def test_the_unit_of_gaps(tmp_path: Path, name: str) -> None:
    (first, last), gap, unit = TIMES[name]
    (tmp_path / "split").mkdir()
    (tmp_path / "split/train.csv").write_text(f"user_id,item_id,timestamp\na,x,{first}\n")
    (tmp_path / "split/test.csv").write_text(f"user_id,item_id,timestamp\na,y,{last}\n")
    report = split_stats(tmp_path / "split")
    assert (report.split.gap_test["median"], report.time_unit) == (gap, unit)


def test_columns_by_options_and_by_known_names(tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    for part in ("train", "test"):
        (tmp_path / "split" / f"{part}.csv").write_text("who;what;ts\n1.0;5;1700000000\n")
    with pytest.raises(DataError, match="the columns are: who, what, ts"):
        split_stats(tmp_path / "split")
    assert split_stats(tmp_path / "split", user="who", item="what").split.shared_rows["train_test"] == 1


def test_an_empty_part_has_no_rows(tmp_path: Path) -> None:
    split = random_split(2) | {"validation_target": []}
    report = split_stats(write(tmp_path / "split", split))
    assert figures(report) == as_approximated(expected(split))


def test_a_row_without_an_id_is_left_out_and_told(tmp_path: Path) -> None:
    split = write(
        tmp_path / "split", {"train": [Row("a", "x", START), Row("", "y", START)], "test": [Row("a", "y", START)]}
    )
    report = split_stats(split)
    assert report.split.rows["train"] == 1
    assert any(note == "1 row left out: missing user or item id" for note in report.notes)


# ----------------------------------------------------------------------------------------------------- beside the store


def log_of(path: Path, seed: int) -> Path:
    """A log with ties, rare items, repeated rows, and users that begin late or have one interaction."""
    rng = random.Random(seed)
    rows = [
        Row(f"u{int(80 * rng.random() ** 2)}", f"i{int(150 * rng.random() ** 3)}", START + 60 * rng.randrange(300))
        for _ in range(900)
    ]
    rows += [Row(f"late{n}", f"i{n}", START + 60 * (290 + n % 9)) for n in range(12) for _ in range(1 + n % 3)]
    lines = ["user_id,item_id,timestamp", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


RULES = {
    "leave-one-out": IngestOptions(),
    "time": IngestOptions(split="time:0.7,0.85"),
    "time, first": IngestOptions(split="time:0.7,0.85", eval="first"),
    "time, last": IngestOptions(split="time:0.7,0.85", eval="last"),
}


@pytest.mark.parametrize("file_type", ["csv", "parquet", "inter"])
@pytest.mark.parametrize("name", RULES)
def test_the_audit_of_an_export_agrees_with_the_store(tmp_path: Path, name: str, file_type: str) -> None:
    ingest(log_of(tmp_path / "log.csv", 7), tmp_path / "log.store", RULES[name])
    export(tmp_path / "log.store", tmp_path / "split", to="splits", file_type=file_type)
    found, data = split_stats(tmp_path / "split").split, stats(tmp_path / "log.store", strategy="multi-target").data
    assert data is not None
    keys = [
        "cold_validation",
        "cold_test",
        "leaked_test",
        "future_training",
        "tied_validation",
        "tied_test",
        "tied_either",
    ]
    assert {key: getattr(found, key) for key in keys} == {
        key: pytest.approx(getattr(data, key), abs=1e-12) for key in keys
    }
    assert data.split == {
        "train": found.rows["train"], "validation": found.rows["validation_target"], "test": found.rows["test_target"],
    }  # fmt: skip
    for key in ("gap_validation", "gap_test") if name in ("leave-one-out", "time") else ():
        # The store gives a gap that occurs, the audit interpolates: neighbouring gaps of this log are a minute apart.
        assert getattr(found, key) == {each: pytest.approx(getattr(data, key)[each], abs=60) for each in QUARTILES}
    assert found.future_rows_of_users == 0
    if name == "leave-one-out":
        assert min(found.tied_validation or 0, found.tied_test or 0, found.cold_test or 0, found.leaked_test or 0) > 0
    else:
        assert (found.leaked_test, found.future_rows, found.tied_either) == (0, 0, 0)
