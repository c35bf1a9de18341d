"""Semantic ids as tokens: replaces each item by its codes, one token per level, as TIGER-like generative models need.

A code c of level l is the token offset_l + c, so that every token has one meaning: 0 is padding, level 1 has the tokens
from 1 on, level 2 those after it, and so on; then come separator and end token, and then the users (TIGER: arXiv
2305.05065).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.changes.layout import PairLayout, Tokens, list_of, replaced
from genpas_cli.pairs.codes.item_codes import ItemCodes


class SemanticIds:
    """Replaces items by tokens: `input_items` becomes a flat list of tokens, and `target_item` a list.

    Args:
        layout: of the pairs, whose items are numbers.
        codes: of the items; every item of the pairs has codes.
        separator: whether a token stands between two items.
        end: whether a token ends each input and each target.
        users: number of user tokens, one of which begins each input: that of `(user_num - 1) % users`; 0 for none.
    """

    def __init__(
        self, layout: PairLayout, codes: ItemCodes, *, separator: bool = False, end: bool = False, users: int = 0
    ) -> None:
        self.codes = codes
        self.tokens = _vocabulary(codes.sizes, separator=separator, end=end, users=users)
        self._offsets = np.array(self.tokens.offsets, np.int32)
        fields = {
            "input_items": pa.field("input_items", list_of(pa.int32()), nullable=False),
            "target_item": pa.field("target_item", list_of(pa.int32()), nullable=False),
        }
        schema = replaced(layout.schema, fields)
        self.layout = replace(layout, schema=schema, tokens=self.tokens, largest=self.tokens.size - 1)

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs with tokens instead of items."""
        changed = dict(zip(pairs.schema.names, pairs.columns, strict=True))
        inputs, targets = changed["input_items"], changed["target_item"].to_numpy()
        offsets = inputs.offsets.to_numpy().astype(np.int64)
        first = None
        if self.tokens.user is not None:
            first = self.tokens.user + (changed["user_num"].to_numpy() - 1) % self.tokens.users
        items = inputs.values.to_numpy()[offsets[0] : offsets[-1]]
        changed["input_items"] = self._tokens(items, offsets - offsets[0], first)
        changed["target_item"] = self._tokens(targets, np.arange(len(targets) + 1), None)
        return pa.RecordBatch.from_arrays(list(changed.values()), schema=self.layout.schema_of(pairs))

    def table(self) -> pa.Table:
        """Return all of `tables` in memory."""
        return pa.concat_tables(self.tables())

    def tables(self, rows: int = 1 << 20) -> Iterator[pa.Table]:
        """Yield `item_num`, `item_id` and `tokens` of every item with codes, to map tokens back to items.

        Args:
            rows: number of rows of each table but the last.
        """
        for number, ids, codes in self.codes.named(rows):
            tokens = codes + self._offsets
            offsets = pa.array(np.arange(0, tokens.size + 1, tokens.shape[1], dtype=np.int32))
            lists = pa.ListArray.from_arrays(offsets, pa.array(tokens.ravel()), type=list_of(pa.int32()))
            columns = [pa.array(number.astype(np.int32)), ids, lists]
            yield pa.table(columns, names=["item_num", "item_id", "tokens"])

    def _tokens(
        self, items: NDArray[np.int32], offsets: NDArray[np.int64], first: NDArray[np.int64] | None
    ) -> pa.ListArray:
        """Return the tokens of lists of items, each after its first token if there is one."""
        lengths, tokens, user = np.diff(offsets), self.tokens, first is not None
        bounds = np.concatenate(([0], np.cumsum(tokens.target_length(lengths) + user)))
        levels, between = len(tokens.sizes), tokens.separator is not None
        at = np.repeat(bounds[:-1] + user, lengths) + (np.arange(len(items)) - np.repeat(offsets[:-1], lengths)) * (
            levels + between
        )
        out = np.full(bounds[-1], tokens.separator or 0, np.int32)
        codes = self.codes.table.of(items)
        for level, offset in enumerate(tokens.offsets):
            out[at + level] = codes[:, level] + np.int32(offset)
        if first is not None:
            out[bounds[:-1]] = first
        if tokens.end is not None:
            out[bounds[1:] - 1] = tokens.end
        return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), pa.array(out), type=list_of(pa.int32()))


def _vocabulary(sizes: tuple[int, ...], *, separator: bool, end: bool, users: int) -> Tokens:
    offsets = tuple(1 + sum(sizes[:level]) for level in range(len(sizes)))
    first = 1 + sum(sizes)
    after = first + separator + end
    return Tokens(
        sizes, offsets, first if separator else None, first + separator if end else None, after + users,
        after if users else None,
    )  # fmt: skip
