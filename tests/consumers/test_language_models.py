"""TRL trains on the records, LLaMA-Factory's loader takes every one of them, and both have what the shards say."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.consumers.environments import Environment
from tests.consumers.expected import SPLITS, exported, with_ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TEMPLATE = """
system = "You know the shop of {user}."
instruction = "Which item comes next?"
user = "{history_titles}, with codes {history}, and ratings {history_rating}, by {time}: "
assistant = "{target_title} {target}"
separator = "; "
"""
TYPES = ("jsonl", "parquet")


class Texts(NamedTuple):
    """The rendered parts of a record."""

    system: str
    instruction: str
    user: str
    answer: str


@pytest.fixture(scope="module")
def records(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Texts]]]:
    """Directory with exports FORMAT.TYPE, and the texts of each pair."""
    root = tmp_path_factory.mktemp("records")
    pairs = shop / "kept.pairs"
    items = pq.read_table(pairs / "items.parquet")["item_id"].to_pylist()
    titles = {item: f'{item} "{{ü}}"\n\t\u2028 ☕ #{n}\\' for n, item in enumerate(items)}
    codes = {item: [n // 8, n % 8] for n, item in enumerate(items)}
    pq.write_table(pa.table({"item_id": items, "title": [titles[item] for item in items]}), root / "info.parquet")
    pq.write_table(pa.table({"item_id": items, "codes": [codes[item] for item in items]}), root / "codes.parquet")
    (root / "template.toml").write_text(TEMPLATE, encoding="utf-8")
    for to in ("messages", "alpaca", "sharegpt", "prompt"):
        for file_type in TYPES:
            exported(
                pairs, root / f"{to}.{file_type}", to, file_type=file_type, template=str(root / "template.toml"),
                item_info=str(root / "info.parquet"), semantic_ids=str(root / "codes.parquet"),
            )  # fmt: skip

    def texts(pair: dict[str, Any]) -> Texts:
        sid = {item: f"<a_{first}><b_{second}>" for item, (first, second) in codes.items()}
        joined = ["; ".join(map(each.__getitem__, pair["input_items"])) for each in (titles, sid)]
        ratings = "; ".join(f"{rating:g}" for rating in pair["input_rating"])
        time = dt.datetime.fromtimestamp(pair["target_timestamp"], dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Texts(
            f"You know the shop of {pair['user_id']}.", "Which item comes next?",
            f"{joined[0]}, with codes {joined[1]}, and ratings {ratings}, by {time}: ",
            f"{titles[pair['target_item']]} {sid[pair['target_item']]}",
        )  # fmt: skip

    return root, {split: [texts(pair) for pair in with_ids(pairs, split)] for split in SPLITS}


def record_of(to: str, texts: Texts) -> dict[str, Any]:
    system, instruction, user, answer = texts
    asked = f"{instruction}\n{user}"
    found: dict[str, dict[str, Any]] = {
        "messages": {"messages": [{"role": "system", "content": system}, {"role": "user", "content": asked},
                                  {"role": "assistant", "content": answer}]},
        "alpaca": {"instruction": instruction, "input": user, "output": answer, "system": system},
        "sharegpt": {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}],
                     "system": system},
        "prompt": {"prompt": f"{system}\n{asked}", "completion": answer},
    }  # fmt: skip
    return found[to]


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", ["messages", "alpaca", "sharegpt", "prompt"])
def test_datasets(records: Any, datasets: Environment, to: str, file_type: str) -> None:
    root, expected = records
    found = datasets.read("read_language_models.py", root, "datasets", f"{to}.{file_type}", file_type)
    assert found == {split: [record_of(to, texts) for texts in rows] for split, rows in expected.items()}


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", ["messages", "alpaca", "sharegpt", "prompt"])
def test_llama_factory(records: Any, language_models: Environment, to: str, file_type: str) -> None:
    root, expected = records
    found = language_models.read("read_language_models.py", root, "llamafactory", f"{to}.{file_type}", file_type)
    for split, rows in expected.items():
        for row, texts in zip(found["splits"][split], rows, strict=True):
            asked = f"{texts.instruction}\n{texts.user}"
            system = texts.system
            if to == "prompt":  # which has no roles: all but the answer is what the user says
                asked, system = f"{system}\n{asked}", ""
            assert row["_prompt"] == [{"role": "user", "content": asked}]
            assert row["_response"] == [{"role": "assistant", "content": texts.answer}]
            assert (row["_system"] or "") == system
    tokens = (root / f"{to}.{file_type}" / "new_tokens.txt").read_text("utf-8").splitlines()
    assert found["tokens"] == tokens


@pytest.mark.parametrize("file_type", TYPES)
@pytest.mark.parametrize("to", ["messages", "prompt"])
def test_trl(records: Any, language_models: Environment, to: str, file_type: str) -> None:
    root, expected = records
    found = language_models.read("read_language_models.py", root, "trl", f"{to}.{file_type}", file_type)
    assert found["loss"] > 0
    for n, texts in enumerate(expected["train"]):
        system, instruction, user, answer = texts
        asked = f"{instruction}\n{user}"
        if to == "messages":
            said = f"<|system|>{system}<|end|><|user|>{asked}<|end|><|assistant|>{answer}<|end|>"
            assert found["texts"][n] == found["learnt"][n] == said
        else:
            assert found["texts"][n] == f"{system}\n{asked}{answer}<|eos|>"
            assert found["learnt"][n] == f"{answer}<|eos|>"
        codes = found["texts"][n].count("<a_") + found["texts"][n].count("<b_")
        ends = found["texts"][n].count("<|eos|>")
        # The tokenizer is one of bytes, so what is longer than a byte is a token that was added.
        others = len(re.sub(r"<[ab]_\d+>|<\|eos\|>", "", found["texts"][n]).encode())
        assert found["tokens"][n] == others + codes + ends
    assert len(found["texts"]) == len(expected["train"])
