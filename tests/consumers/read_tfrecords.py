"""Print as JSON what TensorFlow reads of an export for GRID: `read_tfrecords.py DIR [FOLDER...]`.

Read as GRID reads it (snap-research/GRID, `TFRecordIterator`): gzip files of a folder, the features' types by the first
record, every feature of variable length.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf


def features_of(record: Any) -> dict[str, Any]:
    """Return how to parse records that are like this one."""
    kinds = {"bytes_list": tf.string, "float_list": tf.float32, "int64_list": tf.int64}
    features = tf.train.Example.FromString(record.numpy()).features.feature
    return {name: tf.io.VarLenFeature(kinds[value.WhichOneof("kind")]) for name, value in features.items()}


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value.decode() if isinstance(value, bytes) else value


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a folder's files, one after the other."""
    records = tf.data.TFRecordDataset(sorted(map(str, folder.glob("*.tfrecord.gz"))), compression_type="GZIP")
    features = features_of(next(iter(records)))

    def parsed(record: Any) -> dict[str, Any]:
        return {name: value.values for name, value in tf.io.parse_single_example(record, features).items()}

    rows = records.map(parsed).as_numpy_iterator()
    return [{name: [plain(each) for each in values.tolist()] for name, values in row.items()} for row in rows]


def main() -> None:
    """Read folders, by default the three of pairs that GRID's configurations name."""
    root, folders = Path(sys.argv[1]), sys.argv[2:] or ["training", "evaluation", "testing"]
    print(json.dumps({folder: rows_of(root / folder) for folder in folders}))


if __name__ == "__main__":
    main()
