"""Options of `export` with the formats of trainers: which fit, which are refused, and what they do alike in all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, ExportOptions, augment, export
from genpas_cli.pairs.codes.files import read_codes
from genpas_cli.runtime.errors import DataError, UsageError
from tests.export.conftest import Told, exported, rows_of, sid
from tests.export.test_formats import SPLITS
from tests.support import shards


@pytest.mark.parametrize("to", ["minionerec", "openonerec", "sid-gr"])
def test_codes_are_needed(told: Told, tmp_path: Path, to: str) -> None:
    with pytest.raises(UsageError, match=f"--to {to} writes the codes of items, but --semantic-ids is missing"):
        exported(told, tmp_path / "shop", to, semantic_ids=None, missing_codes="error")


def test_titles_are_needed(told: Told, plain_pairs: Path, tmp_path: Path) -> None:
    codes = told.options["semantic_ids"]
    with pytest.raises(UsageError, match="no item information, so the column 'title'"):
        export(plain_pairs, tmp_path / "shop", ExportOptions(to="minionerec", semantic_ids=codes))
    with pytest.raises(UsageError, match="no column 'titel'") as raised:
        exported(told, tmp_path / "shop", "minionerec", title="titel")
    assert "'title'" in str(raised.value.tip)


@pytest.mark.parametrize(("option", "flag"), [({"title": "name"}, "--title"), ({"missing_titles": "id"}, "--missing-")])
def test_options_of_titles_are_refused_where_none_are_written(
    plain_pairs: Path, tmp_path: Path, option: dict[str, Any], flag: str
) -> None:
    with pytest.raises(UsageError, match=f"{flag}.* --to csv writes no titles"):
        export(plain_pairs, tmp_path / "out", ExportOptions(to="csv", **option))


def test_item_information_that_is_not_written_is_noted(told: Told, tmp_path: Path) -> None:
    info = str(told.options["item_info"])
    unused = "no column of --item-info is written"
    report = export(told.pairs, tmp_path / "a", to="csv", item_info=info)
    assert [note for note in report.notes if note.startswith(unused)]
    columns = "input_items,target_item,target_title"
    report = export(told.pairs, tmp_path / "b", to="csv", item_info=info, columns=columns)
    assert not [note for note in report.notes if note.startswith(unused)]


def test_torcheasyrec_refuses_integers_that_it_cannot_hold(tmp_path: Path) -> None:
    large = pa.array([2**63 + n for n in range(4)], pa.uint64())
    log = pa.table({"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": [1, 2, 3, 4], "value": large})
    augment(log, tmp_path / "a.pairs", keep=("value",))
    with pytest.raises(DataError, match=f"input_value has the value {2**63}, but TorchEasyRec's integers"):
        export(tmp_path / "a.pairs", tmp_path / "out", to="torcheasyrec")


def test_a_pattern_of_codes_needs_codes(plain_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--sid-format can only be used with --semantic-ids"):
        export(plain_pairs, tmp_path / "out", to="jsonl", sid_format="openonerec")


@pytest.mark.parametrize("to", ["minionerec", "openonerec", "sid-gr", "torcheasyrec"])
def test_padding_is_refused(told: Told, tmp_path: Path, to: str) -> None:
    with pytest.raises(UsageError, match=f"--pad cannot be used with --to {to}"):
        exported(told, tmp_path / "shop", to, pad="left", ids="num")


@pytest.mark.parametrize(
    "to", ["openonerec", "sid-gr", "torcheasyrec", "messages", "alpaca", "sharegpt", "prompt", "jsonl", "csv"]
)
def test_all_pairs_may_be_dropped(tmp_path: Path, to: Any) -> None:
    rows = [{"user_id": f"u{n // 4}", "item_id": f"i{n % 4}", "timestamp": n} for n in range(12)]
    augment(pa.Table.from_pylist(rows), tmp_path / "log.pairs", AugmentOptions(strategy="multi-target"))
    pq.write_table(pa.table({"item_id": ["i0"], "codes": [[1, 2]]}), tmp_path / "codes.parquet")
    codes = tmp_path / "codes.parquet"
    report = export(tmp_path / "log.pairs", tmp_path / "shop", to=to, semantic_ids=codes, missing_codes="drop")
    assert report.pairs == {"train": 0, "validation": 0, "test": 0}
    assert report.dropped == 9


def test_a_directory_of_several_files_is_not_said_to_be_one_file(told: Told, tmp_path: Path) -> None:
    out = tmp_path / "shop.parquet"
    report = export(told.pairs, out, ExportOptions(to="openonerec", split="train", **told.options))
    assert not any("single file" in note for note in report.notes)


@pytest.mark.parametrize("to", ["minionerec", "sid-gr"])
def test_ids_are_refused_where_numbers_are_needed(told: Told, tmp_path: Path, to: str) -> None:
    with pytest.raises(UsageError, match=f"--to {to} needs item numbers"):
        exported(told, tmp_path / "shop", to, ids="raw")


# ----------------------------------------------------------------------------------------------- information in general


def test_information_becomes_columns_of_any_format(told: Told, tmp_path: Path) -> None:
    columns = "input_title,target_price,target_item,input_sid"
    out = exported(told, tmp_path / "out.jsonl", "jsonl", columns=columns, split="test", separator=False)
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    for line, row in zip(lines, rows_of(told, "test"), strict=True):
        assert line["input_title"] == [told.titles[item] for item in row["input_items"]]
        assert line["target_price"] == told.prices[row["target_item"]]
        assert line["input_sid"] == [sid(told.codes[item]) for item in row["input_items"]]


@pytest.mark.parametrize("to", ["jsonl", "csv", "arrow"])
def test_columns_get_other_names(told: Told, tmp_path: Path, to: str) -> None:
    out = exported(
        told, tmp_path / "out", to, split="test", columns="target_item,input_items", semantic_ids=None,
        missing_codes="error", rename="target_item=item,input_items=history",
    )  # fmt: skip
    if to == "jsonl":
        assert list(json.loads(out.read_text("utf-8").splitlines()[0])) == ["item", "history"]
    elif to == "csv":
        assert out.read_text("utf-8").splitlines()[0] == "item,history"
    else:
        assert pa.ipc.open_file(out).schema.names == ["item", "history"]


@pytest.mark.parametrize("most", [1, 3, 6, 99])
def test_inputs_keep_their_most_recent_items(told: Told, tmp_path: Path, most: int) -> None:
    plain = {"semantic_ids": None, "missing_codes": "error"}
    out = exported(told, tmp_path / "out.jsonl", "jsonl", split="train", max_input=most, **plain)
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    for line, row in zip(lines, shards(told.pairs, "train").to_pylist(), strict=True):
        assert line["input_items"] == row["input_items"][-most:]
        assert line["input_stars"] == row["input_stars"][-most:]
        assert line["input_start"] == row["input_start"]


def test_codes_written_beside_tokens_are_read_back(told: Told, tmp_path: Path) -> None:
    out = exported(told, tmp_path / "tokens", "jsonl")
    for name in ("index.json", "codes.npy"):
        again = exported(told, tmp_path / name.replace(".", "-"), "jsonl", semantic_ids=str(out / name))
        for split in SPLITS:
            assert (again / f"{split}.jsonl").read_bytes() == (out / f"{split}.jsonl").read_bytes()
    assert np.array_equal(read_codes(out / "codes.npy").codes[0], told.codes.get(1, [-1, -1, -1]))
