"""The names of the formats of logs. Nothing is imported here, so that `--help` can list them."""

from __future__ import annotations

from typing import Literal

LogFormat = Literal["parquet", "arrow", "orc", "json", "jsonl", "recbole", "csv", "sequences"]
"""The formats by name; the module of that name has the class. A file is tried as each of them in this order, so what
takes any text stands last."""
