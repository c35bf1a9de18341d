"""Print as JSON the rows of a split that RecBole makes: `read_recbole_rows.py NAME`, above the directory NAME."""

from __future__ import annotations

import json
import sys
from typing import Any

from recbole.config import Config
from recbole.data import create_dataset


def rows_of(dataset: Any) -> list[list[Any]]:
    """Return user, item and time of each row of a split; tokens and not the numbers that RecBole gives them."""
    tokens = [dataset.id2token(field, dataset.inter_feat[field].numpy()).tolist() for field in ("user_id", "item_id")]
    return [list(row) for row in zip(*tokens, dataset.inter_feat["timestamp"].tolist(), strict=True)]


def main() -> None:
    """Read the data set that the command line names, by its settings, as `run_recbole` does."""
    name = sys.argv.pop()
    dataset = create_dataset(Config(model="BPR", dataset=name, config_file_list=[f"{name}/{name}.yaml"]))
    print(json.dumps([rows_of(part) for part in dataset.build()]))


if __name__ == "__main__":
    main()
