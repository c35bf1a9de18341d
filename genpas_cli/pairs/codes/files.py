"""Files of codes: Parquet, index.json as trainers of generative models write it, and NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.codes.texts import LevelNames, code_of, codes_of_texts
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError

Keys = Literal["id", "number", "position", "row"]
"""How a file names items: by the ids of the log, by item numbers from 1, by numbers from 0, or by their order."""

NO_CODES = -1
"""All codes of an item without codes, in an array."""

_ITEM_COLUMNS: dict[str, Keys] = {"item_id": "id", "pid": "id", "item_num": "number"}
_LARGEST_CODE = 2**31 - 2
_ITEM_NUMBER = "[1-9][0-9]*"
_ROWS_AT_ONCE = 1 << 17
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
    levels: tuple[str, ...] = ()
    """The names of the levels in texts such as `<a_3>`; empty if there are none."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.codes)

    def blocks(self) -> Iterator[tuple[pa.Array, NDArray[np.int32]]]:
        """Yield the names of some items, (rows,), and their codes, (rows, levels)."""
        assert self.ids is not None
        for begin in range(0, self.rows, _ROWS_AT_ONCE):
            end = begin + _ROWS_AT_ONCE
            yield self.ids[begin:end].cast(pa.string()), self.codes[begin:end]

    @property
    def largest(self) -> int:
        """The largest code."""
        return int(self.codes.max())

    def check_values(self) -> None:
        """Do nothing: the codes were checked as they were read."""


def open_codes(path: Path) -> Codes | ParquetCodes:
    """Open a file of codes, see `read_codes`; Parquet is read in blocks, when these are asked for."""
    return ParquetCodes(_existing(path)) if path.suffix not in (".npy", ".json") else read_codes(path)


def read_codes(path: Path) -> Codes:
    """Read a file of codes into memory.

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
    _existing(path)
    if path.suffix == ".npy":
        return _of_array(path)
    return _of_index(path) if path.suffix == ".json" else _of_parquet(path)


def ambiguous_keys(path: object, keys: int, what: str, tip: str) -> DataError:
    """Return the error for an index whose keys 0, 1, 2, ... can be item numbers or ids of the log.

    Args:
        path: the file.
        keys: number of its keys.
        what: which of the two the keys are, as far as it is known.
        tip: what to do about it.
    """
    return DataError(f"the keys of {path} are 0 to {keys - 1:,}, which {what}", tip=tip)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path} is a directory" if path.is_dir() else f"no such file: {path}")
    return path


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
        rows = [[code_of(code, level) for level, code in enumerate(_listed(codes))] for codes in found.values()]
    except _RepeatedError as error:
        raise DataError(f"{path}: items occur more than once, such as {error.args[0]!r}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f'{path} is not an index of codes, such as {{"0": ["<a_3>", "<b_17>"]}}', tip=_FORMS) from error
    if not rows:
        raise DataError(f"{path}: the file has no items")
    _check_lengths(map(len, rows), path)
    names = LevelNames(path)
    for row in rows:
        names.add(tuple(name for _, name in row))
    keys = list(found)
    numbered = sorted(keys, key=lambda key: (len(key), key)) == [str(n) for n in range(len(keys))]
    kind: Keys = "position" if numbered else "id"
    table = np.array([[code for code, _ in row] for row in rows])
    return Codes(pa.array(keys, pa.string()), _checked(table, path), kind, str(path), names.found)


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


class ParquetCodes:
    """The codes of a Parquet file, read in blocks.

    Args:
        path: the file.

    Raises:
        DataError: the file is not Parquet, or has other columns.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.path = path, str(path)
        """The file, for messages."""
        with _damage(path):
            schema, self.rows = pq.read_schema(path), pq.read_metadata(path).num_rows
            names = schema.names
            there = ", ".join(f"{field.name} ({field.type})" for field in schema)
            column = next((name for name in _ITEM_COLUMNS if name in names), None)
            lists = [field.name for field in schema if _is_codes(field)]
        if column is None or len(lists) != 1:
            raise DataError(
                f"{path}: the file must have a column item_id and one column of integer lists; the columns are: {there}"
            )
        self._column, self._lists = column, lists[0]
        self.keys: Keys = _ITEM_COLUMNS[column]
        """What the names of the items are."""
        _ids(schema.empty_table()[column], column, path)
        self._levels = LevelNames(path)
        self._values = _Bounds()
        self._numbers = _Bounds()
        self._has_other_names = False

    @property
    def levels(self) -> tuple[str, ...]:
        """The names of the levels in texts, after all blocks were read; empty if there are none."""
        return self._levels.found

    def blocks(self) -> Iterator[tuple[pa.Array, NDArray[np.int32]]]:
        """Yield the names of some items as text, (rows,), and their codes, (rows, levels).

        Codes are only correct if `check_values` finds them so; it comes after the items were compared.

        Raises:
            DataError: no rows, missing values, or lists of unequal length.
        """
        lengths, missing, codes_missing = _Bounds(), self.rows == 0, False
        for batch in self._batches():
            ids, lists = _ids(batch.column(0), self._column, self._path), self._codes(batch.column(1))
            found = pc.min_max(pc.list_value_length(lists))
            lengths.add(found["min"].as_py(), found["max"].as_py())
            missing = missing or bool(ids.null_count or lists.null_count)
            values = pc.list_flatten(lists)
            codes_missing = codes_missing or bool(values.null_count)
            if missing or codes_missing or lengths.low != lengths.high or not lengths.low:
                continue  # an error, which is raised when all rows are known
            self._notice(ids, values.to_numpy(), batch.column(0))
            yield ids, values.to_numpy().astype(np.int32, copy=False).reshape(len(ids), -1)
        if missing:
            what = "the file has no rows" if self.rows == 0 else f"a row has no {self._column} or no codes"
            raise DataError(f"{self._path}: {what}")
        _check_lengths((lengths.low, lengths.high), self._path)
        if codes_missing:
            raise DataError(f"{self._path}: a code is missing")

    @property
    def largest(self) -> int:
        """The largest code, after all blocks were read."""
        return int(self._values.high)

    def check_values(self) -> None:
        """Raise DataError, after all blocks were read, if a code or an item number is out of range."""
        if self._has_other_names:
            raise DataError(
                f"{self._path}: a value of {self._column} is not an item number, which is a whole number from 1; the "
                f"smallest is {self._numbers.low!r}",
                tip="Item numbers are in items.parquet of the pairs directory; ids of the log belong in a column "
                "item_id.",
            )
        _check_range(self._values.low, self._values.high, self._path)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        # With pre_buffer, all bytes read would stay in memory.
        with _damage(self._path), pq.ParquetFile(self._path, pre_buffer=False) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[self._column, self._lists]):
                batch.validate(full=True)
                if batch.num_rows:
                    yield batch.select([self._column, self._lists])

    def _codes(self, column: pa.Array) -> pa.Array:
        try:
            return _lists_of(column, self._levels)
        except pa.ArrowException as error:
            raise DataError(
                f"{self._path}: a text of {self._lists} has no codes; they are written like <a_3><b_17>"
            ) from error

    def _notice(self, ids: pa.Array, values: NDArray[Any], column: pa.Array) -> None:
        self._values.add(int(values.min()), int(values.max()))
        if self.keys == "number":
            self._numbers.add(pc.min(column).as_py(), pc.max(column).as_py())
            is_number = pc.match_substring_regex(ids, f"^{_ITEM_NUMBER}$")
            self._has_other_names = self._has_other_names or not pc.all(is_number).as_py()


