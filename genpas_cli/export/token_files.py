"""The files of codes in the output of an export with semantic ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.export.formats.texts import joined
from genpas_cli.pairs.changes.semantic_ids import SemanticIds
from genpas_cli.pairs.codes.files import NO_CODES
from genpas_cli.pairs.codes.item_codes import ItemCodes
from genpas_cli.pairs.codes.sid import SidPattern
from genpas_cli.pairs.codes.torch_file import write_tensor

TOKENS, INDEX, ARRAY, TENSOR = "tokens.parquet", "index.json", "codes.npy", "codes.pt"
"""Tokens of each item; texts of the codes of each item, by id; codes by item number, in rows and in columns."""

_GROUP_ROWS = 1 << 20
"""Rows of a row group of Parquet."""


def write_tokens(directory: Path, semantic: SemanticIds, pattern: SidPattern) -> None:
    """Write the files of tokens and codes: `tokens.parquet`, `index.json`, `codes.npy` and `codes.pt`."""
    codes = semantic.codes
    pa.default_memory_pool().release_unused()  # the memory of the pairs, which Arrow would keep
    _write_tables(directory / TOKENS, semantic.tables(_GROUP_ROWS), compression="snappy")
    write_index(directory / INDEX, codes, pattern, by_id=True)
    with (directory / ARRAY).open("wb") as out:
        about = {"descr": "<i4", "fortran_order": False, "shape": (len(codes.known) - 1, codes.table.levels)}
        np.lib.format.write_array_header_1_0(out, about)
        for block in _marked(codes):
            out.write(block.astype("<i4").tobytes())
    write_code_tensor(directory / TENSOR, codes)


def write_code_tensor(path: Path, codes: ItemCodes) -> None:
    """Write the codes as a tensor (levels, items + 1), -1 for items without codes.

    Column 0 belongs to no item, because item numbers start at 1.
    """
    write_tensor(path, (codes.table.levels, len(codes.known)), (_of_level(codes, n) for n in range(codes.table.levels)))


def write_code_table(path: Path, codes: ItemCodes, *, id_column: str, codes_column: str) -> None:
    """Write the codes of the items with codes as Parquet: the id of each item, and its list of codes, int64."""

    def tables() -> Iterator[pa.Table]:
        for _, ids, table in codes.named(_GROUP_ROWS):
            offsets = pa.array(np.arange(0, table.size + 1, table.shape[1], dtype=np.int32))
            lists = pa.ListArray.from_arrays(offsets, pa.array(table.ravel().astype(np.int64)))
            yield pa.table({id_column: ids, codes_column: lists})

    _write_tables(path, tables(), compression="zstd")


def write_index(path: Path, codes: ItemCodes, pattern: SidPattern, *, by_id: bool) -> None:
    """Write an index of the items with codes: `{"ITEM": ["<a_3>", "<b_17>"], ...}`, one item per line.

    Args:
        path: the file.
        codes: of the items.
        pattern: how codes are written.
        by_id: whether an item is named by its id, or by its number from 0.
    """
    levels = [
        pa.array([json.dumps(pattern.code(level, code), ensure_ascii=False) for code in range(size)])
        for level, size in enumerate(codes.sizes)
    ]
    with path.open("wb") as out:
        begin = 0
        for number, ids, table in codes.named():
            names = _quoted(ids) if by_id else _quoted(pa.array(number - 1).cast(pa.string()))
            texts = [texts.take(pa.array(table[:, level])) for level, texts in enumerate(levels)]
            between = [part for text in texts for part in (", ", text)][1:]
            lines = joined(",\n", names, ": [", *between, "]")
            out.write(b"{" + lines[1:] if begin == 0 else lines)
            begin += len(number)
        out.write(b"\n}\n" if begin else b"{}\n")


def _quoted(texts: pa.Array) -> pa.Array:
    """Return texts as JSON."""
    if pc.any(pc.match_substring_regex(texts, r'[\x00-\x1f\\"]')).as_py():
        return pa.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def _marked(codes: ItemCodes) -> Iterator[NDArray[np.int32]]:
    """Yield the codes of consecutive item numbers from 1, -1 for items without codes."""
    for first, block in codes.table.blocks():
        yield np.where(codes.known[first : first + len(block), None], block, np.int32(NO_CODES))


def _of_level(codes: ItemCodes, level: int) -> Iterator[NDArray[np.int32]]:
    yield np.array([NO_CODES], np.int32)
    for block in _marked(codes):
        yield block[:, level]


def _write_tables(path: Path, tables: Iterator[pa.Table], *, compression: str) -> None:
    """Write a Parquet file, each table as a row group."""
    with closing(_Parquet(path, compression)) as out:
        for table in tables:
            out.write(table)


class _Parquet:
    """A Parquet file whose schema is that of its first table."""

    def __init__(self, path: Path, compression: str) -> None:
        self._path, self._compression = path, compression
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression=self._compression)
        self._writer.write_table(table, _GROUP_ROWS)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
