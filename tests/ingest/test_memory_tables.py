"""Tables in memory as logs: the same pairs as of the same rows in a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import (
    AugmentOptions,
    DataError,
    IngestOptions,
    UsageError,
    augment,
    head,
    ingest,
    plan_ingest,
    stats,
    verify,
)
from tests.support import snapshot


@pytest.fixture(scope="module")
def table() -> pa.Table:
    users = [f"u{n % 30}" for n in range(400)]
    return pa.table({
        "user_id": users, "item_id": [f"i{n * 7 % 23}" for n in range(400)], "timestamp": range(400),
        "price": [n / 4 for n in range(400)],
    })  # fmt: skip


def views(table: pa.Table) -> pa.Table:
    """Return the table with the types that Polars hands out."""
    kinds = {pa.string(): pa.string_view()}
    return table.cast(pa.schema([(field.name, kinds.get(field.type, field.type)) for field in table.schema]))


def in_batches(table: pa.Table) -> pa.RecordBatchReader:
    return table.to_reader(max_chunksize=33)


def dictionaries(table: pa.Table) -> pa.Table:
    columns = [column.dictionary_encode() if column.type == pa.string() else column for column in table.columns]
    return pa.table(columns, names=table.column_names).unify_dictionaries()


class Frame:
    """A table of another library, known by its stream alone."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


KINDS: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": pa.Table.combine_chunks, "a reader": in_batches, "views": views, "another library": Frame,
    "duckdb": duckdb.from_arrow, "dictionaries": dictionaries,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pairs_as_of_a_file(tmp_path: Path, table: pa.Table, kind: str) -> None:
    pq.write_table(table, tmp_path / "log.parquet")
    options, reading = AugmentOptions(alpha=0.5), IngestOptions(keep=("price",))
    augment(tmp_path / "log.parquet", tmp_path / "file.pairs", options, ingest_options=reading)
    made = KINDS[kind](table)
    augment(made, tmp_path / "table.pairs", options, ingest_options=reading)
    assert snapshot(tmp_path / "file.pairs" / "data") == snapshot(tmp_path / "table.pairs" / "data")
    verify(tmp_path / "table.pairs")


def test_every_job_takes_a_table(tmp_path: Path, table: pa.Table) -> None:
    frame = Frame(table)
    assert ingest(frame, tmp_path / "x.store").users == 30
    assert stats(frame).data == stats(tmp_path / "x.store").data
    assert 300 < plan_ingest(frame).interactions < 500
    assert head(frame, 2).rows[0][:2] == ["u0", "i0"]


def test_a_table_names_no_output(table: pa.Table) -> None:
    with pytest.raises(UsageError, match=r"<Frame> is a table in memory"):
        augment(Frame(table))


def test_columns_of_a_table_are_named_in_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"<Frame>: the user column was not detected; the columns are: a"):
        ingest(Frame(pa.table({"a": [1]})), tmp_path / "x.store")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_fails_is_an_error_of_the_data(tmp_path: Path, table: pa.Table) -> None:
    def batches() -> Any:
        yield table.to_batches()[0]
        raise ValueError("the source went away")

    reader = pa.RecordBatchReader.from_batches(table.schema, batches())
    with pytest.raises(DataError, match=r"<RecordBatchReader>: cannot be read as an Arrow table: .*went away"):
        ingest(reader, tmp_path / "x.store")
    assert list(tmp_path.iterdir()) == []
