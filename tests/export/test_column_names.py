"""The names of `--columns`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import ExportOptions, UsageError, augment, export, ingest


@pytest.fixture
def small_pairs(tmp_path: Path) -> Path:
    """The pairs of log.store, beside it."""
    log, store, pairs = tmp_path / "log.parquet", tmp_path / "log.store", tmp_path / "log.pairs"
    rows = [{"user_id": user, "item_id": f"i{n}", "timestamp": n} for user in "ab" for n in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), log)
    ingest(log, store)
    augment(store, pairs)
    return pairs


@pytest.mark.parametrize("to", ["jsonl", "csv", "arrow", "npz", "torcheasyrec", "splits", "replay"])
def test_a_name_that_is_repeated(tmp_path: Path, small_pairs: Path, to: str) -> None:
    is_of_a_store = to in {"splits", "replay"}
    source, own = (tmp_path / "log.store", "item_id") if is_of_a_store else (small_pairs, "target_item")
    with pytest.raises(UsageError, match=f"--columns user_id,{own}, {own}: {own} is named more than once"):
        export(source, tmp_path / "out", ExportOptions(to=to, columns=f"user_id,{own}, {own}"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["recbole", "sequences", "messages", "prompt"])
def test_a_format_without_a_choice(tmp_path: Path, small_pairs: Path, to: str) -> None:
    with pytest.raises(UsageError, match=f"--columns cannot be used with --to {to}, whose columns are fixed"):
        export(small_pairs, tmp_path / "out", ExportOptions(to=to, columns="input_items"))


@pytest.mark.parametrize("to", ["npz", "safetensors"])
def test_columns_that_are_written_although_others_are_named(tmp_path: Path, small_pairs: Path, to: str) -> None:
    report = export(small_pairs, tmp_path / "out", ExportOptions(to=to, columns="user_num,target_item"))
    assert f"--to {to} always writes input_items" in report.notes
    report = export(small_pairs, tmp_path / "all", ExportOptions(to=to, columns="target_item,input_items"))
    assert not report.notes
