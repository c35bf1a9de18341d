"""`genpas semantic-ids`: what it says, and that its codes can be exported at once."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
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
    for ending, content in ((".parquet", b"PAR1"), (".json", b"[]"), (".npy", b"\x93NUMPY"), (".pt", b"PK")):
        own = inside.cwd / f"own{ending}"
        own.write_bytes(content)
        refused(inside("semantic-ids", store, "-o", own, "--force"), USAGE, "genpas does not overwrite it")
        assert own.read_bytes() == content
    refused(inside("semantic-ids", store, "-o", "codes.csv"), USAGE, "must end with .parquet, .json, .npy or .pt")
    refused(inside("semantic-ids", store, "-o", "codes.pt", "--vocab", store), USAGE, "--vocab cannot be used")
    assert not (inside.cwd / "codes.parquet").exists()


def test_codes_lead_back_to_their_items(inside: InProcess, store: Path) -> None:
    inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "4")
    rows = pq.read_table(inside.cwd / "codes.parquet").to_pylist()
    lines = [" ".join(map(str, row["codes"])) for row in rows]
    (inside.cwd / "generated.txt").write_text("\n".join([*lines, "999 0 0 0"]) + "\n", encoding="utf-8")
    done = inside("decode", "codes.parquet", "generated.txt")
    assert done.stdout.splitlines() == [*(row["item_id"] for row in rows), ""]
    assert done.stderr == f"no item has the codes of 1 of {len(rows) + 1} lines (the first: line {len(rows) + 1})\n"
    refused(inside("decode", "codes.parquet", "none.txt"), DATA, "no such file: none.txt")
    refused(inside("decode", "none.parquet"), DATA, "no such file: none.parquet")


def test_an_id_of_two_lines_is_not_printed(inside: InProcess) -> None:
    pq.write_table(pa.table({"item_id": ["two\nlines", "b"], "codes": [[0], [1]]}), inside.cwd / "codes.parquet")
    (inside.cwd / "generated.txt").write_text("1\n0\n", encoding="utf-8")
    done = inside("decode", "codes.parquet", "generated.txt")
    refused(done, DATA, "codes.parquet has ids with a line break, such as 'two\\nlines'")
    assert done.stdout == ""


def test_a_directory_is_no_text_to_decode(inside: InProcess, store: Path) -> None:
    inside("semantic-ids", store, "-o", "codes.parquet", "--codes", "4")
    refused(inside("decode", "codes.parquet", inside.cwd), DATA, "is a directory, not a file of text")
    refused(inside("decode", inside.cwd), DATA, "is a directory")
    inside("semantic-ids", store, "-o", "codes.npy", "--codes", "4")
    refused(inside("decode", "codes.npy"), DATA, "has codes without the ids of their items")


@pytest.mark.parametrize("ending", [".parquet", ".json", ".npy"])
def test_codes_in_any_form_give_the_same_tokens(inside: InProcess, store: Path, pairs: Path, ending: str) -> None:
    for name in ("codes.parquet", f"same{ending}"):
        assert inside("semantic-ids", store, "-o", name, "--codes", "4", "--force").returncode == 0
        tokens = ("--to", "jsonl", "--missing-codes", "drop", "--split", "train", "--user-tokens", "5")
        done = inside("export", pairs, "--semantic-ids", name, *tokens, "-o", f"{name}.jsonl")
        assert done.returncode == 0, done.stderr
    assert (inside.cwd / f"same{ending}.jsonl").read_bytes() == (inside.cwd / "codes.parquet.jsonl").read_bytes()


def test_a_tensor_has_a_column_per_item_number(inside: InProcess, store: Path, pairs: Path) -> None:
    torch = pytest.importorskip("torch")
    for name in ("codes.pt", "codes.parquet"):
        assert inside("semantic-ids", store, "-o", name, "--codes", "4").returncode == 0
    tensor = torch.load(inside.cwd / "codes.pt", weights_only=True)
    codes = {row["item_id"]: row["codes"] for row in pq.read_table(inside.cwd / "codes.parquet").to_pylist()}
    items = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    assert tensor.T.tolist() == [codes.get(item, [-1] * 4) for item in (None, *items)]
