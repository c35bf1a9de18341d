"""Pads inputs to equal length: item numbers with 0, kept values with nulls."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.changes.layout import PairLayout, list_of, replaced
from genpas_cli.runtime.errors import UsageError

Side = Literal["left", "right"]


class Padded:
    """Pads every input to the maximum length.

    Args:
        layout: of the pairs.
        side: the side of the padding.

    Raises:
        UsageError: there is nothing to pad with, or no longest input.
    """

    def __init__(self, layout: PairLayout, side: Side) -> None:
        if layout.largest is None:
            raise UsageError(
                f"--pad {side}: ids of the log cannot be padded, because no id is free for padding",
                tip="Add --ids num, or remove --pad.",
            )
        if layout.max_input is None:
            raise UsageError(
                f"--pad {side}: the pairs were made with --max-input none, so there is no maximum input length",
                tip="Make the pairs again with a maximum: genpas augment LOGS --max-input 50",
            )
        self._side = side
        self._widths = {f"input_{name}": layout.max_input for name in layout.kept}
        width = layout.max_input if layout.tokens is None else layout.tokens.input_length(layout.max_input)
        self._widths["input_items"] = width
        nullable = {f"input_{name}" for name in layout.kept}
        fields = {
            name: pa.field(name, list_of(_value_type(layout, name), nullable=name in nullable), nullable=False)
            for name in self._widths
        }
        self.layout = replace(layout, schema=replaced(layout.schema, fields), width=width)

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs with inputs of equal length."""
        arrays, schema = [], self.layout.schema_of(pairs)
        for name, column, field in zip(pairs.schema.names, pairs.columns, schema, strict=True):
            arrays.append(self._padded(column, self._widths[name], field.type) if name in self._widths else column)
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _padded(self, lists: pa.ListArray, width: int, kind: pa.DataType) -> pa.ListArray:
        offsets = lists.offsets.to_numpy().astype(np.int64)
        at = places(offsets, width, self._side)
        size = (len(offsets) - 1) * width
        values: pa.Array
        if kind.value_field.nullable:
            index, missing = np.zeros(size, np.int64), np.ones(size, bool)
            index[at], missing[at] = np.arange(offsets[0], offsets[-1]), False
            values = lists.values.take(pa.array(index, mask=missing))
        else:
            filled = np.zeros(size, np.int32)
            filled[at] = lists.values.to_numpy()[offsets[0] : offsets[-1]]
            values = pa.array(filled)
        return pa.ListArray.from_arrays(pa.array(np.arange(0, size + 1, width).astype(np.int32)), values, type=kind)


def _value_type(layout: PairLayout, name: str) -> pa.DataType:
    return layout.schema.field(name).type.value_type


def places(offsets: NDArray[np.int64], width: int, side: Side) -> NDArray[np.int64]:
    """Return the index of each list value in an array of rows of `width` values.

    Args:
        offsets: int64 (rows + 1,), where each list starts and ends; none is longer than `width`.
        width: of a row.
        side: where the padding stands.
    """
    lengths = np.diff(offsets)
    begin = np.arange(len(lengths), dtype=np.int64) * width
    if side == "left":
        begin += width - lengths
    return np.repeat(begin - offsets[:-1], lengths) + np.arange(offsets[0], offsets[-1])
