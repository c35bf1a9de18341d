"""Pairs as arrays, collected on disk: inputs as values and offsets (CSR) or a matrix, targets, users, kept columns."""

from __future__ import annotations

import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.export.formats.format import Format, integers_of, is_time, missing_values, refuse_texts

Arrays = dict[str, NDArray[Any]]


class GrowingArray:
    """An array that grows by appending rows to a file, for an unknown number of rows."""

    def __init__(self, scratch: Path) -> None:
        self.file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # closed by `close`
        self.shape: tuple[int, ...] = (0,)
        self.dtype: np.dtype[Any] = np.dtype(np.int64)

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows; all appended arrays have the same dtype and shape[1:]."""
        self.dtype = rows.dtype
        self.shape = (self.shape[0] + len(rows), *rows.shape[1:])
        self.file.write(np.ascontiguousarray(rows).data)

    def copy_to(self, out: BinaryIO) -> None:
        """Write all rows to `out`, in C order."""
        self.file.seek(0)
        shutil.copyfileobj(self.file, out, 1 << 20)

    def close(self) -> None:
        """Delete the file."""
        self.file.close()


class ArrayFormat(Format):
    """A format of named arrays.

    `values` int32 and `offsets` int64 (pairs + 1,): the input of pair n is `values[offsets[n]:offsets[n + 1]]`; with
    padding, `inputs` int32 (pairs, L) instead. `targets` int32 (pairs,), with semantic ids (pairs, tokens). `users`
    int32 (pairs,). Kept columns: `input_<name>`, parallel to `values` or (pairs, L); `target_<name>` (pairs,); times
    are int64 seconds.
    """

    streams = False

    def held(self) -> tuple[str, ...]:
        """Return all columns except `user_id`, which is not a number."""
        return tuple(name for name in super().held() if name != "user_id")

    def needed(self) -> tuple[str, ...]:
        """Return the columns of input and target."""
        return ("input_items", "target_item")

    def check(self) -> None:
        """Raise UsageError or DataError for columns that are not numbers."""
        refuse_texts(self.layout, self.name)
        for name in self.columns:
            kind = self.layout.schema.field(name).type
            integers_of(name, kind.value_type if pa.types.is_list(kind) else kind)

    def encode(self, pairs: pa.RecordBatch) -> Arrays:
        """Return array name → rows of a batch; `offsets` still holds lengths."""
        arrays: Arrays = {}
        padding = self._padding(pairs.column("input_items"))
        for name in self.columns:
            column = pairs.column(name)
            values = column.flatten() if pa.types.is_list(column.type) else column
            is_padded = pa.types.is_list(column.type) and name != "input_items"
            numbers = numbers_of(name, values, padding if is_padded else 0)
            if name == "input_items":
                if self.layout.width is None:
                    arrays |= {"values": numbers, "offsets": np.diff(column.offsets.to_numpy()).astype(np.int64)}
                else:
                    arrays["inputs"] = numbers.reshape(-1, self.layout.width)
            elif name == "target_item":
                arrays["targets"] = numbers if len(numbers) == len(column) else numbers.reshape(len(column), -1)
            elif pa.types.is_list(column.type) and self.layout.width is not None:
                arrays[name] = numbers.reshape(len(column), -1)
            else:
                arrays[{"user_num": "users"}.get(name, name)] = numbers
        return arrays

    def _padding(self, inputs: pa.ListArray) -> int:
        """Return the number of padded positions of a kept column in the batch; 0 without padding."""
        layout = self.layout
        if layout.width is None or layout.max_input is None:
            return 0
        items = len(inputs.values) - pc.sum(pc.equal(inputs.values, 0), min_count=0).as_py()
        if layout.tokens is not None:
            none, one = layout.tokens.input_length(0), layout.tokens.input_length(1)
            items = (items - len(inputs) * none) // (one - none)
        return int(len(inputs) * layout.max_input - items)

    def write(self, out: BinaryIO, parts: Iterator[Arrays]) -> None:
        """Collect the arrays on disk, then write them all."""
        grown: dict[str, GrowingArray] = {}
        end = np.int64(0)
        try:
            for arrays in parts:
                for name, rows in arrays.items():
                    if name not in grown:
                        grown[name] = GrowingArray(self.shown.scratch)
                        if name == "offsets":
                            grown[name].append(np.zeros(1, np.int64))
                    numbers = rows
                    if name == "offsets":
                        numbers = end + np.cumsum(rows)
                        end = numbers[-1] if len(numbers) else end
                    grown[name].append(numbers)
            self.write_arrays(out, grown)
        finally:
            for array in grown.values():
                array.close()

    @abstractmethod
    def write_arrays(self, out: BinaryIO, arrays: dict[str, GrowingArray]) -> None:
        """Write the complete arrays to `out`."""


def numbers_of(name: str, values: pa.Array, padding: int = 0) -> NDArray[Any]:
    """Return values as numbers: times as int64 seconds, decimals as float64, booleans as int8; nulls of floats as NaN.

    Args:
        name: name of the column, for the message.
        values: values of the column.
        padding: number of nulls that padding explains; if there are no others, they become 0.

    Raises:
        DataError: there are other nulls in a column that is not floating-point.
    """
    kind = values.type
    if is_time(kind):
        microseconds = values.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False).cast(pa.int64())
        values = pc.floor(pc.divide(microseconds.cast(pa.float64()), 1e6)).cast(pa.int64())
    elif pa.types.is_decimal(kind):
        # Arrow's own cast is not correctly rounded: 57.73 becomes 57.730000000000004.
        values = values.cast(pa.string()).cast(pa.float64())
    elif pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    if padding and values.null_count == padding and not pa.types.is_floating(values.type):
        values = values.fill_null(0)
    if values.null_count and not pa.types.is_floating(values.type):
        raise missing_values(name, "a numeric format")
    return np.asarray(values.to_numpy(zero_copy_only=False))
