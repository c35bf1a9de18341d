"""The names of the log formats, without heavy imports, so that `--help` can list them quickly."""

from __future__ import annotations

from typing import Literal

LogFormat = Literal["parquet", "arrow", "orc", "json", "jsonl", "recbole", "csv", "sequences"]
"""Each format's class is in the module of its name. Formats are tried in this order, so those that accept any text come
last."""
