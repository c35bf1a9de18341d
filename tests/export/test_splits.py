"""`--to splits`: the rows are those of the store, in the parts that its split says."""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import ExportOptions, IngestOptions, UsageError, augment, export, ingest
from genpas_cli.export.stores.interaction_files import FILE_TYPES
from genpas_cli.runtime.errors import DataError
from tests.export.conftest import AWKWARD, KEPT, awkward_log
from tests.support import shards

PARTS = ("train", "validation_input", "validation_target", "test_input", "test_target")
START = 1_700_000_000

Rows = list[dict[str, Any]]


def log_of(path: Path, histories: dict[str, list[int]]) -> Path:
    """Write a log in which each user has interactions at these days."""
    rows = [
        f"{user},{user}-{n},{START + 86_400 * day}" for user, days in histories.items() for n, day in enumerate(days)
    ]
    path.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n", encoding="utf-8")
    return path


def made(root: Path, log: Path, options: IngestOptions | None = None, **export_options: Any) -> tuple[Path, Path]:
    """Return the store of a log, and its exported split."""
    store, out = root / "log.store", root / "split"
    ingest(log, store, options or IngestOptions())
    export(store, out, ExportOptions(to="splits", **export_options))
    return store, out


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def items_of(out: Path) -> dict[str, list[str]]:
    """Return part → items, in the order of the rows."""
    return {path.stem: [row["item_id"] for row in cells(path)] for path in out.glob("*.csv")}


