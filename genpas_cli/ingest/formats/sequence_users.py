"""Users that stand on several lines of sequence text."""

from __future__ import annotations

import duckdb

from genpas_cli.ingest.formats.readers import LogFile, sequence_users
from genpas_cli.ingest.formats.records import read_lines


def repeated_users(con: duckdb.DuckDBPyConnection, log: LogFile) -> list[str]:
    """Return a note if users stand on several lines of a file; it names the first two such lines."""
    lines, users = con.execute(f"SELECT count(*), count(DISTINCT user_id) FROM {sequence_users(log)}").fetchall()[0]
    if lines == users:
        return []
    query = f"SELECT count(*) FROM (SELECT 1 FROM {sequence_users(log)} GROUP BY user_id HAVING count(*) > 1)"
    several = int(con.execute(query).fetchall()[0][0])
    user, first, second = _first_repeated(log)
    more = "" if several == 1 else f", and {several - 1:,} more {'is' if several == 2 else 'are'} on several lines"  # noqa: PLR2004  # one more
    return [f"{log.name}: user {user!r} is on lines {first} and {second}{more}; the items of a user's lines are joined"]


def _first_repeated(log: LogFile) -> tuple[str, int, int]:
    delimiter = log.dialect.delimiter if log.dialect else None
    first_line: dict[str, int] = {}
    for number, line in enumerate(read_lines(log.source.path, log.compression), 1):
        if line.strip():
            user = line.split(delimiter, 1)[0]
            if first_line.setdefault(user, number) != number:
                return user, first_line[user], number
    raise AssertionError("a user was counted twice")
