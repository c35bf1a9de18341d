"""Print as JSON what pandas reads: `read_frames.py FILE...`, of .jsonl, .csv and .parquet."""

from __future__ import annotations

import json
import sys

import pandas as pd


def read(path: str) -> pd.DataFrame:
    """Return a file as a frame; ids stay texts, whatever they look like."""
    if path.endswith(".jsonl"):
        return pd.read_json(path, lines=True, dtype=False)
    if path.endswith(".csv"):
        names = list(pd.read_csv(path, nrows=0))
        texts = {name: str for name in ("user_id", "target_item") if "user_id" in names}
        lists = {name: json.loads for name in names if name.startswith("input_") and name != "input_start"}
        return pd.read_csv(path, converters=lists, dtype=texts, keep_default_na=False)
    return pd.read_parquet(path)


def main() -> None:
    """Read the files that the command line names."""
    print(json.dumps([json.loads(read(path).to_json(orient="records", force_ascii=False)) for path in sys.argv[1:]]))


if __name__ == "__main__":
    main()
