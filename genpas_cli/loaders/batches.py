"""Turns Arrow record batches into a window of rows, and rows of a window into a batch: NumPy arrays in one buffer.

Nothing loops over rows. A padded batch is one gather of whole rows of the padded width, including values before (or
after) the input in the window, which are then masked.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.store.sequences import copy_ranges, windows

Pad = Literal["left", "right", "none"]

BASIC = ("user_num", "input_items", "target_item")
"""Columns of the shards that are in every batch."""

_ALIGNED = 64
_NARROWER = {pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.int64()}
"""Types that PyTorch hardly supports, with the types to which they are converted."""


class Field(NamedTuple):
    """The place of one array of a batch in a buffer."""

    name: str
    dtype: str
    """NumPy type string, such as `<i4`."""
    shape: tuple[int, ...]
    offset: int
    """Offset in bytes."""


class Packed(NamedTuple):
    """A batch in one buffer, because one block of memory is sent to another process faster than several."""

    buffer: NDArray[np.uint8]
    fields: tuple[Field, ...]

    def array(self, field: Field) -> NDArray[Any]:
        """Return one array as a view of the buffer."""
        return np.ndarray(field.shape, field.dtype, self.buffer.data, field.offset)


@dataclass(frozen=True)
class BatchLayout:
    """The layout of a batch."""

    pad: Pad
    max_input: int | None
    """Maximum number of most recent items of an input; None: no limit."""
    width: int | None
    """Width of a padded input; None: the length of the longest input in the batch."""
    columns: tuple[str, ...]
    """Further columns of the shards."""

    @property
    def read(self) -> list[str]:
        """The columns that must be read."""
        return [*BASIC, *self.columns]


@dataclass(frozen=True)
class Window:
    """Some rows in memory, with the values of each list column in one array."""

    ends: NDArray[np.int64]
    """int64 (rows,): index one past the last value of each input."""
    lengths: NDArray[np.int64]
    """int64 (rows,): length of each input after truncation."""
    values: dict[str, NDArray[Any]]
    """Values by name of list column, with zeros as wide as a row before the first and after the last value."""
    scalars: dict[str, NDArray[Any]]
    """Other columns by name, (rows,) each."""

    def __len__(self) -> int:
        return len(self.ends)


def check_columns(schema: pa.Schema, columns: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the further columns of a batch, without duplicates.

    Raises:
        UsageError: the pairs have no such column, or it does not hold numbers.
    """
    there = [field for field in schema.names if field not in BASIC]
    for column in columns:
        if column not in there:
            raise UsageError(
                f"columns: {name} has no kept column {column!r}; it has: {', '.join(there)}",
                tip="genpas augment --keep NAME writes a column of the log as input_NAME and target_NAME.",
            )
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_list(kind) else kind
        if not _is_number(kind):
            raise UsageError(f"columns: {column!r} has the type {kind}, but a tensor can only contain numbers")
    return tuple(dict.fromkeys(columns))


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind))


def window_of(batches: Sequence[pa.RecordBatch], layout: BatchLayout) -> Window:
    """Concatenate record batches with the columns of `layout.read` into a window."""
    inputs = [batch.column("input_items") for batch in batches]
    whole = np.concatenate([np.diff(lists.offsets.to_numpy()) for lists in inputs]).astype(np.int64)
    longest = int(np.max(whole, initial=0))
    lengths = whole if layout.max_input is None or longest <= layout.max_input else np.minimum(whole, layout.max_input)
    room = max(longest, layout.width or 0)
    values, scalars = {}, {}
    for name in layout.read:
        columns = [batch.column(name) for batch in batches]
        if pa.types.is_list(columns[0].type):
            parts = [_numbers(_list_values(column), name) for column in columns]
            edge = np.zeros(room, parts[0].dtype)
            values[name] = np.concatenate([edge, *parts, edge])
        else:
            scalars[name] = np.concatenate([_numbers(column, name) for column in columns])
    return Window(np.cumsum(whole) + room, lengths, values, scalars)


def _list_values(lists: Any) -> Any:
    """Return the values of a list array's lists; `lists.values` would include values outside of a slice."""
    offsets = lists.offsets
    return lists.values.slice(offsets[0].as_py(), offsets[-1].as_py() - offsets[0].as_py())


