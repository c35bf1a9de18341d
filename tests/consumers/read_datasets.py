"""Print as JSON what Hugging Face datasets makes of a pairs directory: `read_datasets.py DIR`, `... DIR streaming`."""

from __future__ import annotations

import json
import sys

from datasets import load_dataset


def main() -> None:
    """Load by name of directory, as a user does, and print all rows of all splits."""
    found = load_dataset(sys.argv[1], streaming=sys.argv[2:] == ["streaming"])
    print(json.dumps({split: list(rows) for split, rows in found.items()}))


if __name__ == "__main__":
    main()
