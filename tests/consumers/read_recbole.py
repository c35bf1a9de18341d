"""Print as JSON what RecBole makes of a data set: `read_recbole.py NAME`, above the directory NAME."""

from __future__ import annotations

import json
import sys
from typing import Any

from recbole.config import Config
from recbole.data import create_dataset
from recbole.utils import FeatureType


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    """Return the pairs of a split, tokens and not the numbers that RecBole gives them; without its padding."""
    columns, lengths = {}, dataset.inter_feat["item_length"].tolist()
    for field in sorted(dataset.inter_feat.interaction):
        kind, values = dataset.field2type[field], dataset.inter_feat[field].numpy()
        if kind in (FeatureType.TOKEN, FeatureType.TOKEN_SEQ) and field != "item_length":
            values = dataset.id2token(field, values)
        rows = values.tolist()
        if kind in (FeatureType.TOKEN_SEQ, FeatureType.FLOAT_SEQ):
            rows = [row[:length] for row, length in zip(rows, lengths, strict=True)]
        columns[field] = rows
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def main() -> None:
    """Read the data set that the command line names, by its settings, as `run_recbole` does."""
    name = sys.argv.pop()
    dataset = create_dataset(Config(model="SASRec", dataset=name, config_file_list=[f"{name}/{name}.yaml"]))
    kinds = {field: kind.value for field, kind in dataset.field2type.items()}
    splits = dict(zip(("train", "validation", "test"), map(rows_of, dataset.build()), strict=True))
    print(json.dumps({"kinds": kinds, "splits": splits}))


if __name__ == "__main__":
    main()
