"""Formats of trainers that read codes and titles: every pair's items, codes and titles agree with the shards."""

from __future__ import annotations

import ast
import csv
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, augment, export
from genpas_cli.export.formats import format as format_module
from genpas_cli.export.formats.trainers import grid, openonerec
from genpas_cli.runtime.errors import DataError, UsageError
from tests.export.conftest import Told, awkward_log, exported, rows_of, sid
from tests.export.test_formats import SPLITS, example, records
from tests.support import shards

csv.field_size_limit(1 << 30)


def on_one_line(title: str) -> str:
    return re.sub(r"\s+", " ", title).strip()


# ----------------------------------------------------------------------------------------------------------- MiniOneRec


def test_minionerec_has_titles_numbers_and_codes_of_each_pair(told: Told, tmp_path: Path) -> None:
    out = exported(told, tmp_path / "shop", "minionerec")
    for split, folder in (("train", "train"), ("validation", "valid"), ("test", "test")):
        with (out / folder / "shop_11.csv").open(encoding="utf-8", newline="") as text:
            found = list(csv.DictReader(text))
        expected = rows_of(told, split)
        assert len(found) == len(expected) > 0
        for line, row in zip(found, expected, strict=True):
            inputs, target = row["input_items"], row["target_item"]
            assert line["user_id"] == f"A{row['user_num']}"
            assert ast.literal_eval(line["history_item_id"]) == [item - 1 for item in inputs]
            assert line["item_id"] == str(target - 1)
            assert ast.literal_eval(line["history_item_title"]) == [on_one_line(told.titles[item]) for item in inputs]
            assert line["item_title"] == on_one_line(told.titles[target])
            assert ast.literal_eval(line["history_item_sid"]) == [sid(told.codes[item]) for item in inputs]
            assert line["item_sid"] == sid(told.codes[target])


def test_minionerec_has_files_of_items_with_the_same_numbers(told: Told, tmp_path: Path) -> None:
    out = exported(told, tmp_path / "shop", "minionerec")
    index = json.loads((out / "index/shop.index.json").read_bytes())
    assert {int(key) + 1: "".join(codes) for key, codes in index.items()} == {n: sid(c) for n, c in told.codes.items()}
    lines = [line.split("\t") for line in (out / "info/shop.txt").read_text("utf-8").splitlines()]
    assert {int(number) + 1: (text, title) for text, title, number in lines} == {
        n: (sid(codes), on_one_line(told.titles[n])) for n, codes in told.codes.items()
    }
    items = json.loads((out / "index/shop.item.json").read_bytes())
    assert {int(key) + 1: about["title"] for key, about in items.items()} == {
        n: on_one_line(title) for n, title in told.titles.items()
    }
    assert all("description" in about for about in items.values())
    assert any(about.get("price") for about in items.values()), "further columns of the information"


@pytest.mark.parametrize("title", ["None", "NA", "nan", "NULL"])
def test_a_title_that_pandas_reads_as_missing_is_refused(told: Told, tmp_path: Path, title: str) -> None:
    info = pq.read_table(told.info)
    titles = [title, *info["title"].to_pylist()[1:]]
    pq.write_table(info.set_column(1, "title", pa.array(titles)), tmp_path / "info.parquet")
    with pytest.raises(DataError, match=f"1 titles are texts such as '{title}'"):
        exported(told, tmp_path / "shop", "minionerec", item_info=str(tmp_path / "info.parquet"))
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("begin", "is_changed"), [("00", True), ("1.", True), ("+", True), ("", False), ("-1", False), ("x", False)]
)
def test_titles_that_pandas_reads_as_other_numbers_are_refused(
    told: Told, tmp_path: Path, begin: str, *, is_changed: bool
) -> None:
    """One text among the titles keeps the column from becoming numbers."""
    ids = pq.read_table(told.info)["item_id"]
    table = pa.table({"item_id": ids, "title": [f"{begin}{number}" for number in range(10, 10 + len(ids))]})
    pq.write_table(table, tmp_path / "info.parquet")
    info = {"item_info": str(tmp_path / "info.parquet")}
    if is_changed:
        with pytest.raises(DataError, match="all titles are numbers"):
            exported(told, tmp_path / "shop", "minionerec", **info)
        pq.write_table(
            table.set_column(1, "title", pa.array(["a", *table["title"].to_pylist()[1:]])), info["item_info"]
        )
    exported(told, tmp_path / "shop", "minionerec", **info)


