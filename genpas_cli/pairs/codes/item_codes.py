"""The codes of each item number: from a file of codes, with what is done about missing and equal codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import equality_keys, twins
from genpas_cli.pairs.codes.files import NO_CODES, Codes
from genpas_cli.runtime.errors import DataError

Missing = Literal["error", "drop"]
Colliding = Literal["error", "append", "keep"]

_SHOWN = 5
MOST_TOKENS = 1 << 26
"""Maximum number of different codes of all levels: each becomes a token, whose text an export keeps in memory."""


@dataclass(frozen=True)
class ItemCodes:
    """The codes of all items of a vocabulary."""

    items: pa.Array
    """Id of each item number from 1."""
    known: NDArray[np.bool_]
    """Whether each item number has codes: (items + 1,); number 0 has none."""
    codes: NDArray[np.int32]
    """(items + 1, levels), by item number; zeros for items without codes."""

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each level: its largest code plus 1."""
        return tuple(int(size) + 1 for size in self.codes.max(axis=0))

    @property
    def are_complete(self) -> bool:
        """Whether every item has codes."""
        return bool(self.known[1:].all())


def item_codes(items: pa.Array, codes: Codes, *, missing: Missing, colliding: Colliding) -> ItemCodes:
    """Find the codes of every item.

    Args:
        items: id of each item number from 1.
        codes: of the file.
        missing: items without codes are an error, or left out of the pairs later (`drop`).
        colliding: items that share their codes are an error; or get one more code that tells them apart (`append`: 0,
            1, ... in the order of item numbers); or keep equal codes.

    Raises:
        DataError: items without codes, or that share theirs, where that is an error; or a file of another vocabulary.
    """
    codes = _by_rows(codes, len(items))
    row = _rows(items, codes)
    known = row >= 0
    if not known.any():
        raise DataError(
            f"{codes.path} has codes of none of the {len(items):,} items",
            tip="Make codes from a store of the same log: genpas semantic-ids STORE -o codes.parquet",
        )
    if missing == "error":
        _refuse(items, ~known, "have no semantic id", "To drop them: --missing-codes drop")
    table = codes.codes[np.maximum(row, 0)]
    table[~known] = 0
    if colliding != "keep":
        twin = np.zeros(len(table), np.int32)
        twin[known] = twins(equality_keys(table[known]))
        if colliding == "error":
            _refuse(
                items, twin > 0, "share their semantic id with another item",
                "To distinguish them by one more code: --colliding-codes append. To leave them identical: "
                "--colliding-codes keep",
            )  # fmt: skip
        else:
            table = np.column_stack((table, twin))
    none = np.zeros((1, table.shape[1]), np.int32)
    found = ItemCodes(items, np.concatenate(([False], known)), np.concatenate((none, table)))
    if (tokens := sum(found.sizes)) > MOST_TOKENS:
        raise DataError(
            f"{codes.path}: the largest code is {max(found.sizes) - 1:,}, so the levels have {tokens:,} tokens; the "
            f"maximum is {MOST_TOKENS:,}",
            tip="Number the codes of each level from 0 without large gaps.",
        )
    return found


def _rows(items: pa.Array, codes: Codes) -> NDArray[np.int64]:
    """Return the row of the codes of each item number from 1; -1 for none."""
    if codes.ids is None:
        return np.where(codes.codes[:, 0] == NO_CODES, -1, np.arange(len(items)))
    numbers = np.arange(len(items))
    by_id = _found(items, codes.ids)
    if codes.keys == "id":
        return by_id
    first = 1 if codes.keys == "number" else 0
    by_number = _found(pa.array(numbers + first).cast(pa.string()), codes.ids)
    if codes.keys == "position":
        # The keys 0, 1, 2, ... of an index may also be ids of a log that numbers its items so.
        if (by_id < 0).all() or np.array_equal(by_id, by_number):
            return by_number
        if len(codes.ids) != len(items):
            return by_id
        raise DataError(
            f"the keys of {codes.path} are 0 to {len(items) - 1:,}, which are both item numbers from 0 and ids of the "
            "log",
            tip="Give the codes as Parquet, with a column item_id or item_num.",
        )
    return by_number


def _by_rows(codes: Codes, items: int) -> Codes:
    """Return an array of codes with one row per item, also where the file has one column per item.

    Raises:
        DataError: the array has codes of another number of items.
    """
    if codes.ids is not None or len(codes.codes) == items:
        return codes
    if codes.codes.shape[1] == items:
        return replace(codes, codes=codes.codes.T)
    rows, columns = codes.codes.shape
    raise DataError(
        f"{codes.path} has {rows:,} rows and {columns:,} columns, but the pairs have {items:,} items; row 1 must have "
        "the codes of item number 1"
    )


def _found(names: pa.Array, among: pa.Array) -> NDArray[np.int64]:
    found = pc.fill_null(pc.index_in(names, value_set=among.cast(names.type)), -1)
    return found.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _refuse(items: pa.Array, wrong: NDArray[np.bool_], reason: str, tip: str) -> None:
    if wrong.any():
        count = int(wrong.sum())
        shown = [items[int(n)].as_py() for n in np.flatnonzero(wrong)[:_SHOWN]]
        more = ", ..." if count > _SHOWN else ""
        raise DataError(f"{count:,} of {len(items):,} items {reason}: {', '.join(map(repr, shown))}{more}", tip=tip)
