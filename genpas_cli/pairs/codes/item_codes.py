"""The codes of each item number: from a file of codes, with what is done about missing and equal codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.files import NO_CODES, Codes, ParquetCodes, ambiguous_keys
from genpas_cli.pairs.codes.matching import matched, twins_in_blocks
from genpas_cli.pairs.codes.spreading import Room
from genpas_cli.pairs.codes.table import BLOCK_ROWS, CodeTable, table_in_file, table_of
from genpas_cli.pairs.vocabulary import HeldIds, Vocabulary
from genpas_cli.runtime.errors import DataError

Missing = Literal["error", "drop"]
Colliding = Literal["error", "append", "keep"]

_SHOWN = 5
MOST_TOKENS = 1 << 26
"""Maximum number of different codes of all levels: each becomes a token, whose text an export keeps in memory."""
_UNLIMITED = 1 << 62


class NamedCodes(NamedTuple):
    """Items with codes, in the order of their numbers."""

    numbers: NDArray[np.int64]
    """Item numbers, (items,)."""
    ids: pa.Array
    """Texts, (items,)."""
    codes: NDArray[np.int32]
    """(items, levels)."""

    def cut(self, begin: int, end: int) -> NamedCodes:
        """Return some of the items."""
        return NamedCodes(self.numbers[begin:end], self.ids[begin:end], self.codes[begin:end])


@dataclass(frozen=True)
class ItemCodes:
    """The codes of all items of a vocabulary."""

    items: Vocabulary
    """Id of each item number from 1."""
    known: NDArray[np.bool_]
    """Whether each item number has codes: (items + 1,); number 0 has none."""
    table: CodeTable
    """Codes by item number."""

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each level: its largest code plus 1."""
        largest = np.zeros(self.table.levels, np.int32)
        for _, codes in self.table.blocks():
            largest = np.maximum(largest, codes.max(axis=0))
        return tuple(int(size) + 1 for size in largest)

    @property
    def codes(self) -> NDArray[np.int32]:
        """All codes in memory, by item number: (items + 1, levels); zeros for items without codes."""
        return self.table.whole()

    @property
    def are_complete(self) -> bool:
        """Whether every item has codes."""
        return bool(self.known[1:].all())

    def named(self, at_once: int = 1 << 18) -> Iterator[NamedCodes]:
        """Yield the items with codes, with their ids.

        Args:
            at_once: number of items in each part but the last.
        """
        held, size = list[NamedCodes](), 0
        for block in self._named_blocks():
            rest = block
            while size + len(rest.numbers) >= at_once:
                room = at_once - size
                whole = _joined([*held, rest.cut(0, room)])
                held, size, rest = [], 0, rest.cut(room, len(rest.numbers))
                yield whole
                del whole  # before the next one is made
            held.append(rest)
            size += len(rest.numbers)
        if size:
            yield _joined(held)

    def _named_blocks(self) -> Iterator[NamedCodes]:
        begin = 1
        for ids in self.items.blocks():
            number = begin + np.flatnonzero(self.known[begin : begin + len(ids)])
            yield NamedCodes(number, ids.take(pa.array(number - begin)), self.table.of(number))
            begin += len(ids)


def _joined(parts: list[NamedCodes]) -> NamedCodes:
    if len(parts) == 1:
        return parts[0]
    numbers, ids, codes = zip(*parts, strict=True)
    return NamedCodes(np.concatenate(numbers), pa.concat_arrays(ids), np.concatenate(codes))


def item_codes(
    items: Vocabulary | pa.Array, codes: Codes | ParquetCodes, *, missing: Missing, colliding: Colliding,
    room: Room | None = None,
) -> ItemCodes:  # fmt: skip
    """Find the codes of every item.

    Args:
        items: id of each item number from 1.
        codes: of the file.
        missing: items without codes are an error, or left out of the pairs later (`drop`).
        colliding: items that share their codes are an error; or get one more code that tells them apart (`append`: 0,
            1, ... in the order of item numbers); or keep equal codes.
        room: the memory that items, codes and tables of them may take at a time, and the directory for the others. By
            default, all are in memory. Further memory: a byte per item, and 160 bytes per row of a block.

    Raises:
        DataError: items without codes, or that share theirs, where that is an error; or a file that cannot be used, or
            is of another vocabulary.
        MachineError: files cannot be written to the directory.
    """
    vocabulary = HeldIds(items) if isinstance(items, pa.Array) else items
    room = Room(_UNLIMITED, Path()) if room is None else room
    with room.used():
        return _item_codes(vocabulary, codes, missing, colliding, room)