def test_a_name_with_a_dot_is_refused(told: Told, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name contains a dot") as raised:
        exported(told, tmp_path / "shop.v1", "minionerec")
    assert raised.value.tip == "For example: -o shop-v1"


@pytest.mark.parametrize(("colliding", "warns"), [("error", False), ("append", True)])
def test_minionerec_needs_three_codes_for_its_tasks_with_titles(
    told: Told, tmp_path: Path, colliding: Any, *, warns: bool
) -> None:
    codes = pq.read_table(str(told.options["semantic_ids"]))
    if warns:
        equal = pa.array([row[:2] for row in codes["codes"].to_pylist()])
        codes = codes.set_column(1, "codes", pa.array([[*row, 0, 0] for row in equal.to_pylist()]))
    pq.write_table(codes, tmp_path / "codes.parquet")
    options = told.options | {"semantic_ids": str(tmp_path / "codes.parquet"), "colliding_codes": colliding}
    report = export(told.pairs, tmp_path / "shop", ExportOptions(to="minionerec", **options))
    assert any("by exactly 3 codes, but these items have 5" in note for note in report.notes) == warns
    assert any("add 'shop' to category_dict" in note for note in report.notes)


@pytest.mark.parametrize("rows", [1, 7, 129, 1000])
def test_a_row_group_is_written_in_parts(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """A row group of titles takes hundreds of megabytes of text."""
    expected = exported(told, tmp_path / "whole" / "shop", "minionerec")
    monkeypatch.setattr(format_module, "ROWS_OF_TEXTS", rows)
    found = exported(told, tmp_path / "parts" / "shop", "minionerec")
    for name in ("train/shop_11.csv", "valid/shop_11.csv", "test/shop_11.csv"):
        assert (found / name).read_bytes() == (expected / name).read_bytes()


def test_missing_titles_are_counted_or_replaced_by_ids(told: Told, tmp_path: Path) -> None:
    info = pq.read_table(told.info)
    lines = [{"item_id": item, "title": title} for item, title in zip(*info.columns[:2], strict=True)]
    with (tmp_path / "info.jsonl").open("w", encoding="utf-8") as out:
        for number, line in enumerate(lines[1:]):
            out.write(json.dumps({"item_id": line["item_id"].as_py(), "title": "  " if number == 3 else "T"}) + "\n")
    given = str(tmp_path / "info.jsonl")
    with pytest.raises(DataError, match=r"2 of \d+ items have no title") as raised:
        exported(told, tmp_path / "shop", "minionerec", item_info=given)
    assert "--missing-titles id" in str(raised.value.tip)
    out_dir = exported(told, tmp_path / "shop", "minionerec", item_info=given, missing_titles="id")
    items = json.loads((out_dir / "index/shop.item.json").read_bytes())
    ids = pq.read_table(told.pairs / "items.parquet")["item_id"].to_pylist()
    lacking = {lines[0]["item_id"].as_py(), lines[4]["item_id"].as_py()}
    for number, item in enumerate(ids):
        assert items[str(number)]["title"] == (on_one_line(item) if item in lacking else "T")


# --------------------------------------------------------------------------------------------------------------- sid_gr


@pytest.mark.parametrize("longest", [None, 2, 100])
def test_sid_gr_keeps_the_target_and_the_items_before_it(told: Told, tmp_path: Path, longest: int | None) -> None:
    out = exported(told, tmp_path / "shop", "sid-gr", max_input=longest)
    most = min(longest or 30, 6)
    for split, folder in (("train", "training"), ("validation", "evaluation"), ("test", "testing")):
        found = pq.read_table(out / folder / "shop.parquet")
        assert found.schema.types == [pa.int64(), pa.list_(pa.field("element", pa.int64(), nullable=False)), pa.int64()]
        expected = rows_of(told, split)
        assert found["sequence_data"].to_pylist() == [
            [*row["input_items"][-most:], row["target_item"]] for row in expected
        ]
        assert found["user_id"].to_pylist() == [row["user_num"] for row in expected]
        assert found["sequence_length"].to_pylist() == list(map(len, found["sequence_data"].to_pylist()))
    settings = (out / "shop.gin").read_text("utf-8")
    assert f"max_history_length = {most} " in settings
    # Its model has an assertion that all levels have the same size.
    largest = max(max(codes) for codes in told.codes.values())
    assert f"codebook_sizes = {[largest + 1] * 3} " in settings


def test_the_tensor_of_codes_has_a_column_per_item_number(told: Told, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    out = exported(told, tmp_path / "shop", "sid-gr")
    tensor = torch.load(out / "item-sid-mapping.pt", weights_only=True)
    assert tensor.dtype == torch.int64
    assert tensor.is_contiguous()
    items = pq.read_metadata(told.pairs / "items.parquet").num_rows
    assert tensor.shape == (len(next(iter(told.codes.values()))), items + 1)
    for number, column in enumerate(tensor.T.tolist()):
        assert column == told.codes.get(number, [-1] * len(column))


# --------------------------------------------------------------------------------------------------------- TorchEasyRec


def test_torcheasyrec_has_history_and_candidate_by_the_names_of_its_settings(told: Told, tmp_path: Path) -> None:
    out = exported(told, tmp_path / "shop", "torcheasyrec", rename="item_id=video_id,stars=action_weight")
    ids = pq.read_table(told.pairs / "items.parquet")["item_id"].to_pylist()
    for split in SPLITS:
        found = pq.read_table(out / split / "shop.parquet")
        expected = rows_of(told, split)
        assert found["uih_seq__video_id"].to_pylist() == [[ids[n - 1] for n in row["input_items"]] for row in expected]
        assert found["cand_seq__video_id"].to_pylist() == [[ids[row["target_item"] - 1]] for row in expected]
        assert found["cand_seq__action_weight"].to_pylist() == [[row["target_stars"]] for row in expected]
        lengths = list(map(len, found["uih_seq__video_id"].to_pylist()))
        assert list(map(len, found["uih_seq__action_weight"].to_pylist())) == lengths
    codes = {row["item_id"]: row["codes"] for row in pq.read_table(out / "codes.parquet").to_pylist()}
    assert codes == {ids[number - 1]: list(row) for number, row in told.codes.items()}


def test_torcheasyrec_gets_types_that_it_reads(tmp_path: Path) -> None:
    """TorchEasyRec refuses a data set with any other type."""
    kept = ("rating", "stars", "clicked", "day", "at", "tiny", "big")
    log = awkward_log(tmp_path / "log.parquet")
    table = pq.read_table(log)
    numbers = range(table.num_rows)
    table = table.append_column("tiny", pa.array([n % 100 for n in numbers], pa.uint8()))
    pq.write_table(table.append_column("big", pa.array(numbers, pa.uint32())), log)
    augment(log, tmp_path / "a.pairs", AugmentOptions(max_input="6"), ingest_options=IngestOptions(keep=kept))
    export(tmp_path / "a.pairs", tmp_path / "shop", ExportOptions(to="torcheasyrec"))
    found = pq.read_table(tmp_path / "shop/test/shop.parquet")
    read = {pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string()}
    assert {kind.value_type if pa.types.is_list(kind) else kind for kind in found.schema.types} <= read
    for row, wanted in zip(found.to_pylist(), shards(tmp_path / "a.pairs", "test").to_pylist(), strict=True):
        assert row["uih_seq__clicked"] == [int(each) for each in wanted["input_clicked"]]
        assert row["uih_seq__at"] == [int(each.timestamp()) for each in wanted["input_at"]]
        assert row["cand_seq__at"] == [int(wanted["target_at"].timestamp())]
        assert (row["uih_seq__tiny"], row["cand_seq__big"]) == (wanted["input_tiny"], [wanted["target_big"]])


def test_torcheasyrec_refuses_values_that_it_does_not_read(tmp_path: Path) -> None:
    log = awkward_log(tmp_path / "log.parquet")
    table = pq.read_table(log)
    pq.write_table(table.append_column("raw", pa.array([b"x"] * table.num_rows)), log)
    augment(log, tmp_path / "a.pairs", ingest_options=IngestOptions(keep=("raw",)))
    with pytest.raises(DataError, match="the kept column 'raw' has the type binary"):
        export(tmp_path / "a.pairs", tmp_path / "shop", ExportOptions(to="torcheasyrec"))


# ----------------------------------------------------------------------------------------------------------------- GRID


@pytest.mark.parametrize("in_a_file", [1, 2, 25, 26, 27, 1000])
def test_grid_has_a_text_of_every_item_number_from_0(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_file: int
) -> None:
    """GRID makes a tensor with a row per record, and takes the id of the record for the row."""
    monkeypatch.setattr(grid, "_ITEMS_A_FILE", in_a_file)
    report = export(told.pairs, tmp_path / "shop", ExportOptions(to="grid", item_info=str(told.info)))
    files = sorted((tmp_path / "shop/items").iterdir())
    found = [example(record) for path in files for record in records(path)]
    assert [row["id"] for row in found] == [[number] for number in range(len(told.titles) + 1)]
    expected = [""]
    for number, title in told.titles.items():
        price = told.prices[number]
        expected.append(f"title: {title}" + ("" if price is None else f"; price: {price}"))
    assert [row["text"][0].decode() for row in found] == expected
    foreign = sum(not title.isascii() for title in told.titles.values())
    assert any(f"the texts of {foreign:,} items in items/ are not ASCII" in note for note in report.notes)


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        ("item=x", "--rename item: no such column in format torcheasyrec; the columns are user_id, item_id"),
        ("item_id", "it must be OLD=NEW"),
        ("item_id=", "it must be OLD=NEW"),
        ("item_id=stars", "two columns the same name"),
    ],
)
def test_names_that_cannot_be_replaced(told: Told, tmp_path: Path, rename: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        exported(told, tmp_path / "shop", "torcheasyrec", rename=rename)
    with pytest.raises(UsageError, match="whose names of columns are fixed"):
        exported(told, tmp_path / "shop", "sid-gr", rename="item_id=x")


# ----------------------------------------------------------------------------------------------------------- OpenOneRec


def test_openonerec_has_a_conversation_per_pair_in_files_of_one_row_group(told: Told, tmp_path: Path) -> None:
    template = ["system = 's \"q\"'", 'user = "{history_titles} {history}"', 'assistant = "{target}"', 'separator = ""']
    (tmp_path / "t.toml").write_text("\n".join(template), encoding="utf-8")
    monkeypatched = pytest.MonkeyPatch()
    monkeypatched.setattr(openonerec, "ROWS_A_FILE", 70)
    out = exported(told, tmp_path / "shop", "openonerec", template=str(tmp_path / "t.toml"))
    monkeypatched.undo()
    seen = set()
    for split in SPLITS:
        files = json.loads((out / f"{split}.json").read_bytes())
        expected = rows_of(told, split)
        assert len(files) == -(-len(expected) // 70)
        found = []
        for name in files:
            file = pq.ParquetFile(tmp_path / name)
            assert file.num_row_groups == 1
            found += file.read_row_group(0).to_pylist()
        for line, row in zip(found, expected, strict=True):
            seen.add(str(UUID(line["uuid"])))
            assert line["source"] == "genpas_shop"
            assert json.loads(line["metadata"]) == {"uid": row["user_num"]}
            assert (line["images"], line["videos"]) == ("{}", "{}")
            titles = "".join(told.titles[item] for item in row["input_items"])
            history = "".join(one_sid(told.codes[item]) for item in row["input_items"])
            target = one_sid(told.codes[row["target_item"]])
            texts = {"system": 's "q"', "user": f"{titles} {history}", "assistant": target}
            assert json.loads(line["messages"]) == [
                {"role": role, "content": [{"type": "text", "text": text}]} for role, text in texts.items()
            ]
    assert len(seen) == sum(len(rows_of(told, split)) for split in SPLITS), "uuids are unique"
    ids = pq.read_table(told.pairs / "items.parquet")["item_id"].to_pylist()
    table = {row["pid"]: row["sid"] for row in pq.read_table(out / "pid2sid.parquet").to_pylist()}
    assert table == {ids[number - 1]: codes for number, codes in told.codes.items()}
    assert "<|sid_begin|>" in (out / "new_tokens.txt").read_text("utf-8").splitlines()


def one_sid(codes: list[int]) -> str:
    inside = "".join(f"<s_{'abcdef'[level]}_{code}>" for level, code in enumerate(codes))
    return f"<|sid_begin|>{inside}<|sid_end|>"
