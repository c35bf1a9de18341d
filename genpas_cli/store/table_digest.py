"""The digest of a table's values in their order, however they are divided into batches."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class TableDigest:
    """SHA-256 of the columns of a table: their names, types, nulls and values.

    Tables with equal digests hold the same values in the same order, however their rows are divided into batches.
    Dictionaries and enumerations are digested as their values.

    Args:
        schema: of the table.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._names = schema.names
        self._columns = [_Column(field.type) for field in schema]
        self._types = [str(_plain(field.type)) for field in schema]

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the next rows."""
        for column, values in zip(self._columns, batch.columns, strict=True):
            column.add(values)

    def hexdigest(self) -> str:
        """Return the digest of all rows so far, as hexadecimal."""
        whole = hashlib.sha256()
        for name, kind, column in zip(self._names, self._types, self._columns, strict=True):
            whole.update(f"{name!r} {kind} {' '.join(column.digests())}\n".encode())
        return whole.hexdigest()


class _Column:
    """The digests of a column: one for each byte stream that makes up its values."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind = _plain(kind)
        self._rows, self._nulls = 0, 0
        self._missing, self._lengths, self._values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._children = [_Column(child) for child in _children(kind)]

    def digests(self) -> list[str]:
        """Return the digests of the column and its children."""
        own = [str(self._rows), *(part.hexdigest() for part in (self._missing, self._lengths, self._values))]
        return own + [digest for child in self._children for digest in child.digests()]

    def add(self, values: Any) -> None:
        """Add the next values."""
        rows, kind = len(values), self._kind
        if not self._children and not pa.types.is_null(kind):
            values = _decoded(values, kind)
        if values.null_count:
            missing = values.is_null().to_numpy(zero_copy_only=False)
            self._missing.update((np.flatnonzero(missing).astype("<i8") + self._rows).data)
            values = values.drop_null()
        self._rows += rows
        if pa.types.is_struct(kind):
            for child, part in zip(self._children, values.flatten(), strict=True):
                child.add(part)
        elif self._children:
            self._lengths.update(_list_lengths(values).astype("<i8").data)
            self._children[0].add(values.flatten())
        elif not pa.types.is_null(kind):
            self._add_plain(values)

    def _add_plain(self, values: Any) -> None:
        """Add values of fixed or variable width."""
        first, stop = values.offset, values.offset + len(values)
        data = values.buffers()[-1]
        if pa.types.is_large_binary(self._kind):
            if first == stop:
                return
            ends = np.frombuffer(values.buffers()[1], np.int32 if _has_short_offsets(values.type) else np.int64)
            self._lengths.update(np.diff(ends[first : stop + 1]).astype("<i8").data)
            first, stop, width = int(ends[first]), int(ends[stop]), 1
        else:
            width = self._kind.bit_width // 8
        if data is not None:
            self._values.update(memoryview(data)[first * width : stop * width])


def _decoded(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    # Texts are digested where they lie: casting them copies, and imports `pyarrow.compute`, which takes 30 ms.
    is_bytes = pa.types.is_large_binary(kind) and (
        pa.types.is_large_string(values.type) or _has_short_offsets(values.type)
    )
    return values if is_bytes or values.type == kind else values.cast(kind)


def _has_short_offsets(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _list_lengths(values: Any) -> NDArray[np.int64]:
    if pa.types.is_fixed_size_list(values.type):
        return np.full(len(values), values.type.list_size, np.int64)
    lengths: NDArray[np.int64] = np.diff(values.offsets.to_numpy()).astype(np.int64)
    return lengths


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the canonical type in which values are digested, the same for all types with the same values."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_boolean(kind):
        return pa.uint8()
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_string_view)
    return pa.large_binary() if any(is_text(kind) for is_text in texts) else kind


def _children(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_struct(kind):
        return [kind.field(index).type for index in range(kind.num_fields)]
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return [kind.value_type] if is_list else []
