"""CSV with a header line; lists are JSON in a cell, which represents any id and is readable in any language."""

from __future__ import annotations

from csv import reader
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.formats.format import Shown, TextFormat, are_of_pairs, first_line
from genpas_cli.export.formats.texts import Texts, joined, json_text, plain_text


def cell(values: pa.Array) -> pa.Array:
    """Return values as CSV cells, quoted if they contain a quote, comma or line end, or are empty texts."""
    text = plain_text(values)
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, '[",\r\n]|^$'), quoted, text)


def _inside_quotes(values: pa.Array) -> pa.Array:
    return pc.replace_substring(json_text(values), '"', '""')


class Csv(TextFormat):
    """`user_num,input_items,target_item` / `1,"[5,7]",9`; a null is an empty cell."""

    name = "csv"
    suffix = ".csv"
    can_rename = True

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._cells = Texts(self.layout, cell, "")
        self._in_lists = Texts(self.layout, _inside_quotes, "null")

    def wrote(self, path: Path) -> bool:
        """Tell whether the header of a file has only columns of pairs."""
        return are_of_pairs(next(reader([first_line(path)]), []), self.names)

    def header(self) -> bytes:
        """Return the header line."""
        return (",".join(cell(pa.array([self.names[name] for name in self.columns])).to_pylist()) + "\n").encode()

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch, as UTF-8."""
        parts: list[pa.Array | str] = []
        for name in self.columns:
            column, comma = pairs.column(name), "," if parts else ""
            if pa.types.is_list(column.type):
                parts += [f'{comma}"[', self._in_lists.lists(name, column, ","), ']"']
            else:
                text = self._cells.items(column) if name == "target_item" else self._cells.values(column)
                parts += [comma, text]
        return joined(*parts, "\n")


FORMAT = Csv