def stored(store: Path) -> Rows:
    """Return the interactions of a store with ids and positions, in order."""
    with duckdb.connect(store, read_only=True) as con:
        rows: Rows = con.sql(
            "select user_id, item_id, split::varchar as split, i.* exclude (user_num, item_num, split), "
            "row_number() over (partition by user_num order by i.rowid) as position from interactions i "
            "join users using (user_num) join items using (item_num) order by i.rowid"
        ).to_arrow_table().to_pylist()  # fmt: skip
        return rows


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of users with 1 to 12 interactions, in which users also begin late, and times are tied."""
    rng = random.Random(3)
    histories = {
        f"u{user}": sorted(rng.randint(start, 100) for _ in range(rng.randint(1, 12)))
        for user in range(150)
        for start in [rng.choice((0, 0, 60, 95))]
    }
    return log_of(tmp_path_factory.mktemp("log") / "log.csv", histories)


SPLITS = {
    "leave-one-out": IngestOptions(),
    "time": IngestOptions(split="time:0.7,0.85"),
    "time, first": IngestOptions(split="time:0.7,0.85", eval="first"),
    "time, last": IngestOptions(split="time:0.7,0.85", eval="last"),
    "time, random": IngestOptions(split="time:0.7,0.85", eval="random"),
    "users": IngestOptions(split="users:0.2"),
    "users, all": IngestOptions(split="users:0.2", eval="all"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_no_interaction_is_lost_or_twice(log: Path, tmp_path: Path, name: str) -> None:
    store, out = made(tmp_path, log, SPLITS[name])
    rows, found = stored(store), items_of(out)
    target_parts = ("validation_target", "test_target")
    once = [item for part in ("train", *target_parts) for item in found[part]]
    about = json.loads((out / "export.json").read_text())
    assert len(once) == len(set(once)), "items of the log are unique"
    assert len(once) + about["left_out"] == len(rows)
    assert found["train"] == [row["item_id"] for row in rows if row["split"] == "train"]
    for part in target_parts:
        split = part.removesuffix("_target")
        expected = [row["item_id"] for row in rows if row["split"] == split and row["position"] > 1]
        assert found[part] == expected
    assert about["interactions"] == {part: len(found[part]) for part in PARTS}


@pytest.mark.parametrize("name", SPLITS)
def test_the_targets_are_those_of_the_pairs(log: Path, tmp_path: Path, name: str) -> None:
    store, out = made(tmp_path, log, SPLITS[name])
    augment(store, tmp_path / "log.pairs", strategy="multi-target", order="user")
    items = pq.read_table(tmp_path / "log.pairs/items.parquet")["item_id"].to_pylist()
    for split in ("validation", "test"):
        pairs = shards(tmp_path / "log.pairs", split).to_pylist()
        assert sorted(items_of(out)[f"{split}_target"]) == sorted(items[pair["target_item"] - 1] for pair in pairs)


@pytest.mark.parametrize("name", SPLITS)
def test_an_input_is_all_that_precedes_the_first_target_of_its_user(log: Path, tmp_path: Path, name: str) -> None:
    store, out = made(tmp_path, log, SPLITS[name])
    rows, found = stored(store), items_of(out)
    position = {row["item_id"]: row["position"] for row in rows}
    for split in ("validation", "test"):
        first: dict[str, int] = {}
        for row in cells(out / f"{split}_target.csv"):
            first.setdefault(row["user_id"], position[row["item_id"]])
        expected = [row["item_id"] for row in rows if row["position"] < first.get(row["user_id"], 0)]
        assert found[f"{split}_input"] == expected
    if name == "leave-one-out":
        users = {row["user_id"] for row in cells(out / "validation_target.csv")}
        assert found["validation_input"] == [
            row["item_id"] for row in cells(out / "train.csv") if row["user_id"] in users
        ]


def test_the_rule_on_small_histories(tmp_path: Path) -> None:
    histories = {"a": [1, 2, 3, 4], "b": [1, 2], "c": [9, 9, 9]}
    _, out = made(tmp_path, log_of(tmp_path / "log.csv", histories))
    assert {part: sorted(items) for part, items in items_of(out).items()} == {
        "train": ["a-0", "a-1", "b-0", "b-1", "c-0"],
        "validation_input": ["a-0", "a-1", "c-0"],
        "validation_target": ["a-2", "c-1"],
        "test_input": ["a-0", "a-1", "a-2", "c-0", "c-1"],
        "test_target": ["a-3", "c-2"],
    }


def test_a_first_interaction_is_no_target(tmp_path: Path) -> None:
    histories = {"a": [1, 6, 12], "late": [11, 12], "once": [12]}
    _, out = made(
        tmp_path,
        log_of(tmp_path / "log.csv", histories),
        IngestOptions(split=f"time:{START + 5 * 86_400},{START + 10 * 86_400}"),
    )
    assert items_of(out) == {
        "train": ["a-0"],
        "validation_input": ["a-0"],
        "validation_target": ["a-1"],
        "test_input": ["a-0", "a-1", "late-0"],
        "test_target": ["a-2", "late-1"],
    }
    assert json.loads((out / "export.json").read_text())["left_out"] == 2


def test_a_held_out_split_without_targets_has_no_files(tmp_path: Path) -> None:
    histories = {"a": [1, 12], "late": [6]}
    options = IngestOptions(split=f"time:{START + 5 * 86_400},{START + 10 * 86_400}")
    store, out = made(tmp_path, log_of(tmp_path / "log.csv", histories), options)
    assert items_of(out) == {"train": ["a-0"], "test_input": ["a-0"], "test_target": ["a-1"]}
    report = export(store, tmp_path / "shop", to="splits", file_type="inter")
    assert "RecBole needs validation and test targets, but this directory has no validation_target" in report.notes


def test_a_store_without_a_split_has_one_part(log: Path, tmp_path: Path) -> None:
    store, out = made(tmp_path, log, IngestOptions(split="none"))
    assert {path.name for path in out.iterdir()} == {"train.csv", "export.json"}
    assert items_of(out)["train"] == [row["item_id"] for row in stored(store)]
    report = export(store, tmp_path / "shop", to="splits", file_type="inter")
    assert {path.name for path in (tmp_path / "shop").iterdir()} == {"shop.inter", "shop.yaml", "export.json"}
    assert "benchmark_filename" not in (tmp_path / "shop/shop.yaml").read_text()
    assert report.interactions == {"train": len(stored(store))}
    assert any("no files of validation and test" in note and "--split none" in note for note in report.notes)


# ---------------------------------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with awkward ids and kept columns."""
    root = tmp_path_factory.mktemp("kept")
    ingest(awkward_log(root / "log.parquet", ids=AWKWARD), root / "log.store", IngestOptions(keep=KEPT))
    return root / "log.store"


