"""Item information: each format gives the same columns beside the vocabulary; what is missing is counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, DataError, UsageError, augment, merge, verify
from tests.support import InProcess, refused

LOG = pa.table({
    "user_id": [1, 1, 1, 1, 2, 2, 2, 2], "item_id": [7, 8, 9, 10, 9, 8, 10, 7], "timestamp": list(range(8)),
})  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"item_id": 8, "title": 'Say "hi", twice', "genre": "a|b"},
    {"item_id": 7, "title": "Two\nlines", "genre": None},
    {"item_id": 10, "title": "näive ☕", "genre": "c"},
    {"item_id": 99, "title": "sold out", "genre": "d"},
]


def items_of(pairs: Path) -> dict[str, tuple[Any, ...]]:
    rows = pq.read_table(pairs / "items.parquet").to_pylist()
    return {row["item_id"]: tuple(list(row.values())[2:]) for row in rows}


def csv_text(delimiter: str = ",") -> str:
    lines = [delimiter.join(["item_id", "title", "genre"])]
    for row in ROWS:
        title = '"' + row["title"].replace('"', '""') + '"'
        lines.append(delimiter.join([str(row["item_id"]), title, row["genre"] or ""]))
    return "\n".join(lines) + "\n"


def written(path: Path) -> Path:
    """Write the information in the format that the name says."""
    name = path.name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif name.endswith(".float.parquet"):
        pq.write_table(pa.Table.from_pylist([row | {"item_id": float(row["item_id"])} for row in ROWS]), path)
    elif name.endswith(".arrow"):
        table = pa.Table.from_pylist(ROWS)
        with pa.ipc.new_file(str(path), table.schema) as out:
            out.write_table(table)
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    elif name.endswith(".json"):
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(csv_text().encode()))
    else:
        path.write_text(csv_text("\t" if name.endswith(".tsv") else ","), encoding="utf-8")
    return path


NAMES = ["i.parquet", "i.float.parquet", "i.arrow", "i.jsonl", "i.json", "i.csv", "i.tsv", "i.csv.gz"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_same_columns(tmp_path: Path, name: str) -> None:
    report = augment(LOG, tmp_path / "a.pairs", AugmentOptions(item_info=str(written(tmp_path / name))))
    assert report.item_info is not None
    assert (report.item_info["columns"], report.item_info["missing"]) == (["title", "genre"], 1)
    assert items_of(tmp_path / "a.pairs") == {
        "7": ("Two\nlines", None), "8": ('Say "hi", twice', "a|b"), "9": (None, None), "10": ("näive ☕", "c"),
    }  # fmt: skip
    verify(tmp_path / "a.pairs")


def test_information_changes_no_pair(tmp_path: Path) -> None:
    augment(LOG, tmp_path / "a.pairs")
    augment(LOG, tmp_path / "b.pairs", item_info=written(tmp_path / "i.csv"))
    for shard in (tmp_path / "a.pairs/data").iterdir():
        assert shard.read_bytes() == (tmp_path / "b.pairs/data" / shard.name).read_bytes()


def test_types_of_parquet_stay(tmp_path: Path) -> None:
    table = pa.table({"asin": ["7", "8"], "price": [1.5, None], "tags": [["a", "b"], []]})
    pq.write_table(table, tmp_path / "i.parquet")
    augment(LOG, tmp_path / "a.pairs", item_info=tmp_path / "i.parquet")
    schema = pq.read_schema(tmp_path / "a.pairs/items.parquet")
    assert schema.field("price").type == pa.float64()
    assert pa.types.is_list(schema.field("tags").type)
    assert items_of(tmp_path / "a.pairs")["7"] == (1.5, ["a", "b"])


def test_parts_with_information_are_merged(tmp_path: Path) -> None:
    log, info = tmp_path / "log.parquet", written(tmp_path / "i.csv")
    pq.write_table(LOG, log)
    augment(log, tmp_path / "whole.pairs", item_info=info)
    for part in ("1/2", "2/2"):
        augment(log, tmp_path / "p.pairs", item_info=info, part=part)
    merge([tmp_path / "p.pairs.part-1-of-2", tmp_path / "p.pairs.part-2-of-2"], tmp_path / "merged.pairs")
    assert (tmp_path / "merged.pairs/items.parquet").read_bytes() == (
        tmp_path / "whole.pairs/items.parquet"
    ).read_bytes()


def test_the_same_run_again_from_its_manifest(inside: InProcess) -> None:
    pq.write_table(LOG, inside.cwd / "log.parquet")
    written(inside.cwd / "i.csv")
    assert inside("augment", "log.parquet", "--item-info", "i.csv", "-o", "a.pairs").returncode == 0
    assert inside("augment", "--config", "a.pairs/manifest.json", "log.parquet", "-o", "b.pairs").returncode == 0
    first, second = ((inside.cwd / name / "items.parquet").read_bytes() for name in ("a.pairs", "b.pairs"))
    assert first == second


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"item_id": 7, "title": "a"}, {"item_id": 7, "title": "b"}], "different information, such as '7'"),
        ([{"item_id": 70, "title": "a"}], "has none of the 4 items: an id in its column 'item_id' is '70'"),
        ([{"item_id": 7}], "has no column besides 'item_id'"),
        ([{"name_of_it": 7, "title": "a"}], "the column of item ids was not detected"),
        ([{"asin": 7, "item_id": "a"}], "is called 'asin'|none of the 4 items"),
        ([{"sku": 7, "item_num": 3}], "is called 'item_num', which is a column of items.parquet|not detected"),
    ],
)
def test_information_that_cannot_be_used(tmp_path: Path, rows: list[dict[str, Any]], words: str) -> None:
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "i.parquet")
    with pytest.raises(DataError, match=words):
        augment(LOG, tmp_path / "a.pairs", item_info=tmp_path / "i.parquet")
    assert not (tmp_path / "a.pairs").exists()


def test_equal_rows_count_once(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("item_id,title\n7,a\n7,a\n", encoding="utf-8")
    augment(LOG, tmp_path / "a.pairs", item_info=tmp_path / "i.csv")
    assert items_of(tmp_path / "a.pairs")["7"] == ("a",)


def test_the_column_of_ids_is_named(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("number,title\n7,a\n", encoding="utf-8")
    augment(LOG, tmp_path / "a.pairs", item_info=tmp_path / "i.csv", item_info_id="number")
    assert items_of(tmp_path / "a.pairs")["7"] == ("a",)
    with pytest.raises(DataError, match="no column 'nummer'") as raised:
        augment(LOG, tmp_path / "b.pairs", item_info=tmp_path / "i.csv", item_info_id="nummer")
    assert "--item-info-id number" in str(raised.value.tip)
    with pytest.raises(UsageError, match="--item-info-id can only be used with --item-info"):
        augment(LOG, tmp_path / "b.pairs", item_info_id="number")


def test_a_malformed_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("item_id,title\n7,a\n8,b,c\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"i.csv, line 3"):
        augment(LOG, tmp_path / "a.pairs", item_info=tmp_path / "i.csv")


def test_files_that_are_no_information(inside: InProcess) -> None:
    pq.write_table(LOG, inside.cwd / "log.parquet")
    (inside.cwd / "empty.csv").write_text("", encoding="utf-8")
    (inside.cwd / "broken.parquet").write_bytes(b"PAR1 and no more PAR1")
    for name in ("none.csv", "empty.csv", "broken.parquet", "."):
        refused(inside("augment", "log.parquet", "--item-info", name), 1)


@pytest.mark.parametrize(
    "content",
    [
        "item_id,title\n7,näive\n".encode("latin-1"),
        "item_id,title\n7,näive\n".encode("utf-16"),
        b"item_id,title\n7,a,b,c\n8\n9,x\n",
        b"item_id,title,title\n7,a,b\n",
    ],
    ids=["latin-1", "utf-16", "ragged", "two titles"],
)
def test_a_text_that_cannot_be_read_names_no_option_of_logs(tmp_path: Path, content: bytes) -> None:
    pq.write_table(LOG, tmp_path / "log.parquet")
    (tmp_path / "info.csv").write_bytes(content)
    with pytest.raises(DataError) as raised:
        augment(tmp_path / "log.parquet", tmp_path / "o.pairs", AugmentOptions(item_info=str(tmp_path / "info.csv")))
    assert raised.value.tip is not None
    assert raised.value.tip.startswith("--item-info needs Parquet, JSON Lines, or CSV in UTF-8")


def test_a_file_without_rows_says_so(tmp_path: Path) -> None:
    pq.write_table(LOG, tmp_path / "log.parquet")
    (tmp_path / "info.csv").write_text("item_id,title\n", encoding="utf-8")
    with pytest.raises(DataError, match="has no row with an item id in its column 'item_id'"):
        augment(tmp_path / "log.parquet", tmp_path / "o.pairs", AugmentOptions(item_info=str(tmp_path / "info.csv")))
