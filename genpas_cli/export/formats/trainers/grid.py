"""TFRecords of `tf.train.Example` for GRID (snap-research), written without TensorFlow.

A record is its length, a checksum, a protocol buffer, a checksum. The buffers of a whole batch are built column by
column: a nested message is its tag, its length and its bytes. Sources: TensorFlow's TFRecord and example.proto, the
encoding page of Protocol Buffers.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import PADS_ITSELF, Format, Shown, integers_of, missing_values
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.extras import check_extra

_FOLDERS = {"train": "training", "validation": "evaluation", "test": "testing"}
_LENGTH_DELIMITED, _FIXED = 2, {"bytes": 1, "float": 2, "int64": 3}
_MASK = 0xA282EAD8
_WORD = 0xFFFFFFFF
_LARGEST = 2**63 - 1
_ITEMS_A_FILE = 1 << 16


class Grid(Format):
    """Features `user_id` and `sequence_data` (input, then target), and `sequence_<name>` of kept columns.

    Each batch (at most 65,536 pairs) is a gzip file of its own, so that several of GRID's workers have files to read.
    """

    name = "grid"
    suffix = ".tfrecord.gz"
    streams = False
    one_file = False
    writes_information = True
    no_padding = PADS_ITSELF
    no_codes = (
        "GRID replaces items by codes itself",
        " This writes the tensor of codes that GRID reads: genpas semantic-ids STORE -o codes.pt",
    )

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        check_extra("--to grid", "grid")
        from google_crc32c import value

        self._crc32c = value
        largest = self.layout.largest
        self._items = None if largest is None else _varints(np.arange(largest + 1))
        self._not_ascii = 0

    def held(self) -> tuple[str, ...]:
        """Return all columns except positions."""
        return tuple(name for name in super().held() if name not in ("input_start", "target_position"))

    def needed(self) -> tuple[str, ...]:
        """Return the columns of user, input and target."""
        return (self.layout.user, "input_items", "target_item")

    def check(self) -> None:
        """Raise DataError for values that are not numbers or texts."""
        for name in self.columns:
            kind = self.layout.schema.field(name).type
            value = kind.value_type if pa.types.is_list(kind) else kind
            if not _is_bytes(value):
                integers_of(name, value)

    def path(self, split: str) -> str:
        """Return the directory of a split, named as in GRID's configurations."""
        return _FOLDERS[split]

    def encode(self, pairs: pa.RecordBatch) -> bytes:
        """Return the records of a batch as a gzip file."""
        features = [_feature("user_id", *self._values(self.layout.user, pairs.column(self.layout.user)))]
        sequences = [("input_items", "target_item", "sequence_data")]
        sequences += [(f"input_{name}", f"target_{name}", f"sequence_{name}") for name in self.layout.kept
                      if f"input_{name}" in self.columns and f"target_{name}" in self.columns]  # fmt: skip
        for inputs, target, name in sequences:
            kind, history = self._values(inputs, pairs.column(inputs))
            _, last = self._values(target, pairs.column(target))
            features.append(_feature(name, kind, _concatenated(history, last)))
        # mtime=0 keeps the date out of the header, so that the same pairs give the same bytes.
        return gzip.compress(self._records(_message(1, _concatenated(*features))), compresslevel=1, mtime=0)

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write all parts to one file; `write_into` writes one file per part."""
        out.writelines(parts)

    def write_into(self, directory: Path, split: str, parts: Iterator[Any]) -> None:
        """Write the files of a split, one per part."""
        folder = directory / self.path(split)
        folder.mkdir(parents=True)
        for number, part in enumerate(parts):
            (folder / f"part-{number:05d}{self.suffix}").write_bytes(part)

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write what is known about the items as texts, from which GRID makes embeddings."""
        super().write_beside(directory, splits)
        info = self.shown.items.info
        if info is None:
            return
        folder = directory / "items"
        folder.mkdir()
        for part, begin in enumerate(range(0, len(info) + 1, _ITEMS_A_FILE)):
            texts = pa.array(self._texts_of_items(info, begin), pa.string())
            self._not_ascii += pc.sum(pc.invert(pc.string_is_ascii(texts)), min_count=0).as_py()
            numbers = np.arange(begin, begin + len(texts))
            features = [_feature("id", "int64", _varints(numbers)),
                        _feature("text", "bytes", _message(1, texts.cast(pa.binary())))]  # fmt: skip
            content = self._records(_message(1, _concatenated(*features)))
            (folder / f"part-{part:05d}{self.suffix}").write_bytes(gzip.compress(content, compresslevel=1, mtime=0))

    @staticmethod
    def _texts_of_items(info: pa.Table, begin: int) -> list[str]:
        """Return the texts of a file of item numbers, of which the first is `begin`."""
        # GRID makes a tensor with as many rows as there are records, and takes the id for the row: without a record
        # for the unused number 0, the last item would have no row.
        first = max(0, begin - 1)
        texts = [_described(row) for row in info.slice(first, begin + _ITEMS_A_FILE - 1 - first).to_pylist()]
        return texts if begin else ["", *texts]

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Return how to keep GRID from cutting the pairs again, and what it cannot read."""
        notes = [
            (
                "GRID: the collate function for training expands every sequence into all sub-sequences, but these "
                "pairs are already expanded. Use the collate function for validation: in your own experiment based "
                "on tiger_train_flat, set data_loading.train_dataloader_config.dataloader.collate_fn: "
                "${data_loading.val_dataloader_config.dataloader.collate_fn}"
            ),
            "GRID: item numbers start at 1, so the map of semantic ids needs an unused column 0",
        ]
        if self._not_ascii:
            notes.append(
                f"GRID: the texts of {self._not_ascii:,} items in items/ are not ASCII, and GRID's "
                "convert_bytes_to_string reads only ASCII texts"
            )
        return notes

    def _values(self, name: str, column: pa.Array) -> tuple[str, pa.Array]:
        """Return the kind of a column's feature (`int64`, `float` or `bytes`), and the encoded values of each row."""
        is_list = pa.types.is_list(column.type)
        values = column.values if is_list else column
        if self._items is not None and name in ("input_items", "target_item"):
            kind, encoded = "int64", self._items.take(values)
        elif _is_bytes(values.type):
            if values.null_count:
                raise missing_values(name, "a bytes feature of GRID")
            kind, encoded = "bytes", _message(1, _decoded(values).cast(pa.binary()))
        else:
            numbers = numbers_of(name, values)
            if numbers.dtype == np.uint64 and numbers.max(initial=0) > _LARGEST:
                raise DataError(
                    f"{name} has values above {_LARGEST:,}, which an int64 feature of GRID cannot represent"
                )
            kind = "float" if numbers.dtype.kind == "f" else "int64"
            encoded = _fixed(numbers) if kind == "float" else _varints(numbers.astype(np.int64))
        return kind, pc.binary_join(pa.ListArray.from_arrays(column.offsets, encoded), b"") if is_list else encoded

    def _records(self, examples: pa.Array) -> bytes:
        """Return the messages framed as TFRecords."""
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


def _described(about: dict[str, Any]) -> str:
    """Return what is known about an item as one text: `title: Hair brush; brand: B`."""
    return "; ".join(f"{name}: {value}" for name, value in about.items() if value not in (None, ""))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_binary(kind))


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _feature(name: str, kind: str, values: pa.Array) -> pa.Array:
    """Return each row's entry of `Features.feature`: the name, and the list of values of its kind."""
    # The numbers of a list are packed in one field; each text has a field of its own.
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
    """Return each number as a varint: base-128 digits, lowest first, all but the last with the high bit set."""
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
    """Return each number as a little-endian float32."""
    return _binary(numbers.astype("<f4").view(np.uint8), np.arange(0, 4 * len(numbers) + 1, 4))


def _binary(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Array:
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, buffers)


FORMAT = Grid
