"""Rejects repeated headers among the rows, left by `cat *.csv`, which would become users called `user_id`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genpas_cli.ingest.columns.roles import Roles
from genpas_cli.ingest.formats.records import Record
from genpas_cli.ingest.staging.loaded import Loaded, LoadedFile
from genpas_cli.ingest.staging.rejects import BadRow, Rejects, interactions_again
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal

if TYPE_CHECKING:
    import duckdb

_MARK = "\ufeff"
"""Byte order mark: each concatenated file may begin with one."""


def reject_repeated_headers(con: duckdb.DuckDBPyConnection, loaded: Loaded, rejects: Rejects) -> None:
    """Move the rows that repeat their file's header from `stage.rows` to the rejects.

    Raises:
        DataError: a header is repeated and bad rows are errors; or a repeated header has another order of columns, so
            that the rows after it would be misread.
    """
    for part, roles in zip(loaded.parts, loaded.plan.roles, strict=True):
        numbers = _candidates(con, part, roles)
        header, names = [name.strip() for name in part.log.header], part.log.header
        repeated = []
        for number, record in _records(part, numbers):
            fields = [field.removeprefix(_MARK).strip() for field in record.fields]
            if fields != header and sorted(fields) == sorted(header):
                raise DataError(
                    f"{part.log.name}, line {record.line}: another header line, with the columns in a different order "
                    f"than in the first header ({', '.join(names)}): {record.text[:200]!r}",
                    tip="The rows after this line would be misread. The file was probably concatenated from several "
                    "files: pass these as separate arguments instead.",
                )
            if fields == header:
                rejects.add(BadRow(part.log.name, record.line, "repeated header line", record.text))
                repeated.append(part.first + number)
        if repeated:
            con.execute("DELETE FROM stage.rows WHERE rowid IN (SELECT unnest($1::BIGINT[]))", [repeated])


def _candidates(con: duckdb.DuckDBPyConnection, part: LoadedFile, roles: Roles) -> list[int]:
    """Return the 0-based rows of a file whose user and item are each the name of the user or the item column."""
    log = part.log
    places = [log.columns.index(column) for column in (roles.user, roles.item) if column in log.columns]
    if not log.header or any(place >= len(log.header) for place in places):
        return []
    user, item = (log.header[place].removeprefix(_MARK).strip() for place in places)
    texts = (f"{before}{name}{after}" for name in (user, item) for before in ("", _MARK, " ") for after in ("", " "))
    either = ", ".join(map(literal, texts))
    query = (
        f"SELECT rowid - {part.first} FROM stage.rows WHERE rowid BETWEEN {part.first} AND "
        f"{part.first + part.staged - 1} AND user_id IN ({either}) AND item_id IN ({either}) ORDER BY rowid"
    )
    return [number for (number,) in con.execute(query).fetchall()]


def _records(part: LoadedFile, numbers: list[int]) -> Iterator[tuple[int, Record]]:
    """Yield (number, record) of staged rows, given their ascending 0-based numbers among the file's good rows."""
    good = (record for record in interactions_again(part.log) if not record.defect)
    at = -1
    for number in numbers:
        record = next(itertools.islice(good, number - at - 1, None), None)
        at = number
        if record is not None:
            yield number, record
