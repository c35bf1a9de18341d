"""The order of a user's interactions: (user, time, tie rule, row number of the log), as SQL."""

from __future__ import annotations

from genpas_cli.ingest.options import Ties

_TIES = {"file": "", "error": "", "item": "i.id, ", "hash": "md5(u.id || chr(31) || i.id), "}


_FOUR_BYTES = 1 << 32


def sorted_rows(ties: Ties, columns: list[str], users: range, *, has_time: bool, largest_row: int) -> str:
    """Return the query of the staged rows of a run of users in order.

    Args:
        ties: the rule for rows with equal times; rows that it leaves tied come in the order of the log (`rowid`).
        columns: columns of `stage.rows` to select besides the provisional user and item.
        users: provisional user numbers.
        has_time: whether rows have times.
        largest_row: the last `rowid` of the stage.
    """
    # DuckDB sorts by a key of up to 24 bytes in two thirds of the time and memory of a longer one.
    row = "r.rowid::uinteger" if largest_row < _FOUR_BYTES else "r.rowid"
    names = "".join(f", r.{name}" for name in columns)
    return (
        f"select u.number::integer as user, i.rowid::integer as item{names} from stage.rows r "
        "join (select rowid as number, key, id from stage.users "
        f"where rowid between {users.start} and {users.stop - 1}) u on r.user_id = u.key "
        "join stage.items i on r.item_id = i.key "
        f"order by user, {'r.time, ' if has_time else ''}{_TIES[ties]}{row}"
    )
