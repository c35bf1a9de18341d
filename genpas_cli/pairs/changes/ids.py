"""Maps dense numbers to the ids of the log, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.pairs.changes.layout import PairLayout, list_of, replaced
from genpas_cli.runtime.errors import DataError


class RawIds:
    """Replaces numbers by ids; `user_num` becomes `user_id`.

    The ids are Arrow dictionaries, so that no text is copied before it is needed; `Plain` expands them.

    Args:
        layout: of the pairs.
        items: id of each item number from 1; None leaves items as they are.
        users: id of each user number from 1; None leaves users as they are.
    """

    def __init__(self, layout: PairLayout, items: pa.Array | None, users: pa.Array | None) -> None:
        self._ids = {"input_items": items, "target_item": items, "user_num": users}
        self._ids = {name: ids for name, ids in self._ids.items() if ids is not None}
        ids = pa.dictionary(pa.int32(), pa.string())
        fields = {
            "input_items": pa.field("input_items", list_of(ids), nullable=False),
            "target_item": pa.field("target_item", ids, nullable=False),
            "user_num": pa.field("user_id", ids, nullable=False),
        }
        schema = replaced(layout.schema, {name: field for name, field in fields.items() if name in self._ids})
        self.layout = replace(layout, schema=schema, largest=layout.largest if items is None else None)

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with ids instead of numbers."""
        return _with_values(pairs, self.layout, self._named)

    def _named(self, name: str, numbers: pa.Array) -> pa.Array:
        ids = self._ids.get(name)
        if ids is None:
            return numbers
        return pa.DictionaryArray.from_arrays(pa.array(numbers.to_numpy() - np.int32(1)), ids)


class Plain:
    """Expands Arrow dictionaries to text."""

    def __init__(self, layout: PairLayout) -> None:
        def plain(field: pa.Field) -> pa.Field:
            kind = field.type
            if pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type):
                kind = list_of(kind.value_type.value_type)
            elif pa.types.is_dictionary(kind):
                kind = kind.value_type
            return pa.field(field.name, kind, nullable=field.nullable)

        self.layout = replace(layout, schema=pa.schema([plain(field) for field in layout.schema]))

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch without dictionaries."""
        return _with_values(
            pairs,
            self.layout,
            lambda _, values: values.dictionary_decode() if hasattr(values, "dictionary") else values,
        )


class Numbers:
    """Replaces ids by numbers; `user_id` becomes `user_num` if the users' ids are known.

    Args:
        layout: of the pairs.
        items: id of each item number from 1.
        users: id of each user number from 1; None leaves users as they are.
    """

    def __init__(self, layout: PairLayout, items: pa.Array, users: pa.Array | None) -> None:
        self._ids = {"input_items": items, "target_item": items} | ({} if users is None else {"user_id": users})
        fields = {
            "input_items": pa.field("input_items", list_of(pa.int32()), nullable=False),
            "target_item": pa.field("target_item", pa.int32(), nullable=False),
            "user_id": pa.field("user_num", pa.int32(), nullable=False),
        }
        schema = replaced(layout.schema, {name: field for name, field in fields.items() if name in self._ids})
        self.layout = replace(layout, schema=schema, largest=len(items))

    def batch(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with numbers instead of ids.

        Raises:
            DataError: an id that the vocabulary lacks.
        """
        return _with_values(pairs, self.layout, self._numbered)

    def _numbered(self, name: str, ids: pa.Array) -> pa.Array:
        if name not in self._ids:
            return ids
        found = pc.index_in(ids, value_set=self._ids[name])
        if found.null_count:
            unknown = ids.filter(pc.is_null(found))[0].as_py()
            what = "user" if name == "user_id" else "item"
            raise DataError(f"the stream contains the {what} {unknown!r}, which is not in the vocabulary")
        return pc.add(found, pa.scalar(1, pa.int32()))


def _with_values(
    pairs: pa.RecordBatch, layout: PairLayout, change: Callable[[str, pa.Array], pa.Array]
) -> pa.RecordBatch:
    """Return the batch with each column's values (for lists, their elements) mapped by (name, values) → values."""
    arrays, schema = [], layout.schema_of(pairs)
    for name, column, field in zip(pairs.schema.names, pairs.columns, schema, strict=True):
        if pa.types.is_list(column.type):
            values = change(name, column.values)
            arrays.append(pa.ListArray.from_arrays(column.offsets, values, type=field.type))
        else:
            arrays.append(change(name, column))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
