"""Cuts inputs to their most recent items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from genpas_cli.pairs.changes.layout import PairLayout


class Shortened:
    """Keeps the last items of each input, and their kept values.

    Args:
        layout: of the pairs.
        max_input: the largest number of items that an input keeps.
    """

    def __init__(self, layout: PairLayout, max_input: int) -> None:
        self._most = max_input
        shorter = max_input if layout.max_input is None else min(layout.max_input, max_input)
        self.layout = replace(layout, max_input=shorter)

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs with shorter inputs."""
        offsets = pairs.column("input_items").offsets.to_numpy().astype(np.int64)
        lengths = np.diff(offsets)
        kept = np.minimum(lengths, self._most)
        bounds = np.concatenate(([0], np.cumsum(kept)))
        index = np.arange(bounds[-1]) + np.repeat(offsets[1:] - bounds[1:], kept)
        cut, taken = pa.array(bounds.astype(np.int32)), pa.array(index)
        arrays = [
            pa.ListArray.from_arrays(cut, column.values.take(taken), type=column.type)
            if name.startswith("input_") and pa.types.is_list(column.type) else column
            for name, column in zip(pairs.schema.names, pairs.columns, strict=True)
        ]  # fmt: skip
        return pa.RecordBatch.from_arrays(arrays, schema=pairs.schema)
