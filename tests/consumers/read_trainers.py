"""Print as JSON what trainers on semantic ids read with pandas: `read_trainers.py FILE...`.

CSV is read as MiniOneRec reads it (its data sets in `data.py`): Python evaluates the cells of histories. Parquet is
read as sid_gr reads it (`SIDSequenceDataset`): the last item of a row is the target.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd


def lines_of(path: str) -> list[dict[str, Any]]:
    """Return the lines of a CSV file, with histories as lists."""
    frame = pd.read_csv(path)
    for name in frame.columns:
        if name.startswith("history_"):
            frame[name] = [eval(cell) for cell in frame[name]]  # noqa: S307
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.astype(object).to_numpy().tolist()]


def rows_of(path: str) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file."""
    frame = pd.read_parquet(path)
    return [
        {"user": int(user), "history": items[:-1].tolist(), "target": int(items[-1]), "length": int(length)}
        for user, items, length in zip(frame["user_id"], frame["sequence_data"], frame["sequence_length"], strict=True)
    ]


def main() -> None:
    """Read the files that the command line names."""
    print(json.dumps([lines_of(path) if path.endswith(".csv") else rows_of(path) for path in sys.argv[1:]]))


if __name__ == "__main__":
    main()
