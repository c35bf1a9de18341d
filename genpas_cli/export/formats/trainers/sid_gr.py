"""sid_gr of NVIDIA's recsys-examples: Parquet with one sequence per pair, the codes as a tensor, and its settings.

Its `SIDSequenceDataset` keeps the first `max_history_length` + 1 items of a row and takes the last of these for the
target: of a longer row, it would take another item for the target, without an error. So inputs are shortened to their
last items here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.export.formats.format import PADS_ITSELF, Format, refuse_texts
from genpas_cli.export.token_files import write_code_tensor
from genpas_cli.pairs.changes.layout import list_of
from genpas_cli.runtime.errors import UsageError

_FOLDERS = {"train": "training", "validation": "evaluation", "test": "testing"}
_SCHEMA = pa.schema([
    pa.field("user_id", pa.int64(), nullable=False),
    pa.field("sequence_data", list_of(pa.int64()), nullable=False),
    pa.field("sequence_length", pa.int64(), nullable=False),
])  # fmt: skip
MAPPING = "item-sid-mapping.pt"


class SidGr(Format):
    """`training/NAME.parquet`, `evaluation/`, `testing/`, `item-sid-mapping.pt` and `NAME.gin`."""

    name = "sid-gr"
    suffix = ".parquet"
    streams = False
    one_file = False
    no_padding = PADS_ITSELF
    codes_as = "files"
    needs_codes = True
    max_input = 30

    def held(self) -> tuple[str, ...]:
        """Return the columns of user, input and target."""
        return (self.layout.user, "input_items", "target_item")

    def needed(self) -> tuple[str, ...]:
        """Return all columns: they are fixed."""
        return self.held()

    def check(self) -> None:
        """Raise UsageError for ids instead of numbers."""
        refuse_texts(self.layout, self.name)
        if self.layout.user != "user_num":
            raise UsageError("--to sid-gr needs user numbers, but these pairs contain ids of users",
                             tip="Add --ids num.")  # fmt: skip

    def path(self, split: str) -> str:
        """Return the path of a split."""
        return f"{_FOLDERS[split]}/{self.shown.name}.parquet"

    def encode(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch: the target is the last item of its sequence."""
        inputs = pairs.column("input_items")
        offsets = inputs.offsets.to_numpy().astype(np.int64)
        lengths = np.diff(offsets) + 1
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        values = np.empty(bounds[-1], np.int64)
        is_target = np.zeros(bounds[-1], bool)
        is_target[bounds[1:] - 1] = True
        values[~is_target] = inputs.values.to_numpy()[offsets[0] : offsets[-1]]
        values[is_target] = pairs.column("target_item").to_numpy()
        sequences = pa.ListArray.from_arrays(
            pa.array(bounds.astype(np.int32)), pa.array(values), type=_SCHEMA.field("sequence_data").type
        )
        users = pairs.column("user_num").cast(pa.int64())
        return pa.RecordBatch.from_arrays([users, sequences, pa.array(lengths)], schema=_SCHEMA)

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write a split as a Parquet file."""
        with pq.ParquetWriter(out, _SCHEMA, compression="zstd") as writer:
            for batch in parts:
                writer.write_batch(batch)

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write the codes of each item number, and the settings of the data set."""
        super().write_beside(directory, splits)
        codes = self.shown.items.codes
        assert codes is not None
        write_code_tensor(directory / MAPPING, codes)

    def companions(self, splits: Sequence[str]) -> dict[str, str]:
        """Return the settings for Gin."""
        name, codes = self.shown.name, self.shown.items.codes
        assert codes is not None
        held_out = next((split for split in ("validation", "test", "train") if split in splits), "train")
        # The model of sid_gr refuses levels of different sizes.
        sizes = [max(codes.sizes)] * len(codes.sizes)
        text = f"""# Settings of the data set for sid_gr; paths are relative to the parent directory of {name}.
DatasetArgs.dataset_name = '{name}'
DatasetArgs.dataset_type_str = "sid_sequence_dataset"
DatasetArgs.max_history_length = {self._longest} # items
DatasetArgs.max_candidate_length = 1 # the loss counts the target of each pair
DatasetArgs.sequence_features_training_data_path = "{name}/{self.path("train")}"
DatasetArgs.sequence_features_testing_data_path = "{name}/{self.path(held_out)}"
DatasetArgs.item_to_sid_mapping_path = "{name}/{MAPPING}"
DatasetArgs.num_hierarchies = {len(sizes)}
DatasetArgs.codebook_sizes = {sizes} # equal, as the model needs
"""
        return {f"{name}.gin": text}

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002  # see `Format`
        """Return which setting must fit the pairs."""
        return [
            (
                f"sid_gr: inputs have at most {self._longest} items, their most recent ones; "
                f"DatasetArgs.max_history_length must be at least {self._longest}, as in {self.shown.name}.gin"
            )
        ]

    @property
    def _longest(self) -> int:
        assert self.layout.max_input is not None  # `max_input` above
        return self.layout.max_input


FORMAT = SidGr
