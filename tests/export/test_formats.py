"""What a format's readers find in the output is what the shards hold: pair by pair, in order, kept columns too."""

from __future__ import annotations

import ast
import csv
import datetime as dt
import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from genpas_cli import DataError, ExportOptions, IngestOptions, augment, export, ingest
from genpas_cli.export.formats import FORMATS, format_named
from genpas_cli.export.formats.arrays import numbers_of
from tests.support import shards

SPLITS = ("train", "validation", "test")

Pair = dict[str, Any]


def exported(pairs: Path, out: Path, to: str, **options: Any) -> Path:
    export(pairs, out, ExportOptions(to=to, **options))
    return out


def as_read_from_json(value: Any) -> Any:
    """Return what JSON makes of a value."""
    if isinstance(value, list):
        return [as_read_from_json(each) for each in value]
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%fZ") if value.tzinfo else value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value) if isinstance(value, dt.date) else value


def ids_of(pairs: Path, table: str) -> list[str]:
    """Return the ids by number; nobody has number 0."""
    ids = pq.read_table(pairs / f"{table}.parquet")[f"{table[:-1]}_id"].to_pylist()
    return ["", *ids]


def raw(rows: list[Pair], pairs: Path) -> list[Pair]:
    """Return pairs with ids instead of numbers."""
    items, users = ids_of(pairs, "items"), ids_of(pairs, "users")
    return [
        {"user_id": users[row["user_num"]]}
        | {key: value for key, value in row.items() if key != "user_num"}
        | {"input_items": [items[n] for n in row["input_items"]], "target_item": items[row["target_item"]]}
        for row in rows
    ]


# --------------------------------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("ids", ["num", "raw"])
def test_jsonl(kept_pairs: Path, tmp_path: Path, split: str, ids: str) -> None:
    out = exported(kept_pairs, tmp_path / "out", "jsonl", ids=ids)
    found = [json.loads(line) for line in (out / f"{split}.jsonl").read_text("utf-8").splitlines()]
    rows = shards(kept_pairs, split).to_pylist()
    expected = rows if ids == "num" else raw(rows, kept_pairs)
    assert found == [{key: as_read_from_json(value) for key, value in row.items()} for row in expected]
    assert [list(row) for row in found[:1]] == [list(expected[0])]


