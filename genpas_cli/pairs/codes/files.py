"""Files of codes: Parquet, index.json as trainers of generative models write it, and NumPy arrays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

Keys = Literal["id", "number", "position", "row"]
"""How a file names items: by the ids of the log, by item numbers from 1, by numbers from 0, or by their order."""

NO_CODES = -1
"""All codes of an item without codes, in an array."""

_ITEM_COLUMNS: dict[str, Keys] = {"item_id": "id", "pid": "id", "item_num": "number"}
_LARGEST_CODE = 2**31 - 2
_NUMBER, _SIGNED = re.compile(r"[0-9]+"), re.compile(r"-?[0-9]+")
_ITEM_NUMBER = re.compile(r"[1-9][0-9]*")
_FORMS = "Give Parquet with item_id and a list of codes, an index.json, or an .npy array with one row per item."


@dataclass(frozen=True)
class Codes:
    """Codes by item."""

    ids: pa.Array | None
    """The name of each item as text; None where the rows are in the order of item numbers."""
    codes: NDArray[np.int32]
    """(items, levels)."""
    keys: Keys = "id"
    """What `ids` are."""
    path: str = "the codes"
    """The file, for messages."""


def read_codes(path: Path) -> Codes:
    """Read a file of codes.

    - Parquet: a column of items, `item_id` or `pid` (ids of the log) or `item_num` (numbers of the pairs), and either
      one column of integer lists or the texts `sid`, such as `<a_3><b_17>`, whose numbers are the codes.
    - JSON: one object {item: [codes]}; a code is a number, or a text such as `<a_3>`. Items are ids of the log, or all
      of them are numbers from 0.
    - `.npy`: integers, one row per item in the order of item numbers, of -1 for an item without codes; or one column
      per item (levels, items).

    Raises:
        DataError: no such file, another content, lists of unequal length, missing values, or codes that are not whole
            numbers from 0.
    """
    if not path.is_file():
        raise DataError(f"{path} is a directory" if path.is_dir() else f"no such file: {path}")
    if path.suffix == ".npy":
        return _of_array(path)
    return _of_index(path) if path.suffix == ".json" else _of_parquet(path)


def _of_array(path: Path) -> Codes:
    try:
        with path.open("rb") as file:  # np.load would also open an archive of arrays
            table: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise DataError(f"{path} is not an .npy file, or damaged", tip=_FORMS) from error
    if table.ndim != 2 or table.dtype.kind not in "iu" or 0 in table.shape:  # noqa: PLR2004  # a matrix
        raise DataError(
            f"{path} holds an array of shape {table.shape} and type {table.dtype}, not a matrix of integers with one "
            "row per item"
        )
    # An unsigned integer is never -1; as a signed one, the largest would be.
    has_none = np.zeros(table.shape, bool) if table.dtype.kind == "u" else table == NO_CODES
    _checked(np.where(has_none, 0, table), path)
    if has_none.any() and not any(np.array_equal(has_none, _of_items(has_none, axis)) for axis in (0, 1)):
        raise DataError(
            f"{path}: some codes of an item are {NO_CODES}, which means that the item has no codes, and others are not"
        )
    return Codes(None, table.astype(np.int32), "row", str(path))


def _of_items(has_none: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return which codes are missing if an item, a row or a column of the array, has either all codes or none."""
    return np.broadcast_to(has_none.all(axis=1 - axis, keepdims=True), has_none.shape)


