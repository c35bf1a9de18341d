"""The files of codes in the output of an export with semantic ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.pairs.changes.semantic_ids import SemanticIds
from genpas_cli.pairs.codes.files import NO_CODES
from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.sid import SidPattern
from genpas_cli.pairs.codes.torch_file import write_tensor

TOKENS, INDEX, ARRAY, TENSOR = "tokens.parquet", "index.json", "codes.npy", "codes.pt"
"""Tokens of each item; texts of the codes of each item, by id; codes by item number, in rows and in columns."""


def write_tokens(directory: Path, semantic: SemanticIds, pattern: SidPattern) -> None:
    """Write the files of tokens and codes: `tokens.parquet`, `index.json`, `codes.npy` and `codes.pt`."""
    codes = semantic.codes
    pq.write_table(semantic.table(), directory / TOKENS)
    ids = codes.items
    write_index(directory / INDEX, ((ids[number - 1].as_py(), texts) for number, texts in pattern.lists(codes)))
    table = np.where(codes.known[:, None], codes.codes, np.int32(NO_CODES))
    np.save(directory / ARRAY, table[1:])
    write_tensor(directory / TENSOR, table.T)


def write_code_table(path: Path, codes: ItemCodes, *, id_column: str, codes_column: str) -> None:
    """Write the codes of the items with codes as Parquet: the id of each item, and its list of codes, int64."""
    number = np.flatnonzero(codes.known)
    table = codes.codes[number]
    offsets = pa.array(np.arange(0, table.size + 1, table.shape[1], dtype=np.int32))
    lists = pa.ListArray.from_arrays(offsets, pa.array(table.ravel().astype(np.int64)))
    columns = {id_column: codes.items.take(pa.array(number - 1)), codes_column: lists}
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_index(path: Path, items: Iterator[tuple[object, list[str]]]) -> None:
    """Write an index of codes: `{"ITEM": ["<a_3>", "<b_17>"], ...}`, one item per line."""
    with path.open("w", encoding="utf-8") as out:
        begin = "{"
        for key, texts in items:
            out.write(f"{begin}\n{json.dumps(str(key), ensure_ascii=False)}: {json.dumps(texts, ensure_ascii=False)}")
            begin = ","
        out.write("\n}\n" if begin == "," else "{}\n")