def _item_codes(
    vocabulary: Vocabulary, codes: Codes | ParquetCodes, missing: Missing, colliding: Colliding, room: Room
) -> ItemCodes:
    known = np.zeros(len(vocabulary) + 1, np.bool_)
    blocks, largest = _blocks(vocabulary, codes, room), codes.largest
    table = _table(_noting(blocks, known), known, largest, room, "plain")
    if not known.any():
        raise DataError(
            f"{codes.path} has codes of none of the {len(vocabulary):,} items",
            tip="Make codes from a store of the same log: genpas semantic-ids STORE -o codes.parquet",
        )
    if missing == "error":
        _refuse(vocabulary, [~known[1:]], "have no semantic id", "To drop them: --missing-codes drop")
    if colliding != "keep":
        inside = (block[known[first : first + len(block)]] for first, block in table.blocks())
        twin = twins_in_blocks(inside, int(known.sum()), room)
        if colliding == "error":
            _refuse(
                vocabulary, (each > 0 for each in _of_all(twin.blocks, known)),
                "share their semantic id with another item",
                "To distinguish them by one more code: --colliding-codes append. To leave them identical: "
                "--colliding-codes keep",
            )  # fmt: skip
        else:
            pairs = zip(table.blocks(), _of_all(twin.blocks, known), strict=True)
            appended = (np.column_stack((block, each)) for (_, block), each in pairs)
            table = _table(appended, known, max(largest, twin.largest), room, "appended")
    found = ItemCodes(vocabulary, known, table)
    if (tokens := sum(found.sizes)) > MOST_TOKENS:
        raise DataError(
            f"{codes.path}: the largest code is {max(found.sizes) - 1:,}, so the levels have {tokens:,} tokens; the "
            f"maximum is {MOST_TOKENS:,}",
            tip="Number the codes of each level from 0 without large gaps.",
        )
    return found


def _table(
    blocks: Iterator[NDArray[np.int32]], known: NDArray[np.bool_], largest: int, room: Room, name: str
) -> CodeTable:
    """Return a table of blocks of codes, in memory if it fits."""
    first = next(blocks, np.zeros((0, 1), np.int32))
    levels, all_blocks = first.shape[1], chain([first], blocks)
    if 2 * len(known) * levels * 4 <= room.memory:
        return table_of(all_blocks, len(known) - 1, levels)
    return table_in_file(all_blocks, levels, largest, room.directory / f"codes-{name}")


def _noting(blocks: Iterable[NDArray[np.int32]], known: NDArray[np.bool_]) -> Iterator[NDArray[np.int32]]:
    """Yield codes with zeros for items without codes, and note which items have some."""
    at = 1
    for block in blocks:
        has_codes = block[:, 0] != NO_CODES
        known[at : at + len(block)] = has_codes
        at += len(block)
        yield np.where(has_codes[:, None], block, np.int32(0))


def _of_all(blocks: Iterable[NDArray[np.int64]], known: NDArray[np.bool_]) -> Iterator[NDArray[np.int32]]:
    """Yield numbers of consecutive items, from those of items with codes; zeros for others.

    Args:
        blocks: of consecutive items with codes, in the blocks of `CodeTable.blocks`.
        known: whether each item number has codes.
    """
    numbers = iter(blocks)
    for first in range(1, len(known), BLOCK_ROWS):
        inside = known[first : first + BLOCK_ROWS]
        found = np.zeros(len(inside), np.int32)
        found[inside] = next(numbers)
        yield found


