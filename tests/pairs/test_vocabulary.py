"""Vocabularies are read in blocks, and what was read does not stay in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli.pairs.codes.files import ParquetCodes
from genpas_cli.pairs.vocabulary import HeldIds, IdsInFile
from genpas_cli.runtime.errors import DataError
from genpas_cli.semantic.embeddings import _ParquetLists

ROWS = 1_000_000


def written(path: Path, columns: dict[str, pa.Array]) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=1 << 16, use_dictionary=False)
    return path


@pytest.fixture(scope="module")
def ids() -> pa.Array:
    """Random texts, which compression does not shorten much."""
    numbers = np.random.default_rng(0).integers(1 << 40, 1 << 62, ROWS)
    return pa.array(numbers).cast(pa.string())


def test_blocks_have_all_ids_in_order(tmp_path: Path, ids: pa.Array) -> None:
    path = written(tmp_path / "items.parquet", {"item_num": pa.array(range(1, ROWS + 1)), "item_id": ids})
    found = IdsInFile(path, "items")
    assert len(found) == ROWS
    assert pa.concat_arrays(found.blocks()).equals(ids)
    assert found.whole().equals(ids)
    assert pa.concat_arrays(HeldIds(ids).blocks()).equals(ids)


def test_what_was_read_does_not_stay_in_memory(tmp_path: Path, ids: pa.Array) -> None:
    numbers = pa.array(range(1, ROWS + 1))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.random.default_rng(1).integers(0, 1 << 30, 4 * ROWS)), 4)
    floats = pa.FixedSizeListArray.from_arrays(pa.array(np.random.default_rng(1).random(4 * ROWS)), 4)
    readers = {
        "items": IdsInFile(written(tmp_path / "items.parquet", {"item_num": numbers, "item_id": ids}), "items"),
        "codes": ParquetCodes(written(tmp_path / "codes.parquet", {"item_id": ids, "codes": lists})),
        "vectors": _ParquetLists(written(tmp_path / "vectors.parquet", {"item_id": ids, "embedding": floats})),
    }
    for name, reader in readers.items():
        before, most = pa.total_allocated_bytes(), 0
        for _ in reader.blocks():  # type: ignore[attr-defined]
            most = max(most, pa.total_allocated_bytes() - before)
        size = next(path.stat().st_size for path in tmp_path.iterdir() if path.stem == name)
        assert size > 10 << 20
        assert most < 8 << 20 if name == "items" else most < size / 2, name


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"item_id": pa.array(["a"])}, "it has no column item_num"),
        ({"item_num": pa.array([2]), "item_id": pa.array(["a"])}, "its numbers are not 1, 2, 3"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, columns: dict[str, pa.Array], words: str) -> None:
    with pytest.raises(DataError, match=f"is not a vocabulary written by genpas: {words}"):
        list(IdsInFile(written(tmp_path / "items.parquet", columns), "items").blocks())
