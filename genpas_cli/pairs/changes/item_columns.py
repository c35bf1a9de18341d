"""Adds columns of what is known about items, such as titles or semantic ids, to the pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.changes.layout import PairLayout, list_of

TextsOf = Callable[[NDArray[np.int32]], pa.Array]
"""Returns the texts of item numbers."""


class ItemColumns:
    """Adds `input_NAME` (lists, parallel to `input_items`) and `target_NAME` to pairs, as of kept columns.

    Texts are Arrow dictionaries, so that no text is copied before it is needed.

    Args:
        layout: of the pairs, whose items are numbers.
        columns: name → value of each item number from 1; or a function that returns the texts of some item numbers,
            (numbers,), for texts of all items that would not fit in memory.
    """

    def __init__(self, layout: PairLayout, columns: Mapping[str, pa.Array | TextsOf]) -> None:
        self._columns = dict(columns)
        fields = []
        for name, values in self._columns.items():
            kind = pa.string() if callable(values) else values.type
            kind = pa.dictionary(pa.int32(), kind) if _is_text(kind) else kind
            fields += [pa.field(f"input_{name}", list_of(kind, nullable=True), nullable=False),
                       pa.field(f"target_{name}", kind)]  # fmt: skip
        self.layout = replace(layout, schema=pa.schema([*layout.schema, *fields]))

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs with the columns of their items."""
        inputs, targets = pairs.column("input_items"), pairs.column("target_item")
        arrays, schema = list(pairs.columns), list(pairs.schema)
        for name, values in self._columns.items():
            field = self.layout.schema.field(f"input_{name}")
            lists = pa.ListArray.from_arrays(inputs.offsets, _of(values, inputs.values), type=field.type)
            arrays += [lists, _of(values, targets)]
            schema += [field, self.layout.schema.field(f"target_{name}")]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(schema))


def _of(values: pa.Array | TextsOf, numbers: pa.Array) -> pa.Array:
    if callable(values):
        some, index = np.unique(numbers.to_numpy(), return_inverse=True)
        return pa.DictionaryArray.from_arrays(pa.array(index.reshape(-1).astype(np.int32)), values(some))
    index = pa.array(numbers.to_numpy() - np.int32(1))
    return pa.DictionaryArray.from_arrays(index, values) if _is_text(values.type) else values.take(index)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind))