def _numbers(array: Any, name: str) -> NDArray[Any]:
    """Convert an Arrow array to NumPy, in a type that PyTorch takes: nulls become NaN in floats, else 0 or False.

    Raises:
        DataError: a value does not fit into a tensor's type.
    """
    kind = array.type
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif kind in _NARROWER:
        try:
            array = array.cast(_NARROWER[kind])
        except pa.ArrowInvalid as error:
            raise DataError(
                f"column {name!r} has the type {kind} and contains values that cannot be in a tensor: {error}"
            ) from error
    if array.null_count:
        array = pc.fill_null(array, float("nan") if pa.types.is_floating(array.type) else pa.scalar(0).cast(array.type))
    result: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return result


def packed_batch(window: Window, rows: NDArray[np.int64], layout: BatchLayout) -> Packed:
    """Return the batch of these rows of a window."""
    lengths = window.lengths[rows]
    width = int(np.max(lengths, initial=0)) if layout.width is None else layout.width
    shape = (int(lengths.sum()),) if layout.pad == "none" else (len(rows), width)
    arrays: list[tuple[str, np.dtype[Any], tuple[int, ...]]] = [
        (name, values.dtype, shape) for name, values in window.values.items()
    ]
    length = ("input_offsets", np.dtype(np.int64), (len(rows) + 1,)) if layout.pad == "none" else (
        "input_length", np.dtype(np.int32), (len(rows),))  # fmt: skip
    arrays += [length, *((name, values.dtype, (len(rows),)) for name, values in window.scalars.items())]
    batch = _allocated(arrays)
    found = {field.name: batch.array(field) for field in batch.fields}
    ends = window.ends[rows]
    for name, values in window.values.items():
        if layout.pad == "none":
            copy_ranges(values, ends - lengths, lengths, found[name])
        else:
            _pad(values, ends, lengths, found[name], left=layout.pad == "left")
    if layout.pad == "none":
        found["input_offsets"][0] = 0
        np.cumsum(lengths, out=found["input_offsets"][1:])
    else:
        found["input_length"][:] = lengths
    for name, values in window.scalars.items():
        # No index is out of range, but with mode="raise" NumPy would buffer the output.
        np.take(values, rows, out=found[name], mode="clip")
    return batch


def _allocated(arrays: Sequence[tuple[str, np.dtype[Any], tuple[int, ...]]]) -> Packed:
    fields, offset = [], 0
    for name, dtype, shape in arrays:
        fields.append(Field(name, dtype.str, shape, offset))
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        offset += -(-size // _ALIGNED) * _ALIGNED
    return Packed(np.empty(offset, np.uint8), tuple(fields))


def _pad(
    values: NDArray[Any], ends: NDArray[np.int64], lengths: NDArray[np.int64], out: NDArray[Any], *, left: bool
) -> None:
    """Fill `out`, (rows, width), with each input's values, padded with 0 on the left or the right."""
    width = out.shape[1]
    if out.size == 0:
        return
    first = ends - width if left else ends - lengths
    bits = f"u{values.itemsize}"  # the bits, because 0 × NaN is not 0
    source, filled = windows(values, width), out.view(bits)
    # Some rows at a time: arrays as large as a batch would be new memory, whose pages take as long as filling them.
    rows = max(_PART_BYTES // (width * values.itemsize), 1)
    for begin in range(0, len(out), rows):
        part = slice(begin, begin + rows)
        whole = source[first[part]].view(bits)
        if width <= _WIDEST_MASKS:
            # Whole rows again, from a table that stays in the cache: half the time of comparing each position.
            inside = _masks(width, values.itemsize, left=left)[lengths[part]].view(bits)
            np.bitwise_and(whole, inside, out=filled[part].reshape(-1))
        else:
            position = np.arange(width)
            keep = position >= (width - lengths[part])[:, None] if left else position < lengths[part, None]
            np.multiply(whole.reshape(-1, width), keep, out=filled[part])


_PART_BYTES = 100_000
"""Bytes of the rows that are padded at a time; less than what the allocator requests from the system."""

_WIDEST_MASKS = 256
"""Maximum width of padded inputs for which a table of masks is made; this table has 256 KiB for 4-byte values."""


@functools.cache
def _masks(width: int, itemsize: int, *, left: bool) -> NDArray[np.void]:
    """Return (width + 1,): for each length, a row with all bits of the positions that an input of this length has."""
    position, lengths = np.arange(width), np.arange(width + 1)[:, None]
    inside = position >= width - lengths if left else position < lengths
    dtype = np.dtype(f"u{itemsize}")
    return np.where(inside, np.iinfo(dtype).max, 0).astype(dtype).view(f"V{width * itemsize}").ravel()
