"""Rows of a query as Python values."""

from __future__ import annotations

from typing import Any

import duckdb

from genpas_cli.runtime.sql.quoting import identifier


def python_rows(relation: duckdb.DuckDBPyRelation) -> list[tuple[Any, ...]]:
    """Return all rows; times in nanoseconds as ISO 8601 texts, since Python's datetime would cut them."""
    selected = [
        f"strftime({identifier(name)}, '%Y-%m-%dT%H:%M:%S.%n')" if str(kind) == "TIMESTAMP_NS" else identifier(name)
        for name, kind in zip(relation.columns, relation.types, strict=True)
    ]
    return relation.project(", ".join(selected)).fetchall()
