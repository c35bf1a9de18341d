"""`export --force` replaces a file that it would have written itself, and no other one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genpas_cli import UsageError, export
from tests.export.language_model_records import TO, TYPES, read, template_file

INSTRUCTION = "A user interacted with these items, oldest first. Predict the next item."


def again(pairs: Path, out: Path, **options: Any) -> None:
    export(pairs, out, split="train", force=True, **options)


def refused(pairs: Path, out: Path, **options: Any) -> None:
    before = out.read_bytes()
    with pytest.raises(UsageError, match="nothing in the file shows that genpas wrote it") as caught:
        again(pairs, out, **options)
    assert "remove the existing one yourself" in str(caught.value.tip)
    assert out.read_bytes() == before


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", TO)
def test_records_are_told_by_the_fixed_text_of_the_template(
    plain_pairs: Path, tmp_path: Path, to: str, file_type: str
) -> None:
    out = tmp_path / f"o.{file_type}"
    options: dict[str, Any] = {"to": to, "file_type": file_type}
    again(plain_pairs, out, **options)
    first = out.read_bytes()
    again(plain_pairs, out, **options)
    assert out.read_bytes() == first
    texts = {"user": "The user {user} has seen {history}. And next?", "assistant": "It is {target}.", "system": "Hi"}
    own = {"template": template_file(tmp_path, **texts)}
    refused(plain_pairs, out, **options, **own)
    out.unlink()
    again(plain_pairs, out, **options, **own)
    again(plain_pairs, out, **options, **own)
    refused(plain_pairs, out, **options)


@pytest.mark.parametrize("to", TO)
def test_records_without_fixed_text_could_be_of_anybody(plain_pairs: Path, tmp_path: Path, to: str) -> None:
    options: dict[str, Any] = {"to": to, "template": template_file(tmp_path, user="{history}", assistant="{target}")}
    again(plain_pairs, tmp_path / "o.jsonl", **options)
    refused(plain_pairs, tmp_path / "o.jsonl", **options)


def changed(record: dict[str, Any], change: str) -> Any:
    user, answer = record["messages"]
    return {
        "another text": {"messages": [user | {"content": "x" + user["content"]}, answer]},
        "a shorter text": {"messages": [user | {"content": INSTRUCTION[:-1]}, answer]},
        "another role": {"messages": [user | {"role": "human"}, answer]},
        "another key": record | {"id": 1},
        "one message": {"messages": [user]},
        "other messages": {"messages": [user, {"role": "assistant", "text": "a"}]},
        "no text": {"messages": [user, answer | {"content": 1}]},
        "no object": [record],
    }[change]


@pytest.mark.parametrize(
    "change",
    [
        "another text", "a shorter text", "another role", "another key", "one message", "other messages", "no text",
        "no object",
    ],
)  # fmt: skip
def test_a_record_of_somebody_else(plain_pairs: Path, tmp_path: Path, change: str) -> None:
    out = tmp_path / "o.jsonl"
    again(plain_pairs, out, to="messages")
    out.write_text(json.dumps(changed(read(out)[0], change)) + "\n", encoding="utf-8")
    refused(plain_pairs, out, to="messages")


def test_a_parquet_file_of_somebody_else(plain_pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.parquet"
    for table in (pa.table({"prompt": ["p"], "completion": ["c"]}), pa.table({"prompt": pa.array([], pa.string())})):
        pq.write_table(table, out)
        refused(plain_pairs, out, to="prompt", file_type="parquet")
    out.write_bytes(b"PAR1")
    refused(plain_pairs, out, to="prompt", file_type="parquet")


@pytest.mark.parametrize("to", ["jsonl", "csv"])
def test_renamed_columns_are_told_by_the_names_of_this_export(plain_pairs: Path, tmp_path: Path, to: str) -> None:
    out, renamed = tmp_path / f"o.{to}", {"to": to, "rename": "target_item=next,input_items=past"}
    again(plain_pairs, out, **renamed)
    again(plain_pairs, out, **renamed)
    refused(plain_pairs, out, to=to)
    refused(plain_pairs, out, to=to, rename="target_item=next")
    out.unlink()
    # Without any name of genpas, the file could be of anybody.
    every = {"to": to, "columns": "input_items,target_item", "rename": "target_item=next,input_items=past"}
    again(plain_pairs, out, **every)
    refused(plain_pairs, out, **every)
