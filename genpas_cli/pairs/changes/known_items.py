"""Drops items without codes from the pairs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.changes.layout import PairLayout


class KnownItems:
    """Drops unknown items from inputs, and pairs whose target or whole input is unknown.

    Args:
        layout: of the pairs, whose items are numbers.
        known: whether each item number is known: (items + 1,).
    """

    def __init__(self, layout: PairLayout, known: NDArray[np.bool_]) -> None:
        self.layout, self._known = layout, known

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the pairs of known items."""
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
