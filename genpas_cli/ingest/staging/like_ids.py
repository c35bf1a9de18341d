"""Finds ids that are similar but not equal: `1` and `1.0`, and ids that differ only in surrounding blanks."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.text.documentation import page

if TYPE_CHECKING:
    import duckdb

    from genpas_cli.ingest.passes.numbering import Kind
    from genpas_cli.ingest.staging.staged import Staged


_DECIMAL = "^(-?[0-9]+)[.]0+$"


def decimals_to_integers(con: duckdb.DuckDBPyConnection, id_types: Mapping[str, str]) -> None:
    """Replace staged ids such as `1.0` by `1`."""
    for column, kind in id_types.items():
        if kind == "VARCHAR":
            con.execute(
                f"UPDATE stage.rows SET {column} = regexp_replace({column}, '{_DECIMAL}', '\\1') "
                f"WHERE contains({column}, '.0') AND regexp_matches({column}, '{_DECIMAL}')"
            )


def _has_decimals(known: pa.Table) -> bool:
    import pyarrow.compute as pc  # not above: it takes 30 ms, and few logs have known ids

    return bool(pc.any(pc.match_substring_regex(known["id"], _DECIMAL)).as_py())


def check_decimals(con: duckdb.DuckDBPyConnection, kind: Kind, known: pa.Table | None, staged: Staged) -> None:
    """Raise DataError for ids that occur both as `1` and as `1.0`: one user would become two.

    Args:
        con: a connection with `stage.users` and `stage.items` (see `numbering.create_numbers`).
        kind: users or items.
        known: the numbers of an earlier run (columns num, id).
        staged: the files.
    """
    known_decimals = known is not None and _has_decimals(known)
    test = f"contains(id, '.0') AND regexp_matches(id, '{_DECIMAL}')"
    if not known_decimals and not con.execute(f"SELECT 1 FROM stage.{kind}s WHERE {test} LIMIT 1").fetchall():
        return
    con.register("known_ids", pa.table({"id": pa.array([], pa.string())}) if known is None else known.select(["id"]))
    both = con.execute(
        f"WITH ids AS (SELECT id, known IS NULL AS is_new FROM stage.{kind}s UNION ALL "
        f"SELECT id, false FROM known_ids), decimals AS (SELECT id, regexp_extract(id, '{_DECIMAL}', 1) AS whole, "
        f"is_new FROM ids WHERE {test}) SELECT whole, min(id ORDER BY length(id), id), max(id ORDER BY length(id), id) "
        "FROM (FROM decimals UNION ALL SELECT id, id, is_new FROM ids WHERE id IN (SELECT whole FROM decimals)) "
        "GROUP BY whole HAVING count(DISTINCT id) > 1 AND bool_or(is_new) ORDER BY length(whole), whole"
    ).fetchall()
    con.unregister("known_ids")
    if both:
        _, one, other = both[0]
        same = (
            "make a new store from all logs with --decimal-ids integer" if known_decimals else "--decimal-ids integer"
        )
        raise DataError(
            f"{len(both):,} {kind} id{'s are' if len(both) > 1 else ' is'} written in two forms: {one!r} "
            f"({_place(con, kind, one, staged)}) and {other!r} ({_place(con, kind, other, staged)}); pandas writes 1 "
            "as 1.0 if the column has missing values",
            tip=f"If they are the same id: {same}; if they are different ids: --decimal-ids text",
        )


def differing_in_blanks(con: duckdb.DuckDBPyConnection, kind: Kind) -> str | None:
    """Return a note about ids that differ from another one only in surrounding blanks; None if there are none.

    These are different ids, but seldom on purpose.

    Args:
        con: a connection with `stage.users` and `stage.items` (see `numbering.create_numbers`).
        kind: users or items.
    """
    padded = f"FROM stage.{kind}s WHERE starts_with(id, ' ') OR ends_with(id, ' ')"
    if not con.execute(f"SELECT 1 {padded} LIMIT 1").fetchall():
        return None
    found = con.execute(
        f"SELECT count(*), min(id) FROM (SELECT id, trim(id) AS bare {padded}) "
        f"WHERE bare IN (SELECT id FROM stage.{kind}s)"
    ).fetchall()
    count, one = found[0]
    if not count:
        return None
    differ = f"{kind} ids differ" if count > 1 else f"{kind} id differs"
    return (
        f"{count:,} {differ} from another id only in leading or trailing whitespace, such as {one!r}; they are read as "
        f"different ids. If they are the same, trim them first: {page('how-to/clean-a-log')}#ids-with-stray-whitespace"
    )


def _place(con: duckdb.DuckDBPyConnection, kind: Kind, value: str, staged: Staged) -> str:
    """Return the name of the first file that has an id."""
    query = f"SELECT min(rowid) FROM stage.rows WHERE CAST({kind}_id AS VARCHAR) = {literal(value)}"
    row = con.execute(query).fetchall()[0][0]
    if row is None:
        return "in an earlier log"
    return staged.files[bisect.bisect_right(staged.first_rows, row) - 1].name
