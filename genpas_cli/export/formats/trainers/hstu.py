"""CSV for HSTU (`DatasetV2` of generative-recommenders): each line is a history whose last item is the target."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import PADS_ITSELF, TextFormat, integers_of, refuse_texts
from genpas_cli.export.formats.texts import joined
from genpas_cli.runtime.errors import DataError, UsageError


class Hstu(TextFormat):
    """`user_id,sequence_item_ids,sequence_ratings,sequence_timestamps`; a list is a cell of comma-separated numbers."""

    name = "hstu"
    no_padding = PADS_ITSELF
    no_codes = ("HSTU needs one item, rating and timestamp per interaction", "")
    suffix = ".csv"

    def needed(self) -> tuple[str, ...]:
        """Return the columns that the four output columns are made from.

        Raises:
            UsageError: ratings or times were not kept.
        """
        kept = []
        for what, name in (("ratings", self.shown.rating), ("times", self.shown.time)):
            if name is None:
                there = ", ".join(self.layout.kept) or "none"
                raise UsageError(
                    f"--to hstu needs ratings and timestamps, but these pairs have no {what}; kept columns: {there}",
                    tip="Keep both columns when the pairs are made: genpas augment LOGS --keep rating --keep timestamp",
                )
            kept += [f"input_{name}", f"target_{name}"]
        return (self.layout.user, "input_items", "target_item", *kept)

    def held(self) -> tuple[str, ...]:
        """Return the needed columns, since the format cannot hold others."""
        return self.needed()

    def check(self) -> None:
        """Raise UsageError for ids of the log, and DataError for ratings and times of other types."""
        refuse_texts(self.layout, self.name)
        if self.layout.user == "user_id":
            raise UsageError("--to hstu needs user numbers, but these pairs contain user ids", tip="Remove --ids raw.")
        for name in (self.shown.rating, self.shown.time):
            integers_of(str(name), self.layout.schema.field(f"target_{name}").type)

    def header(self) -> bytes:
        """Return the header line."""
        return b"user_id,sequence_item_ids,sequence_ratings,sequence_timestamps\n"

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch, as UTF-8."""
        lists = [
            pc.binary_join_element_wise(_list(name, pairs.column(f"input_{name}" if kept else "input_items")), ",",
                                        _text(name, pairs.column(f"target_{name}" if kept else "target_item")), "")
            for name, kept in (("item", False), (str(self.shown.rating), True), (str(self.shown.time), True))
        ]  # fmt: skip
        user = pairs.column(self.layout.user).cast(pa.string())
        return joined(user, ',"', lists[0], '","', lists[1], '","', lists[2], '"\n')

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Return how to read the files with HSTU."""
        return ["HSTU: set ignore_last_n=0, also for train, because the last item of each line is the target"]


def _text(name: str, values: pa.Array) -> pa.Array:
    numbers = pa.array(numbers_of(name, values))
    if pa.types.is_floating(numbers.type):
        if not pc.all(pc.is_finite(numbers)).as_py():
            raise DataError(
                f"the kept column {name!r} has missing or infinite values, but HSTU reads only finite numbers"
            )
        whole = pc.cast(numbers, pa.int64(), safe=False)
        # HSTU converts all numbers to integers, so 4.0 is written as 4.
        if pc.all(pc.equal(whole.cast(numbers.type), numbers)).as_py():
            numbers = whole
    return numbers.cast(pa.string())


def _list(name: str, column: pa.ListArray) -> pa.Array:
    return pc.binary_join(pa.ListArray.from_arrays(column.offsets, _text(name, column.values)), ",")


FORMAT = Hstu
