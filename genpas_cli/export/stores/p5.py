"""P5 and what reads its files, such as RQ-VAE-Recommender: text with one user per line, and the maps of ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

from genpas_cli.export.stores.sequence_run import (
    SHORTEST,
    Histories,
    SequenceFiles,
    check_not_empty,
    left_out_note,
)

_TABLES: tuple[Literal["users", "items"], ...] = ("users", "items")


class P5(SequenceFiles):
    """`sequential_data.txt`, a line `USER ITEM ITEM ...` per user with numbers from 1, and `datamaps.json`."""

    format = "p5"

    def write(self, directory: Path, runs: Iterator[Histories]) -> None:
        """Write `sequential_data.txt`."""
        users = 0
        with (directory / "sequential_data.txt").open("w", encoding="utf-8") as out:
            for run in runs:
                bounds, items = pairwise(run.sequences.offsets.tolist()), run.sequences.items.tolist()
                for user, (low, high) in enumerate(bounds, run.first + 1):
                    if high - low < SHORTEST:
                        self.left_out += 1
                        continue
                    out.write(" ".join(map(str, (user, *items[low:high]))) + "\n")
                    users += 1
        check_not_empty(users)
        self.written = {"sequential_data": users}

    def write_items(self, directory: Path) -> None:
        """Write `datamaps.json`: ids to numbers and back, of users and items."""
        with (directory / "datamaps.json").open("w", encoding="utf-8") as out:
            begin = "{"
            for table in _TABLES:
                name = table[:-1]
                by_id = ((each, str(number)) for number, each in self._ids(table))
                by_number = ((str(number), each) for number, each in self._ids(table))
                for label, entries in ((f"{name}2id", by_id), (f"id2{name}", by_number)):
                    out.write(f'{begin}\n"{label}": {{\n')
                    out.writelines(_lines(entries))
                    out.write("\n}")
                    begin = ","
            out.write("\n}\n")

    def _ids(self, table: Literal["users", "items"]) -> Iterator[tuple[int, str]]:
        for batch in self.store.vocabulary(table):
            yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)

    def notes(self) -> list[str]:
        """Return how P5 divides the sequences."""
        return [
            "P5 holds out the last two items of each sequence itself, whatever the split of the store",
            *left_out_note(self.left_out),
        ]


def _lines(entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    separator = ""
    for key, value in entries:
        yield f"{separator}{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}"
        separator = ",\n"


FILES = P5
