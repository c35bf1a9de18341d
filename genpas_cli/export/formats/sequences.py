"""Sequence text, as read by SASRec-style code and `genpas ingest`: one user per line with their items, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.formats.format import Format, Shown
from genpas_cli.export.formats.texts import Texts
from genpas_cli.export.formats.trainers.recbole import token
from genpas_cli.runtime.errors import UsageError

_token = partial(token, blank=r"[\s\x0b\x1c-\x1f\x{85}\p{Z}]")
"""Values as tokens; any blank of Unicode separates them, because Python's `line.split()` reads such files."""


class SequenceText(Format):
    """`user item item ... target`: for each user, the pair with the latest target, and of those the longest input.

    So held-out files have complete histories. Lines are in the order of user numbers, with user ids if they are asked
    for and known.
    """

    name = "sequences"
    no_padding = "its lines have different lengths"
    suffix = ".txt"

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._texts = Texts(self.layout, _token, "")
        self._user_ids: pa.Array | None = None
        self._lines = 0

    def held(self) -> tuple[str, ...]:
        """Return the columns of user, input and target."""
        return (self.layout.user, "input_items", "target_item")

    def needed(self) -> tuple[str, ...]:
        """Return the columns of a line, and the positions that tell the longest one."""
        return (*self.held(), "input_start", "target_position")

    def check(self) -> None:
        """Raise UsageError for pairs without user numbers."""
        if self.layout.user == "user_id" and not pa.types.is_dictionary(self.layout.schema.field("user_id").type):
            raise UsageError(
                "--to sequences sorts users by number, but this stream contains user ids",
                tip="Run augment without --ids raw; to translate the items, run export with --ids raw --vocab DIR.",
            )

    def encode(self, pairs: pa.RecordBatch) -> pa.Table:
        """Return the best line of each user of a batch (columns user, start, position, line)."""
        inputs, target = pairs.column("input_items"), pairs.column("target_item")
        is_list = pa.types.is_list(target.type)
        last = self._texts.lists("target_item", target, " ") if is_list else self._texts.items(target)
        user = pairs.column(self.layout.user)
        if self.layout.user == "user_id":
            # Any thread may set this, since every batch has the same dictionary of ids by number.
            user, self._user_ids = pa.array(user.indices.to_numpy() + np.int32(1)), user.dictionary
        lines = pa.table({
            "user": user,
            "start": pairs.column("input_start"),
            "position": pairs.column("target_position"),
            "line": pc.binary_join_element_wise(self._texts.lists("input_items", inputs, " "), last, " "),
        })  # fmt: skip
        return _best(lines)

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write one line per user, after all pairs have been read, as a later one may be longer."""
        best: pa.Table | None = None
        more: list[pa.Table] = []
        for part in parts:
            more.append(part)
            # Merge only when as many lines have come as are held: else each batch would cost a pass over all users.
            if best is None or sum(map(len, more)) > len(best):
                best, more = _best(pa.concat_tables([*more] if best is None else [best, *more])), []
        if best is None:
            return
        best = _best(pa.concat_tables([best, *more]))
        self._lines += len(best)
        for batch in best.to_batches(max_chunksize=1 << 16):
            lines = pc.binary_join_element_wise(self._named(batch["user"]), " ", batch["line"], "\n", "")
            out.write(memoryview(lines.buffers()[2]))

    def _named(self, user: pa.Array) -> pa.Array:
        if self._user_ids is None:
            return user.cast(pa.string())
        return _token(self._user_ids.take(pa.array(user.to_numpy() - 1)))

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Return which pair each line is."""
        notes = [f"{self._lines:,} lines: each user has one line per split, with the items of the user's longest pair"]
        if self.layout.max_input is not None:
            items = f"{self.layout.max_input} item{'s' * (self.layout.max_input != 1)}"
            notes.append(f"inputs have at most {items}; to keep complete inputs: genpas augment --max-input none")
        return notes


def _best(lines: pa.Table) -> pa.Table:
    """Return one line per user, in the order of users: the one with the latest target, then the earliest start."""
    user, start, position = (lines[name].to_numpy() for name in ("user", "start", "position"))
    order = np.lexsort((start, -position.astype(np.int64), user))
    first = order[np.flatnonzero(np.diff(user[order], prepend=-1))]
    return lines.combine_chunks().take(pa.array(first))


FORMAT = SequenceText
