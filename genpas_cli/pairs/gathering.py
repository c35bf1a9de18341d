"""Turns cuts and sequences into pairs: Arrow record batches with the columns of the pairs directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.sampling.cuts import Cuts
from genpas_cli.sampling.input_sampling import cut_start
from genpas_cli.store.sequences import Sequences, Spans, copy_ranges, ranges

_LARGEST_LISTS = 2**31 - 1
"""Maximum values in the lists of one Arrow batch: their offsets are int32."""

COLUMNS = ("user_num", "input_items", "target_item", "input_start", "target_position")
"""The columns every pair has, in order."""


def pair_schema(kept: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of pairs with these kept columns; only the kept columns are nullable.

    The list's child is named `element`, because Parquet would rename it and the schema would not survive a round trip.
    """
    fields = [
        pa.field("user_num", pa.int32(), nullable=False),
        pa.field("input_items", _list_of(pa.int32(), nullable=False), nullable=False),
        pa.field("target_item", pa.int32(), nullable=False),
        pa.field("input_start", pa.int32(), nullable=False),
        pa.field("target_position", pa.int32(), nullable=False),
    ]
    for name, kind in kept.items():
        fields.append(pa.field(f"input_{name}", _list_of(kind, nullable=True), nullable=False))
        fields.append(pa.field(f"target_{name}", kind))
    return pa.schema(fields)


def cut_schema() -> pa.Schema:
    """Return the schema of shards in the form `cuts`: user, input start and target position."""
    return pa.schema([pair_schema({}).field(name) for name in ("user_num", "input_start", "target_position")])


def sequence_schema(kept: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of the sequences stored with cuts: one row per user, with these kept columns."""
    return pa.schema(
        [
            pa.field("train_length", pa.int32(), nullable=False),
            pa.field("items", _list_of(pa.int32(), nullable=False), nullable=False),
            *(pa.field(name, _list_of(kind, nullable=True), nullable=False) for name, kind in kept.items()),
        ]
    )


def _list_of(value: pa.DataType, *, nullable: bool) -> pa.DataType:
    return pa.list_(pa.field("element", value, nullable=nullable))


class LocatedCuts(NamedTuple):
    """Cuts, with the index of each target in the values of their sequences."""

    cuts: Cuts
    at: NDArray[np.int64]
    """Index of each target in `Sequences.items`."""

    def take(self, order: NDArray[np.int64] | slice) -> LocatedCuts:
        """Return the cuts at these indices, in this order; of a slice, a view."""
        return LocatedCuts(self.cuts.take(order), self.at[order])


def needed_spans(cuts: Cuts, max_input: int | None) -> Spans:
    """Return the spans of each user's sequence that these cuts need.

    The cuts must be in the order of users; a user without a cut is not in the result.
    """
    first = np.flatnonzero(np.diff(cuts.user, prepend=-1))
    if len(first) == 0:
        empty = np.zeros(0, np.int32)
        return Spans(empty, empty, empty)
    start = cut_start(cuts.start, cuts.target, max_input)
    return Spans(cuts.user[first], np.minimum.reduceat(start, first), np.maximum.reduceat(cuts.target, first))


def locate(cuts: Cuts, sequences: Sequences) -> LocatedCuts:
    """Find the targets of cuts, which are in the order of users, in the sequences read for them."""
    return LocatedCuts(cuts, sequences.index_of(cuts.user, cuts.target))


def gather(
    located: LocatedCuts, sequences: Sequences, schema: pa.Schema, *, max_input: int | None, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the pairs of the cuts, in their order, in batches of `batch_rows` (the last: fewer).

    Args:
        located: the cuts, in the order wanted.
        sequences: holds every position they need.
        schema: of `pair_schema`.
        max_input: keep at most this many of the most recent input items; None keeps all.
        batch_rows: rows of a batch; fewer where inputs are so long that a batch could not hold them.
    """
    batch_rows = _rows_that_fit(located.cuts, max_input, batch_rows)
    for begin in range(0, len(located.at), batch_rows):
        part = located.take(slice(begin, begin + batch_rows))
        yield _batch(part, sequences, schema, max_input)


def _rows_that_fit(cuts: Cuts, max_input: int | None, batch_rows: int) -> int:
    longest = int(np.max(cuts.target - cut_start(cuts.start, cuts.target, max_input), initial=1))
    return min(batch_rows, max(_LARGEST_LISTS // longest, 1))


def cut_batches(cuts: Cuts, *, max_input: int | None, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the cuts themselves, in the same batches in which `gather` yields their pairs."""
    schema, batch_rows = cut_schema(), _rows_that_fit(cuts, max_input, batch_rows)
    for begin in range(0, len(cuts), batch_rows):
        part = cuts.take(slice(begin, begin + batch_rows))
        columns = [pa.array(part.user + np.int32(1)), pa.array(part.start), pa.array(part.target)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def sequence_batch(sequences: Sequences, train_length: NDArray[np.int64], schema: pa.Schema) -> pa.RecordBatch:
    """Return whole sequences as rows of `sequence_schema`."""
    offsets = pa.array(sequences.offsets.astype(np.int32))
    lists = {"items": pa.array(sequences.items), **sequences.kept}
    columns = [pa.array(train_length.astype(np.int32))] + [
        pa.ListArray.from_arrays(offsets, values, type=schema.field(name).type) for name, values in lists.items()
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def differing_rows(expected: pa.RecordBatch, found: pa.RecordBatch) -> NDArray[np.bool_]:
    """Return which rows of two batches of equal schema differ bitwise: NaN equals NaN, and −0 differs from 0."""
    if expected.equals(found) and not any(pa.types.is_floating(_value_type(field.type)) for field in found.schema):
        return np.zeros(found.num_rows, bool)
    one, other = (pa.RecordBatch.from_arrays(list(map(_bits, each.columns)), each.schema.names)
                  for each in (expected, found))  # fmt: skip
    if one.equals(other):
        return np.zeros(found.num_rows, bool)
    return np.array([a != b for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True)])


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _bits(column: Any) -> Any:
    """Return a column of floats, or of lists of floats, as integers with the same bits."""
    kind = _value_type(column.type)
    if not pa.types.is_floating(kind):
        return column
    integers = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width]
    if column.type == kind:
        return column.view(integers)
    return pa.ListArray.from_arrays(column.offsets, column.values.view(integers))


def _batch(part: LocatedCuts, sequences: Sequences, schema: pa.Schema, max_input: int | None) -> pa.RecordBatch:
    cuts = part.cuts
    lengths = (cuts.target - cut_start(cuts.start, cuts.target, max_input)).astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    items = np.empty(offsets[-1], np.int32)
    starts = part.at - lengths
    copy_ranges(sequences.items, starts, lengths, items)
    offset_array = pa.array(offsets.astype(np.int32))

    def lists(field: str, values: Any) -> Any:
        return pa.ListArray.from_arrays(offset_array, values, type=schema.field(field).type)

    arrays = [
        pa.array(cuts.user + np.int32(1)),
        lists("input_items", pa.array(items)),
        pa.array(sequences.items[part.at]),
        pa.array(cuts.start),
        pa.array(cuts.target),
    ]
    if sequences.kept:
        index = pa.array(ranges(starts, lengths))
        for name, values in sequences.kept.items():
            arrays += [lists(f"input_{name}", values.take(index)), values.take(pa.array(part.at))]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
