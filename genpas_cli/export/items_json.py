"""`item.json`: what is known about each item, as LC-Rec, LETTER and MiniOneRec read it, numbered from 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def on_one_line(titles: pa.Array) -> pa.Array:
    """Return titles with each run of white space as one space."""
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(titles, r"\s+", " "))


def write_items_json(path: Path, info: pa.Table, title: str, known: NDArray[Any] | None = None) -> None:
    """Write `{"0": {"title": ..., "description": ..., ...}, ...}`, one item per line.

    Args:
        path: the file.
        info: what is known, one row per item number from 1; the readers expect a title and a description.
        title: the column of titles.
        known: whether each item number is written: (items + 1,), bool; None writes all.
    """
    begin, number = "{", 0
    with path.open("w", encoding="utf-8") as out:
        for batch in info.to_batches():
            titles = on_one_line(batch.column(title)).to_pylist()
            for row, text in zip(batch.to_pylist(), titles, strict=True):
                number += 1
                if known is not None and not known[number]:
                    continue
                others = {name: value for name, value in row.items() if value is not None and name != title}
                about = json.dumps({"title": text, "description": "", **others}, ensure_ascii=False, default=str)
                out.write(f'{begin}\n"{number - 1}": {about}')
                begin = ","
        out.write("\n}\n" if begin == "," else "{}\n")
