"""The files of codes in the output of an export with semantic ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from genpas_cli.pairs.changes.semantic_ids import SemanticIds
from genpas_cli.pairs.codes.files import NO_CODES
from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.sid import SidPattern

TOKENS, INDEX, ARRAY = "tokens.parquet", "index.json", "codes.npy"
"""Tokens of each item; texts of the codes of each item, by id; codes of each item number."""


def write_tokens(directory: Path, semantic: SemanticIds, pattern: SidPattern) -> None:
    """Write the files of tokens and codes: `tokens.parquet`, `index.json` and `codes.npy`."""
    codes = semantic.codes
    pq.write_table(semantic.table(), directory / TOKENS)
    ids = codes.items
    write_index(directory / INDEX, ((ids[number - 1].as_py(), texts) for number, texts in pattern.lists(codes)))
    np.save(directory / ARRAY, by_row(codes))


def by_row(codes: ItemCodes) -> np.ndarray:
    """Return the codes, int32 (items, levels): row 0 has those of item number 1; -1 for an item without codes."""
    return np.where(codes.known[1:, None], codes.codes[1:], NO_CODES).astype(np.int32)


def write_index(path: Path, items: Iterator[tuple[object, list[str]]]) -> None:
    """Write an index of codes: `{"ITEM": ["<a_3>", "<b_17>"], ...}`, one item per line."""
    with path.open("w", encoding="utf-8") as out:
        begin = "{"
        for key, texts in items:
            out.write(f"{begin}\n{json.dumps(str(key), ensure_ascii=False)}: {json.dumps(texts, ensure_ascii=False)}")
            begin = ","
        out.write("\n}\n" if begin == "," else "{}\n")
