"""Converts whole columns to text: the text of each value, and the joined texts of each list."""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.pairs.changes.layout import PairLayout

Notation = Callable[[pa.Array], pa.Array]
"""Converts an array without nulls to an array of texts."""


def plain_text(values: pa.Array) -> pa.Array:
    """Return values as plain text: numbers, texts, ISO 8601 times, bytes in base64."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_binary(kind):
        return pa.array([base64.b64encode(value).decode() for value in values.to_pylist()], pa.string())
    if pa.types.is_nested(kind):
        return pa.array([str(value) for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def json_text(values: pa.Array) -> pa.Array:
    """Return values as JSON: NaN and infinities as null, times as texts."""
    kind = values.type
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(values), values.cast(pa.string()), "null")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.string())
    if pa.types.is_nested(kind):
        return pa.array(
            [json.dumps(value, default=str, ensure_ascii=False) for value in values.to_pylist()], pa.string()
        )
    encoded = plain_text(values).dictionary_encode()
    quoted = pa.array([json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()], pa.string())
    return quoted.take(encoded.indices)


_DICTIONARIES = 16
"""Maximum number of vocabularies whose texts are kept: those used last."""


class Texts:
    """Converts values to text in one notation.

    Args:
        layout: layout of the pairs.
        notation: converts values to texts.
        null: text of a null.
    """

    def __init__(self, layout: PairLayout, notation: Notation, null: str) -> None:
        self._notation, self._null = notation, null
        # Looking up the text of a number takes a third of the time of formatting it.
        self._numbers = None if layout.largest is None else notation(pa.array(range(layout.largest + 1), pa.int32()))
        self._of_dictionary: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def items(self, values: pa.Array) -> pa.Array:
        """Return the texts of items or tokens."""
        return self.values(values) if self._numbers is None else self._numbers.take(values)

    def values(self, values: pa.Array) -> pa.Array:
        """Return the texts of any values."""
        if pa.types.is_dictionary(values.type):
            # The padding of a column of item information is a null index, not a null of the vocabulary.
            return self._dictionary(values.dictionary).take(values.indices).fill_null(self._null)
        return self._noted(values)

    def lists(self, name: str, column: pa.ListArray, separator: str) -> pa.Array:
        """Return one text per list: its values joined by the separator."""
        texts = (
            self.items(column.values)
            if name.endswith("_items") or name == "target_item"
            else self.values(column.values)
        )
        return pc.binary_join(pa.ListArray.from_arrays(column.offsets, texts), separator)

    def _dictionary(self, dictionary: pa.Array) -> pa.Array:
        # Every batch has the same vocabulary, so its texts are computed once.
        key = (dictionary.buffers()[-1].address, len(dictionary))
        with self._lock:
            if key in self._of_dictionary:
                self._of_dictionary.move_to_end(key)
                return self._of_dictionary[key][1]
        found = self._noted(dictionary)
        with self._lock:
            self._of_dictionary[key] = (dictionary, found)
            # Texts of very many items have another dictionary in each batch.
            if len(self._of_dictionary) > _DICTIONARIES:
                self._of_dictionary.popitem(last=False)
        return found

    def _noted(self, values: pa.Array) -> pa.Array:
        if values.null_count == 0:
            return self._notation(values)
        return self._notation(values.drop_null()).take(_ranks(values)).fill_null(self._null)


def texts_of(values: pa.Array, notation: Notation, null: str) -> pa.Array:
    """Return the texts of values in a notation, and this text for each null."""
    if values.null_count == 0:
        return notation(values)
    return notation(values.drop_null()).take(_ranks(values)).fill_null(null)


def _ranks(values: pa.Array) -> pa.Array:
    """Return each value's index among the non-null values; null for a null."""
    valid = values.is_valid()
    rank = pc.subtract(pc.cumulative_sum(valid.cast(pa.int64())), 1)
    return pc.if_else(valid, rank, pa.scalar(None, pa.int64()))


def joined(*parts: pa.Array | str) -> memoryview:
    """Return the bytes of all rows, each the concatenation of its parts; a str part is the same in all rows.

    Raises:
        ValueError: a part of a row is null. Arrow would leave out the whole row.
    """
    rows = pc.binary_join_element_wise(*parts, "")
    if rows.null_count:
        raise ValueError(f"{rows.null_count} rows of an export have a part without a text")
    return memoryview(rows.buffers()[2]) if len(rows) else memoryview(b"")
