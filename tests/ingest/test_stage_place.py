"""Where a log is staged follows from its rows and the columns that are read, not from what else stands in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from genpas_cli.ingest.columns.load_plan import LoadPlan, plan_load
from genpas_cli.ingest.files.source_files import find_sources
from genpas_cli.ingest.formats.detection import open_log
from genpas_cli.ingest.options import CleaningOptions
from genpas_cli.ingest.staging.stage_place import attach_stage, stage_place
from genpas_cli.runtime.errors import MachineError
from tests.ingest.support import Options, write
from tests.support import tmpfs

ROWS = 5000
REVIEW = "It does what it says. " * 40


def table(review: str = "") -> pa.Table:
    """A log, with a text that nobody reads."""
    numbers = range(ROWS)
    columns = {
        "user_id": [f"u{n % 613:05}" for n in numbers], "item_id": [f"i{n % 89:03}" for n in numbers],
        "timestamp": [1_500_000_000 + n for n in numbers],
    }  # fmt: skip
    return pa.table(columns | ({"review": [review] * ROWS} if review else {}))


def csv_of(rows: pa.Table) -> str:
    lines = [",".join(map(str, row.values())) for row in rows.to_pylist()]
    return "\n".join([",".join(rows.column_names), *lines]) + "\n"


def sequences_of(rows: pa.Table) -> str:
    by_user: dict[str, list[str]] = {}
    for row in rows.to_pylist():
        by_user.setdefault(row["user_id"], [row["user_id"]]).append(row["item_id"])
    return "\n".join(map(" ".join, by_user.values())) + "\n"


def parquet(path: Path, rows: pa.Table) -> None:
    pq.write_table(rows, path)


WRITERS: dict[str, Callable[[Path, pa.Table], object]] = {
    "log.parquet": parquet,
    "log.arrow": lambda path, rows: feather.write_feather(rows, path, compression="uncompressed"),
    "log.csv": lambda path, rows: write(path, csv_of(rows)),
    "log.csv.gz": lambda path, rows: write(path, csv_of(rows)),
    "log.jsonl": lambda path, rows: write(path, "\n".join(map(json.dumps, rows.to_pylist())) + "\n"),
    "log.txt": lambda path, rows: write(path, sequences_of(rows)),
}


def planned(con: duckdb.DuckDBPyConnection, path: Path) -> LoadPlan:
    options = Options(format="sequences" if path.suffix == ".txt" else None)
    (source,) = find_sources([str(path)], scratch=path.parent)
    log = open_log(con, source, options, path.parent / "lines", whole_rows=False)
    return plan_load(con, [log], options, CleaningOptions(), ())


@pytest.mark.parametrize("review", ["", REVIEW], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", WRITERS)
def test_the_rows_of_a_file_are_estimated(tmp_path: Path, name: str, review: str) -> None:
    WRITERS[name](tmp_path / name, table(review))
    with duckdb.connect() as con:
        (log,) = planned(con, tmp_path / name).logs
    found = log.estimated_rows()
    if name == "log.parquet":
        assert found == ROWS
    elif not (review and name in ("log.arrow", "log.csv.gz")):  # how well it packs, or how long it is, is not known
        assert ROWS / 2 < found < ROWS * 2


def test_what_fits_is_staged_in_memory_and_what_does_not_in_a_file(tmp_path: Path) -> None:
    parquet(tmp_path / "log.parquet", table(REVIEW))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    needed = ROWS * 3 * 12
    for memory, files in ((2 * needed, []), (2 * needed - 2, ["stage"])):
        with duckdb.connect() as con:
            attach_stage(con, stage_place(planned(con, tmp_path / "log.parquet"), memory), scratch)
            con.execute("create table stage.rows (time bigint)")
            assert [path.name for path in scratch.iterdir() if path.suffix != ".wal"] == files


def test_no_space_for_the_file_is_told(tmp_path: Path) -> None:
    parquet(tmp_path / "log.parquet", table())
    with tmpfs(tmp_path / "disk", "40k") as disk, duckdb.connect() as con:
        plan = planned(con, tmp_path / "log.parquet")
        (disk / "scratch").mkdir()
        with pytest.raises(MachineError, match=r"not enough disk space .* for the rows of the log: about 60\.0 kB"):
            attach_stage(con, stage_place(plan, 1000), disk / "scratch")