class _Bounds:
    """The smallest and the largest of some values; None before any."""

    low: Any = None
    high: Any = None

    def add(self, low: Any, high: Any) -> None:
        """Add the smallest and the largest of further values; None if these are all missing."""
        if low is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise DataError(f"{path} is not a Parquet file, or damaged", tip=_FORMS) from error


def _of_parquet(path: Path) -> Codes:
    file = ParquetCodes(path)
    blocks = list(file.blocks())
    ids = pa.concat_arrays([names for names, _ in blocks])
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    check_unique(len(twice), twice[0]["values"].as_py() if len(twice) else None, path)
    file.check_values()
    return Codes(ids, np.concatenate([codes for _, codes in blocks]), file.keys, str(path), file.levels)


def check_unique(twice: int, example: object, path: str | Path) -> None:
    """Raise DataError if items occur more than once in a file.

    Args:
        twice: number of these items.
        example: the first of them.
        path: the file.
    """
    if twice:
        raise DataError(f"{path}: {twice:,} items occur more than once, such as {example!r}")


def _ids(column: pa.Array, name: str, path: Path) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(f"{path}: {name} has the type {column.type}; an id must be a string or a number") from error


def _check_lengths(lengths: Iterable[int], path: Path) -> None:
    found = sorted(set(lengths)) or [0]
    if found[0] == 0 or len(found) > 1:
        raise DataError(
            f"{path}: items have from {found[0]} to {found[-1]} codes; all items must have the same number of codes, 1 "
            "or more"
        )


def _checked(table: NDArray[Any], path: Path) -> NDArray[np.int32]:
    _check_range(table.min(), table.max(), path)
    return table.astype(np.int32, copy=False)


def _check_range(low: int, high: int, path: Path) -> None:
    if low < 0 or high > _LARGEST_CODE:
        raise DataError(f"{path}: a code is not a whole number from 0 to {_LARGEST_CODE:,}")


def _is_codes(field: pa.Field) -> bool:
    """Tell whether a column holds lists of integers, or the texts of codes."""
    kind = field.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return bool(pa.types.is_integer(kind.value_type))
    return bool(field.name == "sid" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)))


def _lists_of(codes: pa.Array, names: LevelNames) -> pa.Array:
    """Return the codes as lists of integers; of texts, their numbers."""
    if pa.types.is_fixed_size_list(codes.type):
        return codes.cast(pa.list_(codes.type.value_type))
    if not pa.types.is_string(codes.type) and not pa.types.is_large_string(codes.type):
        return codes
    return codes_of_texts(codes, names)
