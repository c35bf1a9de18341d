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
from genpas_cli.ingest.files import memory_tables
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


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_same_pairs_as_of_a_data_frame(tmp_path: Path, table: pa.Table, library: str) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    pq.write_table(table, tmp_path / "log.parquet")
    augment(tmp_path / "log.parquet", tmp_path / "file.pairs", alpha=0.5, keep=["price"])
    frame = frames.read_parquet(tmp_path / "log.parquet")
    augment(frame, tmp_path / "frame.pairs", alpha=0.5, keep=["price"])
    assert snapshot(tmp_path / "file.pairs" / "data") == snapshot(tmp_path / "frame.pairs" / "data")
    with pytest.raises(UsageError) as caught:
        augment(frame["user_id"], tmp_path / "x.pairs")
    # Only some versions of pandas let a column be read as an Arrow stream.
    assert caught.value.message in (
        "sources is a Series; it must be a path, a table or a list of paths",
        "<Series> is a single column; a log is a table with a column of users and a column of items",
    )


def test_large_batches_are_converted_in_parts(tmp_path: Path, table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    augment(views(table), tmp_path / "whole.pairs")
    monkeypatch.setattr(memory_tables, "_ROWS", 7)
    augment(views(table), tmp_path / "parts.pairs")
    augment(dictionaries(table), tmp_path / "dictionaries.pairs")
    expected = snapshot(tmp_path / "whole.pairs" / "data")
    assert snapshot(tmp_path / "parts.pairs" / "data") == expected
    assert snapshot(tmp_path / "dictionaries.pairs" / "data") == expected


def test_a_single_column_is_no_log(tmp_path: Path, table: pa.Table) -> None:
    with pytest.raises(UsageError, match=r"<ChunkedArray> is a single column; a log is a table"):
        augment(table["user_id"], tmp_path / "x.pairs")


def test_a_table_without_rows_is_said_to_be_empty(tmp_path: Path, table: pa.Table) -> None:
    with pytest.raises(DataError, match=r"<Table>: .* contains no rows"):
        augment(table.slice(0, 0), tmp_path / "x.pairs")


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
