"""Reads the lists in the rows of a file as one row per element: the relation of DuckDB, and the records of a text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from genpas_cli.ingest.columns.identity import json_id_defect
from genpas_cli.ingest.columns.roles import Column
from genpas_cli.ingest.formats.records import Record
from genpas_cli.ingest.lists.forms import JsonLists, TextLists
from genpas_cli.runtime.sql.quoting import literal
from genpas_cli.runtime.text.wording import counted

if TYPE_CHECKING:
    import duckdb

FEED = "genpas_lists"
"""Name in DuckDB of the stream of rows with whole lists that is being read."""
_ELEMENTS_AT_ONCE, _ROWS_AT_ONCE = 1 << 16, 1 << 14
"""Maximum elements, about, and rows that are read as rows at once."""
_LIST, _ELEMENT = "genpas_list_", "genpas_element_"
_UNEQUAL = "lists of different lengths"
_SHOWN = 300
"""Maximum characters of a bad row that are kept."""
NOT_AN_OBJECT = "an element of the list is not an object"


@dataclass(frozen=True)
class Lists:
    """The lists of a file that are read as one row per element."""

    columns: tuple[Column, ...]
    """The columns with whole lists, then those in the path."""
    names: tuple[str, ...]
    """The columns of lists that are read, that of the items first."""
    per_row: float
    """Mean number of elements in the first rows."""
    read: tuple[Column, ...] = ()
    """The columns with one element per row."""
    ids: frozenset[str] = frozenset()
    """Names of the columns of ids."""
    of_objects: frozenset[str] = frozenset()
    """The columns of lists whose elements must be objects, since a key of them is needed."""
    is_lenient: bool = False
    """Whether rows without equally long lists are left out, instead of a DuckDB error."""

    @property
    def rows_at_once(self) -> int:
        """Number of rows whose lists are read at once."""
        return max(1, min(int(_ELEMENTS_AT_ONCE / max(self.per_row, 1)), _ROWS_AT_ONCE))

    @property
    def items(self) -> Column:
        """The column of lists of items."""
        return next(column for column in self.columns if column.name == self.names[0])

    def with_columns(self, new: Mapping[Column, Column]) -> Self:
        """Return the lists with some columns replaced."""
        return replace(
            self, columns=tuple(new.get(c, c) for c in self.columns), read=tuple(new.get(c, c) for c in self.read)
        )

    def checked(self, record: Record) -> Record:
        """Return a good record of the text, with its defect if the lists cannot be read as rows."""
        try:
            found = self._parsed(record)
        except ValueError as error:
            return replace(record, fields=[], defect=str(error))
        lengths = {name: len(values) for name, values in found.items()}
        if len(set(lengths.values())) > 1:
            return replace(record, fields=[], defect=unequal_lengths(lengths))
        defects = (
            f"an element of the list in column {column.of_list!r} is {defect}"
            for column in self.read
            if column.of_list and column.name in self.ids
            for value in found[column.of_list]
            if (defect := json_id_defect(_value(column, value))) is not None
        )
        defect = next(defects, None)
        return record if defect is None else replace(record, fields=[], defect=defect)

    def rows(self, record: Record) -> Iterator[Record]:
        """Yield a record per element of the lists of a good record, with fields in the order of `read`."""
        found = self._parsed(record)
        at = {column.name: n for n, column in enumerate(self.columns)}
        for n in range(len(found[self.names[0]])):
            fields = []
            for column in self.read:
                if column.of_list is not None:
                    fields.append(as_text(_value(column, found[column.of_list][n])))
                else:
                    place = at[column.name]
                    fields.append(record.fields[place] if place < len(record.fields) else "")
            yield replace(record, fields=fields)

    def _parsed(self, record: Record) -> dict[str, list[Any]]:
        """Return the elements of each list; raise ValueError with the defect of a text that is no list of its kind."""
        found = dict[str, list[Any]]()
        for place, column in enumerate(self.columns):
            if column.name not in self.names or not isinstance(column.form, TextLists):
                continue
            try:
                found[column.name] = column.form.parsed(record.fields[place])
            except ValueError:
                raise ValueError(f"the value in column {column.name!r} is not a list") from None
            are_objects = all(value is None or isinstance(value, dict) for value in found[column.name])
            if column.name in self.of_objects and not are_objects:
                raise ValueError(f"{NOT_AN_OBJECT} (column {column.name!r})")
        return found


def unequal_lengths(lengths: Mapping[str, int]) -> str:
    """Return the defect of a row whose lists have different lengths."""
    shown = ", ".join(f"{counted(length, 'element')} in column {name!r}" for name, length in lengths.items())
    return f"{_UNEQUAL}: {shown}"


def as_text(value: Any) -> str:
    """Return a parsed element as text; empty for a missing one."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _value(column: Column, element: Any) -> Any:
    if column.key is None or not isinstance(element, dict):
        return element
    return element.get(column.key)


