"""TorchEasyRec: Parquet with the behaviour sequence `uih_seq__NAME` and the candidate `cand_seq__NAME` of each pair.

Its settings name the columns: `--rename item_id=video_id` writes `uih_seq__video_id` and `cand_seq__video_id`
(docs/source/models/hstu_match.md of its repository).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import PADS_ITSELF, Format, Shown, integers_of
from genpas_cli.export.token_files import write_code_table
from genpas_cli.pairs.changes.ids import Plain
from genpas_cli.pairs.changes.layout import list_of
from genpas_cli.runtime.errors import DataError

_HISTORY, _CANDIDATE = "uih_seq__", "cand_seq__"
_TYPES = (pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string())
"""Types of values that TorchEasyRec reads (`AVAILABLE_PA_TYPES` of its `dataset.py`)."""
_BITS = 32
_LARGEST = 2**63 - 1


class TorchEasyRec(Format):
    """`train/NAME.parquet`, `validation/` and `test/`; with `--semantic-ids`, `codes.parquet` too."""

    name = "torcheasyrec"
    suffix = ".parquet"
    streams = False
    one_file = False
    no_padding = PADS_ITSELF
    codes_as = "files"
    can_rename = True
    needs_item_ids = True
    default_ids = "raw"

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._plain = Plain(self.layout)
        schema = self._plain.layout.schema
        fields = [pa.field(self.names["user_id"], schema.field(self.layout.user).type, nullable=False)]
        self._features = [("input_items", "target_item", "item_id")]
        self._features += [(f"input_{name}", f"target_{name}", name) for name in self.layout.kept
                           if f"input_{name}" in self.columns and f"target_{name}" in self.columns]  # fmt: skip
        for inputs, _, name in self._features:
            value = schema.field(inputs).type.value_field
            kind = _read_type(inputs, value.type)
            fields.append(pa.field(_HISTORY + self.names[name], list_of(kind, nullable=value.nullable)))
            fields.append(pa.field(_CANDIDATE + self.names[name], list_of(kind, nullable=True)))
        self._schema = pa.schema(fields)

    def held(self) -> tuple[str, ...]:
        """Return all columns except positions."""
        return tuple(name for name in super().held() if name not in ("input_start", "target_position"))

    def needed(self) -> tuple[str, ...]:
        """Return the columns of user, input and target."""
        return (self.layout.user, "input_items", "target_item")

    def renamable(self) -> tuple[str, ...]:
        """Return the names of the features, without the names of the sequences before them."""
        return ("user_id", "item_id", *self.layout.kept)

    def path(self, split: str) -> str:
        """Return the path of a split."""
        return f"{split}/{self.shown.name}.parquet"

    def encode(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch; the candidate is a sequence of one item."""
        plain = self._plain.batch(pairs)
        one = pa.array(np.arange(plain.num_rows + 1, dtype=np.int32))
        arrays = [plain.column(self.layout.user)]
        for inputs, target, _ in self._features:
            history = plain.column(inputs)
            arrays.append(pa.ListArray.from_arrays(history.offsets, _read_values(inputs, history.values)))
            arrays.append(pa.ListArray.from_arrays(one, _read_values(target, plain.column(target))))
        return pa.RecordBatch.from_arrays(
            [array.cast(field.type) for array, field in zip(arrays, self._schema, strict=True)], schema=self._schema
        )

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write a split as a Parquet file."""
        with pq.ParquetWriter(out, self._schema, compression="zstd") as writer:
            for batch in parts:
                writer.write_batch(batch)

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write the codes of the items, with their ids, as TorchEasyRec's own quantizers write them."""
        super().write_beside(directory, splits)
        codes = self.shown.items.codes
        if codes is not None:
            write_code_table(directory / "codes.parquet", codes, id_column="item_id", codes_column="codes")


def _read_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values: one of those that TorchEasyRec reads.

    Raises:
        DataError: the column has values of another kind.
    """
    if kind in _TYPES:
        return kind
    number = integers_of(name, kind)
    if pa.types.is_floating(number):
        return pa.float32() if number == pa.float16() else pa.float64()
    return pa.int32() if number.bit_width < _BITS or number == pa.int32() else pa.int64()


def _read_values(name: str, values: pa.Array) -> pa.Array:
    """Return values of which those that are not text are numbers.

    Raises:
        DataError: a number is too large for the largest integers that TorchEasyRec reads.
    """
    if pa.types.is_string(values.type):
        return values
    numbers = numbers_of(name, values)
    if numbers.dtype == np.uint64 and (largest := int(numbers.max(initial=0))) > _LARGEST:
        raise DataError(
            f"{name} has the value {largest}, but TorchEasyRec's integers are at most {_LARGEST}",
            tip="Leave the column out: name the others in --columns",
        )
    return pa.array(numbers)


FORMAT = TorchEasyRec
