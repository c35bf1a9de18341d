"""`augment -o -`: the stream has the pairs of the shards. Logs from standard input."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support import Genpas, InProcess, raw, refused, shards, unchanged


def read_stream(stdout: str) -> tuple[pa.Table, dict[str, Any]]:
    """Return the pairs of an Arrow stream and what its schema's metadata say."""
    table = pa.ipc.open_stream(io.BytesIO(raw(stdout))).read_all()
    return table, json.loads(table.schema.metadata[b"genpas"])


SAMPLING = ("--pairs", "1000", "--shard-rows", "300", "--seed", "5", "--max-input", "6")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_stream_is_the_shards(genpas: Genpas, inside: InProcess, store: Path, split: str) -> None:
    assert inside("augment", store, "-o", "a.pairs", *SAMPLING).returncode == 0
    with unchanged(genpas.cwd, genpas.temp_dir):
        done = genpas("augment", store, "-o", "-", "--split-out", split, *SAMPLING)
    assert (done.returncode, done.stderr) == (0, "")
    table, manifest = read_stream(done.stdout)
    expected = shards(genpas.cwd / "a.pairs", split)
    assert table.cast(expected.schema).equals(expected)
    assert all(not field.nullable for field in table.schema)
    assert (manifest["rows"], manifest["split_out"], manifest["ids"]) == (table.num_rows, split, "num")
    written = json.loads((genpas.cwd / "a.pairs" / "manifest.json").read_text(encoding="utf-8"))
    for key in ("source", "strategy", "seed", "pairs", "max_input", "versions", "split", "schema"):
        assert manifest[key] == written[key]


def test_the_stream_with_raw_ids_is_the_shards_through_the_vocabularies(
    genpas: Genpas, inside: InProcess, store: Path
) -> None:
    assert inside("augment", store, "-o", "a.pairs", "--user-ids", "raw", *SAMPLING).returncode == 0
    table, manifest = read_stream(genpas("augment", store, "-o", "-", "--ids", "raw", *SAMPLING).stdout)
    items, users = (
        [None, *pq.read_table(genpas.cwd / "a.pairs" / f"{name}s.parquet").column(f"{name}_id").to_pylist()]
        for name in ("item", "user")
    )
    expected = [
        {
            "user_id": users[row["user_num"]],
            "input_items": [items[n] for n in row["input_items"]],
            "target_item": items[row["target_item"]],
            "input_start": row["input_start"],
            "target_position": row["target_position"],
        }
        for row in shards(genpas.cwd / "a.pairs").to_pylist()
    ]
    assert table.to_pylist() == expected
    assert manifest["rows"] == len(expected)


def test_a_stream_of_several_epochs_is_all_of_them(genpas: Genpas, inside: InProcess, store: Path) -> None:
    assert inside("augment", store, "-o", "a.pairs", "--epochs", "3", *SAMPLING).returncode == 0
    table, manifest = read_stream(genpas("augment", store, "-o", "-", "--epochs", "3", *SAMPLING).stdout)
    paths = sorted((genpas.cwd / "a.pairs").glob("data/epoch-*/train-*.parquet"))
    expected = pa.concat_tables([pq.read_table(path) for path in paths])
    assert table.cast(expected.schema).equals(expected)
    assert manifest["rows"] == table.num_rows == 3000


def test_a_split_that_holds_nothing_cannot_be_streamed(inside: InProcess, log: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        done = inside("augment", log, "--split", "none", "-o", "-", "--split-out", "test")
    refused(done, 2, "--split-out test", "held out")


def test_logs_from_stdin(genpas: Genpas, inside: InProcess, log: Path) -> None:
    assert inside("ingest", log, "-o", "a.store").returncode == 0
    assert genpas("ingest", "-", "-o", "b.store", stdin=log.read_bytes()).returncode == 0
    for name in ("a", "b"):
        assert inside("augment", f"{name}.store").returncode == 0
    assert genpas("augment", "-", "-o", "c.pairs", stdin=log.read_bytes()).returncode == 0
    tables = [shards(genpas.cwd / f"{name}.pairs") for name in ("a", "b", "c")]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    refused(genpas("augment", "-", stdin=log.read_bytes()), 2, "-o DIR")
