"""`--json` and `--dry-run`: the keys of the contract, and plans that write nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import genpas_cli
from tests.support import InProcess, larger_log, refused, unchanged


def test_ingest_json_has_the_keys_of_the_contract(inside: InProcess, log: Path) -> None:
    report = inside.json("ingest", log, "-o", "a.store", "--json", "--min-user", "5")
    keys = {"users", "items", "interactions", "funnel", "ties", "split", "time_range", "length", "store"}
    assert keys <= set(report)
    assert set(report) - keys <= {"rejects", "notes", "columns", "session_users"}
    assert all(set(step) == {"step", "dropped", "kept"} for step in report["funnel"])
    assert set(report["ties"]) == {"tied_events", "tied_test", "tied_validation", "tied_either"}
    assert {"train", "validation", "test"} <= set(report["split"])
    assert set(report["length"]) == {"min", "median", "mean", "p99", "max"}
    assert report["store"] == "a.store"
    assert report["funnel"][-1]["kept"] == report["interactions"]
    for before, after in zip(report["funnel"], report["funnel"][1:], strict=False):
        assert before["kept"] == after["dropped"] + after["kept"]


def test_augment_json_is_the_report_of_the_library(inside: InProcess, store: Path) -> None:
    report = inside.json("augment", store, "--json", "--alpha", "inf", "--pairs", "100")
    assert set(report) == {field.name for field in dataclasses.fields(genpas_cli.AugmentReport)}
    assert report["pairs"] == {"train": 100, "validation": 40, "test": 40}
    manifest = json.loads((inside.cwd / "log.pairs" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["strategy"]["alpha"] == "inf"
    for found in (report, manifest):
        json.dumps(found, allow_nan=False)


def test_the_manifest_has_the_keys_of_the_contract(pairs: Path) -> None:
    manifest = json.loads((pairs / "manifest.json").read_text(encoding="utf-8"))
    for key in (
        "format_version",
        "source",
        "ingest",
        "split",
        "strategy",
        "seed",
        "pairs",
        "epochs",
        "max_input",
        "order",
        "shard_rows",
        "keep",
        "schema",
        "files",
        "versions",
        "run",
    ):
        assert key in manifest
    assert set(manifest["strategy"]) == {"name", "alpha", "beta", "gamma", "draw"}
    assert {"path", "split", "rows", "bytes", "sha256"} == set(manifest["files"][0])
    assert {"genpas", "numpy", "pyarrow", "duckdb"} == set(manifest["versions"])
    assert {"created", "host", "seconds"} == set(manifest["run"])


def test_verify_json_is_the_report_of_the_library(inside: InProcess, made: Path) -> None:
    report = inside.json("verify", made / "log.pairs", "--store", made / "log.store", "--json")
    assert set(report) == {field.name for field in dataclasses.fields(genpas_cli.VerifyReport)}
    assert (report["slices"], report["files"]) == (True, 5)


def test_a_dry_run_prints_the_plan_and_writes_nothing(inside: InProcess, made: Path) -> None:
    with unchanged(inside.cwd, inside.temp_dir):
        plan = inside.json("augment", made / "log.csv", "--dry-run", "--pairs", "1000", "--shard-rows", "300")
    assert plan["pairs"] == {"train": 1000, "validation": 40, "test": 40}
    assert plan["shards"]["train"] == 4
    assert {"bytes", "memory", "threads", "strategy", "draw", "epochs"} <= set(plan)


def test_a_dry_run_of_ingest_says_how_logs_would_be_read_and_writes_nothing(inside: InProcess, made: Path) -> None:
    parquet = larger_log(inside.cwd / "log.parquet", 1000)
    with unchanged(inside.cwd, inside.temp_dir):
        plan = inside.json("ingest", parquet, "-o", "new.store", "--dry-run")
        of_csv = inside.json("ingest", made / "log.csv", "--dry-run")
    assert set(plan) == {field.name for field in dataclasses.fields(genpas_cli.IngestPlan)}
    assert plan["files"] == [{"name": str(parquet), "format": "parquet", "rows": 25_000, "exact": True}]
    assert plan["columns"] == {
        "user": "user_id",
        "item": "item_id",
        "time": "timestamp",
        "rating": None,
        "keep": [],
        "lists": [],
    }
    assert (plan["interactions"], plan["staged_in"], plan["sorts"], plan["temporary"]) == (25_000, "memory", 1, 0)
    rows = inside.json("ingest", made / "log.csv", "-o", "new.store", "--json")["interactions"]
    assert rows / 2 < of_csv["interactions"] < 2 * rows


def test_a_dry_run_of_ingest_knows_the_store_that_it_appends_to(inside: InProcess) -> None:
    day = larger_log(inside.cwd / "day.parquet", 10)
    assert inside("ingest", larger_log(inside.cwd / "log.parquet", 1000), "-o", "log.store").returncode == 0
    with unchanged(inside.cwd, inside.temp_dir):
        plan = inside.json("ingest", day, "-o", "log.store", "--append", "--dry-run")
        done = inside("ingest", day, "-o", "log.store", "--append", "--dry-run", "--split", "none")
    assert (plan["interactions"], plan["files"][0]["rows"]) == (25_250, 250)
    refused(done, 2, "--split is none", "leave-one-out")


def test_a_dry_run_of_ingest_under_little_memory_says_what_the_disk_is_for(inside: InProcess) -> None:
    log = larger_log(inside.cwd / "log.parquet", 60_000)
    free, tight = (
        inside.json("ingest", log, "-o", "log.store", "--dry-run", "--memory-limit", limit) for limit in ("2GB", "85MB")
    )
    assert (free["staged_in"], free["sorts"], free["temporary"]) == ("memory", 1, 0)
    assert (tight["staged_in"], tight["interactions"]) == ("file", 1_500_000)
    assert tight["temporary"] > 1_500_000 * 10
    assert free["bytes"] == tight["bytes"] > 0
