"""`export --to splits`: different times of a store are different times in the files."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import export, ingest, split_stats, stats

EPOCH = 1_704_067_200
PARTS = ("train", "validation_target", "test_target")


def exported(root: Path, times: Any, file_type: str) -> tuple[Path, Any]:
    """Return the split of a log in which one user has interactions at these times, and the report."""
    log = {"user_id": ["u"] * len(times), "item_id": [f"i{n}" for n in range(len(times))], "timestamp": times}
    pq.write_table(pa.table(log), root / "log.parquet")
    ingest(root / "log.parquet", root / "log.store")
    return root / "split", export(root / "log.store", root / "split", to="splits", file_type=file_type)


def nanoseconds(*after: int) -> pa.Array:
    return pa.array([EPOCH * 10**9 + 10**8 + each for each in after], pa.timestamp("ns"))


@pytest.mark.parametrize("file_type", ["csv", "inter"])
def test_text_has_all_digits_of_nanoseconds(tmp_path: Path, file_type: str) -> None:
    out, report = exported(tmp_path, nanoseconds(0, 50, 100, 150), file_type)
    found = []
    for part in PARTS:
        (path,) = out.glob(f"*{part}.{file_type}")
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="," if file_type == "csv" else "\t"))
        found += [Decimal(row[2]) for row in rows[1:]]
        assert file_type == "csv" or rows[0][2] == "timestamp:float"
    assert found == [EPOCH + Decimal(10**8 + after) / 10**9 for after in (0, 50, 100, 150)]
    assert any("more digits than a 64-bit float" in note for note in report.notes)


def test_parquet_keeps_nanoseconds_so_that_the_figures_of_the_split_are_those_of_the_store(tmp_path: Path) -> None:
    out, report = exported(tmp_path, nanoseconds(0, 50, 100, 150), "parquet")
    found = pa.concat_tables(pq.read_table(out / f"{part}.parquet") for part in PARTS)["timestamp"]
    assert found.type == pa.timestamp("ns")
    assert found.combine_chunks().cast(pa.int64()).equals(nanoseconds(0, 50, 100, 150).cast(pa.int64()))
    assert report.notes == []
    written, stored = split_stats(out).split, stats(str(tmp_path / "log.store")).data
    assert stored is not None
    assert (written.tied_validation, written.tied_test) == (0, 0) == (stored.tied_validation, stored.tied_test)


@pytest.mark.parametrize(
    ("times", "kind"),
    [
        (pa.array([EPOCH, EPOCH + 1, EPOCH + 2], pa.timestamp("s")), pa.int64()),
        (nanoseconds(0, 1000, 2000), pa.float64()),
        (pa.array([EPOCH * 10**6 + n for n in range(3)], pa.timestamp("us")), pa.float64()),
        (pa.array([2**33 * 10**6 + n for n in range(3)], pa.timestamp("us")), pa.timestamp("us")),
    ],
)
def test_seconds_are_the_simplest_numbers_that_differ(tmp_path: Path, times: pa.Array, kind: pa.DataType) -> None:
    out, report = exported(tmp_path, times, "parquet")
    found = pa.concat_tables(pq.read_table(out / f"{part}.parquet") for part in PARTS)["timestamp"]
    assert found.type == kind
    assert len(found.unique()) == 3
    assert report.notes == []
