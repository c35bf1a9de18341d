"""TFRecords of `tf.train.Example` as GRID (snap-research) reads them, written without TensorFlow.

A record is its length, a checksum, a protocol buffer, a checksum. The buffers of a whole batch are put together column
by column: a message inside a message is its tag, its length and its bytes. Sources: TensorFlow's TFRecord and
example.proto, the encoding page of Protocol Buffers.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import Format, Shown, integers_of, missing_values
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.extras import check_extra

_FOLDERS = {"train": "training", "validation": "evaluation", "test": "testing"}
_LENGTH_DELIMITED, _FIXED = 2, {"bytes": 1, "float": 2, "int64": 3}
_MASK = 0xA282EAD8
_WORD = 0xFFFFFFFF
_LARGEST = 2**63 - 1


class Grid(Format):
    """Features `user_id` and `sequence_data` (input, then target); kept columns likewise as `sequence_<name>`.

    One gzip file for each 65,536 pairs, so that GRID's workers find several.
    """

    name = "grid"
    suffix = ".tfrecord.gz"
    streams = False
    one_file = False

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        check_extra("--to grid", "grid")
        from google_crc32c import value

        self._crc32c = value
        largest = self.form.largest
        self._items = None if largest is None else _varints(np.arange(largest + 1))

    def held(self) -> tuple[str, ...]:
        """Return users, inputs, targets and kept columns."""
        return tuple(name for name in super().held() if name not in ("input_start", "target_position"))

    def needed(self) -> tuple[str, ...]:
        """Return users, inputs and targets."""
        return (self.form.user, "input_items", "target_item")

    def check(self) -> None:
        """Refuse padding, which GRID would take for items before or between others, and what no feature holds."""
        if self.form.tokens is not None:
            raise UsageError(
                "--to grid cannot be combined with --semantic-ids: GRID looks up the codes of items itself",
                tip="Leave out --semantic-ids, and give the codes to GRID.",
            )
        if self.form.width is not None:
            raise UsageError("--to grid: GRID pads itself, and 0 would be an item", tip="Leave out --pad.")
        for name in self.columns:
            kind = self.form.schema.field(name).type
            value = kind.value_type if pa.types.is_list(kind) else kind
            if not _is_bytes(value):
                integers_of(name, value)

    def path(self, split: str) -> str:
        """Return the directory of a split, under the name that GRID's configurations use."""
        return _FOLDERS[split]

    def encode(self, pairs: pa.RecordBatch) -> bytes:
        """Return a gzip file of records."""
        features = [_feature("user_id", *self._values(self.form.user, pairs.column(self.form.user)))]
        sequences = [("input_items", "target_item", "sequence_data")]
        sequences += [(f"input_{name}", f"target_{name}", f"sequence_{name}") for name in self.form.kept
                      if f"input_{name}" in self.columns and f"target_{name}" in self.columns]  # fmt: skip
        for inputs, target, name in sequences:
            kind, history = self._values(inputs, pairs.column(inputs))
            _, last = self._values(target, pairs.column(target))
            features.append(_feature(name, kind, _concatenated(history, last)))
        # No fixed date in the header either: the same pairs give the same bytes.
        return gzip.compress(self._records(_message(1, _concatenated(*features))), compresslevel=1, mtime=0)

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write one file; `write_into` writes many."""
        out.writelines(parts)

    def write_into(self, directory: Path, split: str, parts: Iterator[Any]) -> None:
        """Write a split's files."""
        folder = directory / self.path(split)
        folder.mkdir(parents=True)
        for number, part in enumerate(parts):
            (folder / f"part-{number:05d}{self.suffix}").write_bytes(part)

    def notes(self) -> list[str]:
        """Return how GRID is kept from cutting once more."""
        return [
            (
                "GRID: its training collate cuts every sequence into all its sub-sequences; these pairs are cut "
                "already, so let it collate as validation does: in an experiment of your own on top of "
                "tiger_train_flat, data_loading.train_dataloader_config.dataloader.collate_fn: "
                "${data_loading.val_dataloader_config.dataloader.collate_fn}"
            ),
            "GRID: items count from 1, so its map of semantic ids needs a column 0 that is not used",
        ]

    def _values(self, name: str, column: pa.Array) -> tuple[str, pa.Array]:
        """Return the kind of feature that holds a column, and the bytes of each row's values."""
        is_list = pa.types.is_list(column.type)
        values = column.values if is_list else column
        if self._items is not None and name in ("input_items", "target_item"):
            kind, encoded = "int64", self._items.take(values)
        elif _is_bytes(values.type):
            if values.null_count:
                raise missing_values(name, "a feature of bytes in GRID")
            kind, encoded = "bytes", _message(1, _decoded(values).cast(pa.binary()))
        else:
            numbers = numbers_of(name, values)
            if numbers.dtype == np.uint64 and numbers.max(initial=0) > _LARGEST:
                raise DataError(f"{name} has values above {_LARGEST:,}, which an int64 feature of GRID cannot hold")
            kind = "float" if numbers.dtype.kind == "f" else "int64"
            encoded = _fixed(numbers) if kind == "float" else _varints(numbers.astype(np.int64))
        return kind, pc.binary_join(pa.ListArray.from_arrays(column.offsets, encoded), b"") if is_list else encoded

    def _records(self, examples: pa.Array) -> bytes:
        """Frame each message."""
        out, heads = [], {}
        for example in examples.to_pylist():
            size = len(example)
            if size not in heads:
                length = struct.pack("<Q", size)
                heads[size] = length + self._checksum(length)
            out += [heads[size], example, self._checksum(example)]
        return b"".join(out)

    def _checksum(self, data: bytes) -> bytes:
        crc = self._crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & _WORD)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_binary(kind))


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _feature(name: str, kind: str, values: pa.Array) -> pa.Array:
    """Return an entry of `Features.feature`: the name, and the list of values in its kind."""
    # Numbers of a list stand packed in one field; each text has a field of its own.
    listed = values if kind == "bytes" else _message(1, values)
    key = name.encode()
    entry = _concatenated(b"\x0a" + bytes([len(key)]) + key, _message(2, _message(_FIXED[kind], listed)))
    return _message(1, entry)


