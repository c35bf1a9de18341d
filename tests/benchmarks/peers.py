"""Multi-Target cut by other means: what somebody without genpas would write in pandas, Polars or DuckDB's SQL.

Each takes a log in Parquet (`user_id`, `item_id`, `timestamp`; ties in the file's order) to one Parquet file of
`user` int32, `target` int32, `input` list of int32, zstd level 1: every training interaction of leave-one-out that has
something before it is a target, its input the `MAX_INPUT` items before it at most. Items are numbered from 1 by id.
"""

from __future__ import annotations

from collections.abc import Callable

MAX_INPUT = 50

LONG_ENOUGH = 3
"""Interactions of a user from whom the last two are held out."""


def by_pandas(log: str, output: str) -> None:
    """Cut in a loop over the users' groups."""
    import pandas as pd

    log_rows = pd.read_parquet(log)
    frame = pd.DataFrame({
        "user": pd.factorize(log_rows["user_id"])[0].astype("int32"),
        "item": (pd.factorize(log_rows["item_id"], sort=True)[0] + 1).astype("int32"),
        "timestamp": log_rows["timestamp"],
    })  # fmt: skip
    del log_rows
    frame = frame.sort_values(["user", "timestamp"], kind="stable")
    users, targets, inputs = [], [], []
    for user, group in frame.groupby("user", sort=False)["item"]:
        items = group.to_numpy()
        for position in range(1, len(items) - 2 if len(items) >= LONG_ENOUGH else len(items)):
            users.append(user)
            targets.append(items[position])
            inputs.append(items[max(0, position - MAX_INPUT) : position])
    pairs = pd.DataFrame({"user": users, "target": targets, "input": inputs})
    pairs.to_parquet(output, compression="zstd", compression_level=1)


def by_polars(log: str, output: str) -> None:
    """Cut by a rolling window over rows."""
    import polars as pl

    rows = (
        pl.scan_parquet(log)
        .select(
            "timestamp",
            user=pl.col("user_id").rank("dense").cast(pl.Int32),
            item=pl.col("item_id").rank("dense").cast(pl.Int32),
        )
        .sort("user", "timestamp", maintain_order=True)
        .with_columns(position=pl.int_range(pl.len()).over("user"), length=pl.len().over("user"))
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .collect()
    )
    windows = rows.rolling("row", period=f"{MAX_INPUT}i", closed="left", group_by="user").agg(input=pl.col("item"))
    held_out = pl.when(pl.col("length") >= LONG_ENOUGH).then(2).otherwise(0)
    pairs = (
        rows.with_columns(windows["input"])
        .filter(pl.col("position") >= 1, pl.col("position") < pl.col("length") - held_out)
        .select("user", "input", target="item")
    )
    pairs.write_parquet(output, compression="zstd", compression_level=1)


def by_duckdb(log: str, output: str) -> None:
    """Cut lists in SQL."""
    import duckdb

    con = duckdb.connect()
    con.execute(f"create view log as select *, file_row_number as row from read_parquet('{log}', file_row_number=true)")
    for kind in ("user", "item"):
        con.execute(
            f"create temp table {kind}s as select {kind}_id, row_number() over (order by {kind}_id)::int as {kind} "
            f"from (select distinct {kind}_id from log)"
        )
    con.execute(f"""
        copy (
            with sequences as (
                select user, list(item order by timestamp, row) as items
                from log join users using (user_id) join items using (item_id) group by user
            ), targets as (
                select user, items,
                    unnest(range(2, len(items) + case when len(items) >= {LONG_ENOUGH} then -1 else 1 end)) as position
                from sequences
            )
            select user, items[position] as target, items[greatest(position - {MAX_INPUT}, 1):position - 1] as input
            from targets
        ) to '{output}' (format parquet, compression zstd, compression_level 1)
    """)


PEERS: dict[str, Callable[[str, str], None]] = {"pandas": by_pandas, "Polars": by_polars, "DuckDB SQL": by_duckdb}
