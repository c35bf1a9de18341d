"""Sequence text logs: each line has a user and the user's items in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import duckdb

from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.files.source_files import SourceFile
from genpas_cli.ingest.formats.dialects import check_sequences
from genpas_cli.ingest.formats.log_file import Start, TextLog
from genpas_cli.ingest.formats.records import LONGEST_LINE, Record, read_lines
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import identifier, literal
from genpas_cli.runtime.text.shell import shell_word

_FEWEST = 3
"""Minimum number of lines for a pattern not to be chance."""

_ITEM = 8
"""Approximate bytes per item of a line."""


@dataclass(frozen=True, kw_only=True)
class SequenceLog(TextLog):
    """A text file with one user and their items per line, separated by blanks or by a delimiter."""

    format = "sequences"
    title = "sequence text"
    endings = ()
    has_fixed_columns = True

    delimiter: str | None
    """None for any number of blanks."""
    newline: str

    @classmethod
    def opened(cls, start: Start) -> Self | None:
        """Return the log; raise DataError if lines begin with counts, or have two possible delimiters."""
        delimiter = start.options.delimiter
        if start.options.format is None:
            _check_counts(start.source, start.lines)
        elif delimiter is None:
            check_sequences(start.source, start.lines)
        return cls(
            source=start.source, compression=start.compression,
            columns=tuple(Column(n, identifier(n), "VARCHAR", is_text=True) for n in ("user_id", "item_id")),
            delimiter=None if delimiter == " " else delimiter, newline=start.newline,
        )  # fmt: skip

    def rows(self, con: duckdb.DuckDBPyConnection, needed: Sequence[Column] = ()) -> str:  # noqa: ARG002  # DuckDB's reader needs neither
        """Return a subquery with one row per item."""
        # A user without items gives a row with a missing item, so that the funnel counts it.
        items = "unnest(CASE WHEN len(parts) > 1 THEN parts[2:] ELSE [NULL] END)"
        return f"(SELECT parts[1] AS user_id, {items} AS item_id FROM {self._lines()})"

    def _lines(self) -> str:
        lines = self.read_csv(["line"], delimiter="\x01", quote="")
        if self.delimiter:
            parts = f"string_split(line, {literal(self.delimiter)})"
        else:
            parts = "regexp_split_to_array(trim(line, ' \t'), '[ \t]+')"
        return f"(SELECT {parts} AS parts FROM {lines} WHERE trim(line, ' \t') <> '')"

    def row_bytes(self) -> float:
        """Return the approximate bytes per item."""
        return _ITEM

    def records(self) -> Iterator[Record]:
        """Yield the non-blank lines, each as a record of one field."""
        for number, text in enumerate(read_lines(self.source.path, self.compression, self.newline), 1):
            if text.strip():
                is_longer = len(text.encode("utf-8", "replace")) > LONGEST_LINE
                yield Record(number, text, [text], f"longer than {LONGEST_LINE:,} characters" if is_longer else None)

    def notes_of_rows(self, con: duckdb.DuckDBPyConnection) -> list[str]:
        """Return a note if some users have several lines; it names the first two lines of the first such user."""
        users = f"(SELECT parts[1] AS user_id FROM {self._lines()})"
        counted = con.execute(f"SELECT count(*), count(DISTINCT user_id) FROM {users}").fetchall()[0]
        if counted[0] == counted[1]:
            return []
        query = f"SELECT count(*) FROM (SELECT 1 FROM {users} GROUP BY user_id HAVING count(*) > 1)"
        several = int(con.execute(query).fetchall()[0][0])
        user, first, second = self._first_repeated()
        more = "" if several == 1 else f", and {several - 1:,} more {'is' if several == 2 else 'are'} on several lines"  # noqa: PLR2004  # one more
        note = f"user {user!r} is on lines {first} and {second}{more}; the lines of a user are concatenated"
        return [f"{self.name}: {note}"]

    def _first_repeated(self) -> tuple[str, int, int]:
        first_line: dict[str, int] = {}
        for number, line in enumerate(read_lines(self.source.path, self.compression, self.newline), 1):
            if line.strip():
                user = line.split(self.delimiter, 1)[0]
                if first_line.setdefault(user, number) != number:
                    return user, first_line[user], number
        raise AssertionError("a user was counted twice")


def _check_counts(source: SourceFile, lines: Sequence[str]) -> None:
    """Raise DataError if every line begins with the number of its items, and two of these numbers are equal.

    CiteULike's lists have this form: read as users, all lines with the same number of items would be one user.
    """
    parts = [fields for line in lines if (fields := line.split())]
    counts = [fields[0] for fields in parts]
    if len(parts) < _FEWEST or len(set(counts)) == len(counts):
        return
    if all(first == str(len(fields) - 1) for first, fields in zip(counts, parts, strict=True)):
        number, _ = Counter(counts).most_common(1)[0]
        first, second = [n for n, line in enumerate(lines, 1) if line.split()[:1] == [number]][:2]
        name = shell_word(source.name)
        raise DataError(
            f"{source.name}: every line starts with the number of items that follow, and lines {first} and {second} "
            f"both start with {number}: the first column seems to be a count, not a user",
            tip=f"If each line is one user, number the lines: awk '{{$1=NR; print}}' {name} | genpas ingest - -o "
            "STORE --format sequences; if the first column is the user: --format sequences",
        )


FORMAT = SequenceLog