def test_parquet_has_the_types_of_the_log(kept_store: Path, tmp_path: Path) -> None:
    export(kept_store, tmp_path / "out", to="splits", file_type="parquet")
    table = pq.read_table(tmp_path / "out/train.parquet")
    kinds = {field.name: field.type for field in table.schema}
    assert kinds["user_id"] == kinds["item_id"] == kinds["note"] == pa.string()
    assert (kinds["timestamp"], kinds["rating"], kinds["day"]) == (pa.int64(), pa.float64(), pa.date32())
    expected = [row for row in stored(kept_store) if row["split"] == "train"]
    names = {"user_id": "user_id", "item_id": "item_id", "timestamp": "time", **{name: name for name in KEPT}}
    assert table.to_pylist() == [{name: row[old] for name, old in names.items()} for row in expected]


def test_csv_has_the_same_values(kept_store: Path, tmp_path: Path) -> None:
    for file_type in ("csv", "parquet"):
        export(
            kept_store, tmp_path / file_type, to="splits", file_type=file_type, columns="user_id,item_id,timestamp,note"
        )
    for part in PARTS:
        rows = pq.read_table(tmp_path / f"parquet/{part}.parquet").to_pylist()
        expected = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
        assert cells(tmp_path / f"csv/{part}.csv") == expected


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_numbers_in_place_of_ids(kept_store: Path, tmp_path: Path, file_type: str) -> None:
    export(kept_store, tmp_path / "out", to="splits", file_type=file_type, ids="num", columns="user_id,item_id")
    with duckdb.connect(kept_store, read_only=True) as con:
        query = "select user_num, item_num from interactions where split = 'train' order by rowid"
        expected = con.sql(query).fetchall()
    if file_type == "parquet":
        found = [tuple(row.values()) for row in pq.read_table(tmp_path / "out/train.parquet").to_pylist()]
    else:
        path = next((tmp_path / "out").glob("*train.*"))
        lines = path.read_text("utf-8").splitlines()[1:]
        found = [tuple(map(int, line.replace("\t", ",").split(","))) for line in lines]
    assert found == expected


def test_many_users_and_batches_stay_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    _, out = made(tmp_path, log)
    # By the modules, because `genpas_cli.export` is a function for those who get it as an attribute.
    monkeypatch.setattr(sys.modules["genpas_cli.export.stores.splits"], "USERS_A_READ", 7)
    monkeypatch.setattr(sys.modules["genpas_cli.store.store"], "BATCH_ROWS", 5)
    monkeypatch.setattr(sys.modules["genpas_cli.export.stores.interaction_files"], "_GROUP_ROWS", 50)
    for file_type in ("csv", "parquet"):
        export(tmp_path / "log.store", tmp_path / file_type, to="splits", file_type=file_type)
    for part in PARTS:
        assert (tmp_path / f"csv/{part}.csv").read_bytes() == (out / f"{part}.csv").read_bytes()
        table = pq.read_table(tmp_path / f"parquet/{part}.parquet")
        assert table["item_id"].to_pylist() == items_of(out)[part]


