"""`genpas semantic-ids`: what it says, and that its codes can be exported at once."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support import InProcess, refused

DATA, USAGE = 1, 2


def test_codes_of_a_store_and_their_export(inside: InProcess, store: Path, pairs: Path) -> None:
    done = inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "4", "--levels", "2")
    assert done.returncode == 0, done.stderr
    assert "nearest neighbours that share the first code" in done.stdout
    assert "error left: share of the squared length" in done.stdout
    assert "wrote codes.parquet" in done.stderr
    rows = pq.read_table(inside.cwd / "codes.parquet").to_pylist()
    assert len({tuple(row["codes"]) for row in rows}) == len(rows)
    exported = inside(
        "export", pairs, "--to", "jsonl", "--semantic-ids", "codes.parquet", "--missing-codes", "drop", "-o", "tokens"
    )
    assert exported.returncode == 0, exported.stderr


def test_the_report_as_json(inside: InProcess, store: Path) -> None:
    report = inside.json("semantic-ids", store, "-o", "codes.parquet", "--codes", "4", "--json")
    assert [level["codes"] for level in report["levels"]] == [4, 4, 4]
    assert 0 < report["unique_share"] <= 1
    errors = [level["error"] for level in report["levels"]]
    assert errors == sorted(errors, reverse=True)
    about = json.loads(pq.read_schema(inside.cwd / "codes.parquet").metadata[b"genpas.semantic_ids"])
    assert (about["source"], about["options"]["codes"]) == ("log.store", 4)


def test_the_report_as_a_page(inside: InProcess, store: Path) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    done = inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "4", "--html", "report.html")
    assert "wrote report.html" in done.stderr
    text = (inside.cwd / "report.html").read_text("utf-8")
    for told in ("Semantic ids of", "level 3", "entropy (bits)", "Share of items by code", "--codes"):
        assert told in text


def test_mistakes(inside: InProcess, store: Path, log: Path) -> None:
    refused(inside("semantic-ids", store), USAGE, "--output is missing")
    refused(inside("semantic-ids", "none.parquet", "-o", "codes.parquet"), DATA, "no such file: none.parquet")
    refused(inside("semantic-ids", log, "-o", "codes.parquet"), DATA, "is not a Parquet file", "genpas ingest")
    refused(inside("semantic-ids", store, "-o", "codes.parquet", "--ids", "x"), USAGE, "--ids cannot be used")
    refused(inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "1"), USAGE, "--codes is 1")
    refused(inside("semantic-ids", store, "-o", log, "--force"), USAGE, "overwrites only outputs written by genpas")
    assert not (inside.cwd / "codes.parquet").exists()


def test_codes_lead_back_to_their_items(inside: InProcess, store: Path) -> None:
    inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "4")
    rows = pq.read_table(inside.cwd / "codes.parquet").to_pylist()
    lines = [" ".join(map(str, row["codes"])) for row in rows]
    (inside.cwd / "generated.txt").write_text("\n".join([*lines, "999 0 0 0"]) + "\n", encoding="utf-8")
    done = inside("decode", "codes.parquet", "generated.txt")
    assert done.stdout.splitlines() == [*(row["item_id"] for row in rows), ""]
    assert done.stderr == f"1 of {len(rows) + 1} lines are the codes of no item\n"
    refused(inside("decode", "codes.parquet", "none.txt"), DATA, "no such file: none.txt")
    refused(inside("decode", "none.parquet"), DATA, "no such file: none.parquet")
