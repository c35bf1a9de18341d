"""A temporary store: in memory if it fits there, else a file; with the content of the store that `ingest` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from genpas_cli import IngestOptions, MachineOptions, UsageError, ingest
from genpas_cli.ingest import estimates
from genpas_cli.ingest.job import ingested
from genpas_cli.runtime.machine import resolve
from genpas_cli.runtime.progress import silent
from genpas_cli.store.access import open_store, store_memory
from tests.support import small_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(small_log(), encoding="utf-8")
    return path


@pytest.mark.parametrize("in_memory", [True, False])
def test_it_has_the_content_of_a_store_that_is_kept(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, in_memory: bool
) -> None:
    kept = ingest(log, tmp_path / "kept.store")
    if not in_memory:
        monkeypatch.setattr(estimates, "_HELD_BYTES", 1 << 40)
    (scratch := tmp_path / "scratch").mkdir()
    machine, options = resolve(MachineOptions(memory_limit="1GB")), IngestOptions(memory_limit="1GB")
    with (
        open_store(tmp_path / "kept.store", machine, scratch) as wanted,
        ingested([str(log)], options, scratch, rejects=None, force=False, progress=silent) as (found, report),
    ):
        assert (scratch / "log.store").exists() == (not in_memory)
        assert found.meta == wanted.meta
        assert found.compute_content_digest() == wanted.content_digest
        assert found.database.memory == store_memory(machine.memory)
        assert (report.users, report.interactions, report.funnel) == (kept.users, kept.interactions, kept.funnel)
        tables = {name for (name,) in found.database.con.sql("select table_name from duckdb_tables()").fetchall()}
        assert tables == {"sources", "funnel", "meta", "interactions", "items", "users"}, "the stage takes no memory"


def test_bad_rows_go_to_the_file_that_is_named_or_nowhere(log: Path, tmp_path: Path) -> None:
    log.write_text(log.read_text("utf-8") + "u1,i1,no time\n", encoding="utf-8")
    options, told = IngestOptions(bad_rows="skip"), tmp_path / "bad.csv"
    for rejects in (None, told):
        (scratch := tmp_path / f"scratch {rejects is None}").mkdir()
        with ingested([str(log)], options, scratch, rejects=rejects, force=False, progress=silent) as (_, report):
            assert report.rejects == (None if rejects is None else str(told))
    assert "no time" in told.read_text("utf-8")
    told.write_text("mine", encoding="utf-8")
    with (
        pytest.raises(UsageError, match=r"bad\.csv already exists"),
        ingested([str(log)], options, tmp_path, rejects=told, force=True, progress=silent),
    ):
        pass
    assert told.read_text("utf-8") == "mine"
