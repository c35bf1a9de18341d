"""Whole sequences of a store: every interaction of every user, numbered as the trainer counts, and no split lost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import DataError, ExportOptions, IngestOptions, UsageError, export, ingest
from tests.export.conftest import awkward_log


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with short users, kept columns and ids with quotes."""
    root = tmp_path_factory.mktemp("sequences")
    log = pq.read_table(awkward_log(root / "log.parquet", ids=('say "hi"', "näive ☕")))
    short = [
        {"user_id": f"short {n}", "item_id": f"i{item}", "timestamp": 5 + item, "rating": None, "stars": 1,
         "clicked": True, "day": None, "at": None, "note": None}
        for n in range(3) for item in range(n)
    ]  # fmt: skip
    table = pa.concat_tables([log, pa.Table.from_pylist(short, log.schema)])
    ingest(table, root / "log.store", IngestOptions(keep=("stars", "rating", "note", "at")))
    return root / "log.store"


def sequences_of(store: Path) -> dict[int, list[dict[str, Any]]]:
    """Return user number → interactions in their order."""
    with duckdb.connect(store, read_only=True) as con:
        rows = con.sql("select * from interactions order by rowid").to_arrow_table().to_pylist()
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["user_num"], []).append(row)
    return found


def ids_of(store: Path, table: str) -> list[str]:
    with duckdb.connect(store, read_only=True) as con:
        return [
            name for (name,) in con.sql(f"select {table[:-1]}_id from {table} order by {table[:-1]}_num").fetchall()
        ]


def items_of(rows: list[dict[str, Any]]) -> list[int]:
    return [row["item_num"] for row in rows]


