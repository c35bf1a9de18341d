"""JSON Lines: one object per pair."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from genpas_cli.export.formats.format import JSON_LINES, Shown, TextFormat, are_of_pairs, first_line
from genpas_cli.export.formats.texts import Texts, joined, json_text


class JsonLines(TextFormat):
    """`{"user_num":1,"input_items":[5,7],"target_item":9,...}`; lists stay lists, nulls and NaN are null."""

    name = "jsonl"
    suffix = ".jsonl"
    other_endings = JSON_LINES
    can_rename = True

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._texts = Texts(self.layout, json_text, "null")

    def wrote(self, path: Path) -> bool:
        """Tell whether the first line of a file is an object with the keys of a pair."""
        try:
            return are_of_pairs(list(json.loads(first_line(path))), self.names)
        except (ValueError, TypeError, RecursionError):
            return False

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch, as UTF-8."""
        parts: list[pa.Array | str] = []
        for name in self.columns:
            column, label = pairs.column(name), json.dumps(self.names[name], ensure_ascii=False)
            key = f"{',' if parts else '{'}{label}:"
            if pa.types.is_list(column.type):
                parts += [f"{key}[", self._texts.lists(name, column, ","), "]"]
            else:
                text = self._texts.items(column) if name == "target_item" else self._texts.values(column)
                parts += [key, text]
        return joined(*parts, "}\n")


FORMAT = JsonLines
