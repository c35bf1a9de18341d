"""Parses delimited text record by record with exact line numbers, as DuckDB's reader does, but in Python.

Detection uses it on the first lines of a file. It reads whole files only if they have malformed rows: to find the line
of a bad row, and to separate good rows from bad ones.
"""

from __future__ import annotations

import functools
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from genpas_cli.ingest.files.source_files import Compression, open_bytes
from genpas_cli.runtime.text.wording import counted

_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u([dD][89a-fA-F]..)|\\.", re.DOTALL)
"""An escape of JSON: a pair of surrogates, a single one (group 1), or the beginning of any other."""
LONGEST_LINE = 2_000_000
"""Maximum bytes of a line that DuckDB's CSV reader reads."""


@dataclass(frozen=True)
class Dialect:
    """How the lines of a text file are split into columns."""

    delimiter: str
    quote: str
    """Quote character, or empty for none."""
    header: bool
    width: int
    """Columns per record; 0 while unknown."""
    newline: str = "\n"
    """Line end, `\\n` or `\\r`; `\\n` includes `\\r\\n`."""
    skip: int = 0
    """Blank lines before the first record, which DuckDB must skip: it would take the first one for the header."""


@dataclass(frozen=True)
class Record:
    """One record of a text file."""

    line: int
    """1-based line of the file on which the record starts."""
    text: str
    """The record as written in the file, without the last line end."""
    fields: list[str]
    defect: str | None = None
    """Why the record is malformed; None for a good one."""


class UnclosedQuoteError(ValueError):
    """The text ends within quotes."""


class StrayTextError(ValueError):
    """Text follows a closing quote before the next delimiter."""


def split_record(text: str, delimiter: str, quote: str) -> list[str]:
    """Return the fields of a record.

    A quote opens only at the start of a field (after blanks, as in DuckDB); within quotes, a doubled quote is literal.

    Raises:
        UnclosedQuoteError: the record continues on the next line, or its quote is never closed.
        StrayTextError: text other than blanks follows a closing quote before the next delimiter.
    """
    if not quote or quote not in text:
        return text.split(delimiter)
    opening, quoted = _patterns(quote, blanks=" " not in delimiter)
    fields, at = [], 0
    while True:
        if match := quoted.match(text, at):
            value, end = match[1].replace(quote * 2, quote), match.end()
            if end < len(text) and not text.startswith(delimiter, end):
                raise StrayTextError
        elif opening.match(text, at):
            raise UnclosedQuoteError
        else:
            end = text.find(delimiter, at)
            end = len(text) if end < 0 else end
            value = text[at:end]
        fields.append(value)
        if end >= len(text):
            return fields
        at = end + len(delimiter)


@functools.cache
def _patterns(quote: str, *, blanks: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    q, around = re.escape(quote), " *" if blanks else ""
    return re.compile(f"{around}{q}"), re.compile(f"{around}{q}([^{q}]*(?:{q}{q}[^{q}]*)*){q}(?!{q}){around}")


def read_lines(path: Path, compression: Compression, newline: str = "\n") -> Iterator[str]:
    """Yield the lines of a UTF-8 file without their ends; invalid bytes become surrogates (`surrogateescape`)."""
    bytes_ = open_bytes(path, compression)
    with io.TextIOWrapper(bytes_, "utf-8-sig", errors="surrogateescape", newline=newline) as stream:
        for line in stream:
            yield line.removesuffix(newline).removesuffix("\r")


def read_records(lines: Iterable[str], dialect: Dialect) -> Iterator[Record]:
    """Yield the records after the header, bad ones included, in order.

    An unclosed quote makes only the line on which it opens a bad record: parsing continues with the next line, so that
    one stray quote does not swallow the rest of the file.
    """
    source, ahead, number = iter(lines), deque[str](), 0
    header = dialect.header
    while True:
        line = ahead.popleft() if ahead else next(source, None)
        if line is None:
            return
        number += 1
        if not line and dialect.width != 1:
            continue
        text, fields, following = _complete(line, ahead, source, dialect)
        if header:
            header = False
        elif fields is None:
            yield Record(number, line, [], "unterminated quote")
            ahead.extendleft(reversed(following))
            continue
        else:
            while len(fields) > dialect.width > 0 and not fields[-1]:
                del fields[-1]  # DuckDB ignores excess delimiters at the end of a line
            yield Record(number, text, fields, _defect(text, fields, dialect))
        number += len(following)


def not_text(text: str) -> str | None:
    """Return the defect in the characters of a line from `read_lines` (NUL or not UTF-8); None if there is none."""
    if "\0" in text:
        return "a NUL byte"
    return None if text.isascii() or readable(text) == text else "not valid UTF-8"


def unpaired_surrogate(text: str) -> str | None:
    r"""Return the defect of JSON with an escape such as `\ud83d` that is half a character; None if there is none.

    Python reads it as a character that has no UTF-8; DuckDB refuses the file.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return None
    half = next((escape[0] for escape in _ESCAPE.finditer(text) if escape[1]), None)
    return None if half is None else f"the escape {half} is half a character (an unpaired surrogate)"


def readable(text: str) -> str:
    """Return a line from `read_lines` with each invalid byte replaced by U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _defect(text: str, fields: list[str], dialect: Dialect) -> str | None:
    if dialect.width and len(fields) != dialect.width:
        return f"{counted(len(fields), 'field')} instead of {dialect.width}"
    if len(text) > LONGEST_LINE:
        return f"longer than {LONGEST_LINE:,} characters"
    return None


def _complete(
    line: str, ahead: deque[str], source: Iterator[str], dialect: Dialect
) -> tuple[str, list[str] | None, list[str]]:
    """Return the record that starts with `line`, its fields (None if a quote is malformed), the further lines read."""
    text, size, taken = [line], len(line), list[str]()
    grown = True
    while True:
        try:
            # Parse again only after a line with a quote, which may close the open one: else time is quadratic.
            if grown:
                whole = dialect.newline.join(text)
                return whole, split_record(whole, dialect.delimiter, dialect.quote), taken
        except UnclosedQuoteError:
            pass
        except StrayTextError:
            return line, None, taken
        following = ahead.popleft() if ahead else next(source, None)
        if following is None or size > LONGEST_LINE:
            return line, None, taken if following is None else [*taken, following]
        text.append(following)
        taken.append(following)
        size += len(following)
        grown = dialect.quote in following


def rewrite(record: Record, delimiter: str, quote: str) -> str:
    """Return a good record as a line that parses to the same fields with `"` as the quote character."""
    has_own_quotes = bool(quote) and quote != '"' and quote in record.text
    if "\r" not in record.text and not has_own_quotes and (quote == '"' or '"' not in record.text):
        return record.text
    return delimiter.join('"' + field.replace('"', '""') + '"' for field in record.fields)
