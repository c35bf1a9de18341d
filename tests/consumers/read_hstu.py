"""Print as JSON what HSTU makes of CSV files: `read_hstu.py FILE...`.

Read as generative-recommenders reads it (`DatasetV2`): pandas reads the file, and Python evaluates each cell.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pandas as pd

CELLS = ("sequence_item_ids", "sequence_ratings", "sequence_timestamps")


def rows_of(path: str) -> list[dict[str, Any]]:
    """Return the lines of a file, each cell as a list."""
    frame = pd.read_csv(path, delimiter=",")
    return [
        {"user_id": int(row.user_id)} | {name: list(eval(getattr(row, name))) for name in CELLS}  # noqa: S307
        for row in frame.itertuples()
    ]


def main() -> None:
    """Read the files that the command line names."""
    print(json.dumps([rows_of(path) for path in sys.argv[1:]]))


if __name__ == "__main__":
    main()
