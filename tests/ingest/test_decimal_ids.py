"""Ids that are 1.0 in one file and 1 in another: the advice of the error works, whatever the types of the columns."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import DataError, IngestOptions, ingest
from tests.ingest.support import read

FRACTIONS: dict[str, pa.Array] = {
    "double": pa.array([1.0, 2.5, 1.0]),
    "float": pa.array([1.0, 2.5, 1.0], pa.float32()),
    "decimal": pa.array([Decimal("1.00"), Decimal("2.50"), Decimal("1.00")], pa.decimal128(9, 2)),
    "text": pa.array(["1.0", "2.5", "1.0"]),
}
WHOLE: dict[str, pa.Array] = {
    "double": pa.array([1.0, 3.0, None]), "integer": pa.array([1, 3, 1], pa.int32()), "text": pa.array(["1", "3", "1"])
}  # fmt: skip


def log(path: Path, users: pa.Array, start: int) -> Path:
    table = pa.table({"user_id": users, "item_id": list("abc"), "timestamp": range(start, start + 3)})
    pq.write_table(table, path)
    return path


def advised(error: DataError, word: str) -> Any:
    """Return the value of --decimal-ids that the tip gives for a case."""
    found = re.search(rf"{word}[^;]*--decimal-ids (\w+)", str(error.tip))
    assert found is not None, error.tip
    return found[1]


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("fractions", FRACTIONS)
def test_the_advice_works_for_several_files_and_for_append(tmp_path: Path, fractions: str, whole: str) -> None:
    files = [log(tmp_path / "a.parquet", FRACTIONS[fractions], 0), log(tmp_path / "b.parquet", WHOLE[whole], 10)]
    with pytest.raises(DataError) as at_once:
        ingest(files, tmp_path / "all.store")
    store = tmp_path / "a.store"
    ingest(files[0], store)
    with pytest.raises(DataError, match=r"written in two forms: '1' .* and '1\.0+' ") as appended:
        ingest(files[1], store, append=True)
    for error in (at_once.value, appended.value):
        same, other = advised(error, "same id"), advised(error, "different ids")
        half = "2.50" if fractions == "decimal" else "2.5"
        assert {user for user, _ in read(*files, decimal_ids=same).events} == {"1", half, "3"}
        assert len({user for user, _ in read(*files, decimal_ids=other).events}) == 4
    assert ingest(files[1], store, IngestOptions(decimal_ids=other), append=True).users == 4
