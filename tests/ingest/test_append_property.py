"""A log in parts, appended one after the other, gives the store that all of it at once gives, or is refused."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpas_cli import GenpasError, IngestOptions, IngestReport, ingest

COLUMNS = ("user_id", "item_id", "timestamp", "rating", "price")
Row = tuple[str, str, int, str, str]

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w"]), st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 6),
        st.sampled_from(["1", "4", "5"]), st.sampled_from(["2", "3", "2.5", "", "x"]),
    ),
    min_size=1, max_size=14,
)  # fmt: skip

OPTIONS: list[dict[str, Any]] = [
    {}, {"dedup": "user-item"}, {"dedup": "user-item", "split": "time:0.5,0.8"}, {"dedup": "consecutive"},
    {"dedup": "exact"}, {"ties": "error"}, {"ties": "item"}, {"split": "time:0.5,0.8", "eval": "first"},
    {"split": "time:2,5", "eval": "last", "keep": ("rating",)}, {"where": "price > 2", "keep": ("price",)},
    {"where": "price is not null", "dedup": "user-item"}, {"min_rating": 4.0, "split": "none"},
    {"keep": ("rating", "price"), "min_user": 1}, {"min_item": 2}, {"session_gap": "2s"},
]  # fmt: skip


def write(directory: Path, number: int, rows: list[Row], form: str, *, has_time: bool) -> Path:
    """Write the part of a log."""
    columns = {name: [row[n] for row in rows] for n, name in enumerate(COLUMNS) if has_time or name != "timestamp"}
    path = directory / f"part{number}.{form}"
    if form == "parquet":
        pq.write_table(pa.table(columns), path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in pa.table(columns).to_pylist()))
    else:
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        path.write_text("\n".join(lines) + "\n")
    return path


def contents(store: Path) -> dict[str, Any]:
    """Return the tables of a store that training reads."""
    with duckdb.connect(str(store), read_only=True) as con:
        return {
            table: con.sql(f"select * from {table} order by rowid").to_arrow_table().to_pydict()
            for table in ("interactions", "users", "items")
        }


def figures(report: IngestReport) -> list[Any]:
    """Return what a report says about the data."""
    return [
        report.users,
        report.items,
        report.interactions,
        report.ties,
        report.split,
        report.time_range,
        report.length,
    ]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(max_examples=6)
@given(
    parts=st.lists(ROWS, min_size=2, max_size=3), has_time=st.booleans(),
    form=st.sampled_from(["csv", "jsonl", "parquet"]),
)  # fmt: skip
def test_appended_is_at_once_or_refused(
    parts: list[list[Row]], options: dict[str, Any], form: str, *, has_time: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        files = [write(directory, n, rows, form, has_time=has_time) for n, rows in enumerate(parts)]
        store = directory / "appended.store"
        try:
            ingest(files[0], store, IngestOptions(**options))
        except GenpasError:
            return  # nothing to append to
        for n in range(1, len(files)):
            before = contents(store)
            first = directory / f"before{n}.store"
            first.write_bytes(store.read_bytes())
            try:
                report = ingest(files[n], store, append=True)
            except GenpasError:
                assert contents(store) == before
                return
            numbers = IngestOptions(**options, items=str(first), users=str(first))
            whole = ingest(files[: n + 1], directory / f"whole{n}.store", numbers)
            assert contents(store) == contents(directory / f"whole{n}.store")
            assert figures(report) == figures(whole)