def _of_index(path: Path) -> Codes:
    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=_once)
        rows = [[_code(code, level) for level, code in enumerate(_listed(codes))] for codes in found.values()]
    except _RepeatedError as error:
        raise DataError(f"{path}: items occur more than once, such as {error.args[0]!r}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f'{path} is not an index of codes, such as {{"0": ["<a_3>", "<b_17>"]}}', tip=_FORMS) from error
    _check_lengths(map(len, rows), path)
    keys = list(found)
    numbered = sorted(keys, key=lambda key: (len(key), key)) == [str(n) for n in range(len(keys))]
    kind: Keys = "position" if numbered else "id"
    return Codes(pa.array(keys, pa.string()), _checked(np.array(rows), path), kind, str(path))


class _RepeatedError(Exception):
    """A key occurs twice in a JSON object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedError(key)
        found[key] = value
    return found


def _listed(codes: object) -> list[Any]:
    if not isinstance(codes, list):
        raise TypeError(codes)
    return codes


def _code(code: object, level: int) -> int:
    """Return a code: a number, or that of a text such as `<a_3>`, or `<0_3>` at level 0."""
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    if not isinstance(code, str):
        raise TypeError(code)
    if _SIGNED.fullmatch(code):
        return int(code)
    *before, number = map(int, _NUMBER.findall(code))
    if before and (before != [level] or code.count("<") > 1):
        raise ValueError(code)
    return number


def _of_parquet(path: Path) -> Codes:
    try:
        table = pq.read_table(path).combine_chunks()
        table.validate(full=True)
    except UNREADABLE as error:
        raise DataError(f"{path} is not a Parquet file, or damaged", tip=_FORMS) from error
    names = table.schema.names
    there = ", ".join(f"{field.name} ({field.type})" for field in table.schema)
    column = next((name for name in _ITEM_COLUMNS if name in names), None)
    lists = [field.name for field in table.schema if _is_codes(field)]
    if column is None or len(lists) != 1:
        raise DataError(
            f"{path}: the file must have a column item_id and one column of integer lists; the columns are: {there}"
        )
    ids = _ids(table[column], column, path)
    try:
        codes = _lists_of(table[lists[0]])
    except pa.ArrowException as error:
        raise DataError(f"{path}: a text of {lists[0]} has no codes; they are written like <a_3><b_17>") from error
    if table.num_rows == 0 or ids.null_count or codes.null_count:
        raise DataError(
            f"{path}: " + ("the file has no rows" if table.num_rows == 0 else f"a row has no {column} or no codes")
        )
    lengths = pc.list_value_length(codes)
    _check_lengths((pc.min(lengths).as_py(), pc.max(lengths).as_py()), path)
    values = pc.list_flatten(codes).combine_chunks()
    if values.null_count:
        raise DataError(f"{path}: a code is missing")
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise DataError(f"{path}: {len(twice):,} items occur more than once, such as {twice[0]['values'].as_py()!r}")
    if _ITEM_COLUMNS[column] == "number" and any(not _ITEM_NUMBER.fullmatch(each) for each in ids.to_pylist()):
        raise DataError(
            f"{path}: a value of {column} is not an item number, which is a whole number from 1; the smallest is "
            f"{pc.min(table[column]).as_py()!r}",
            tip="Item numbers are in items.parquet of the pairs directory; ids of the log belong in a column item_id.",
        )
    table_of_codes = _checked(values.to_numpy().reshape(len(ids), -1), path)
    return Codes(ids, table_of_codes, _ITEM_COLUMNS[column], str(path))


def _ids(column: pa.ChunkedArray, name: str, path: Path) -> pa.Array:
    try:
        return column.cast(pa.string()).combine_chunks()
    except pa.ArrowException as error:
        raise DataError(f"{path}: {name} has the type {column.type}; an id must be a text or a number") from error


def _check_lengths(lengths: Iterable[int], path: Path) -> None:
    found = sorted(set(lengths)) or [0]
    if found[0] == 0 or len(found) > 1:
        raise DataError(
            f"{path}: items have from {found[0]} to {found[-1]} codes; all items must have the same number of codes, 1 "
            "or more"
        )


def _checked(table: NDArray[Any], path: Path) -> NDArray[np.int32]:
    if table.min() < 0 or table.max() > _LARGEST_CODE:
        raise DataError(f"{path}: a code is not a whole number from 0 to {_LARGEST_CODE:,}")
    return table.astype(np.int32, copy=False)


def _is_codes(field: pa.Field) -> bool:
    """Tell whether a column holds lists of integers, or the texts of codes."""
    kind = field.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return bool(pa.types.is_integer(kind.value_type))
    return bool(field.name == "sid" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)))


def _lists_of(codes: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the codes as lists of integers; of texts, their numbers."""
    if pa.types.is_fixed_size_list(codes.type):
        return codes.cast(pa.list_(codes.type.value_type))
    if not pa.types.is_string(codes.type) and not pa.types.is_large_string(codes.type):
        return codes
    numbers = pc.utf8_trim_whitespace(pc.replace_substring_regex(codes, "[^0-9]+", " "))
    return pc.split_pattern(numbers, " ").cast(pa.list_(pa.int64()))
