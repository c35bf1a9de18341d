"""What records for language models should say: a plain rendering of each pair, and files to render from."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli import IngestOptions, augment
from tests.support import shards

TO = ("messages", "alpaca", "sharegpt", "prompt")
TYPES = ("jsonl", "parquet")
SPLITS = ("train", "validation", "test")
TASK = "A user interacted with these items, oldest first. Predict the next item."

Pair = dict[str, Any]


def plain(value: Any) -> str:
    """Return the text of a value of a kept column."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%fZ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def texts_of(pair: Pair, about: dict[str, Any]) -> dict[str, Any]:
    """Return placeholder → its text, or texts of its list, for a pair with ids."""
    codes, titles = about.get("codes"), about.get("titles")
    found: dict[str, Any] = {"user": str(pair.get("user_id", pair.get("user_num")))}
    written = codes or {}
    found["history"] = [written.get(item, item) for item in pair["input_items"]]
    found["target"] = written.get(pair["target_item"], pair["target_item"])
    if titles:
        found["history_titles"] = [titles[item] for item in pair["input_items"]]
        found["target_title"] = titles[pair["target_item"]]
    missing = about.get("missing")
    for name in ("rating", "stars", "clicked", "day", "note"):
        kept = [missing if each is None else plain(each) for each in pair.get(f"input_{name}", ())]
        found[f"history_{name}"] = kept
        target = pair.get(f"target_{name}")
        found[f"target_{name}"] = missing if target is None else plain(target)
    return found


def rendered(text: str, values: dict[str, Any], separator: str) -> str:
    """Return a text of a template with its placeholders replaced."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        value = values[match[1]]
        return separator.join(value) if isinstance(value, list) else str(value)

    return re.sub(r"\{\{|\}\}|\{(\w+)\}", replaced, text)


def record(to: str, parts: dict[str, str]) -> dict[str, Any]:
    """Return the record of a format with these rendered parts; a part without a text is not among them."""
    system, instruction, user, answer = (parts.get(key) for key in ("system", "instruction", "user", "assistant"))
    question, answer = "\n".join(part for part in (instruction, user) if part is not None), answer or ""
    if to == "messages":
        roles = [("system", system), ("user", question), ("assistant", answer)]
        return {"messages": [{"role": role, "content": text} for role, text in roles if text is not None]}
    if to == "sharegpt":
        turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
        return {"conversations": turns} | ({} if system is None else {"system": system})
    if to == "alpaca":
        task, given = (user or "", "") if instruction is None else (instruction, user or "")
        return {"instruction": task, "input": given, "output": answer} | ({} if system is None else {"system": system})
    prompt = "\n".join(part for part in (system, instruction, user) if part is not None)
    return {"prompt": prompt, "completion": answer}


def read(path: Path) -> list[Any]:
    """Return the records of a file."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    # Not splitlines, which also divides at line ends that JSON leaves as they are.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def ids_of(pairs: Path, table: str) -> list[str]:
    return ["", *pq.read_table(pairs / f"{table}s.parquet")[f"{table}_id"].to_pylist()]


def with_ids_of_items(pairs: Path, split: str = "train") -> list[Pair]:
    """Return the pairs of a split with the log's ids of items."""
    items = ids_of(pairs, "item")
    return [
        row | {"input_items": [items[n] for n in row["input_items"]], "target_item": items[row["target_item"]]}
        for row in shards(pairs, split).to_pylist()
    ]


def with_ids(pairs: Path, split: str = "train") -> list[Pair]:
    """Return the same with the ids of users."""
    users = ids_of(pairs, "user")
    return [row | {"user_id": users[row["user_num"]]} for row in with_ids_of_items(pairs, split)]


def toml(template: dict[str, str]) -> str:
    """Return a template as TOML, whose texts in double quotes have the escapes of JSON, and one more."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in template.items())
    return "\n".join(lines).replace("\x7f", "\\u007f") + "\n"


def template_file(directory: Path, **parts: str) -> str:
    path = directory / "template.toml"
    path.write_text(toml(parts), encoding="utf-8")
    return str(path)


def info_file(directory: Path, pairs: Path, **columns: Callable[[str], str | None]) -> str:
    """Write a file of item information."""
    items = ids_of(pairs, "item")[1:]
    table = {"item_id": items} | {name: [make(item) for item in items] for name, make in columns.items()}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in table.items()}),
                   directory / "info.parquet")  # fmt: skip
    return str(directory / "info.parquet")


def codes_file(directory: Path, pairs: Path) -> tuple[str, dict[str, str]]:
    """Write codes of all items; return the file, and the text of each item's codes."""
    items = ids_of(pairs, "item")[1:]
    codes = [[n // 7, n % 7] for n in range(len(items))]
    pq.write_table(pa.table({"item_id": items, "codes": codes}), directory / "codes.parquet")
    texts = {item: f"<a_{first}><b_{second}>" for item, (first, second) in zip(items, codes, strict=True)}
    return str(directory / "codes.parquet"), texts


def timed(directory: Path, first: int, *, keep: tuple[str, ...] = ("timestamp",)) -> Path:
    """Make pairs with a kept time."""
    rows = [f"u{user},i{n % 4},{first + n}\n" for user in range(3) for n in range(5)]
    (directory / "log.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
    augment(directory / "log.csv", directory / "log.pairs", ingest_options=IngestOptions(keep=keep))
    return directory / "log.pairs"
