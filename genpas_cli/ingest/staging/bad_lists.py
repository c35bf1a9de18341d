"""Rejects the rows of a binary file whose lists cannot be read as rows, and counts the empty lists of any file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genpas_cli.ingest.lists.rows import lengths, unequal_lengths
from genpas_cli.ingest.staging.rejects import BadRow, Rejects
from genpas_cli.runtime.text.wording import counted

if TYPE_CHECKING:
    import duckdb

    from genpas_cli.ingest.formats.log_file import LogFile
    from genpas_cli.ingest.lists.rows import Lists

_BATCH_ROWS = 1 << 14


def reject_bad_lists(con: duckdb.DuckDBPyConnection, log: LogFile, rejects: Rejects) -> int:
    """Add the rows of a file with lists of different lengths, or texts that are no lists, to the rejects.

    Returns:
        The number of these rows.

    Raises:
        DataError: there is such a row, and bad rows are errors.
    """
    assert log.lists is not None
    before = rejects.count
    for row in _bad_rows(con, log, log.lists):
        rejects.add(row)
    return rejects.count - before


def _bad_rows(con: duckdb.DuckDBPyConnection, log: LogFile, lists: Lists) -> Iterator[BadRow]:
    names = sorted(lists.names, key=[column.name for column in lists.columns].index)
    first = 1
    for batch in con.sql(lengths(log.rows_in_batches(con), lists.columns, names)).to_arrow_reader(_BATCH_ROWS):
        for at in np.flatnonzero(batch.column("bad").to_numpy(zero_copy_only=False)).tolist():
            row = {name: batch.column(name)[at].as_py() for name in batch.schema.names}
            no_list = next((name for n, name in enumerate(names) if not row[f"is_list_{n}"]), None)
            found = {name: row[f"length_{n}"] for n, name in enumerate(names)}
            reason = unequal_lengths(found) if no_list is None else f"the value in column {no_list!r} is not a list"
            yield BadRow(log.name, first + at, reason, row["text"], "row")
        first += batch.num_rows


def empty_lists_note(con: duckdb.DuckDBPyConnection, log: LogFile) -> list[str]:
    """Return a note on the rows of a file without a list of items, or with an empty one; none if there is none."""
    if log.lists is None:
        return []
    item = log.lists.items
    assert item.form is not None
    query = f"SELECT count(*) FROM {log.rows(con, [item])} WHERE {item.form.is_empty(item.sql)}"
    rows = int(con.execute(query).fetchall()[0][0])
    if not rows:
        return []
    has = "has" if rows == 1 else "have"
    return [
        f"{log.name}: {counted(rows, 'row')} {has} no interactions, because the list in column {item.name} is empty"
    ]
