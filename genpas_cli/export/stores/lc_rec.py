"""LC-Rec and LETTER: whole sequences as JSON, with the index of codes; items are numbered from 0.

Their `data.py` holds out the last two items of each sequence and cuts all prefixes of the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from genpas_cli.export.items_json import write_items_json
from genpas_cli.export.stores.sequence_run import (
    SHORTEST,
    Histories,
    SequenceFiles,
    left_out_note,
)
from genpas_cli.export.token_files import write_index


class LcRec(SequenceFiles):
    """`NAME.inter.json`, `NAME.index.json`, and with item information `NAME.item.json`."""

    format = "lc-rec"
    used = frozenset({
        "semantic_ids", "missing_codes", "colliding_codes", "sid_format", "item_info", "item_info_id", "title",
        "missing_titles",
    })  # fmt: skip

    def write(self, directory: Path, runs: Iterator[Histories]) -> None:
        """Write `NAME.inter.json`, one user per line, without items that have no codes."""
        assert self.items.codes is not None
        known, users, begin = self.items.codes.known, 0, "{"
        with (directory / f"{self.name}.inter.json").open("w", encoding="utf-8") as out:
            for run in runs:
                has_codes = known[run.sequences.items]
                ends = np.concatenate(([0], np.cumsum(has_codes)))[run.sequences.offsets]
                numbers = (run.sequences.items[has_codes] - 1).tolist()
                for user, (low, high) in enumerate(pairwise(ends.tolist()), run.first):
                    if high - low < SHORTEST:
                        self.left_out += 1
                        continue
                    out.write(f'{begin}\n"{user}": {json.dumps(numbers[low:high])}')
                    begin, users = ",", users + 1
            out.write("\n}\n" if users else "{}\n")
        self.written = {"inter": users}

    def write_items(self, directory: Path) -> None:
        """Write the codes of the items, and what is known about them."""
        items = self.items
        assert items.codes is not None
        write_index(
            directory / f"{self.name}.index.json",
            ((number - 1, codes) for number, codes in items.pattern.lists(items.codes)),
        )
        if items.info is not None:
            write_items_json(directory / f"{self.name}.item.json", items.info, self.options.title)

    def notes(self) -> list[str]:
        """Return how LC-Rec divides the sequences."""
        run = f"run it with --dataset {self.name} --index_file .index.json"
        notes = [f"LC-Rec: {run}; it holds out the last two items of each sequence, whatever the split of the store"]
        if self.items.info is None:
            notes.append("there are no titles, and so no item.json; to add them: --item-info FILE")
        return [*notes, *left_out_note(self.left_out)]


FILES = LcRec
