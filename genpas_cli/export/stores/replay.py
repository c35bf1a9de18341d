"""RePlay's `ParquetModule`: a row per user with lists of numbers, and the held-out targets as `ground_truth`.

It reads numbers only, and keeps the end of a list that is longer than the shape in its metadata. Items are numbered
from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.export.column_names import named_columns
from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import integers_of
from genpas_cli.export.renaming import renamed
from genpas_cli.export.stores.sequence_run import Histories, SequenceFiles, lists_of
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.store.sequences import ranges
from genpas_cli.store.splits import HeldOut
from genpas_cli.store.target_positions import all_positions, first_positions

_HELD_OUT: tuple[HeldOut, ...] = ("validation", "test")
_ITEM, _USER, _TRUTH = "item_id", "user_id", "ground_truth"
_TIME = "time"
"""Name of the column of times in a store."""


class RePlay(SequenceFiles):
    """`train.parquet`, `validation.parquet` and `test.parquet`."""

    format = "replay"
    used = frozenset({"rename", "columns"})

    @property
    def columns(self) -> list[str]:
        """The time and the kept columns whose values are numbers or times."""
        types = self.store.column_types()
        there = [name for name in (_TIME, *self.store.kept) if name in types and _is_number(types[name])]
        if (named := named_columns(self.options)) is None:
            return there
        if unknown := [name for name in named if name not in (_USER, _ITEM, *map(_label, there))]:
            known = ", ".join((_USER, _ITEM, *map(_label, there)))
            raise UsageError(f"--columns {unknown[0]}: no such column of numbers; the columns are {known}")
        return [name for name in there if _label(name) in named]

    def write(self, directory: Path, runs: Iterator[Histories]) -> None:
        """Write the file of each split that has targets."""
        names = renamed(self.options, (_USER, _ITEM, *map(_label, self.columns), _TRUTH))
        self.written = {}
        with ExitStack() as stack:
            writers: dict[str, Any] = {}
            for run in runs:
                for split, table in self._tables(run, names).items():
                    if not table.num_rows:
                        continue
                    if split not in writers:
                        path = directory / f"{split}.parquet"
                        writers[split] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
                    writers[split].write_table(table)
                    self.written[split] = self.written.get(split, 0) + table.num_rows

    def _tables(self, run: Histories, names: dict[str, str]) -> dict[str, pa.Table]:
        train = run.lengths.train
        found = {"train": self._rows(run, train, train > 0, names)}
        for split in _HELD_OUT:
            targets = self.store.user_targets(split, run.first, run.lengths)
            has = targets.counts > 0
            table = self._rows(run, first_positions(targets) - 1, has, names)
            row, position = all_positions(targets)
            index = run.sequences.offsets[row] + position - 1
            truth = lists_of(
                run.sequences.items[index].astype(np.int64) - 1, np.concatenate(([0], np.cumsum(targets.counts[has])))
            )
            found[split] = table.append_column(names[_TRUTH], truth)
        return found

    def _rows(self, run: Histories, lengths: Any, chosen: Any, names: dict[str, str]) -> pa.Table:
        """Return a row per chosen user with the first interactions, as many as `lengths` says."""
        begin, some = run.sequences.offsets[:-1][chosen], lengths[chosen]
        index = ranges(begin, some) if len(some) else np.zeros(0, np.int64)
        offsets = np.concatenate(([0], np.cumsum(some)))
        users = np.flatnonzero(chosen) + run.first
        items = lists_of(run.sequences.items[index].astype(np.int64) - 1, offsets)
        columns = {names[_USER]: pa.array(users.astype(np.int64)), names[_ITEM]: items}
        for name in self.columns:
            values = run.sequences.kept[name].take(pa.array(index))
            if values.null_count and not pa.types.is_floating(values.type):
                others = ",".join((_ITEM, *(_label(each) for each in self.columns if each != name)))
                raise DataError(
                    f"the kept column {name!r} has missing values, which RePlay cannot read",
                    tip=f"To leave the column out: --columns {others}",
                )
            columns[names[_label(name)]] = lists_of(_signed(name, numbers_of(name, values)), offsets)
        return pa.table(columns)

    def notes(self) -> list[str]:
        """Return the number of items, which is the padding value that RePlay's own examples use."""
        items = self.store.items
        pad = f"pad item_id with {items} and {_TRUTH} with -1"
        return [f"RePlay: items and users are numbered from 0, and there are {items:,} items; {pad}"]


def _label(column: str) -> str:
    return "timestamp" if column == _TIME else column


def _signed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return unsigned integers of more than 8 bits as int64: PyTorch cannot index a tensor of their types."""
    if values.dtype.kind != "u" or values.itemsize == 1:
        return values
    if len(values) and values.max() > np.iinfo(np.int64).max:
        raise DataError(
            f"the kept column {name!r} has the value {values.max()}, which is too large for int64",
            tip="Name the other columns to write: --columns item_id",
        )
    return values.astype(np.int64)


def _is_number(kind: pa.DataType) -> bool:
    try:
        integers_of("", kind)
    except DataError:
        return False
    return True


FILES = RePlay
