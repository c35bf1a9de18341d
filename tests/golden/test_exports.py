"""Each text format of `export`, byte by byte: a change of what is written shows here, and means a note to users."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import AugmentOptions, ExportOptions, IngestOptions, augment, export, ingest

GOLDEN = Path(__file__).parent / "exports"

LOG = """user_id,item_id,rating,timestamp
ann,tea,4,1700000000
ann,jam,5,1700000060
ann,"salt, fine",2.5,1700000120
ann,tea,4,1700000180
ann,oil,,1700000240
bob,jam,3,1700000000
bob,oil,1,1700000300
bob,tea,5,1700000600
bob,rye,2,1700000900
"""

INFO = '''item_id,title,shelf
tea,Black tea,3
jam,"Jam ""plum""",5
"salt, fine",Salt,12
oil,Oil {1 l},3
rye,Rye,7
'''

TEMPLATE = """
system = "You know the pantry of {user}."
instruction = "What comes next?"
user = "{history_titles} (shelves {history_shelf}, rated {history_rating})"
assistant = "{{{target}}} {target_title}"
separator = " + "
missing = "?"
"""

CASES: dict[str, dict[str, str | bool]] = {
    "plain.jsonl": {"to": "jsonl"},
    "ids.jsonl": {"to": "jsonl", "ids": "raw"},
    "semantic.jsonl": {"to": "jsonl", "separator": True, "end_token": True, "columns": "input_items,target_item"},
    "padded.csv": {"to": "csv", "pad": "left"},
    "ids.csv": {"to": "csv", "ids": "raw"},
    "sequences.txt": {"to": "sequences"},
    "ids.messages.jsonl": {"to": "messages"},
    "titles.messages.jsonl": {"to": "messages", "item_info": "info.csv"},
    "semantic.messages.jsonl": {"to": "messages"},
    "template.messages.jsonl": {"to": "messages", "item_info": "info.csv", "template": "template.toml"},
    "template.alpaca.jsonl": {"to": "alpaca", "item_info": "info.csv", "template": "template.toml"},
    "template.sharegpt.jsonl": {"to": "sharegpt", "item_info": "info.csv", "template": "template.toml"},
    "template.prompt.jsonl": {"to": "prompt", "item_info": "info.csv", "template": "template.toml"},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of a small log, every target once with its whole history."""
    root = tmp_path_factory.mktemp("golden")
    (root / "log.csv").write_text(LOG, encoding="utf-8")
    augment(
        root / "log.csv", root / "log.pairs",
        AugmentOptions(strategy="multi-target", max_input="3", order="user", user_ids="raw"),
        ingest_options=IngestOptions(keep=("rating",)),
    )  # fmt: skip
    return root / "log.pairs"


@pytest.mark.parametrize("name", ["train.csv", "test_target.csv", "golden.train.inter", "golden.yaml"])
def test_splits(pairs: Path, tmp_path: Path, name: str) -> None:
    ingest(pairs.parent / "log.csv", tmp_path / "log.store", keep=("rating",))
    of_recbole = {"file_type": "inter", "ids": "num"} if name.startswith("golden") else {}
    export(tmp_path / "log.store", tmp_path / "golden", ExportOptions(to="splits", **of_recbole))  # type: ignore[arg-type]  # by name
    assert (tmp_path / "golden" / name).read_text("utf-8") == (GOLDEN / "splits" / name).read_text("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_text_formats(pairs: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("info.csv").write_text(INFO, encoding="utf-8")
    Path("template.toml").write_text(TEMPLATE, encoding="utf-8")
    codes = pa.table(
        {"item_id": ["tea", "jam", "salt, fine", "oil", "rye"], "codes": [[0, 1], [0, 0], [1, 2], [2, 0], [1, 1]]}
    )
    pq.write_table(codes, tmp_path / "codes.parquet")
    semantic = {"semantic_ids": str(tmp_path / "codes.parquet")} if name.startswith("semantic") else {}
    export(pairs, tmp_path / name, ExportOptions(split="train", **CASES[name], **semantic))  # type: ignore[arg-type]  # by name
    assert (tmp_path / name).read_text("utf-8") == (GOLDEN / name).read_text("utf-8")
