"""Semantic ids: replaces each item by its codes, one token per level, as TIGER-like generative models need.

A code c of level l is the token offset_l + c, so that every token has one meaning: 0 is padding, level 1 has the tokens
from 1 on, level 2 those after it, and so on; separator and end token come last (TIGER: arXiv 2305.05065).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.changes.layout import PairLayout, Tokens, list_of, replaced
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

Missing = Literal["error", "drop"]
Colliding = Literal["error", "append", "keep"]

_ITEM_COLUMNS = ("item_id", "pid", "item_num")
_SHOWN = 5
_LARGEST_CODE = 2**31 - 2


@dataclass(frozen=True)
class Codes:
    """Codes by item id."""

    ids: pa.Array
    """Item ids, or item numbers, as text."""
    codes: NDArray[np.int64]
    """(items, levels)."""
    are_numbers: bool = False
    """Whether `ids` are item numbers."""


def read_codes(path: Path) -> Codes:
    """Read a Parquet file with a column of items and one of codes, under the names that trainers use.

    Items are in `item_id` or `pid` (ids of the log), or in `item_num` (numbers of the pairs). Codes are the only column
    of integer lists, or the texts of `sid`, such as `<a_3><b_17>`, whose numbers are the codes.

    Raises:
        DataError: no such file, other columns, lists of unequal length, nulls, or codes that are not integers from 0.
    """
    try:
        table = pq.read_table(path).combine_chunks()
        table.validate(full=True)
        names = table.schema.names
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}") from error
    except UNREADABLE as error:
        raise DataError(
            f"{path} is not a Parquet file, or damaged", tip="Give a Parquet file with item_id and a list of codes."
        ) from error
    there = ", ".join(f"{field.name} ({field.type})" for field in table.schema)
    column = next((name for name in _ITEM_COLUMNS if name in names), None)
    lists = [field.name for field in table.schema if _is_codes(field)]
    if column is None or len(lists) != 1:
        raise DataError(
            f"{path}: the file must have a column item_id and one column of integer lists; the columns are: {there}"
        )
    try:
        ids = table[column].cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(
            f"{path}: {column} has the type {table[column].type}; an id must be a text or a number"
        ) from error
    try:
        codes = _lists_of(table[lists[0]])
    except pa.ArrowException as error:
        raise DataError(f"{path}: a text of {lists[0]} has no codes; they are written like <a_3><b_17>") from error
    if table.num_rows == 0 or ids.null_count or codes.null_count:
        raise DataError(
            f"{path}: " + ("the file has no rows" if table.num_rows == 0 else f"a row has no {column} or no codes")
        )
    lengths = pc.list_value_length(codes)
    levels = lengths[0].as_py()
    if levels == 0 or not pc.all(pc.equal(lengths, levels)).as_py():
        raise DataError(
            f"{path}: items have from {pc.min(lengths)} to {pc.max(lengths)} codes; all items must have the same "
            "number of codes, 1 or more"
        )
    values = pc.list_flatten(codes).combine_chunks()
    if values.null_count or pc.min(values).as_py() < 0 or pc.max(values).as_py() > _LARGEST_CODE:
        raise DataError(f"{path}: a code is not a whole number, 0 or more")
    twice = pc.value_counts(ids).filter(pc.greater(pc.value_counts(ids).field("counts"), 1))
    if len(twice):
        raise DataError(f"{path}: {len(twice):,} items occur more than once, such as {twice[0]['values'].as_py()!r}")
    return Codes(ids.combine_chunks(), values.to_numpy().astype(np.int64).reshape(-1, levels), column == "item_num")


def _is_codes(field: pa.Field) -> bool:
    """Tell whether a column holds lists of integers, or the texts of codes."""
    kind = field.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return bool(pa.types.is_integer(kind.value_type))
    return bool(field.name == "sid" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)))


def _lists_of(codes: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the codes as lists of integers; of texts, their numbers."""
    if pa.types.is_fixed_size_list(codes.type):
        return codes.cast(pa.list_(codes.type.value_type))
    if not pa.types.is_string(codes.type) and not pa.types.is_large_string(codes.type):
        return codes
    numbers = pc.utf8_trim_whitespace(pc.replace_substring_regex(codes, "[^0-9]+", " "))
    return pc.split_pattern(numbers, " ").cast(pa.list_(pa.int64()))


