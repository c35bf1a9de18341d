"""What the commands print with `--json`, and the JSON files that they write, match the published schemas."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from docs.generate import ROOT
from docs.schemas import DIRECTORY, SCHEMAS
from tests.support import InProcess

SPEED = ("--dim", "8", "--steps", "10", "--round-steps", "5", "--batch-size", "32", "--threads", "1", "--device", "cpu")

RUNS: dict[str, list[tuple[str, ...]]] = {
    "ingest": [("ingest", "{csv}", "-o", "new.store", "--dedup", "exact", "--keep", "timestamp", "--json")],
    "ingest-plan": [("ingest", log, "-o", "other.store", "--dry-run") for log in ("{csv}", "plain.csv")],
    "augment": [
        ("augment", "{csv}", "-o", "a.pairs", "--json"),
        ("augment", "{store}", "-o", "b.pairs", "-s", "recency:keep=0.8", "--epochs", "2", "--json"),
        ("augment", "{csv}", "-o", "c.pairs", "--form", "cuts", "--split", "none", "--json"),
    ],
    "augment-plan": [("augment", "{store}", "--dry-run"), ("augment", "{store}", "--part", "1/2", "--dry-run")],
    "merge": [("merge", "d.pairs.part-1-of-2", "d.pairs.part-2-of-2", "-o", "merged.pairs", "--json")],
    "verify": [("verify", "{pairs}", "--json"), ("verify", "{pairs}", "--store", "{store}", "--json")],
    "stats": [
        ("stats", "{store}", "--check", "rules.toml", "--json"),
        ("stats", "{store}", "-s", "last-target", "-s", "0,inf,-inf", "--epsilon", "0", "--json"),
        ("stats", "{pairs}", "--json"),
        ("stats", "{pairs}", "--store", "{store}", "--json"),
        ("stats", "plain.csv", "--split", "none", "--json"),
    ],
    "stats-split": [
        ("stats", "--split-of", "h", "--json"), ("stats", "--split-of", "h", "--check", "default", "--json"),
    ],
    "tune": [
        ("tune", "{store}", "--alpha", "0,1", "--beta", "0", "--gamma", "-inf,0", "-s", "multi-target", "--json"),
        ("tune", "{store}", "--alpha", "1", "--beta", "inf", "--gamma", "0", "--epsilon", "0", "--json"),
        ("tune", "{store}", "--alpha", "1", "--beta", "0", "--gamma", "0", "--train-top", "1", "--seeds", "1", *SPEED,
         "-o", "searched", "--json"),
    ],
    "train": [("train", "{pairs}", *SPEED, "--json")],
    "compare": [("compare", "{store}", "-s", "last-target", "-s", "1,0,0", "--seeds", "2", *SPEED, "-o", "compared",
                 "--json")],
    "export": [
        ("export", "{pairs}", "--to", "jsonl", "-o", "e", "--json"),
        ("export", "{pairs}", "--to", "npz", "-o", "f", "--semantic-ids", "codes.parquet", "--json"),
        ("export", "{store}", "--to", "splits", "-o", "g", "--json"),
        ("export", "{store}", "--to", "p5", "-o", "i", "--json"),
    ],
    "semantic-ids": [("semantic-ids", "{store}", "--codes", "4", "-o", "made.parquet", "--json")],
    "head": [("head", "{csv}", "--json"), ("head", "{store}", "--json"), ("head", "{pairs}", "--json")],
    "doctor": [("doctor", "--json")],
}  # fmt: skip
"""Schema → command lines that print it."""

WRITTEN = {
    "manifest": ["d.pairs.part-1-of-2/part.json", *(f"{name}.pairs/manifest.json" for name in "abc"),
                 "merged.pairs/manifest.json"],
    "train": ["log.model/metrics.json"],
    "tune": ["searched/search.json"],
    "compare": ["compared/comparison.json"],
    "export-directory": ["e/export.json", "f/export.json"], "export-splits-directory": ["g/export.json"],
    "export-sequences-directory": ["i/export.json"],
}  # fmt: skip
"""Schema → files that these commands write."""


def strict(text: str) -> Any:
    """Read JSON; Infinity and NaN, which Python's module accepts, are errors."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = strict((ROOT / "docs" / DIRECTORY / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def outputs(
    tmp_path_factory: pytest.TempPathFactory, log: Path, store: Path, pairs: Path
) -> dict[str, list[tuple[str, Any]]]:
    """Schema → what each command printed or wrote, with its command line or path."""
    cwd = tmp_path_factory.mktemp("schemas")
    run = InProcess(cwd, tmp_path_factory.mktemp("schemas-tmp"))
    rows = "".join(f"{user},{item}\n" for user in "abc" for item in "pqrst")
    (cwd / "plain.csv").write_text(f"user_id,item_id\n{rows}", encoding="utf-8")
    (cwd / "rules.toml").write_text('[data]\nwarn = ["items > 1000"]\nfail = ["users > 1"]\n', encoding="utf-8")
    ids = pq.read_table(pairs / "items.parquet")["item_id"]
    codes = pa.array([[number % 4, number // 4] for number in range(len(ids))])
    pq.write_table(pa.table({"item_id": ids, "codes": codes}), cwd / "codes.parquet")
    for part in ("1/2", "2/2"):
        assert run("augment", store, "-o", "d.pairs", "--part", part).returncode == 0
    assert run("export", store, "--to", "splits", "-o", "h").returncode == 0
    places = {"csv": log, "store": store, "pairs": pairs}
    found: dict[str, list[tuple[str, Any]]] = {name: [] for name in SCHEMAS}
    for name, lines in RUNS.items():
        for line in lines:
            done = run(*(word.format(**places) for word in line))
            assert done.returncode == 0, (line, done.stderr)
            found[name].append((" ".join(line), strict(done.stdout)))
    for name, paths in WRITTEN.items():
        found[name] += [(path, strict((cwd / path).read_text(encoding="utf-8"))) for path in paths]
    return found


def test_every_schema_is_a_schema_and_has_an_output() -> None:
    for name in SCHEMAS:
        Draft202012Validator.check_schema(schema(name))
        assert name in RUNS or name in WRITTEN


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every object in a JSON value."""
    if isinstance(value, dict):
        yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(each, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize("name", SCHEMAS)
def test_outputs_match_their_schema(name: str, outputs: dict[str, list[tuple[str, Any]]]) -> None:
    validator = Draft202012Validator(schema(name))
    assert outputs[name]
    for source, output in outputs[name]:
        assert [f"{source}: {error.json_path}: {error.message}" for error in validator.iter_errors(output)] == []


OPEN = {"options", "pairs", "interactions", "sequences", "shards", "schema", "versions", "files", "grid", "by_history",
        "validation", "test", "test_deviation", "model", "parameters"}  # fmt: skip
"""Objects whose keys are data: names of splits and their parts, metrics, columns, files or options."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_unknown_or_missing_key_is_invalid(name: str, outputs: dict[str, list[tuple[str, Any]]]) -> None:
    validator = Draft202012Validator(schema(name))
    tried = 0
    for _, output in outputs[name]:
        for path in objects(output):
            if path and (path[-1] in OPEN or "options" in path):
                continue
            tried += 1
            more = copy.deepcopy(output)
            at(more, path)["unknown"] = 1
            assert not validator.is_valid(more), path
        for key in output[0] if isinstance(output, list) else output:
            less = copy.deepcopy(output)
            del (less[0] if isinstance(less, list) else less)[key]
            optional = schema(name).get("properties", {}).keys() - schema(name).get("required", [])
            assert validator.is_valid(less) == (key in optional), key
    assert tried
