"""Detects the delimiter and the header of a text from its first lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from genpas_cli.ingest.columns.aliases import ROLES, is_known, known_roles, matches
from genpas_cli.ingest.columns.missing import is_missing, parse_null_values
from genpas_cli.ingest.files.source_files import SourceFile
from genpas_cli.ingest.formats.records import (
    Dialect,
    Record,
    StrayTextError,
    UnclosedQuoteError,
    read_records,
    split_record,
)
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.times.readers import is_iso

DELIMITERS = ("\t", "::", ",", ";", "|")
_CLEAR = 0.9
_RAGGED = 0.5
_FEW = 0.05
"""A delimiter in more than this share of lines is not just a character of some ids."""
_AT_MOST = 1000
_LONGEST_DELIMITER = 4
_ESCAPES = {r"\t": "\t", r"\x01": "\x01", r"\u0001": "\x01", r"\001": "\x01"}
_Options = TypeVar("_Options", bound=ReadingOptions)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check_options(options: _Options) -> _Options:
    r"""Return the options with escapes in the delimiters replaced: a shell passes `'\t'` as two characters.

    Raises:
        UsageError: DuckDB's reader does not accept the delimiter or the quote character.
    """
    tip = r"For example: --delimiter ',' or --delimiter '\t'."
    if options.quote is not None and (len(options.quote) > 1 or options.quote in ("\r", "\n")):
        raise UsageError(f"--quote is {options.quote!r}; it must be one character, or '' for no quoting")
    if options.list_delimiter is not None:
        options = replace(options, list_delimiter=_unescaped(options.list_delimiter))
    if options.delimiter is None:
        return options
    meant = _unescaped(options.delimiter)
    if not meant:
        raise UsageError("--delimiter is empty", tip=tip)
    if len(meant.encode()) > _LONGEST_DELIMITER or "\n" in meant or "\r" in meant or meant == options.quote:
        raise UsageError(f"--delimiter {options.delimiter!r} cannot be used as a delimiter", tip=tip)
    return replace(options, delimiter=meant)


def _unescaped(delimiter: str) -> str:
    for written, character in _ESCAPES.items():
        delimiter = delimiter.replace(written, character)
    return delimiter


def find_delimiter(source: SourceFile, lines: Sequence[str], options: ReadingOptions) -> str | None:
    """Return the delimiter of a text; None if it is sequence text.

    Raises:
        DataError: no delimiter, or more than one, is possible.
    """
    lines = [line for line in lines if line.strip()][:_AT_MOST]
    quote = '"' if options.quote is None else options.quote
    if options.delimiter is not None:
        _check_delimiter(source, lines, options.delimiter)
        return options.delimiter
    first = {d: _fields(lines[0], d, quote) for d in DELIMITERS}
    asked = asked_names(options)
    # Column names given by the user decide if they occur in the first line under one delimiter only.
    if len(meant := [d for d in DELIMITERS if asked.intersection(map(str.lower, first[d]))]) == 1:
        return meant[0]
    shares, widths = {}, {}
    for d in DELIMITERS:
        shares[d], widths[d] = _share(lines, d, quote)
    if clear := [d for d in DELIMITERS if shares[d] >= _CLEAR]:
        # Rows with decimal commas split evenly at commas too, but their header does not.
        fitting = [d for d in DELIMITERS if shares[d] > _RAGGED and len(first[d]) == widths[d]]
        also = [d for d in clear if first[d]]
        return _one_of(source, lines, also or fitting or clear)
    if (named := [d for d in DELIMITERS if known_roles(lines[0].split(d)).complete]) and shares[named[0]] > 0:
        return named[0]
    best = max(DELIMITERS[1:], key=lambda d: shares[d])
    return best if shares[best] > _RAGGED else _blanks(source, lines, options)


def asked_names(options: ReadingOptions) -> set[str]:
    """Return the column names that the options give, in lower case, without positions.

    `--user 1` must not match the id 1 in a first line `1,7873,1318896000`.
    """
    asked = (options.user, options.item, options.time, options.rating, *options.keep)
    return {name.lower() for name in asked if name and not name.isdecimal()}


def asked_positions(options: ReadingOptions) -> dict[str, int]:
    """Return role (`user`, `item`, `time`, `rating`) → 0-based position, for the columns given by position."""
    asked = {role: getattr(options, role) for role in ROLES}
    return {role: int(name) - 1 for role, name in asked.items() if name and name.isdecimal()}


def _check_delimiter(source: SourceFile, lines: Sequence[str], delimiter: str) -> None:
    """Raise DataError if a given delimiter is in no line, or another is in all lines and this one not in the first."""
    other = next((d for d in DELIMITERS if d != delimiter and all(d in line for line in lines)), None)
    if any(delimiter in line for line in (lines[:1] if other else lines)):
        return
    if other is None:
        raise DataError(
            f"{source.name}: no line contains the delimiter {delimiter!r}; the first line is {_cut(lines[0])!r}"
        )
    written = {"\t": r"\t"}.get(other, other)
    raise DataError(
        f"{source.name}: the delimiter {delimiter!r} does not occur in line 1; {other!r} does",
        tip=f"Did you mean --delimiter '{written}'?",
    )


def _fields(line: str, delimiter: str, quote: str) -> list[str]:
    """Return the fields of a line under a delimiter; empty if the line does not contain it or is malformed."""
    try:
        fields = split_record(line, delimiter, quote)
    except (StrayTextError, UnclosedQuoteError):
        return []
    return fields if len(fields) > 1 else []


def _share(lines: Sequence[str], delimiter: str, quote: str) -> tuple[float, int]:
    """Return the share of records with the most frequent number of fields (0 if that is 1), and that number."""
    records = list(read_records(lines, Dialect(delimiter, quote, header=False, width=0)))
    widths = Counter(len(record.fields) for record in records if not record.defect)
    width, count = widths.most_common(1)[0] if widths else (1, 0)
    return count / len(records) if width > 1 else 0.0, width


def _one_of(source: SourceFile, lines: Sequence[str], clear: list[str]) -> str:
    if len(clear) == 1:
        return clear[0]
    named = [d for d in clear if known_roles(lines[0].split(d)).complete]
    suffix = Path(re.sub(r"\.(gz|zst|bz2|xz|zip)$", "", source.name.lower())).suffix
    by_suffix = [d for d in clear if {".tsv": "\t", ".csv": ","}.get(suffix) == d]
    if ";" in clear and by_suffix == [","]:
        by_suffix = []  # locales with decimal commas separate columns by semicolons, in .csv files too
    # A tab or `::` in every line is not chance, while commas and semicolons may be part of texts and numbers.
    for choice in (named, by_suffix, [d for d in clear if d in ("\t", "::")]):
        if choice:
            return choice[0]
    flags = " or ".join(f"--delimiter {d!r}" for d in clear)
    raise DataError(
        f"{source.name}: the delimiter is ambiguous, it can be {' or '.join(map(repr, clear))}: {_cut(lines[0])!r}",
        tip=f"Choose one: {flags}",
    )


def _blanks(source: SourceFile, lines: Sequence[str], options: ReadingOptions) -> str | None:
    widths = Counter(len(line.split()) for line in lines)
    width, count = widths.most_common(1)[0]
    share = count / len(lines)
    delimiter = "\t" if any("\t" in line for line in lines) else " "
    if max(widths) == 1:
        check_sequences(source, lines)
        raise DataError(
            f"{source.name}: only one column was detected; the first line is {_cut(lines[0])!r}",
            tip=r"Give the delimiter of the columns, such as --delimiter '|' (or '\t', ';', '::').",
        )
    asked = options.user or options.item or options.time or options.rating or options.keep or options.header is not None
    # Options that choose columns imply columns: sequence text has none to choose from.
    csv = options.format == "csv" or bool(asked) or known_roles(lines[0].split()).complete
    if not csv:
        check_sequences(source, lines)
    # With two fields on every line both readings are the same: one user and one item per line.
    if csv or (widths.keys() == {2}):
        _check_blanks(source, lines, delimiter)
        return delimiter
    if share <= _RAGGED:
        return None
    likely = f"{width} columns" if len(widths) == 1 else f"{width} columns with some malformed rows"
    raise DataError(
        f"{source.name}: the format is ambiguous: {likely}, or sequences (each line has a user and the user's items): "
        f"{_cut(lines[0])!r}",
        tip=f"Choose one: --format csv --delimiter {delimiter!r}, or --format sequences",
    )


def _basket_delimiter(lines: Sequence[str]) -> str | None:
    """Return the delimiter other than blanks that separates the items in some lines; None if there is none."""
    present = [line for line in lines if line.strip()]
    for delimiter in DELIMITERS[1:]:
        if sum(delimiter in line for line in present) > _FEW * len(present):
            return delimiter
    tabs = [line for line in present if "\t" in line]
    within = any(" " in field.strip() for line in tabs for field in line.split("\t"))
    return "\t" if within and len(tabs) > _RAGGED * len(present) else None


def check_sequences(source: SourceFile, lines: Sequence[str]) -> None:
    """Raise DataError if items of sequence text may be separated by another delimiter, with blanks in their names."""
    delimiter = _basket_delimiter(lines)
    if delimiter is None:
        return
    shown = shell_word({"\t": r"\t"}.get(delimiter, delimiter))
    numbered = shell_word(f'{{print NR "{delimiter}" $0}}')
    pipe = f"awk {numbered} {shell_word(source.name)} | genpas ingest - -o STORE --format sequences --delimiter {shown}"
    raise DataError(
        f"{source.name}: the format is ambiguous: the number of {delimiter!r} differs from line to line, so the "
        f"lines may be sequences whose items are separated by {delimiter!r} or by spaces; the first line is "
        f"{_cut(lines[0])!r}",
        tip=f"If each line is a user followed by items: --format sequences --delimiter {shown} (or ' '); if each line "
        f"is a row with columns: --format csv --delimiter {shown}; if the lines have no user, number them: {pipe}",
    )


def _check_blanks(source: SourceFile, lines: Sequence[str], delimiter: str) -> None:
    """Raise DataError if several blanks separate columns or a line begins with one, since fields would shift."""
    odd = next(
        (line for line in lines if delimiter == " " and len(line.rstrip().split(" ")) != len(line.split())), None
    )
    if odd is not None:
        raise DataError(
            f"{source.name}: columns are separated by several spaces, or a line starts with a space: {_cut(odd)!r}",
            tip="Put one delimiter between the columns first, for example by: awk -v OFS=, '{$1=$1; print}'",
        )


def has_header(source: SourceFile, records: Sequence[Record], options: ReadingOptions, delimiter: str) -> bool:
    """Tell whether the first record names the columns. The first rule that applies decides.

    1. `--header` or `--no-header` is given.
    2. Header: it holds a name given by an option, or known names for user and item.
    3. Row: it holds a number, a date or a marker of missing values. (0,1,2,..., which pandas writes, fits no rule.)
    4. Header: it holds a known name, or has letters where all further rows have numbers or dates. If the options give
       columns by position, only a known name at such a position counts.
    5. Row: a field equals, or has the same pattern as, the fields below it.
    6. Header: it has letters where all further rows have numbers or dates.

    Raises:
        DataError: no rule applies.
    """
    if options.header is not None or not records:
        return bool(options.header)
    first, rest = records[0].fields, records[1:]
    known = [field for field in first if is_known(field)]
    if asked_names(options).intersection(map(str.lower, first)) or (known and known_roles(first).complete):
        return True
    markers = parse_null_values(options.null_values)
    numbered = len(first) > 2 and first == [str(n) for n in range(len(first))]  # noqa: PLR2004  # 0,1 may be ids
    if not numbered and any(_is_value(field) or field.strip() in markers for field in first):
        return False
    same = [record.fields for record in rest if len(record.fields) == len(first)]
    unlike = not numbered and any(_unlike(first[n], [row[n] for row in same], markers) for n in range(len(first)))
    positions = asked_positions(options)
    in_place = any(at < len(first) and matches([first[at]], ROLES[role]) for role, at in positions.items())
    if (known and (in_place or not positions)) or (unlike and not positions):
        return True
    if not numbered and any(_alike(first[n], [row[n] for row in same]) for n in range(len(first))):
        return False
    if unlike:
        return True
    raise DataError(
        f"{source.name}, line {records[0].line}: this line can be a header or the first row: "
        f"{_cut(records[0].text)!r}, with the delimiter {delimiter!r}",
        tip=f"Choose one: --header{_columns(options)}, or --no-header{_columns(options)}; if the delimiter is not "
        f"{delimiter!r}, set --delimiter",
    )


def _unlike(first: str, values: Sequence[str], markers: Sequence[str]) -> bool:
    """Tell whether a field has letters while all present values below it are numbers or dates."""
    present = [value for value in values if not is_missing(value, markers)]
    return bool(present) and any(map(str.isalpha, first)) and all(map(_is_value, present))


def _alike(first: str, values: Sequence[str]) -> bool:
    """Tell whether a field occurs below, or has digits and the pattern of all below: `u1` above `u2` and `u31`."""
    shapes = {_shape(value) for value in values}
    return first in values or ("9" in _shape(first) and shapes == {_shape(first)})


def _shape(field: str) -> str:
    return re.sub("a+", "a", re.sub(r"[^\W\d_]", "a", re.sub(r"\d+", "9", field)))


def _columns(options: ReadingOptions) -> str:
    """Return the options to add to the tip, so that the suggested command also names the columns."""
    return "" if options.user and options.item else " --user 1 --item 2"


def _is_value(field: str) -> bool:
    return bool(_NUMBER.fullmatch(field.strip())) or is_iso(field.strip())


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004  # a terminal's width