class SemanticIds:
    """Replaces items by tokens: `input_items` becomes a flat list of tokens, and `target_item` a list.

    Args:
        layout: of the pairs, whose items are numbers.
        items: id of each item number from 1.
        codes: of the items.
        missing: what is done about items without codes: an error, or these interactions are dropped, and so are pairs
            whose target or whole input has none.
        colliding: what is done about items that share their codes: an error; `append` a level that tells them apart
            (0, 1, ... in the order of item numbers); or `keep` them, and tokens do not lead back to items.
        separator: whether a token stands between two items.
        end: whether a token ends each input and each target.

    Raises:
        DataError: items without codes, or that share theirs, where that is an error.
    """

    def __init__(  # noqa: PLR0913  # all but three by keyword
        self, layout: PairLayout, items: pa.Array, codes: Codes, *, missing: Missing, colliding: Colliding,
        separator: bool, end: bool,
    ) -> None:  # fmt: skip
        self._items = items
        named = pa.array(np.arange(1, len(items) + 1)).cast(pa.string()) if codes.are_numbers else items
        row = pc.index_in(named, value_set=codes.ids)
        self._known = np.concatenate(([False], pc.is_valid(row).to_numpy(zero_copy_only=False)))
        if missing == "error":
            _refuse(items, ~self._known[1:], "have no semantic id", "To drop them: --missing-codes drop")
        table = codes.codes[pc.fill_null(row, 0).to_numpy()]
        twin = np.zeros(len(table), np.int64)
        twin[self._known[1:]] = _twins(table[self._known[1:]])
        if colliding == "error":
            _refuse(
                items, twin > 0, "share their semantic id with another item",
                "To distinguish them by one more code: --colliding-codes append. To leave them identical: "
                "--colliding-codes keep",
            )  # fmt: skip
        if colliding == "append":
            table = np.column_stack((table, twin))
        self.tokens = _vocabulary(table[self._known[1:]], separator=separator, end=end)
        self._table = np.concatenate(
            (np.zeros((1, table.shape[1]), np.int32), (table + self.tokens.offsets).astype(np.int32))
        )
        fields = {
            "input_items": pa.field("input_items", list_of(pa.int32()), nullable=False),
            "target_item": pa.field("target_item", list_of(pa.int32()), nullable=False),
        }
        schema = replaced(layout.schema, fields)
        self.layout = replace(layout, schema=schema, tokens=self.tokens, largest=self.tokens.size - 1)
        self._drops = not self._known[1:].all()

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs with tokens instead of items, without dropped pairs."""
        if self._drops:
            pairs = self._without_unknown(pairs)
        changed = dict(zip(pairs.schema.names, pairs.columns, strict=True))
        inputs, targets = changed["input_items"], changed["target_item"].to_numpy()
        offsets = inputs.offsets.to_numpy().astype(np.int64)
        changed["input_items"] = self._tokens(inputs.values.to_numpy()[offsets[0] : offsets[-1]], offsets - offsets[0])
        changed["target_item"] = self._tokens(targets, np.arange(len(targets) + 1))
        return pa.RecordBatch.from_arrays(list(changed.values()), schema=self.layout.schema_of(pairs))

    def table(self) -> pa.Table:
        """Return `item_num`, `item_id` and `tokens` of every item with codes, to map tokens back to items."""
        number = np.flatnonzero(self._known)
        levels = self._table.shape[1]
        offsets = pa.array((np.arange(len(number) + 1) * levels).astype(np.int32))
        tokens = pa.ListArray.from_arrays(offsets, pa.array(self._table[number].ravel()), type=list_of(pa.int32()))
        columns = [pa.array(number.astype(np.int32)), self._items.take(pa.array(number - 1)), tokens]
        return pa.table(columns, names=["item_num", "item_id", "tokens"])

    def _tokens(self, items: NDArray[np.int32], offsets: NDArray[np.int64]) -> pa.ListArray:
        lengths, tokens = np.diff(offsets), self.tokens
        bounds = np.concatenate(([0], np.cumsum(tokens.length(lengths))))
        levels, between = len(tokens.sizes), tokens.separator is not None
        at = np.repeat(bounds[:-1], lengths) + (np.arange(len(items)) - np.repeat(offsets[:-1], lengths)) * (
            levels + between
        )
        out = np.full(bounds[-1], tokens.separator or 0, np.int32)
        for level in range(levels):
            out[at + level] = self._table[items, level]
        if tokens.end is not None:
            out[bounds[1:] - 1] = tokens.end
        return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), pa.array(out), type=list_of(pa.int32()))

    def _without_unknown(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Drop items without codes from the inputs, and pairs whose input or target is then empty."""
        inputs = pairs.column("input_items")
        offsets = inputs.offsets.to_numpy().astype(np.int64)
        known = self._known[inputs.values.to_numpy()]
        left = np.concatenate(([0], np.cumsum(known)))[offsets]
        bounds = pa.array((left - left[0]).astype(np.int32))
        kept = pa.array(np.flatnonzero(known[offsets[0] : offsets[-1]]) + offsets[0])
        arrays = [
            pa.ListArray.from_arrays(bounds, column.values.take(kept), type=column.type)
            if name.startswith("input_") and pa.types.is_list(column.type) else column
            for name, column in zip(pairs.schema.names, pairs.columns, strict=True)
        ]  # fmt: skip
        whole = self._known[pairs.column("target_item").to_numpy()] & (np.diff(left) > 0)
        return pa.RecordBatch.from_arrays(arrays, schema=pairs.schema).filter(pa.array(whole))


def _vocabulary(table: NDArray[np.int64], *, separator: bool, end: bool) -> Tokens:
    sizes = tuple(int(size) for size in table.max(axis=0, initial=0) + 1)
    offsets = tuple(1 + sum(sizes[:level]) for level in range(len(sizes)))
    first = 1 + sum(sizes)
    return Tokens(
        sizes, offsets, first if separator else None, first + separator if end else None, first + separator + end
    )


def _twins(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each row, the number of equal rows before it."""
    _, group = np.unique(table, axis=0, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    begin = np.flatnonzero(np.diff(ordered, prepend=-1))
    twin = np.empty(len(table), np.int64)
    twin[order] = np.arange(len(table)) - np.repeat(begin, np.diff(np.append(begin, len(table))))
    return twin


def _refuse(items: pa.Array, wrong: NDArray[np.bool_], reason: str, tip: str) -> None:
    if wrong.any():
        count = int(wrong.sum())
        shown = [items[int(n)].as_py() for n in np.flatnonzero(wrong)[:_SHOWN]]
        more = ", ..." if count > _SHOWN else ""
        raise DataError(f"{count:,} of {len(items):,} items {reason}: {', '.join(map(repr, shown))}{more}", tip=tip)
