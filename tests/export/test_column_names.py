"""The names of `--columns`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import ExportOptions, UsageError, augment, export, ingest


@pytest.mark.parametrize("to", ["jsonl", "csv", "arrow", "npz", "torcheasyrec", "splits", "replay"])
def test_a_name_that_is_repeated(tmp_path: Path, to: str) -> None:
    log, store, pairs = tmp_path / "log.parquet", tmp_path / "log.store", tmp_path / "log.pairs"
    rows = [{"user_id": user, "item_id": f"i{n}", "timestamp": n} for user in "ab" for n in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), log)
    ingest(log, store)
    augment(store, pairs)
    source, own = (store, "item_id") if to in {"splits", "replay"} else (pairs, "target_item")
    with pytest.raises(UsageError, match=f"--columns user_id,{own}, {own}: {own} is named more than once"):
        export(source, tmp_path / "out", ExportOptions(to=to, columns=f"user_id,{own}, {own}"))
    assert not (tmp_path / "out").exists()