TIMES = {
    "numbers as they are": (["1700000000123", "1700000000456"], ["1700000000123", "1700000000456"]),
    "whole seconds": (["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"], ["1704067200", "1704067201"]),
    "fractions of a second": (
        ["2024-01-01T00:00:00.25Z", "2024-01-01T00:00:01.000001Z"],
        ["1704067200.25", "1704067201.000001"],
    ),
    "fractions that are numbers": (["1700000000.5", "1700000001"], ["1700000000.5", "1700000001"]),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_are_numbers(tmp_path: Path, name: str) -> None:
    given, expected = TIMES[name]
    rows = [f"u,{n},{time}" for n, time in enumerate(given)]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    _, out = made(tmp_path, tmp_path / "log.csv", IngestOptions(split="none"))
    assert [float(row["timestamp"]) for row in cells(out / "train.csv")] == [float(time) for time in expected]
    assert [row["timestamp"] for row in cells(out / "train.csv")] == expected


def test_a_log_without_times(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + "".join(f"u,{n}\n" for n in range(4)))
    _, out = made(tmp_path, tmp_path / "log.csv")
    assert list(cells(out / "train.csv")[0]) == ["user_id", "item_id"]


def test_a_kept_column_with_the_name_of_another_column(tmp_path: Path) -> None:
    rows = [f"u,{n},{START + n},x{n}" for n in range(4)]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item,time,item_id", *rows]) + "\n")
    options = IngestOptions(item="item", keep=("item_id", "time"), time="time")
    with pytest.raises(UsageError, match="reserved"):
        ingest(tmp_path / "log.csv", tmp_path / "log.store", options)
    _, out = made(tmp_path, tmp_path / "log.csv", IngestOptions(item="item", keep=("item_id",), time="time"))
    assert cells(out / "test_target.csv") == [
        {"user_id": "u", "item_id": "3", "timestamp": str(START + 3), "kept_item_id": "x3"}
    ]


# -------------------------------------------------------------------------------------------------------- what is wrong

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another type": (
        {"file_type": "xlsx"},
        "--file-type is 'xlsx'; with --to splits it must be one of csv, parquet, inter",
    ),
    "padding": ({"pad": "left"}, "--pad cannot be used with --to splits"),
    "a split": ({"split": "test"}, "--split cannot be used with --to splits"),
    "a limit": ({"limit": 5}, "--limit cannot be used with --to splits"),
    "semantic ids": ({"semantic_ids": "codes.parquet"}, "--semantic-ids cannot be used with --to splits"),
    "a column that is missing": ({"columns": "user_id,item_id,price"}, "--columns price: no such column"),
    "no item": ({"columns": "user_id,timestamp"}, "item_id is missing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_makes_no_sense(kept_store: Path, tmp_path: Path, name: str) -> None:
    options, message = REFUSED[name]
    with pytest.raises(UsageError, match=message):
        export(kept_store, tmp_path / "out", ExportOptions(to="splits", **options))
    assert list(tmp_path.iterdir()) == []


def test_a_file_type_for_a_format_that_has_one(kept_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--file-type cannot be used with --to jsonl"):
        export(kept_pairs, tmp_path / "out", to="jsonl", file_type="csv")


@pytest.mark.parametrize("source", ["pairs", "-"])
def test_pairs_are_no_store(kept_pairs: Path, tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError, match="--to splits exports the interactions of a store") as caught:
        export(kept_pairs if source == "pairs" else "-", tmp_path / "out", to="splits")
    assert "genpas export STORE --to splits" in str(caught.value.tip)


def test_a_log_is_no_store(tmp_path: Path, log: Path) -> None:
    with pytest.raises(DataError, match="is not a genpas store"):
        export(log, tmp_path / "out", to="splits")


@pytest.mark.parametrize("to", ["jsonl", "recbole", "npz"])
def test_a_store_is_no_pairs(kept_store: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(DataError, match="is a store, not a pairs directory") as caught:
        export(kept_store, tmp_path / "out", to=to)
    assert f"genpas augment {kept_store}" in str(caught.value.tip)
    assert "--to splits" in str(caught.value.tip)


def test_ids_that_recbole_cannot_read(kept_store: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contain a blank"):
        export(kept_store, tmp_path / "out", to="splits", file_type="inter")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_ones_own_is_overwritten_and_no_other(
    kept_store: Path, tmp_path: Path, kept_pairs: Path
) -> None:  # fmt: skip
    out = tmp_path / "out"
    again: Callable[..., Any] = lambda **more: export(kept_store, out, ExportOptions(to="splits"), **more)  # noqa: E731
    again()
    with pytest.raises(UsageError, match="already exists"):
        again()
    again(force=True)
    export(kept_pairs, out, ExportOptions(to="jsonl"), force=True)
    again(force=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"contains mine.txt"):
        again(force=True)
