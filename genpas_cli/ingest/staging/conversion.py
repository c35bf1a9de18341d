"""Converts a staged column to another type, by the values of the rows that are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genpas_cli.runtime.times.readers import lost_digits

if TYPE_CHECKING:
    import duckdb


def convert_column(con: duckdb.DuckDBPyConnection, column: str, kind: str) -> None:
    """Convert a column of `stage.rows` to an SQL type that holds every value of the rows that are left.

    ALTER TABLE also casts the values of deleted rows, which DuckDB keeps in the table: a plain cast fails on a value
    that only a dropped row has.
    """
    con.execute(f"ALTER TABLE stage.rows ALTER {column} TYPE {kind} USING try_cast({column} AS {kind})")


def holds(con: duckdb.DuckDBPyConnection, column: str, kind: str) -> bool:
    """Tell whether an SQL type holds every value of a column of `stage.rows` in the rows that are left, unchanged."""
    lost = f"{column} IS NOT NULL AND try_cast({column} AS {kind}) IS NULL"
    if kind == "DOUBLE":
        lost = f"{lost} OR {lost_digits(f'CAST({column} AS VARCHAR)')}"
    return not con.execute(f"SELECT 1 FROM stage.rows WHERE {lost} LIMIT 1").fetchall()
