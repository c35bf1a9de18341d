"""Dense numbers for users and items that do not depend on the order of files or rows.

Items are numbered in the byte order of their ids, users in the order of the MD5 of theirs, so that any run of
consecutive users is a random sample. Numbers of an earlier run are kept, and new ids come after them. During cleaning
rows carry provisional numbers (0-based, in the same order); the remaining ids are numbered from 1 at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.text.shell import shell_word

Kind = Literal["user", "item"]
KINDS: tuple[Kind, ...] = ("user", "item")

_ORDER = {"item": "ids.id", "user": "md5(ids.id), ids.id"}


def create_numbers(con: duckdb.DuckDBPyConnection, kind: Kind, ids: str, known: pa.Table | None) -> int:
    """Create `stage.users` or `stage.items` (key, id, known); rowid is the provisional number, known the earlier one.

    Args:
        con: connection with the stage.
        kind: users or items.
        ids: query of the distinct ids: key (value in the rows) and id (its text).
        known: numbers of an earlier run (columns num, id).

    Returns:
        The number of ids.
    """
    if known is None:
        known = pa.table({"num": pa.array([], pa.int32()), "id": pa.array([], pa.string())})
    con.register("known_ids", known)
    con.execute(
        f"create table stage.{kind}s as select key, ids.id, known_ids.num as known from ({ids}) ids "
        f"left join known_ids on known_ids.id = ids.id order by known_ids.num nulls last, {_ORDER[kind]}"
    )
    con.unregister("known_ids")
    return int(con.sql(f"select count(*) from stage.{kind}s").fetchall()[0][0])


def staged_ids(kind: Kind) -> str:
    """Return the query of the ids of the staged rows; only distinct ones are cast to text."""
    return f"select {kind}_id as key, {kind}_id::varchar as id from (select distinct {kind}_id from stage.rows)"


def drop_unknown(con: duckdb.DuckDBPyConnection, known: pa.Table) -> int:
    """Delete the staged rows whose item is not among the known ones, and return their number."""
    con.register("known_ids", known)
    query = f"select key from ({staged_ids('item')}) where id not in (select id from known_ids)"
    dropped = con.execute(f"delete from stage.rows where item_id in ({query})").fetchall()[0][0]
    con.unregister("known_ids")
    return int(dropped)


def read_known(path: str, kind: Kind) -> pa.Table:
    """Return the numbers of an earlier run (columns num int32, id string) from its Parquet file or store.

    Raises:
        DataError: the file does not exist, or does not have each of the numbers 1..n once, with distinct ids.
    """
    file = Path(path)
    tip = f"Use the {kind}s.parquet of a pairs directory, or a store."
    if file.is_dir():
        inside = file / f"{kind}s.parquet"
        raise DataError(
            f"--{kind}s {path}: this is a directory",
            tip=f"Use the file in it: --{kind}s {shell_word(str(inside))}" if inside.is_file() else tip,
        )
    if not file.is_file():
        raise DataError(f"--{kind}s {path}: no such file", tip=f"{tip} For the name of a column: --{kind} {path}")
    names = [f"{kind}_num", f"{kind}_id"]
    try:
        table = _read_numbers(file, kind, names)
        table = pa.table({"num": table.column(0).cast(pa.int32()), "id": table.column(1).cast(pa.string())})
        table.validate(full=True)
    except (duckdb.Error, KeyError, *UNREADABLE) as error:
        raise DataError(f"--{kind}s {path} does not have the columns {names[0]} and {names[1]}", tip=tip) from error
    if table.column("num").null_count or table.column("id").null_count:
        raise DataError(f"--{kind}s {path}: a row has no number or no id", tip=tip)
    numbers = np.sort(table.column("num").to_numpy())
    if not np.array_equal(numbers, np.arange(1, len(numbers) + 1)):
        raise DataError(f"--{kind}s {path}: the numbers are not 1..{len(numbers)}, each exactly once", tip=tip)
    if len(table.column("id").unique()) != len(numbers):
        raise DataError(f"--{kind}s {path}: an id occurs twice", tip=tip)
    return table


def _read_numbers(file: Path, kind: Kind, names: list[str]) -> Any:
    with file.open("rb") as head:
        is_duckdb = head.read(12)[8:] == b"DUCK"
    if not is_duckdb:
        return pq.read_table(file, columns=names)
    with duckdb.connect(str(file), read_only=True) as con:
        return con.sql(f"select {', '.join(names)} from {kind}s order by 1").to_arrow_table()


@dataclass(frozen=True)
class Numbers:
    """Final numbers of users or items."""

    by_provisional: NDArray[np.int32]
    """Final number, from 1, by provisional number; 0 for an id without remaining rows."""
    count: int
    """Number of final numbers, including those of an earlier run."""


def final_numbers(
    con: duckdb.DuckDBPyConnection, kind: Kind, alive: NDArray[np.bool_] | None, known: pa.Table | None
) -> Numbers:
    """Number the remaining ids: known ids keep their numbers, the others come after them in provisional order."""
    if known is None:
        alive = (
            np.ones(int(con.sql(f"select count(*) from stage.{kind}s").fetchall()[0][0]), bool)
            if alive is None
            else alive
        )
        return Numbers(np.where(alive, np.cumsum(alive), 0).astype(np.int32), int(alive.sum()))
    reader = con.sql(f"select coalesce(known, 0) as known from stage.{kind}s order by rowid").to_arrow_table()
    numbers = reader.column(0).to_numpy().astype(np.int32)
    new = (numbers == 0) if alive is None else (numbers == 0) & alive
    numbers[new] = known.num_rows + np.arange(1, new.sum() + 1)
    return Numbers(numbers, known.num_rows + int(new.sum()))


def vocabulary_query(con: duckdb.DuckDBPyConnection, kind: Kind, numbers: Numbers, known: pa.Table | None) -> str:
    """Register the final numbers and return a query of (num, id), including those of an earlier run, by num."""
    rows = np.flatnonzero(numbers.by_provisional).astype(np.int32)
    con.register(f"{kind}_numbers", pa.table({"num": numbers.by_provisional[rows], "row": rows}))
    query = f"select n.num, s.id from {kind}_numbers n join stage.{kind}s s on s.rowid = n.row"
    if known is not None:
        con.register(f"known_{kind}s", known)
        query = f"{query} where n.num > {known.num_rows} union all select num, id from known_{kind}s"
    return f"select num, id from ({query}) order by num"


def check_unknown(con: duckdb.DuckDBPyConnection, known: pa.Table, path: str) -> None:
    """Raise DataError if the log has items that are not among the known ones."""
    con.register("known_ids", known)
    query = f"select id from ({staged_ids('item')}) where id not in (select id from known_ids) order by id"
    rows = con.sql(query).fetchall()
    con.unregister("known_ids")
    if rows:
        raise DataError(
            f"{len(rows):,} items of the log are not in {path}, such as {', '.join(repr(row[0]) for row in rows[:3])}",
            tip="Give them new numbers with --unknown-items add, or drop their rows with --unknown-items drop.",
        )