def element_name(place: int) -> str:
    """Return the name in `exploded` of the elements of the lists in the column at a 0-based place of the file."""
    return f"{_ELEMENT}{place}"


def exploded(rows: str, columns: Sequence[Column], names: Sequence[str], *, lenient: bool) -> str:
    """Return the SQL after FROM with one row per element of lists, in their order, beside all columns of the file.

    Args:
        rows: the SQL after FROM of the rows of the file.
        columns: the columns of the file.
        names: the columns whose lists are read; all lists of a row must be equally long.
        lenient: whether rows with other lists are left out, instead of a DuckDB error.
    """
    places = [n for n, column in enumerate(columns) if column.name in names]
    lists = ", ".join(f"{_list(columns[n], lenient=lenient)} AS {_LIST}{n}" for n in places)
    equal = equal_lengths(places)
    usable = " AND ".join([equal, *(_is_list(columns[n]) for n in places)])
    # DuckDB itself would fill up the shorter lists with missing values.
    guard = f"WHEN {usable} THEN" if lenient else f"WHEN NOT ({equal}) THEN error({literal(_UNEQUAL)}) ELSE"
    elements = ", ".join(f"unnest(CASE {guard} {_LIST}{n} END) AS {_ELEMENT}{n}" for n in places)
    return f"(SELECT *, {elements} FROM (SELECT *, {lists} FROM {rows}))"


def fed(con: duckdb.DuckDBPyConnection, cursor: duckdb.DuckDBPyConnection, query: str, at_once: int) -> str:
    """Register the result of a query as a stream in batches of so few rows that their elements take little memory.

    DuckDB reads 2,048 rows at once, whatever the length of their lists, and its filters and joins put small batches
    together to as many rows.

    Args:
        con: the connection that will read the stream.
        cursor: another connection to the same database, which runs the query and is then closed.
        query: the query.
        at_once: rows per batch.

    Returns:
        The name of the stream.
    """
    reader = cursor.sql(query).to_arrow_reader(at_once)

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        finally:
            cursor.close()

    con.register(FEED, pa.RecordBatchReader.from_batches(reader.schema, batches()))
    return FEED


def lengths(rows: str, columns: Sequence[Column], names: Sequence[str]) -> str:
    """Return a query that tells for each row of a file whether its lists can be read as rows.

    Its columns are `bad`, `text` (the beginning of a bad row, else NULL) and, for the n-th name, `length_<n>` and
    `is_list_<n>`, which is false for a text that is no list.
    """
    by_name = {column.name: column for column in columns}
    lists = [by_name[name] for name in names]
    of_lists = ", ".join(
        f"coalesce(len({_list(column, lenient=True)}), 0) AS length_{n}, {_is_list(column)} AS is_list_{n}"
        for n, column in enumerate(lists)
    )
    usable = [f"is_list_{n}" for n in range(len(lists))] + [f"length_0 = length_{n}" for n in range(1, len(lists))]
    text = f"left(concat_ws(',', {', '.join(f'CAST({column.sql} AS VARCHAR)' for column in columns)}), {_SHOWN})"
    bad = f"NOT ({' AND '.join(usable)})"
    # Only the text of bad rows is made.
    checked = f"SELECT *, {bad} AS bad FROM (SELECT *, {of_lists} FROM {rows})"
    told = ", ".join(f"length_{n}, is_list_{n}" for n in range(len(lists)))
    return f"SELECT bad, {told}, CASE WHEN bad THEN {text} END AS text FROM ({checked})"


def equal_lengths(places: Sequence[int]) -> str:
    """Return SQL that is true if the lists at these places are equally long; a missing list is empty."""
    first, *others = (f"coalesce(len({_LIST}{n}), 0)" for n in places)
    return " AND ".join(f"{first} = {other}" for other in others) or "true"


def _list(column: Column, *, lenient: bool) -> str:
    assert column.form is not None
    return column.form.lists(column.sql, lenient=lenient)


def _is_list(column: Column) -> str:
    assert column.form is not None
    return column.form.is_list(column.sql)


def element_json(element: str, key: str | None, operator: str = "->>") -> str:
    """Return SQL for an element in JSON, or for the value of one of its keys, as text, or as JSON with `->`."""
    if key is None:
        return f"({element} ->> '$')" if operator == "->>" else element
    pointer = literal("/" + key.replace("~", "~0").replace("/", "~1"))
    return (
        f"CASE WHEN json_type({element}) = 'OBJECT' THEN {element} {operator} {pointer} "
        f"WHEN json_type({element}) <> 'NULL' THEN error({literal(NOT_AN_OBJECT)}) END"
    )


def is_json(column: Column) -> bool:
    """Tell whether the elements of a column of lists are JSON."""
    return isinstance(column.form, JsonLists)