@pytest.mark.parametrize("ids", ["num", "raw"])
def test_csv(kept_pairs: Path, tmp_path: Path, ids: str) -> None:
    out = exported(kept_pairs, tmp_path / "out", "csv", ids=ids)
    rows = shards(kept_pairs).to_pylist()
    expected = rows if ids == "num" else raw(rows, kept_pairs)
    with (out / "train.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(expected[0])
    for row, wanted in zip(found, expected, strict=True):
        for key, value in wanted.items():
            if isinstance(value, list):
                assert json.loads(row[key]) == as_read_from_json(value), key
            elif isinstance(value, bool):
                assert row[key] == str(value).lower()
            elif isinstance(value, float):
                assert float(row[key]) == value
            else:
                assert row[key] == ("" if value is None else str(as_read_from_json(value))), key


def test_duckdb_reads_both_texts_as_it_reads_the_shards(kept_pairs: Path, tmp_path: Path) -> None:
    columns = "user_num, input_items, target_item, input_start, target_position, target_rating, input_rating"
    expected = duckdb.execute(f"select {columns} from '{kept_pairs}/data/train-*.parquet'").fetchall()
    for to in ("jsonl", "csv"):
        out = exported(kept_pairs, tmp_path / to, to)
        if to == "csv":
            lists = "replace (input_items::int[] as input_items, input_rating::double[] as input_rating)"
            found = duckdb.execute(f"select {columns} from (select * {lists} from '{out}/train.csv')").fetchall()
        else:
            found = duckdb.execute(f"select {columns} from '{out}/train.jsonl'").fetchall()
        assert found == expected


@pytest.mark.parametrize(("to", "missing"), [("jsonl", "null"), ("csv", "")])
def test_missing_information_about_an_item_is_null(plain_pairs: Path, tmp_path: Path, to: str, missing: str) -> None:
    items = ids_of(plain_pairs, "items")[1:]
    brands = [None if n % 2 else f"b{n}" for n in range(len(items))]
    pq.write_table(pa.table({"item_id": items, "brand": brands}), tmp_path / "info.parquet")
    out = exported(plain_pairs, tmp_path / "out", to, columns="target_brand", split="train",
                   item_info=str(tmp_path / "info.parquet"))  # fmt: skip
    found = out.read_text("utf-8").split("\n")[to == "csv" : -1]
    shown = [missing if brand is None else brand if to == "csv" else f'"{brand}"' for brand in brands]
    expected = [shown[target - 1] for target in shards(plain_pairs)["target_item"].to_pylist()]
    assert found == (expected if to == "csv" else [f'{{"target_brand":{text}}}' for text in expected])


def test_an_empty_text_and_a_missing_one_differ_in_csv(kept_pairs: Path, tmp_path: Path) -> None:
    out = exported(kept_pairs, tmp_path / "out", "csv", columns="target_note", split="train")
    lines = out.read_text("utf-8").split("\n")
    notes = shards(kept_pairs)["target_note"].to_pylist()
    assert lines.count('""') == notes.count("")
    assert lines.count("") - 1 == notes.count(None)


@pytest.mark.parametrize("blank", [chr(code) for code in range(0x10000) if chr(code).isspace()])
def test_an_id_with_any_blank_is_not_written_to_sequences(tmp_path: Path, blank: str) -> None:
    rows = [{"user_id": "u", "item_id": f"a{blank}b" if n else "c", "timestamp": n} for n in range(4)]
    augment(pa.Table.from_pylist(rows), tmp_path / "log.pairs")
    with pytest.raises(DataError, match="contain a blank, tab or line break"):
        export(tmp_path / "log.pairs", tmp_path / "out", ExportOptions(to="sequences", ids="raw"))
    export(tmp_path / "log.pairs", tmp_path / "out", ExportOptions(to="sequences", ids="num"))


def test_sequences_are_what_ingest_reads(plain_pairs: Path, tmp_path: Path) -> None:
    """Each held-out line is a whole history; here histories are cut to six items before the target."""
    out = exported(plain_pairs, tmp_path / "out", "sequences")
    for split in SPLITS:
        best: dict[int, Pair] = {}
        for row in shards(plain_pairs, split).to_pylist():
            key = (-row["target_position"], row["input_start"])
            if row["user_num"] not in best or key < (-best[row["user_num"]]["target_position"],
                                                     best[row["user_num"]]["input_start"]):  # fmt: skip
                best[row["user_num"]] = row
        expected = [
            " ".join(map(str, [user, *best[user]["input_items"], best[user]["target_item"]])) for user in sorted(best)
        ]
        assert (out / f"{split}.txt").read_text("utf-8").splitlines() == expected
    report = ingest(out / "test.txt", tmp_path / "again.store", IngestOptions(split="none", format="sequences"))
    assert report.users == len(expected)


def test_recbole(plain_pairs: Path, tmp_path: Path) -> None:
    out = exported(plain_pairs, tmp_path / "shop", "recbole", ids="raw")
    items = ids_of(plain_pairs, "items")
    for split, name in zip(SPLITS, ("train", "valid", "test"), strict=True):
        with (out / f"shop.{name}.inter").open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        assert header == [
            "user_id:token", "item_id_list:token_seq", "item_id:token", "stars_list:float_seq", "stars:float",
            "at_list:float_seq", "at:float",
        ]  # fmt: skip
        for line, row in zip(lines, shards(plain_pairs, split).to_pylist(), strict=True):
            assert line[0] == str(row["user_num"])
            assert line[1].split(" ") == [items[n] for n in row["input_items"]]
            assert line[2] == items[row["target_item"]]
            assert [float(x) for x in line[3].split(" ")] == row["input_stars"]
            assert float(line[6]) == row["target_at"].timestamp()


def test_hstu_reads_a_history_whose_last_item_is_the_target(plain_pairs: Path, tmp_path: Path) -> None:
    from genpas_cli.ingest.columns.aliases import RATING, matches

    assert matches(["stars"], RATING), "the kept column is found by its name"
    out = exported(plain_pairs, tmp_path / "train.csv", "hstu", split="train", columns=None)
    with out.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    for line, row in zip(found, shards(plain_pairs).to_pylist(), strict=True):
        assert int(line["user_id"]) == row["user_num"]
        for key, name in (("item_ids", "items"), ("ratings", "stars")):
            target = row["target_item" if name == "items" else f"target_{name}"]
            # As its own loader does.
            assert list(ast.literal_eval(line[f"sequence_{key}"])) == [*row[f"input_{name}"], target]
        times = [int(each.timestamp()) for each in (*row["input_at"], row["target_at"])]
        assert list(ast.literal_eval(line["sequence_timestamps"])) == times


# -------------------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("split", SPLITS)
def test_arrow_files(kept_pairs: Path, tmp_path: Path, split: str) -> None:
    out = exported(kept_pairs, tmp_path / "out", "arrow")
    with pa.OSFile(str(out / f"{split}.arrow")) as file:
        found = pa.ipc.open_file(file).read_all()
    assert found.schema.remove_metadata() == shards(kept_pairs, split).schema.remove_metadata()
    assert found.equals(shards(kept_pairs, split))


def test_arrow_with_ids(kept_pairs: Path, tmp_path: Path) -> None:
    out = exported(kept_pairs, tmp_path / "out.arrow", "arrow", ids="raw", split="test")
    found = pa.ipc.open_file(out).read_all()
    assert found.to_pylist() == raw(shards(kept_pairs, "test").to_pylist(), kept_pairs)
    assert found.schema.field("target_item").type == pa.string()


@pytest.mark.parametrize("to", ["npz", "safetensors"])
@pytest.mark.parametrize("split", SPLITS)
def test_arrays(plain_pairs: Path, tmp_path: Path, to: str, split: str) -> None:
    out = exported(plain_pairs, tmp_path / "out", to)
    found = load_file(out / f"{split}.{to}") if to == "safetensors" else np.load(out / f"{split}.{to}")
    table = shards(plain_pairs, split)
    inputs = [found["values"][a:b].tolist() for a, b in zip(found["offsets"], found["offsets"][1:], strict=False)]
    assert inputs == table["input_items"].to_pylist()
    assert found["targets"].tolist() == table["target_item"].to_pylist()
    assert found["users"].tolist() == table["user_num"].to_pylist()
    assert found["input_stars"].tolist() == [x for row in table["input_stars"].to_pylist() for x in row]
    assert found["target_at"].tolist() == [int(at.timestamp()) for at in table["target_at"].to_pylist()]
    types = {
        name: found[name].dtype.name for name in ("values", "offsets", "targets", "users", "target_stars", "target_at")
    }
    assert types == {
        "values": "int32", "offsets": "int64", "targets": "int32", "users": "int32", "target_stars": "int32",
        "target_at": "int64",
    }  # fmt: skip


@pytest.mark.parametrize("to", ["npz", "safetensors"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_arrays(plain_pairs: Path, tmp_path: Path, to: str, side: str) -> None:
    out = exported(plain_pairs, tmp_path / "out", to, pad=side, columns="target_position")
    found = load_file(out / f"train.{to}") if to == "safetensors" else np.load(out / f"train.{to}")
    rows = shards(plain_pairs)["input_items"].to_pylist()
    fill = [[0] * (6 - len(row)) for row in rows]
    expected = [pad + row if side == "left" else row + pad for pad, row in zip(fill, rows, strict=True)]
    assert found["inputs"].tolist() == expected
    assert set(found) == {"inputs", "targets", "target_position"}


# ------------------------------------------------------------------------------------------------------------ TFRecord


def records(path: Path) -> Iterator[bytes]:
    """Yield the records of a gzip TFRecord file, their checksums compared."""

    def checksum(data: bytes) -> int:
        crc = google_crc32c.value(data)
        return int(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    with gzip.open(path) as file:
        while head := file.read(12):
            length, crc = struct.unpack("<QI", head)
            assert crc == checksum(head[:8])
            data = file.read(length)
            assert struct.unpack("<I", file.read(4)) == (checksum(data),)
            yield data


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (field, bytes) of the length-delimited fields of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        assert tag & 7 == 2
        size, at = varint(message, at)
        yield tag >> 3, message[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value - (1 << 64) if value >> 63 else value, at


def example(record: bytes) -> dict[str, list[Any]]:
    """Return the features of a `tf.train.Example`."""
    found = {}
    ((_, features),) = fields(record)
    for _, entry in fields(features):
        (_, key), (_, feature) = fields(entry)
        ((kind, listed),) = fields(feature)
        values: list[Any] = [body for _, body in fields(listed)]
        if kind == 2:
            values = list(struct.unpack(f"<{len(values[0]) // 4}f", values[0]))
        elif kind == 3:
            packed, at, values = values[0], 0, []
            while at < len(packed):
                value, at = varint(packed, at)
                values.append(value)
        found[key.decode()] = values
    return found


@pytest.mark.parametrize(
    ("split", "folder"), [("train", "training"), ("validation", "evaluation"), ("test", "testing")]
)
def test_grid(kept_pairs: Path, tmp_path: Path, split: str, folder: str) -> None:
    columns = ",".join(f"{side}_{name}" for name in ("rating", "stars", "at", "note") for side in ("input", "target"))
    out = exported(kept_pairs, tmp_path / "out", "grid", columns=columns.replace("_note", "_day"))
    found = [example(record) for path in sorted((out / folder).glob("*.tfrecord.gz")) for record in records(path)]
    for row, wanted in zip(found, shards(kept_pairs, split).to_pylist(), strict=True):
        assert row["user_id"] == [wanted["user_num"]]
        assert row["sequence_data"] == [*wanted["input_items"], wanted["target_item"]]
        assert row["sequence_stars"] == [*wanted["input_stars"], wanted["target_stars"]]
        ratings = [
            float("nan") if each is None else each for each in (*wanted["input_rating"], wanted["target_rating"])
        ]
        np.testing.assert_array_equal(row["sequence_rating"], ratings)
        assert row["sequence_at"] == [int(at.timestamp()) for at in (*wanted["input_at"], wanted["target_at"])]


def test_grid_with_ids(kept_pairs: Path, tmp_path: Path) -> None:
    out = exported(kept_pairs, tmp_path / "out", "grid", ids="raw", columns="user_id")
    found = [example(record) for record in records(out / "testing" / "part-00000.tfrecord.gz")]
    expected = raw(shards(kept_pairs, "test").to_pylist(), kept_pairs)
    assert [row["user_id"] for row in found] == [[row["user_id"].encode()] for row in expected]
    assert [row["sequence_data"] for row in found] == [
        [each.encode() for each in (*row["input_items"], row["target_item"])] for row in expected
    ]


# ---------------------------------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_pairs_give_the_same_bytes_on_any_number_of_threads(
    plain_pairs: Path, needed_options: dict[str, Any], tmp_path: Path, to: str
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "3").mkdir()
    needed = needed_options if format_named(to).needs_codes else {}
    first, second = (exported(plain_pairs, tmp_path / str(n) / "shop", to, threads=n, **needed) for n in (1, 3))
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_files_of_grid_have_no_date(plain_pairs: Path, tmp_path: Path) -> None:
    """Gzip has room for one: the same pairs would give other bytes a second later."""
    files = exported(plain_pairs, tmp_path / "out", "grid").rglob("*.tfrecord.gz")
    assert {file.read_bytes()[4:8] for file in files} == {bytes(4)}


def test_seconds_are_rounded_down_on_both_sides_of_1970() -> None:
    times = pa.array([-1_500_000, -1, 0, 1_500_000], pa.timestamp("us"))
    assert numbers_of("at", times).tolist() == [-2, -1, 0, 1]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_tensor_begins_where_its_type_may(plain_pairs: Path, tmp_path: Path, limit: int) -> None:
    data = exported(plain_pairs, tmp_path / "out", "safetensors", split="train", limit=limit).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    tensors = {name: each for name, each in json.loads(data[8:begin]).items() if name != "__metadata__"}
    assert (tensors["values"]["dtype"], tensors["offsets"]["dtype"]) == ("I32", "I64")
    for each in tensors.values():
        assert (begin + each["data_offsets"][0]) % {"I32": 4, "I64": 8}[each["dtype"]] == 0


@pytest.mark.parametrize("to", FORMATS)
def test_limit(plain_pairs: Path, needed_options: dict[str, Any], tmp_path: Path, to: str) -> None:
    needed = needed_options if format_named(to).needs_codes else {}
    report = export(plain_pairs, tmp_path / "out", ExportOptions(to=to, limit=150, **needed))
    there = {split: len(shards(plain_pairs, split)) for split in SPLITS}
    assert report.pairs == {split: min(150, rows) for split, rows in there.items()}


@pytest.mark.parametrize("to", ["jsonl", "csv"])
def test_columns_are_written_in_the_order_asked_for(plain_pairs: Path, tmp_path: Path, to: str) -> None:
    out = exported(
        plain_pairs, tmp_path / "out", to, columns="target_item, input_items", split="test", ids="raw", limit=1
    )
    text, items = out.read_text("utf-8"), ids_of(plain_pairs, "items")
    row = shards(plain_pairs, "test").to_pylist()[0]
    inputs, target = [items[n] for n in row["input_items"]], items[row["target_item"]]
    compact = json.dumps(inputs, separators=(",", ":"))
    if to == "jsonl":
        assert text == f'{{"target_item":"{target}","input_items":{compact}}}\n'
    else:
        assert text == "target_item,input_items\n" + target + ',"' + compact.replace('"', '""') + '"\n'


@pytest.mark.parametrize("item", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", ""])
def test_a_csv_cell_holds_any_text(tmp_path: Path, item: str) -> None:
    rows = [{"user_id": "u", "item_id": each, "timestamp": n} for n, each in enumerate(("x", "y", item or "z", "w"))]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    augment(tmp_path / "log.parquet", tmp_path / "log.pairs", ingest_options=IngestOptions(split="none"))
    export(tmp_path / "log.pairs", tmp_path / "out.csv", ExportOptions(to="csv", ids="raw", split="train"))
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert {item or "z"} <= {row["target_item"] for row in read}
    assert [len(row) for row in read] == [len(read[0])] * len(read)
