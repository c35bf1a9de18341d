"""A kept column has in the store, in the pairs and in exports the type and the values that it has in the log."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import (
    AugmentOptions,
    DataError,
    ExportOptions,
    IngestOptions,
    IntegrityError,
    augment,
    export,
    ingest,
    verify,
)
from genpas_cli.loaders import InMemoryPairDataset
from genpas_cli.pairs.reader import PairFiles

ITEMS = "abcdefghij"
MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  # as the log has it
NAN = float("nan")

KEPT: dict[str, tuple[pa.Array, pa.DataType]] = {
    "uint8": (pa.array(range(250, 260 - 4), pa.uint8()), pa.uint8()),
    "int16": (pa.array(range(-5, 5), pa.int16()), pa.int16()),
    "uint64": (pa.array([2**63 + n for n in range(10)], pa.uint64()), pa.uint64()),
    "decimal": (pa.array([decimal.Decimal(n) / 4 for n in range(10)], pa.decimal128(9, 2)), pa.decimal128(9, 2)),
    "float": (pa.array([1.5, None, NAN, -0.0, 0.0] * 2, pa.float32()), pa.float32()),
    "half float": (pa.array(np.arange(10).astype(np.float16)), pa.float32()),
    "boolean": (pa.array([True, None, False, True, True] * 2), pa.bool_()),
    "bytes": (pa.array([b"\x00\xff", None, b"", b"a", b"\x80"] * 2), pa.binary()),
    "date": (pa.array([MOMENT.date()] * 10), pa.date32()),
    "time of day": (pa.array([MOMENT.time()] * 10, pa.time64("us")), pa.time64("us")),
    "milliseconds": (pa.array([dt.time(3, 4, 5)] * 10, pa.time32("ms")), pa.time64("us")),
    "instant": (pa.array([MOMENT] * 10, pa.timestamp("us")), pa.timestamp("us")),
    "nanoseconds": (pa.array(range(1, 11), pa.timestamp("ns")), pa.timestamp("ns")),
    "seconds": (pa.array([10**9] * 10, pa.timestamp("s")), pa.timestamp("us")),
    "with a zone": (pa.array([MOMENT] * 10, pa.timestamp("us", "Europe/Berlin")), pa.timestamp("us", "UTC")),
    "large text": (pa.array(list("klmnopqrst"), pa.large_string()), pa.string()),
    "dictionary": (pa.array(["x", "y", None, "x", "x"] * 2).dictionary_encode(), pa.string()),
}  # fmt: skip
KEPT["uint8"] = (pa.array(range(246, 256), pa.uint8()), pa.uint8())


def log_with(path: Path, values: pa.Array) -> Path:
    columns = {
        "user_id": pa.array(["u", "v"] * 5), "item_id": pa.array(list(ITEMS)), "timestamp": pa.array(range(10)),
        "kept": values,
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def made(tmp_path: Path, values: pa.Array, form: Any = "items") -> Path:
    keep = IngestOptions(keep=("kept",))
    ingest(log_with(tmp_path / "log.parquet", values), tmp_path / "log.store", keep, force=True)
    pairs = tmp_path / f"{form}.pairs"
    augment(tmp_path / "log.store", pairs, AugmentOptions(form=form, max_input="3"), ingest_options=keep)
    return pairs


def bits(values: pa.Array | pa.ChunkedArray) -> list[str]:
    """Return each value so that −0 and NaN are values like others; Python has no times of nanoseconds."""
    count = pa.types.is_timestamp(values.type)
    return [repr(value) for value in (values.cast(pa.int64()) if count else values).to_pylist()]


@pytest.mark.parametrize("form", ["items", "cuts"])
@pytest.mark.parametrize("name", KEPT)
def test_types_and_values(tmp_path: Path, name: str, form: str) -> None:
    values, expected = KEPT[name]
    pairs = made(tmp_path, values, form)
    assert verify(pairs, store=tmp_path / "log.store").rows == 8
    files = PairFiles(pairs)
    assert files.schema.field("target_kept").type == expected
    assert files.schema.field("input_kept").type.value_type == expected
    ids = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    of_item = dict(zip(ITEMS, bits(values.cast(expected)), strict=True))
    batches = [batch for file in files.shards for batch in files.batches(file)]
    assert sum(batch.num_rows for batch in batches) == 8
    for batch in batches:
        for items, kept in (("target_item", "target_kept"), ("input_items", "input_kept")):
            items_, kept_ = (c.flatten() if c.type.num_fields else c for c in (batch[items], batch[kept]))
            assert bits(kept_) == [of_item[ids[item - 1]] for item in items_.to_pylist()]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1, 2]] * 10), pa.array([[[1.0]]] * 10), pa.array([{"a": 1}] * 10),
        pa.array([[("k", 1)]] * 10, pa.map_(pa.string(), pa.int32())),
    ],
    ids=lambda values: str(values.type),
)  # fmt: skip
def test_what_is_no_single_value_is_refused(tmp_path: Path, values: pa.Array) -> None:
    log = log_with(tmp_path / "log.parquet", values)
    with pytest.raises(DataError, match=r"log.parquet: column 'kept' is of type .*, which cannot be kept"):
        ingest(log, tmp_path / "log.store", IngestOptions(keep=("kept",)))


def test_a_uuid_is_text(tmp_path: Path) -> None:
    values = pa.array([n.to_bytes(16) for n in range(10)], pa.binary(16))
    pairs = made(tmp_path, pa.ExtensionArray.from_storage(pa.uuid(), values))
    assert PairFiles(pairs).schema.field("target_kept").type == pa.string()


def test_verify_tells_bits_apart(tmp_path: Path) -> None:
    """−0 is not 0, and one NaN among others is no error."""
    pairs = made(tmp_path, pa.array([NAN, 0.0, -0.0, 1.0, NAN, NAN, 2.0, 3.0, 4.0, 5.0]))
    assert verify(pairs, store=tmp_path / "log.store").rows == 8
    made_again = IngestOptions(keep=("kept",))
    ingest(
        log_with(tmp_path / "log.parquet", pa.array([NAN, 0.0, 0.0, 1.0, NAN, NAN, 2.0, 3.0, 4.0, 5.0])),
        tmp_path / "other.store", made_again,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match=r"other.store|does not match its source sequence"):
        verify(pairs, store=tmp_path / "other.store")


@pytest.mark.parametrize("to", ["npz", "safetensors", "grid"])
@pytest.mark.parametrize("name", ["boolean", "int with nulls", "text with nulls", "bytes"])
def test_an_export_names_the_column_whose_missing_values_it_cannot_hold(tmp_path: Path, to: str, name: str) -> None:
    more = {"int with nulls": pa.array([1, None] * 5), "text with nulls": pa.array(["x", "y", None, "z", "w"] * 2)}
    pairs = made(tmp_path, more[name] if name in more else KEPT[name][0])
    with pytest.raises(
        DataError, match=r"the kept column 'kept' (has missing values|contains missing values|has the type)"
    ):
        export(pairs, tmp_path / "out", ExportOptions(to=to))
    assert not (tmp_path / "out").exists()


def test_missing_values_in_texts(tmp_path: Path) -> None:
    pairs = made(tmp_path, KEPT["bytes"][0])
    export(pairs, tmp_path / "out.jsonl", ExportOptions(to="jsonl", split="test"))
    found = {json.loads(line)["target_kept"] for line in (tmp_path / "out.jsonl").read_text().splitlines()}
    assert found == {"YQ==", "gA=="}


def test_tensors_of_kept_columns(tmp_path: Path) -> None:
    dtypes = {}
    for name in ("uint8", "int16", "decimal", "float", "boolean"):
        (tmp_path / name).mkdir()
        dataset = InMemoryPairDataset(made(tmp_path / name, KEPT[name][0]), columns=["target_kept"])
        dtypes[name] = str(dataset[0]["target_kept"].dtype)
    assert dtypes == {
        "uint8": "torch.uint8", "int16": "torch.int16", "decimal": "torch.float64", "float": "torch.float32",
        "boolean": "torch.bool",
    }  # fmt: skip
    with pytest.raises(
        DataError, match=r"'target_kept' \(uint64\) contains values that cannot be in a tensor|has the type uint64"
    ):
        InMemoryPairDataset(made(tmp_path, KEPT["uint64"][0]), columns=["target_kept"])


def test_a_new_day_of_another_width_is_appended_where_its_values_fit(tmp_path: Path) -> None:
    keep = IngestOptions(keep=("kept",))
    ingest(log_with(tmp_path / "a.parquet", pa.array(range(10), pa.int16())), tmp_path / "log.store", keep)
    more = pa.table({"user_id": ["u"], "item_id": ["z"], "timestamp": [99], "kept": pa.array([32767], pa.int64())})
    pq.write_table(more, tmp_path / "b.parquet")
    assert ingest(tmp_path / "b.parquet", tmp_path / "log.store", append=True).interactions == 11
    pq.write_table(more.set_column(3, "kept", pa.array([32768], pa.int64())), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"column kept is BIGINT in the new log, but SMALLINT in"):
        ingest(tmp_path / "c.parquet", tmp_path / "log.store", append=True)
