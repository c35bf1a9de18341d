"""Checks every batch of pairs as it is read: its schema, lists, nulls and numbers.

A file may be damaged or foreign, and numbers beyond the vocabulary would pick the ids of other items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from genpas_cli.pairs.gathering import pair_schema
from genpas_cli.pairs.manifest import Manifest
from genpas_cli.runtime.errors import IntegrityError

_LARGEST = {"user_num": "users", "input_items": "items", "target_item": "items", "input_start": None,
            "target_position": None}  # fmt: skip
"""Columns of numbers from 1, and the manifest key of their maximum."""


def kept_types(schema: pa.Schema, keep: list[str]) -> dict[str, pa.DataType]:
    """Return the types of the kept columns in a schema of pairs; missing columns are left out."""
    there = set(schema.names)
    return {name: schema.field(f"target_{name}").type for name in keep if f"target_{name}" in there}


def check_schema(found: pa.Schema, expected: pa.Schema, path: Any) -> None:
    """Raise IntegrityError if a file has other columns than genpas writes."""
    if not found.remove_metadata().equals(expected):
        have, need = ("; ".join(f"{field.name} {field.type}" for field in schema) for schema in (found, expected))
        raise IntegrityError(f"{path} has the columns {have}, but the columns must be {need}")


def check_pair_schema(found: pa.Schema, manifest: Manifest, path: Any) -> None:
    """Raise IntegrityError if a file does not have the columns of pairs, or others than its manifest says."""
    check_schema(found, pair_schema(kept_types(found, manifest["keep"])), path)


def check_batch(batch: pa.RecordBatch, expected: pa.Schema, path: Any) -> None:
    """Raise IntegrityError if a batch has another schema, invalid list offsets, or unexpected nulls.

    Args:
        batch: the batch.
        expected: the columns that it must have, in any order.
        path: the file's name in messages.
    """
    found = [batch.schema.field(name) for name in expected.names if name in batch.schema.names]
    if len(found) != batch.num_columns:
        found = list(batch.schema)
    check_schema(pa.schema(found), expected, path)
    fields = [expected.field(name) for name in batch.schema.names]
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    for field, column in zip(fields, batch.columns, strict=True):
        inner = pa.types.is_list(field.type) and not field.type.value_field.nullable and column.values.null_count
        if inner or (not field.nullable and column.null_count):
            raise IntegrityError(f"{path}: column {field.name} has nulls")


def check_numbers(batch: pa.RecordBatch, manifest: Manifest, path: Any) -> None:
    """Raise IntegrityError if a number is not between 1 and its maximum, or an input is too long."""
    for name, key in _LARGEST.items():
        index = batch.schema.get_field_index(name)
        if index < 0:
            continue
        column = batch.column(index)
        if name == "input_items":
            _check_lengths(column, manifest["max_input"], path)
            column = column.flatten()
        values = column.to_numpy()
        last = None if key is None else manifest[key]
        low, high = (int(values.min()), int(values.max())) if len(values) else (1, 1)
        if low < 1 or (last is not None and high > last):
            wrong = low if low < 1 else high
            raise IntegrityError(f"{path}: {name} {wrong} is outside 1..{last or '(all)'}")


def _check_lengths(lists: pa.ListArray, longest: int | None, path: Any) -> None:
    lengths = np.diff(lists.offsets.to_numpy())
    if len(lengths) and (lengths.min() < 1 or (longest is not None and lengths.max() > longest)):
        wrong = lengths.min() if lengths.min() < 1 else lengths.max()
        raise IntegrityError(
            f"{path}: an input has {wrong} items, but inputs must have from 1 to {longest or 'any number of'} items"
        )