def coded(root: Path, store: Path, *, without: int = 0) -> Path:
    """Write codes of all items but some."""
    items = ids_of(store, "items")[without:]
    pq.write_table(
        pa.table({"item_id": items, "codes": [[n % 5, n // 5] for n in range(len(items))]}), root / "c.parquet"
    )
    return root / "c.parquet"


def test_lc_rec_has_the_sequences_numbered_from_0(store: Path, tmp_path: Path) -> None:
    codes = coded(tmp_path, store)
    report = export(store, tmp_path / "shop", to="lc-rec", semantic_ids=codes)
    found = json.loads((tmp_path / "shop/shop.inter.json").read_bytes())
    expected = {str(user - 1): [n - 1 for n in items_of(rows)] for user, rows in sequences_of(store).items()}
    assert found == {user: items for user, items in expected.items() if len(items) >= 3}
    assert report.sequences == {"inter": len(found)}
    assert any("users left out: fewer than 3 interactions" in note for note in report.notes)
    index = json.loads((tmp_path / "shop/shop.index.json").read_bytes())
    assert index["7"] == ["<a_2>", "<b_1>"]
    assert len(index) == len(ids_of(store, "items"))
    assert not (tmp_path / "shop/shop.item.json").exists()


def test_lc_rec_leaves_out_items_without_codes(store: Path, tmp_path: Path) -> None:
    codes = coded(tmp_path, store, without=9)
    with pytest.raises(DataError, match=r"9 of \d+ items have no semantic id"):
        export(store, tmp_path / "shop", to="lc-rec", semantic_ids=codes)
    export(store, tmp_path / "shop", to="lc-rec", semantic_ids=codes, missing_codes="drop")
    found = json.loads((tmp_path / "shop/shop.inter.json").read_bytes())
    expected = {str(user - 1): [n - 1 for n in items_of(rows) if n > 9] for user, rows in sequences_of(store).items()}
    assert found == {user: items for user, items in expected.items() if len(items) >= 3}


def test_lc_rec_describes_the_items_of_the_index_and_no_others(store: Path, tmp_path: Path) -> None:
    """LC-Rec looks up the codes of every item in item.json."""
    items = ids_of(store, "items")
    (tmp_path / "i.jsonl").write_text("".join(json.dumps({"item_id": item, "title": item}) + "\n" for item in items))
    options = ExportOptions(
        to="lc-rec", semantic_ids=str(coded(tmp_path, store, without=9)), missing_codes="drop",
        item_info=str(tmp_path / "i.jsonl"),
    )  # fmt: skip
    report = export(store, tmp_path / "shop", options)
    index = json.loads((tmp_path / "shop/shop.index.json").read_bytes())
    titles = {number: about["title"] for number, about in
              json.loads((tmp_path / "shop/shop.item.json").read_bytes()).items()}  # fmt: skip
    assert titles == {number: " ".join(items[int(number)].split()) for number in index}
    dropped = sum(n <= 9 for rows in sequences_of(store).values() for n in items_of(rows))
    assert any(note.startswith(f"{dropped} interactions dropped because") for note in report.notes)
    assert any("fewer than 3 interactions with codes" in note for note in report.notes)


@pytest.mark.parametrize(("to", "without", "words"), [("lc-rec", 1, " with codes"), ("lc-rec", 0, ""), ("p5", 0, "")])
def test_nothing_is_written_if_no_user_is_left(tmp_path: Path, to: Any, without: int, words: str) -> None:
    rows = [{"user_id": f"u{n // 2}", "item_id": f"i{n % 2}", "timestamp": n} for n in range(8)]
    rows += [{"user_id": "u0", "item_id": "i0", "timestamp": 9}] * without
    ingest(pa.Table.from_pylist(rows), tmp_path / "log.store", IngestOptions(split="none"))
    codes: dict[str, Any] = {"semantic_ids": coded(tmp_path, tmp_path / "log.store", without=without)}
    codes |= {"missing_codes": "drop"}
    with pytest.raises(DataError, match=f"no user has 3 or more interactions{words}, so no sequence"):
        export(tmp_path / "log.store", tmp_path / "shop", to=to, **(codes if to == "lc-rec" else {}))
    assert not (tmp_path / "shop").exists()


def test_lc_rec_has_what_is_known_about_items(store: Path, tmp_path: Path) -> None:
    items = ids_of(store, "items")
    rows = [{"item_id": item, "title": f"a\n title of {item}", "brand": "b"} for item in items]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[1:]), encoding="utf-8")
    options = ExportOptions(
        to="lc-rec", semantic_ids=str(coded(tmp_path, store)), item_info=str(tmp_path / "i.jsonl"), missing_titles="id"
    )
    export(store, tmp_path / "shop", options)
    found = json.loads((tmp_path / "shop/shop.item.json").read_bytes())
    assert found["1"] == {"title": f"a title of {items[1]}", "description": "", "brand": "b"}
    assert found["0"] == {"title": items[0], "description": ""}


def test_p5_has_the_sequences_numbered_from_1(store: Path, tmp_path: Path) -> None:
    report = export(store, tmp_path / "shop", to="p5")
    lines = [
        [int(n) for n in line.split()] for line in (tmp_path / "shop/sequential_data.txt").read_text().splitlines()
    ]
    assert lines == [[user, *items_of(rows)] for user, rows in sequences_of(store).items() if len(rows) >= 3]
    assert report.sequences == {"sequential_data": len(lines)}
    maps = json.loads((tmp_path / "shop/datamaps.json").read_bytes())
    for name in ("user", "item"):
        ids = ids_of(store, f"{name}s")
        assert maps[f"{name}2id"] == {item: str(number) for number, item in enumerate(ids, 1)}
        assert maps[f"id2{name}"] == {str(number): item for number, item in enumerate(ids, 1)}


@pytest.mark.parametrize("split", ["leave-one-out", "time:0.7,0.85", "none"])
def test_replay_has_the_inputs_and_targets_of_the_split(tmp_path: Path, split: str) -> None:
    log = awkward_log(tmp_path / "log.parquet")
    ingest(log, tmp_path / "log.store", IngestOptions(keep=("stars", "rating", "note", "at"), split=split))
    report = export(tmp_path / "log.store", tmp_path / "shop", to="replay", rename="timestamp=times")
    sequences = sequences_of(tmp_path / "log.store")
    for name in ("train", "validation", "test"):
        path = tmp_path / "shop" / f"{name}.parquet"
        expected = []
        for user, rows in sequences.items():
            parts = [row["split"] for row in rows]
            # The first interaction of a user has no input, so it is no target.
            targets = [at for at, part in enumerate(parts) if part == name and at > 0]
            inputs = rows[: parts.count("train")] if name == "train" else rows[: targets[0]] if targets else []
            if inputs:
                truth = {} if name == "train" else {"ground_truth": [rows[at]["item_num"] - 1 for at in targets]}
                expected.append({
                    "user_id": user - 1, "item_id": [n - 1 for n in items_of(inputs)],
                    "times": [row["time"] for row in inputs], "stars": [row["stars"] for row in inputs],
                    "rating": [row["rating"] for row in inputs],
                    "at": [int(row["at"].timestamp()) for row in inputs], **truth,
                })  # fmt: skip
        assert path.exists() == bool(expected)
        if expected:
            found = pq.read_table(path).to_pylist()
            for row in found:
                row["rating"] = [None if value != value else value for value in row["rating"]]  # noqa: PLR0124  # NaN
            assert found == expected
    assert report.sequences is not None
    assert (report.sequences.get("test", 0) > 0) == (split != "none")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "uint64", "int8", "float32", "decimal"])
