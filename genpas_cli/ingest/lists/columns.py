"""Finds the columns of lists of a file, and makes the columns of their elements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import duckdb

from genpas_cli.ingest.columns.missing import is_missing, parse_null_values
from genpas_cli.ingest.columns.roles import Column, Elements, Roles
from genpas_cli.ingest.formats.log_file import NESTED, SAMPLES, LogFile, first_values
from genpas_cli.ingest.lists.forms import DelimitedLists, ListForm, TextLists, form_of
from genpas_cli.ingest.lists.rows import Lists, as_text, element_json, element_name, is_json
from genpas_cli.ingest.options import ReadingOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.sql.quoting import literal

_ROWS = 100
"""Number of first rows whose lists are parsed to find their form and their elements."""
_MOST = 0.5
"""Share of the first texts that must look like lists."""
_SUGGESTED = (",", " ")
"""Delimiters of lists that texts may suggest; between digits only for a blank."""
_PART = re.compile(r"[\w.+:/@-]+")
_NUMBER = re.compile(r"[+-]?\d+([.]\d+)?")


def with_lists(con: duckdb.DuckDBPyConnection, log: LogFile, options: ReadingOptions) -> LogFile:
    """Return a file with its columns of lists; if `--item` names one, or a key in it, read as one row per element.

    Args:
        con: a DuckDB connection.
        log: the file, as its format opened it.
        options: of these, `item`, `list_delimiter` and `null_values` are used.

    Raises:
        DataError: the column of `--item` may hold lists or ids.
    """
    if log.has_fixed_columns:
        return log
    asked = _asked(log, options.item)
    columns = _with_forms(con, log, asked, options)
    place = None if asked is None else log.columns.index(asked)
    if place is not None and columns[place].form is not None:
        lists = Lists(columns, (columns[place].name,), _per_row(con, log, columns[place]))
        return replace(log, columns=_element_columns(con, log, columns), lists=lists)
    suggested, delimiter = _suggested(con, log, columns, options)
    if place is not None and suggested[place].form is not None:
        raise _ambiguous(log, columns[place], delimiter)
    log = replace(log, columns=columns)
    if all(column.form is None for column in suggested):
        return log
    needed = (("list-delimiter", delimiter),) if delimiter else ()
    return replace(log, elements=Elements(_element_columns(con, log, suggested), needed))


def settled(log: LogFile, roles: Roles, others: Sequence[Column]) -> LogFile:
    """Return a file that reads only those lists as elements which are needed; the others stay whole.

    Args:
        log: the file.
        roles: the roles of its columns.
        others: further columns that are needed.
    """
    if log.lists is None:
        return log
    roles_of = (roles.item, roles.user, roles.time, roles.rating, *roles.keep, *others)
    needed = [column for column in roles_of if column is not None and column.of_list is not None]
    names = tuple(dict.fromkeys(column.of_list for column in needed if column.of_list is not None))
    of_objects = frozenset(c.of_list for c in needed if c.of_list is not None and c.key is not None)
    whole = {column.name: column for column in log.lists.columns}
    columns = tuple(
        whole[column.name] if column.of_list is not None and column.of_list not in names else column
        for column in log.columns
        if column.key is None or column.of_list in names
    )
    ids = frozenset({roles.user.name, roles.item.name})
    return replace(
        log, columns=columns, lists=replace(log.lists, names=names, read=columns, ids=ids, of_objects=of_objects)
    )


def _asked(log: LogFile, item: str | None) -> Column | None:
    """Return the column that `--item` names, or that contains the key it names; None if there is none."""
    if item is None:
        return None
    named, (parent, dot, _) = log.named, item.partition(".")
    return named.find(item) or (named.find(parent) if dot and named.has_names else None)


def _with_forms(
    con: duckdb.DuckDBPyConnection, log: LogFile, asked: Column | None, options: ReadingOptions
) -> tuple[Column, ...]:  # fmt: skip
    """Return the columns of a file with the form of their lists."""
    markers = parse_null_values(options.null_values)
    columns = []
    for column in log.columns:
        # JSON says itself what a list is; a text that looks like a list may be an id.
        may_be_list = column.is_nested or options.list_delimiter != ""
        samples = _samples(con, log, column, markers) if column.is_text or column is asked else []
        columns.append(_of_form(column, form_of(samples, markers) if may_be_list else None))
    if asked is None:
        return tuple(columns)
    at = log.columns.index(asked)
    if options.list_delimiter and not columns[at].is_nested:
        columns[at] = _of_form(columns[at], DelimitedLists(markers, options.list_delimiter))
    if columns[at].form is None:
        return tuple(columns)
    lengths = [len(elements) for elements in _parsed(columns[at], _samples(con, log, asked, markers))]
    return tuple(_parallel(con, log, column, lengths, options) for column in columns)


def _of_form(column: Column, form: ListForm | None) -> Column:
    return column if form is None else replace(column, form=form, is_nested=True)


def _parallel(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, lengths: Sequence[int], options: ReadingOptions
) -> Column:
    """Return a column of texts with the form of its lists, if it holds lists as the column of items does."""
    is_user = options.user is not None and column is log.named.find(options.user)
    if column.form is not None or column.is_nested or column.in_path or column.type != "VARCHAR" or is_user:
        return column
    markers = parse_null_values(options.null_values)
    samples = _samples(con, log, column, markers)
    form: ListForm | None = form_of(samples, markers) if options.list_delimiter != "" else None
    if form is None and options.list_delimiter:
        delimited = DelimitedLists(markers, options.list_delimiter)
        found = [len(delimited.parsed(text)) for text in samples]
        same = sum(a == b for a, b in zip(found, lengths, strict=False))
        is_list = max(found, default=1) > 1 and (
            same >= _MOST * len(found) or sum(n > 1 for n in found) >= _MOST * len(found)
        )
        form = delimited if is_list else None
    return _of_form(column, form)


def _samples(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, markers: tuple[str, ...]
) -> list[str]:  # fmt: skip
    """Return the first present texts of a column; empty for other types."""
    if column.is_text:
        return [text for text in column.samples if not is_missing(text, markers)]
    return (first_values(con, log, column, markers) or []) if column.type == "VARCHAR" else []


def _parsed(column: Column, samples: Sequence[str]) -> list[list[Any]]:
    """Return the lists in the first texts of a column; empty for typed lists, and none for a text that is no list."""
    found = list[list[Any]]()
    if not isinstance(column.form, TextLists):
        return found
    for text in samples[:_ROWS]:
        try:
            found.append(column.form.parsed(text))
        except ValueError:
            continue
    return found


def _per_row(con: duckdb.DuckDBPyConnection, log: LogFile, column: Column) -> float:
    """Return the mean number of elements in the first lists of a column."""
    if column.form is not None and column.form.is_text:
        found = _parsed(column, _samples(con, log, column, ()))
        return sum(map(len, found)) / len(found) if found else 1.0
    first = f"SELECT coalesce(len({column.sql}), 0) AS length FROM {log.rows(con, [column])} LIMIT {SAMPLES}"
    mean = con.execute(f"SELECT avg(length) FROM ({first})").fetchall()[0][0]
    return 1.0 if mean is None else float(mean)


def _element_columns(
    con: duckdb.DuckDBPyConnection, log: LogFile, columns: Sequence[Column]
) -> tuple[Column, ...]:  # fmt: skip
    """Return the columns with lists replaced by their elements, then the keys of elements that are objects."""
    found, keys = list[Column](), list[Column]()
    for n, column in enumerate(columns):
        if column.form is None:
            found.append(column)
            continue
        make = _typed_elements if not column.form.is_text else _text_elements
        element, *of_keys = make(con, log, column, element_name(n))
        found.append(element)
        keys += of_keys
    taken = {column.name.lower() for column in found}
    return (*found, *(column for column in keys if column.name.lower() not in taken))


def _typed_elements(
    con: duckdb.DuckDBPyConnection, _: LogFile, column: Column, alias: str
) -> list[Column]:  # fmt: skip
    kind = re.sub(r"\[\d*\]$", "", column.type)
    element = _typed(column.name, alias, kind, column)
    if not kind.startswith("STRUCT("):
        return [element]
    described = con.execute(f"DESCRIBE SELECT unnest(CAST(NULL AS {kind}))").fetchall()
    return [element] + [
        replace(_typed(f"{column.name}.{key}", f"struct_extract({alias}, {literal(key)})", of_key, column), key=key)
        for key, of_key, *_ in described
    ]


def _typed(name: str, sql: str, kind: str, whole: Column) -> Column:
    kind = "VARCHAR" if kind.startswith("ENUM") else kind
    return Column(
        name, sql, kind, is_text=False, is_nested=NESTED.search(kind) is not None, is_half=whole.is_half,
        of_list=whole.name,
    )  # fmt: skip


def _text_elements(
    con: duckdb.DuckDBPyConnection, log: LogFile, column: Column, alias: str
) -> list[Column]:  # fmt: skip
    values = [value for found in _parsed(column, _samples(con, log, column, ())) for value in found]
    present = [value for value in islice(values, SAMPLES) if value is not None]
    if not is_json(column):
        quoted = f"{alias}[1] IN ('''', '\"')"
        printed = f"CASE WHEN {quoted} THEN {alias}[2:-2] ELSE {alias} END"
        sql = f"trim({alias}, ' \t')" if isinstance(column.form, DelimitedLists) else printed
        return [_text(column.name, sql, None, present, column)]
    keys = dict.fromkeys(key for value in present if isinstance(value, dict) for key in value)
    element = _text(column.name, element_json(alias, None), alias, present, column)
    return [element] + [
        replace(
            _text(
                f"{column.name}.{key}", element_json(alias, key), element_json(alias, key, "->"),
                [v for value in present if isinstance(value, dict) and (v := value.get(key)) is not None], column,
            ),
            key=key,
        )
        for key in keys
    ]  # fmt: skip


def _text(name: str, sql: str, as_json: str | None, values: Sequence[Any], whole: Column) -> Column:
    return Column(
        name, sql, "VARCHAR", is_text=True, samples=tuple(map(as_text, values)), json=as_json, of_list=whole.name,
        is_nested=bool(values) and all(isinstance(value, list | dict) for value in values),
    )  # fmt: skip


def _suggested(
    con: duckdb.DuckDBPyConnection, log: LogFile, columns: tuple[Column, ...], options: ReadingOptions
) -> tuple[tuple[Column, ...], str]:
    """Return the columns as lists with the delimiter that their texts suggest, and that delimiter, or an empty text."""
    if options.list_delimiter is not None or any(column.form is not None for column in columns):
        return columns, ""
    markers = parse_null_values(options.null_values)
    asked = _asked(log, options.item)
    texts = {
        n: samples
        for n, column in enumerate(columns)
        if (column.is_text or column is asked) and not column.is_nested and not column.in_path
        and (samples := _samples(con, log, column, markers))
    }  # fmt: skip
    for delimiter in _SUGGESTED:
        if found := [n for n, samples in texts.items() if _seem_lists(samples[:SAMPLES], delimiter)]:
            form = DelimitedLists(markers, delimiter)
            return tuple(_of_form(c, form) if n in found else c for n, c in enumerate(columns)), delimiter
    return columns, ""


def _seem_lists(samples: Sequence[str], delimiter: str) -> bool:
    """Tell whether most texts of a column contain a delimiter, with something like an id before and after each."""
    pattern = _NUMBER if delimiter == " " else _PART
    several = [text for text in samples if delimiter in text.strip()]
    return len(several) >= _MOST * len(samples) and all(
        pattern.fullmatch(part.strip()) for text in samples for part in text.strip().split(delimiter)
    )


def _ambiguous(log: LogFile, column: Column, delimiter: str) -> DataError:
    values = ", ".join(repr(value[:40]) for value in column.samples[:2])
    return DataError(
        f"{log.name}: the values of column {column.name!r} (--item) can be lists separated by {delimiter!r} or single "
        f"ids: {values}",
        tip=f"If they are lists: --list-delimiter '{delimiter}'; if each is one id: --list-delimiter ''",
    )
