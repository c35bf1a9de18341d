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
    check_not_empty,
    left_out_note,
)
from genpas_cli.export.token_files import write_index
from genpas_cli.runtime.text.wording import counted


class LcRec(SequenceFiles):
    """`NAME.inter.json`, `NAME.index.json`, and with item information `NAME.item.json`."""

    without_codes = 0
    """Interactions with items that have no codes, after `write`."""

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
                self.without_codes += len(has_codes) - len(numbers)
                for user, (low, high) in enumerate(pairwise(ends.tolist()), run.first):
                    if high - low < SHORTEST:
                        self.left_out += 1
                        continue
                    out.write(f'{begin}\n"{user}": {json.dumps(numbers[low:high])}')
                    begin, users = ",", users + 1
            out.write("\n}\n")
        check_not_empty(users, self._needed)
        self.written = {"inter": users}

    def write_items(self, directory: Path) -> None:
        """Write the codes of the items, and what is known about them."""
        items = self.items
        assert items.codes is not None
        write_index(directory / f"{self.name}.index.json", items.codes, items.pattern, by_id=False)
        if items.info is not None:
            write_items_json(directory / f"{self.name}.item.json", items.info, self.options.title, items.codes.known)

    def notes(self) -> list[str]:
        """Return how LC-Rec divides the sequences."""
        run = f"run it with --dataset {self.name} --index_file .index.json"
        notes = [f"LC-Rec: {run}; it holds out the last two items of each sequence, whatever the split of the store"]
        if self.items.info is None:
            notes.append("there are no titles, and so no item.json; to add them: --item-info FILE")
        if self.without_codes:
            dropped = counted(self.without_codes, "interaction")
            notes.append(f"{dropped} dropped because the item has no semantic id; LC-Rec may hold out an earlier item")
        return [*notes, *left_out_note(self.left_out, self._needed)]

    @property
    def _needed(self) -> str:
        """What a user needs to be written, after `write`."""
        return "interactions with codes" if self.without_codes else "interactions"


FILES = LcRec
