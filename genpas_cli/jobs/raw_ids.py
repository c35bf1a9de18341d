"""Dense numbers translated back to the ids of the log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from genpas_cli.store import Store


class RawIds:
    """Translates batches of pairs: `user_num` becomes `user_id`, item numbers become ids; holds both vocabularies."""

    def __init__(self, store: Store, schema: pa.Schema) -> None:
        self._users, self._items = (
            pa.concat_arrays([batch.column(1) for batch in store.vocabulary(table)]) for table in ("users", "items")
        )
        lists = pa.list_(pa.field("element", pa.string(), nullable=False))
        types = {
            "user_num": ("user_id", pa.string()),
            "input_items": ("input_items", lists),
            "target_item": ("target_item", pa.string()),
        }
        fields = []
        for field in schema:
            name, kind = types.get(field.name, (field.name, field.type))
            fields.append(pa.field(name, kind, nullable=field.nullable))
        self.schema = pa.schema(fields)

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with ids instead of numbers."""
        user, inputs, target, *rest = pairs.columns
        items = pa.ListArray.from_arrays(
            inputs.offsets, self._take(self._items, inputs.values), type=self.schema.field("input_items").type
        )
        arrays = [self._take(self._users, user), items, self._take(self._items, target), *rest]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    @staticmethod
    def _take(ids: pa.Array, numbers: pa.Array) -> pa.Array:
        return ids.take(pa.array(numbers.to_numpy().astype(np.int64) - 1))