def _message(field: int, body: pa.Array) -> pa.Array:
    """Return each row's bytes as a length-delimited field."""
    sizes = pc.binary_length(body).to_numpy().astype(np.int64)
    return _concatenated(bytes([field << 3 | _LENGTH_DELIMITED]), _varints(sizes), body)


def _concatenated(*parts: pa.Array | bytes) -> pa.Array:
    return pc.binary_join_element_wise(*(pa.scalar(p, pa.binary()) if isinstance(p, bytes) else p for p in parts), b"")


def _varints(numbers: NDArray[np.int64]) -> pa.Array:
    """Return each number's base-128 digits, the lowest first, all but the last with the high bit set."""
    left = numbers.astype(np.uint64)
    digits = np.empty((len(left), 10), np.uint8)
    size = np.ones(len(left), np.int64)
    for place in range(10):
        digits[:, place] = left & np.uint64(0x7F)
        left >>= np.uint64(7)
        size += left > 0
        if not left.any():
            digits = digits[:, : place + 1]
            break
    places = np.arange(digits.shape[1])
    digits[places < (size - 1)[:, None]] |= 0x80
    return _binary(digits[places < size[:, None]], np.concatenate(([0], np.cumsum(size))))


def _fixed(numbers: NDArray[np.floating[Any]]) -> pa.Array:
    """Return each number's four bytes, the lowest first."""
    return _binary(numbers.astype("<f4").view(np.uint8), np.arange(0, 4 * len(numbers) + 1, 4))


def _binary(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


FORMAT = Grid