def test_replay_has_numbers_that_pytorch_can_index(tmp_path: Path, kind: str) -> None:
    """PyTorch cannot index tensors of unsigned integers of more than 8 bits."""
    whole = [5, 773, 57, 21, 9]
    log: dict[str, Any] = {"user_id": ["u"] * 5, "item_id": list("abcde"), "timestamp": [1, 2, 3, 4, 5]}
    if kind == "decimal":
        values = pa.array([Decimal(n) / 100 for n in whole], pa.decimal128(9, 2))
    else:
        values = pa.array([min(n, 100) for n in whole], getattr(pa, kind)())
    ingest(pa.table({**log, "value": values}), tmp_path / "log.store", IngestOptions(keep=("value",)))
    export(tmp_path / "log.store", tmp_path / "shop", to="replay")
    found = pq.read_table(tmp_path / "shop/test.parquet")["value"]
    large = kind.startswith("uint") and kind != "uint8"
    expected = {"float32": pa.float32(), "decimal": pa.float64(), "uint8": pa.uint8(), "int8": pa.int8()}
    assert found.type.value_type == (pa.int64() if large else expected[kind])
    assert found.to_pylist() == [[float(value) for value in values.to_pylist()[:4]]]


def test_replay_refuses_numbers_that_pytorch_cannot_hold(tmp_path: Path) -> None:
    log: dict[str, Any] = {"user_id": ["u"] * 3, "item_id": list("abc"), "timestamp": [1, 2, 3]}
    values = pa.array([1, 2**63, 3], pa.uint64())
    ingest(pa.table({**log, "value": values}), tmp_path / "log.store", IngestOptions(keep=("value",)))
    with pytest.raises(DataError, match="'value' has the value 9223372036854775808, which is too large"):
        export(tmp_path / "log.store", tmp_path / "shop", to="replay")
    export(tmp_path / "log.store", tmp_path / "shop", to="replay", columns="item_id")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "lc-rec"}, "--to lc-rec writes the codes of items, but --semantic-ids is missing"),
        ({"to": "lc-rec", "semantic_ids": "c", "title": "name"}, "--title can only be used with --item-info FILE"),
        ({"to": "lc-rec", "semantic_ids": "c", "missing_titles": "id"}, "--missing-titles can only be used with"),
        ({"to": "lc-rec", "semantic_ids": "c", "item_info_id": "id"}, "--item-info-id can only be used with"),
        ({"to": "p5", "pad": "left"}, "--pad cannot be used with --to p5"),
        ({"to": "p5", "semantic_ids": "c"}, "--semantic-ids cannot be used with --to p5"),
        ({"to": "replay", "rename": "x=y"}, "--rename x: no such column in format replay"),
        ({"to": "replay", "columns": "note"}, "--columns note: no such column of numbers"),
    ],
)
def test_wishes_that_cannot_be_met(store: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        export(store, tmp_path / "shop", **options)
    assert not (tmp_path / "shop").exists()


def test_missing_values_are_named(store: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the kept column 'at' has missing values") as raised:
        export(store, tmp_path / "shop", to="replay")
    columns = str(raised.value.tip).rpartition(" ")[2]
    export(store, tmp_path / "shop", to="replay", columns=columns)
    assert pq.read_schema(tmp_path / "shop/train.parquet").names == [
        "user_id",
        "item_id",
        "timestamp",
        "stars",
        "rating",
    ]


@pytest.mark.parametrize("to", ["lc-rec", "p5", "replay"])
def test_pairs_are_refused(plain_pairs: Path, tmp_path: Path, to: str) -> None:
    options = {"semantic_ids": "codes.parquet"} if to == "lc-rec" else {}
    with pytest.raises(UsageError, match=f"--to {to} exports the interactions of a store"):
        export(plain_pairs, tmp_path / "shop", to=to, **options)  # type: ignore[arg-type]