def _blocks(vocabulary: Vocabulary, codes: Codes | ParquetCodes, room: Room) -> Iterator[NDArray[np.int32]]:
    """Return the codes of consecutive item numbers from 1, in blocks; `NO_CODES` for items without codes."""
    items = len(vocabulary)
    if codes.keys == "row":
        table = _by_rows(codes, items)
        return (table[begin : begin + BLOCK_ROWS] for begin in range(0, items, BLOCK_ROWS))
    first = {"number": 1, "position": 0}.get(codes.keys)
    if codes.keys == "position" and not _are_positions(vocabulary, codes):
        first = None
    names = vocabulary.blocks() if first is None else _numbers(first, items)
    return matched(names, items, codes, room)


def _numbers(first: int, items: int) -> Iterator[pa.Array]:
    """Yield consecutive numbers as texts."""
    for begin in range(first, first + items, BLOCK_ROWS):
        yield pa.array(np.arange(begin, min(begin + BLOCK_ROWS, first + items))).cast(pa.string())


def _are_positions(vocabulary: Vocabulary, codes: Codes | ParquetCodes) -> bool:
    """Tell whether the keys 0, 1, 2, ... of an index are item numbers from 0, not ids of a log that counts so.

    Raises:
        DataError: they can be both, and these readings differ.
    """
    items, begin = len(vocabulary), 0
    none, same = True, True
    for ids in vocabulary.blocks():
        # The keys are 0 to codes.rows - 1: an id is one of them if it is such a number.
        texts = ids.cast(pa.string())
        is_short = pc.less_equal(pc.binary_length(texts), len(str(codes.rows)))
        is_number = pc.and_(is_short, pc.match_substring_regex(texts, "^(0|[1-9][0-9]*)$"))
        number = pc.if_else(is_number, texts, "-1").cast(pa.int64()).to_numpy()
        by_id = np.where(number < codes.rows, number, -1)
        by_number = np.arange(begin, begin + len(ids))
        by_number = np.where(by_number < codes.rows, by_number, -1)
        none, same = none and bool((by_id < 0).all()), same and np.array_equal(by_id, by_number)
        begin += len(ids)
    if none or same:
        return True
    if codes.rows != items:
        return False
    raise ambiguous_keys(
        codes.path, items, "are both item numbers from 0 and ids of the log",
        "Give the codes as Parquet, with a column item_id or item_num.",
    )  # fmt: skip


def _by_rows(codes: Codes | ParquetCodes, items: int) -> NDArray[np.int32]:
    """Return an array of codes with one row per item, also where the file has one column per item.

    Raises:
        DataError: the array has codes of another number of items.
    """
    assert isinstance(codes, Codes)
    if len(codes.codes) == items:
        return codes.codes
    if codes.codes.shape[1] == items:
        return codes.codes.T
    rows, columns = codes.codes.shape
    raise DataError(
        f"{codes.path} has {rows:,} rows and {columns:,} columns, but the pairs have {items:,} items; row 1 must have "
        "the codes of item number 1"
    )


def _refuse(items: Vocabulary, wrong: Iterable[NDArray[np.bool_]], reason: str, tip: str) -> None:
    """Raise DataError if something is wrong with items, which are counted and named.

    Args:
        items: the vocabulary.
        wrong: whether it is wrong for each item number from 1, in blocks.
        reason: what is wrong.
        tip: what to do about it.
    """
    count, begin, first = 0, 0, list[int]()
    for block in wrong:
        here = np.flatnonzero(block)
        count += len(here)
        first += (begin + here[: _SHOWN - len(first)]).tolist()
        begin += len(block)
    if count:
        more = ", ..." if count > _SHOWN else ""
        shown = ", ".join(map(repr, _ids_at(items, first)))
        raise DataError(f"{count:,} of {len(items):,} items {reason}: {shown}{more}", tip=tip)


def _ids_at(items: Vocabulary, positions: list[int]) -> list[object]:
    """Return the ids at ascending positions from 0."""
    found, begin = list[object](), 0
    for ids in items.blocks():
        found += [ids[at - begin].as_py() for at in positions if begin <= at < begin + len(ids)]
        begin += len(ids)
        if len(found) == len(positions):
            break
    return found
