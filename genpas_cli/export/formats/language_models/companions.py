"""Further files of the output: descriptions for LLaMA-Factory, and the tokens that codes add to a vocabulary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genpas_cli.export.token_files import INDEX, write_index
from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.sid import SidPattern

DATASET_INFO, NEW_TOKENS, NEW_SPECIAL_TOKENS = "dataset_info.json", "new_tokens.txt", "new_special_tokens.yaml"


def dataset_info(files: Mapping[str, str], description: Mapping[str, Any]) -> str:
    """Return the `dataset_info.json` of LLaMA-Factory.

    Args:
        files: split → name of its file; the split is the name of the data set.
        description: what LLaMA-Factory must know about the keys of a record.
    """
    found = {split: {"file_name": name, **description} for split, name in files.items()}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def write_new_tokens(directory: Path, codes: ItemCodes, pattern: SidPattern) -> None:
    """Write the tokens of the codes, one per line and as YAML, and the texts of the codes of each item."""
    tokens = pattern.tokens(codes.sizes)
    (directory / NEW_TOKENS).write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    lines = (f"{_quoted(token)}: {_quoted(meaning)}\n" for token, meaning in _meanings(codes, pattern).items())
    (directory / NEW_SPECIAL_TOKENS).write_text("".join(lines), encoding="utf-8")
    write_index(directory / INDEX, codes, pattern, by_id=True)


def note_of_tokens(name: str, codes: ItemCodes, pattern: SidPattern) -> str:
    """Return how to add the tokens to a model; `name` is that of the output directory."""
    count = len(pattern.tokens(codes.sizes))
    tokens = f"open({f'{name}/{NEW_TOKENS}'!r}).read().splitlines()"
    return (
        f"{count:,} new tokens: in Python, tokenizer.add_tokens({tokens}) and "
        "model.resize_token_embeddings(len(tokenizer)); in LLaMA-Factory, new_special_tokens_config: "
        f"{name}/{NEW_SPECIAL_TOKENS}, resize_vocab: true"
    )


def _meanings(codes: ItemCodes, pattern: SidPattern) -> dict[str, str]:
    """Return token → a description, from which LLaMA-Factory can make its first embedding."""
    found = {pattern.begin: "beginning of the semantic id of an item"} if pattern.begin else {}
    found |= {pattern.end: "end of the semantic id of an item"} if pattern.end else {}
    return found | {
        pattern.code(level, code): f"code {code} of level {level + 1} of the semantic id of an item"
        for level, size in enumerate(codes.sizes)
        for code in range(size)
    }


def _quoted(text: str) -> str:
    """Return a YAML scalar in double quotes, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)
