"""Exports write the same bytes where the codes of all items do not fit in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, augment, export, ingest
from genpas_cli.pairs.codes.spreading import Room
from tests.export.conftest import Told, awkward_log

FORMATS = ("jsonl", "csv", "prompt", "openonerec", "sid-gr", "torcheasyrec", "minionerec")


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def few_bytes(_machine: Any, scratch: Path) -> Room:
    """Return a room that two or three items exceed."""
    return Room(800, scratch)


@pytest.mark.parametrize("colliding", ["error", "append"])
@pytest.mark.parametrize("to", FORMATS)
def test_codes_in_files_give_the_bytes_of_codes_in_memory(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, colliding: Any
) -> None:
    options = ExportOptions(to=to, colliding_codes=colliding, **told.options)
    export(told.pairs, tmp_path / "memory" / "shop", options)
    monkeypatch.setattr(Room, "of", few_bytes)
    export(told.pairs, tmp_path / "files" / "shop", options)
    assert contents(tmp_path / "files") == contents(tmp_path / "memory")


def test_whole_sequences_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "log.store"
    ingest(awkward_log(tmp_path / "log.parquet"), store, IngestOptions())
    ids = [f"i{number}" for number in range(20)]
    pq.write_table(pa.table({"item_id": ids, "codes": [[n % 3, n // 3] for n in range(20)]}), tmp_path / "c.parquet")
    options = ExportOptions(to="lc-rec", semantic_ids=str(tmp_path / "c.parquet"), missing_codes="drop")
    export(store, tmp_path / "memory" / "shop", options)
    monkeypatch.setattr(Room, "of", few_bytes)
    export(store, tmp_path / "files" / "shop", options)
    assert contents(tmp_path / "files") == contents(tmp_path / "memory")


def test_memory_stays_within_the_limit(tmp_path: Path) -> None:
    """The codes of three million items are exported with 500 MB; all at once, they take 750 MB."""
    items, users = 3_000_000, 200
    ids = pc.binary_join_element_wise("item-", pa.array(np.arange(items)).cast(pa.string()), "")
    events = np.random.default_rng(0).integers(0, items, users * 10)
    log = pa.table({
        "user_id": np.repeat(np.arange(users), 10), "item_id": ids.take(pa.array(events)),
        "timestamp": np.arange(users * 10),
    })  # fmt: skip
    numbers = pa.array(np.arange(1, items + 1, dtype=np.int32))
    pq.write_table(pa.table({"item_num": numbers, "item_id": ids}), tmp_path / "items.parquet")
    options = IngestOptions(items=str(tmp_path / "items.parquet"))
    augment(log, tmp_path / "pairs", AugmentOptions(), ingest_options=options)
    order = np.random.default_rng(1).permutation(items)
    codes = np.stack([order >> 14, (order >> 7) & 127, order & 127], axis=1).astype(np.int32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), 3)
    pq.write_table(pa.table({"item_id": ids.take(pa.array(order)), "codes": lists}), tmp_path / "codes.parquet")
    command = [
        sys.executable, "-m", "genpas_cli", "export", "pairs", "--semantic-ids", "codes.parquet", "-o", "out",
        "--memory-limit", "500MB", "--threads", "1",
    ]  # fmt: skip
    measured = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", measured, *command], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert int(ran.stdout.splitlines()[-1]) * 1024 < 500 * 10**6
    written = pq.read_table(tmp_path / "out" / "tokens.parquet")
    assert written.num_rows == items
    assert np.array_equal(np.load(tmp_path / "out" / "codes.npy")[order], codes)
