"""Finds the codes of each item of a vocabulary by the names in a file of codes, part by part if they do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import equality_keys, twins
from genpas_cli.pairs.codes.files import NO_CODES, Codes, ParquetCodes, check_unique
from genpas_cli.pairs.codes.spreading import Room, Spread, row_hashes, text_hashes

_BYTES_OF_A_ROW = 160
"""Memory of a row of a part, without the text of its id: the row, an entry of a hash table, and results."""
_BYTES_OF_TWINS = 64
_NAMES = pa.schema([("name", pa.string())])


class _Blocks(NamedTuple):
    """Blocks, of which the first was looked at."""

    all: Iterator[Any]
    first: Any
    """None if there are no blocks."""


def matched(names: Iterable[pa.Array], items: int, codes: Codes | ParquetCodes, room: Room) -> Iterator[Any]:
    """Yield the codes of each name in blocks, (rows, levels), of `NO_CODES` for a name that the file lacks.

    Args:
        names: texts in blocks, each name once.
        items: number of names.
        codes: of the file; its items are texts too.
        room: what may be taken.

    Raises:
        DataError: the file cannot be used, or has an item more than once; before anything is yielded.
    """
    wanted, found = _looked_at(names), _looked_at(codes.blocks())
    size = items * _row_bytes(wanted.first)
    levels = 1
    if found.first is not None:
        levels = found.first[1].shape[1]
        size += codes.rows * (_row_bytes(found.first[0]) + 8 * levels)
    parts = room.parts(size)
    left, right = Spread("items", parts, room.directory), Spread("codes", parts, room.directory, has_results=False)
    schema = pa.schema([("name", pa.string()), ("row", pa.int64()), ("codes", pa.list_(pa.int32(), levels))])
    begin = 0
    for texts, table in found.all:
        rows = pa.array(np.arange(begin, begin + len(texts)))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), levels)
        batch = pa.RecordBatch.from_arrays([texts, rows, lists], schema=schema)
        right.add(batch, text_hashes(texts) if parts > 1 else None)
        begin += len(texts)
    for texts in wanted.all:
        # The vocabulary of a file of 32-bit numbers has other types than the texts of codes.
        plain = texts.cast(pa.string())
        left.add(pa.RecordBatch.from_arrays([plain], schema=_NAMES), text_hashes(plain) if parts > 1 else None)
    repeated = 0
    first: tuple[int, str | None] = (begin, None)
    for part in range(parts):
        table = _Part.of(right.part(part, schema))
        repeated += table.repeated
        first = min(first, table.first_repeated, key=lambda each: each[0])
        left.put(part, table.codes_of(left.part(part, _NAMES)["name"], levels))
        pa.default_memory_pool().release_unused()
    check_unique(repeated, first[1], codes.path)
    codes.check_values()
    return left.merged(np.zeros((0, levels), np.int32))


class _Part(NamedTuple):
    """The rows of a file of codes in one part."""

    names: pa.Array
    codes: NDArray[np.int32]
    repeated: int
    """Number of names that occur more than once."""
    first_repeated: tuple[int, str | None]
    """The row and the name of the first of these."""

    @classmethod
    def of(cls, rows: pa.Table) -> _Part:
        names = rows["name"].combine_chunks()
        lists = rows["codes"].combine_chunks()
        codes = lists.flatten().to_numpy().reshape(len(rows), -1) if len(rows) else np.zeros((0, 1), np.int32)
        first = pc.index_in(names, value_set=names).to_numpy()
        firsts = np.unique(first[first != np.arange(len(first))])
        if not len(firsts):
            return cls(names, codes, 0, (1 << 62, None))
        return cls(names, codes, len(firsts), (rows["row"][int(firsts[0])].as_py(), names[int(firsts[0])].as_py()))

    def codes_of(self, names: pa.ChunkedArray, levels: int) -> NDArray[np.int32]:
        at = pc.fill_null(pc.index_in(names, value_set=self.names), -1).to_numpy()
        found = np.full((len(at), levels), NO_CODES, np.int32)
        known = at >= 0
        found[known] = self.codes[at[known]]
        return found


class Twins(NamedTuple):
    """How many items before each item have the same codes."""

    largest: int
    """The largest of these numbers."""
    blocks: Iterator[NDArray[np.int64]]
    """The numbers, (rows,), in the blocks of the codes."""


def twins_in_blocks(codes: Iterable[NDArray[np.int32]], items: int, room: Room) -> Twins:
    """Return, for each item, how many items before it have the same codes.

    Args:
        codes: in blocks, (rows, levels).
        items: number of rows of all blocks.
        room: what may be taken.
    """
    blocks = _looked_at(codes)
    levels = 1 if blocks.first is None else blocks.first.shape[1]
    spread = Spread("twins", room.parts(items * (_BYTES_OF_TWINS + 8 * levels)), room.directory)
    schema = pa.schema([("codes", pa.list_(pa.int32(), levels))])
    for block in blocks.all:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), levels)
        batch = pa.RecordBatch.from_arrays([lists], schema=schema)
        spread.add(batch, row_hashes(block) if spread.parts > 1 else None)
    largest = 0
    for part in range(spread.parts):
        lists = spread.part(part, schema)["codes"].combine_chunks()
        twin = twins(equality_keys(lists.flatten().to_numpy().reshape(len(lists), levels)))
        largest = max(largest, int(twin.max(initial=0)))
        spread.put(part, twin)
    return Twins(largest, spread.merged(np.zeros(0, np.int64)))


def _looked_at(blocks: Iterable[Any]) -> _Blocks:
    all_blocks = iter(blocks)
    first = next(all_blocks, None)
    return _Blocks(all_blocks if first is None else chain([first], all_blocks), first)


def _row_bytes(texts: pa.Array | None) -> int:
    """Return the bytes of a row with an id, by some ids."""
    return _BYTES_OF_A_ROW + (0 if texts is None or not len(texts) else 3 * texts.nbytes // len(texts))
