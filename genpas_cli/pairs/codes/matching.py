"""Finds the codes of each item of a vocabulary by the names in a file of codes, part by part if they do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import equality_keys, twins
from genpas_cli.pairs.codes.files import NO_CODES, check_unique
from genpas_cli.pairs.codes.spreading import BLOCK_ROWS, Room, Spread, row_hashes, text_hashes

_BYTES_OF_A_ROW = 160
"""Memory of a row of a part, without the text of its id: the row, an entry of a hash table, and results."""
_BYTES_OF_TWINS = 64
_NAMES = pa.schema([("name", pa.string())])


class _Blocks(NamedTuple):
    """Blocks, of which the first was looked at."""

    all: Iterator[Any]
    first: Any
    """None if there are no blocks."""


class CodeSource(Protocol):
    """Codes by name, read in blocks: a file of codes."""

    @property
    def path(self) -> str:
        """The file, for messages."""
        ...

    @property
    def rows(self) -> int:
        """Number of names."""
        ...

    def blocks(self) -> Iterator[tuple[pa.Array, NDArray[np.int32]]]:
        """Yield the names of some items as text, (rows,), and their codes, (rows, levels)."""
        ...

    def check_values(self) -> None:
        """Raise DataError, after all blocks were read, if a name or a code is out of range."""
        ...


@dataclass(frozen=True)
class NumberedRows:
    """The rows of a file as codes: their numbers from 0, by name."""

    names: pa.Array
    """Texts, each once: (rows,)."""
    path: str
    """The file, for messages."""

    @property
    def rows(self) -> int:
        """Number of names."""
        return len(self.names)

    def blocks(self) -> Iterator[tuple[pa.Array, NDArray[np.int32]]]:
        """Yield the names of some rows, (rows,), and their numbers, (rows, 1)."""
        for begin in range(0, self.rows, BLOCK_ROWS):
            some = self.names[begin : begin + BLOCK_ROWS].cast(pa.string())
            yield some, np.arange(begin, begin + len(some), dtype=np.int32)[:, None]

    def check_values(self) -> None:
        """Do nothing: the numbers are right."""


class Repeated(NamedTuple):
    """Names that occur more than once."""

    number: int
    """Number of these names."""
    first: list[str]
    """Some of them, in the order of their first rows."""


def repeated(names: Iterable[pa.Array], rows: int, room: Room, most: int) -> Repeated:
    """Return which names occur more than once.

    Args:
        names: texts in blocks.
        rows: number of names.
        room: what may be taken.
        most: maximum number of names that are returned.
    """
    blocks = _looked_at(names)
    spread = Spread("names", room.parts(rows * _row_bytes(blocks.first)), room.directory, has_results=False)
    schema = pa.schema([("name", pa.string()), ("row", pa.int64())])
    begin = 0
    for texts in blocks.all:
        plain = texts.cast(pa.string())
        batch = pa.RecordBatch.from_arrays([plain, pa.array(np.arange(begin, begin + len(plain)))], schema=schema)
        spread.add(batch, text_hashes(plain) if spread.parts > 1 else None)
        begin += len(plain)
    number, first = 0, list[tuple[int, str]]()
    for part in range(spread.parts):
        twice = _repeated_in(spread.part(part, schema))
        number, first = number + len(twice), sorted([*first, *twice.first(most)])[:most]
    return Repeated(number, [name for _, name in first])


class _RepeatedInPart(NamedTuple):
    """Names that occur more than once in a part."""

    rows: pa.Table
    at: NDArray[np.int64]
    """Position of the first row of each."""

    def __len__(self) -> int:
        return len(self.at)

    def first(self, most: int) -> list[tuple[int, str]]:
        """Return the row and the name of the first of these."""
        return [(self.rows["row"][int(at)].as_py(), self.rows["name"][int(at)].as_py()) for at in self.at[:most]]


def _repeated_in(rows: pa.Table) -> _RepeatedInPart:
    names = rows["name"].combine_chunks()
    first = pc.index_in(names, value_set=names).to_numpy()
    return _RepeatedInPart(rows, np.unique(first[first != np.arange(len(first))]))


def matched(names: Iterable[pa.Array], items: int, codes: CodeSource, room: Room) -> Iterator[Any]:
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
    number, first = 0, list[tuple[int, str]]()
    for part in range(parts):
        rows = right.part(part, schema)
        twice = _repeated_in(rows)
        number, first = number + len(twice), sorted([*first, *twice.first(1)])[:1]
        left.put(part, _codes_of(left.part(part, _NAMES)["name"], rows, levels))
        pa.default_memory_pool().release_unused()
    check_unique(number, first[0][1] if first else None, codes.path)
    codes.check_values()
    return left.merged(np.zeros((0, levels), np.int32))


def _codes_of(names: pa.ChunkedArray, rows: pa.Table, levels: int) -> NDArray[np.int32]:
    """Return the codes of names, (names, levels), by rows of a file of codes."""
    at = pc.fill_null(pc.index_in(names, value_set=rows["name"].combine_chunks()), -1).to_numpy()
    codes = rows["codes"].combine_chunks().flatten().to_numpy().reshape(len(rows), levels)
    found = np.full((len(at), levels), NO_CODES, np.int32)
    known = at >= 0
    found[known] = codes[at[known]]
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
