"""MiniOneRec: CSV with the titles, numbers and codes of each pair, and the files of items that its trainer reads.

MiniOneRec numbers items from 0 and reads lists as Python literals (its `convert_dataset.py` and `data.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.formats.format import PADS_ITSELF, KnownColumns, Shown, TextFormat, refuse_texts
from genpas_cli.export.formats.pandas_values import refuse_lost
from genpas_cli.export.formats.texts import Texts, joined, plain_text
from genpas_cli.export.item_data import SID
from genpas_cli.export.items_json import on_one_line, write_items_json
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.token_files import write_index
from genpas_cli.runtime.errors import UsageError

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
_LEVELS = 3
"""Number of codes by which MiniOneRec's data sets with titles find an item (`data.py`)."""
_COLUMNS = (
    "user_id", "history_item_title", "item_title", "history_item_id", "item_id", "history_item_sid", "item_sid",
)  # fmt: skip


class MiniOneRec(TextFormat):
    """`train/NAME_11.csv`, `valid/`, `test/`, `info/NAME.txt`, `index/NAME.index.json` and `index/NAME.item.json`.

    The scripts of MiniOneRec find the files as `train/NAME*11.csv` and `info/NAME*.txt`.
    """

    name = "minionerec"
    suffix = ".csv"
    streams = False
    one_file = False
    no_padding = PADS_ITSELF
    codes_as = "text"
    needs_codes = True
    writes_information = True

    @classmethod
    def writes_titles(cls, options: ExportOptions, known: KnownColumns) -> bool:  # noqa: ARG003  # always
        """Return True: its trainer reads titles."""
        return True

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._title = shown.options.title
        refuse_lost(on_one_line(shown.items.column(self._title)), "MiniOneRec")
        texts_only = replace(self.layout, largest=None)
        self._cells, self._literals = Texts(texts_only, _cell, ""), Texts(texts_only, _literal, "")
        assert self.layout.largest is not None
        self._numbers = pa.array(range(-1, self.layout.largest), pa.int32()).cast(pa.string())

    def held(self) -> tuple[str, ...]:
        """Return the columns of the pairs that the files are made of."""
        of_items = (f"{end}_{name}" for name in (self.shown.options.title, SID) for end in ("input", "target"))
        return (self.layout.user, "input_items", "target_item", *of_items)

    def needed(self) -> tuple[str, ...]:
        """Return all columns: they are fixed."""
        return self.held()

    def check(self) -> None:
        """Raise UsageError for ids instead of numbers, and for a name that MiniOneRec does not find."""
        refuse_texts(self.layout, self.name)
        if "." in self.shown.name:
            # sft.py takes the text before the first point of the index file for the name of the data set.
            raise UsageError(
                f"-o {self.shown.name}: MiniOneRec does not find the files of a data set whose name contains a dot",
                tip=f"For example: -o {self.shown.name.replace('.', '-')}",
            )

    def path(self, split: str) -> str:
        """Return the path that MiniOneRec's scripts expect for a split."""
        return f"{_SPLITS[split]}/{self.shown.name}_11.csv"

    def header(self) -> bytes:
        """Return the header line."""
        return (",".join(_COLUMNS) + "\n").encode()

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch, as UTF-8."""
        title = self._title
        inputs, targets = pairs.column("input_items"), pairs.column("target_item")
        numbers = pa.ListArray.from_arrays(inputs.offsets, self._numbers.take(inputs.values))
        return joined(
            "A", plain_text(pairs.column(self.layout.user)),
            ',"[', self._literals.lists("title", pairs.column(f"input_{title}"), ", "),
            ']",', self._cells.values(pairs.column(f"target_{title}")),
            ',"[', pc.binary_join(numbers, ", "),
            ']",', self._numbers.take(targets),
            ',"[', self._literals.lists(SID, pairs.column(f"input_{SID}"), ", "),
            ']",', self._cells.values(pairs.column(f"target_{SID}")), "\n",
        )  # fmt: skip

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write the codes, titles and further information of all items."""
        super().write_beside(directory, splits)
        items, name = self.shown.items, self.shown.name
        assert items.codes is not None
        texts = on_one_line(items.column(self._title)).to_pylist()
        for folder in ("info", "index"):
            (directory / folder).mkdir()
        write_index(directory / "index" / f"{name}.index.json", items.codes, items.pattern, by_id=False)
        with (directory / "info" / f"{name}.txt").open("w", encoding="utf-8") as out:
            for number, codes in items.pattern.lists(items.codes):
                sid = items.pattern.begin + "".join(codes) + items.pattern.end
                out.write(f"{sid}\t{texts[number - 1]}\t{number - 1}\n")
        assert items.info is not None
        write_items_json(directory / "index" / f"{name}.item.json", items.info, self._title)

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002  # see `Format`
        """Return how to name the data set in MiniOneRec, and whether its tasks with titles can use these codes."""
        name, codes = self.shown.name, self.shown.items.codes
        assert codes is not None
        files = ", ".join(f"{name}/{folder}" for folder in (*_SPLITS.values(), "info", "index"))
        notes = [
            (
                f"MiniOneRec: item numbers start at 0; add {name!r} to category_dict in sft.py, rl.py and evaluate.py, "
                f"set category to {name} in its scripts, and give them the files in {files}"
            )
        ]
        if (levels := len(codes.sizes)) != _LEVELS:
            notes.append(
                f"MiniOneRec: its tasks with titles look items up by exactly {_LEVELS} codes, but these items have "
                f"{levels}, so titles would be missing or wrong; to make {_LEVELS} codes, add --levels {_LEVELS} "
                "--collisions reassign to genpas semantic-ids"
            )
        return notes


def _cell(values: pa.Array) -> pa.Array:
    """Return texts as quoted CSV cells."""
    return pc.binary_join_element_wise('"', pc.replace_substring(on_one_line(values), '"', '""'), '"', "")


def _literal(values: pa.Array) -> pa.Array:
    """Return texts as Python literals within a quoted CSV cell."""
    return pa.array([repr(text).replace('"', '""') for text in on_one_line(values).to_pylist()], pa.string())


FORMAT = MiniOneRec
