"""Embeddings of items in files: Parquet with ids, or a matrix (.npy, .safetensors) with a file of ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.codes.matching import repeated
from genpas_cli.pairs.codes.spreading import Room
from genpas_cli.pairs.vocabulary import HeldIds
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.semantic.quantization.svd import principal
from genpas_cli.semantic.quantization.vectors import BLOCK_ROWS, Vectors, VectorSource

ID_COLUMNS = ("item_id", "pid")
"""Names of the id column, as trainers write it."""

_SOURCES = (
    "Give embeddings as .parquet, .npy or .safetensors, or the store of a log, which genpas ingest LOGS -o STORE makes"
)
_SHOWN = 3
_TENSOR_TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2"}
_HEADER_BYTES = 100 << 20


class Embeddings(NamedTuple):
    """Vectors with the id of each."""

    ids: pa.Array
    """Texts, (rows,)."""
    vectors: VectorSource


def read_embeddings(path: Path, ids: Path | None, room: Room) -> Embeddings:
    """Open a file of embeddings; the vectors are read block by block.

    Args:
        path: a Parquet file with an id column (`item_id` or `pid`) and one column of lists of numbers; or a matrix,
            `.npy` or `.safetensors`, with one row per item.
        ids: for a matrix, the ids of its rows: a text file with one id per line, or Parquet with an id column.
        room: what the comparison of the ids may take.

    Raises:
        DataError: a file is missing or damaged; ids are missing or empty, occur twice, or do not fit the rows.
        UsageError: `ids` is missing, or not needed.
    """
    if path.is_dir():
        raise DataError(f"{path} is a directory, not a file of embeddings", tip=_SOURCES)
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    if path.suffix in (".npy", ".safetensors"):
        if ids is None:
            raise UsageError(f"--ids is missing; {path} has no ids", tip="Name a file with one id per line: --ids FILE")
        matrix: VectorSource = _Matrix(path, _npy(path) if path.suffix == ".npy" else _tensor(path))
        names = _read_ids(ids)
        if len(names) != matrix.rows:
            raise DataError(f"{ids} has {len(names):,} ids, but {path} has {matrix.rows:,} rows")
    else:
        if ids is not None:
            raise UsageError(f"--ids cannot be used with {path}, which has a column of ids")
        matrix = _ParquetLists(path)
        names = _ids_of(path)
    _check_ids(names, ids or path, room)
    return Embeddings(names, matrix)


# ------------------------------------------------------------------------------------------------------------------ ids


def _read_ids(path: Path) -> pa.Array:
    if path.suffix == ".parquet":
        return _ids_of(path)
    try:
        # Editors on Windows begin a text with a byte order mark, which is no part of the first id.
        text = path.read_text(encoding="utf-8-sig").removesuffix("\n")
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", tip="Write one id per line.") from error
    # Split by Arrow, because a list of ten million Python strings takes a gigabyte.
    return (
        pc.split_pattern(pa.array([text], pa.large_string()), "\n").values if text else pa.array([], pa.large_string())
    )


def _ids_of(path: Path) -> pa.Array:
    try:
        column = _id_column(path, pq.read_schema(path))
        found = pq.read_table(path, columns=[column])[column].cast(pa.large_string()).combine_chunks()
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}") from error
    except UNREADABLE as error:
        raise DataError(f"{path} is not a Parquet file, or damaged", tip=_SOURCES) from error
    if found.null_count:
        raise DataError(f"{path}: {found.null_count:,} rows have no {column}")
    return found


def _id_column(path: Path, schema: pa.Schema) -> str:
    column = next((name for name in ID_COLUMNS if name in schema.names), None)
    if column is None:
        raise DataError(
            f"{path} has no column item_id; its columns are: {', '.join(schema.names)}",
            tip="Rename the column of ids to item_id.",
        )
    return column


def _check_ids(names: pa.Array, path: Path, room: Room) -> None:
    if not len(names):
        raise DataError(f"{path} has no items")
    if (first := pc.index(names, "").as_py()) >= 0:
        raise DataError(f"{path}, row {first + 1:,}: the id is empty")
    with room.used():
        twice = repeated(HeldIds(names).blocks(), len(names), room, _SHOWN)
    if twice.number:
        shown = ", ".join(map(repr, twice.first))
        raise DataError(f"{path}: {twice.number:,} ids occur more than once, such as {shown}")


# -------------------------------------------------------------------------------------------------------------- vectors


class _ParquetLists:
    """The vectors of a Parquet file with one column of lists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            schema = pq.read_schema(path)
        except UNREADABLE as error:
            raise DataError(f"{path} is not a Parquet file, or damaged", tip=_SOURCES) from error
        column = _id_column(path, schema)
        lists = [field.name for field in schema if field.name != column and _is_vector(field.type)]
        if len(lists) != 1:
            raise DataError(
                f"{path} must have {column} and one column of lists of numbers; its columns are: "
                + ", ".join(f"{field.name} ({field.type})" for field in schema)
            )
        self._column = lists[0]
        first = next(iter(pq.ParquetFile(path, pre_buffer=False).iter_batches(1, columns=[self._column])), None)
        self.rows = pq.read_metadata(path).num_rows
        self.width = 0 if first is None or not first.column(0)[0].is_valid else len(first.column(0)[0].as_py())
        if self.width == 0:
            raise DataError(f"{path}: the first vector is empty or missing")

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        begin, held = 0, np.zeros((0, self.width), np.float32)
        # With pre_buffer, all bytes read would stay in memory.
        for batch in pq.ParquetFile(self._path, pre_buffer=False).iter_batches(BLOCK_ROWS, columns=[self._column]):
            held = np.concatenate((held, self._block(batch.column(0), begin)))
            begin += batch.num_rows
            while len(held) >= BLOCK_ROWS:
                yield held[:BLOCK_ROWS]
                held = held[BLOCK_ROWS:]
        if len(held):
            yield held

    def _block(self, lists: Any, begin: int) -> Vectors:
        fixed = pa.types.is_fixed_size_list(lists.type)
        lengths = np.full(len(lists), lists.type.list_size) if fixed else np.diff(lists.offsets.to_numpy())
        wrong = np.flatnonzero((lengths != self.width) | lists.is_null().to_numpy(zero_copy_only=False))
        if len(wrong):
            raise DataError(
                f"{self._path}: row {begin + int(wrong[0]) + 1}: the vector has {int(lengths[wrong[0]])} numbers, but "
                f"the first one has {self.width}"
            )
        values = lists.flatten()
        if values.null_count:
            raise DataError(f"{self._path}: a vector contains a missing value")
        return _finite(
            values.cast(pa.float32(), safe=False).to_numpy().reshape(-1, self.width), begin, self._path
        )  # fmt: skip


class _Matrix:
    """The rows of a matrix in a file.

    Args:
        path: the file.
        values: its matrix, mapped into memory.
    """

    def __init__(self, path: Path, values: np.memmap[Any, Any]) -> None:
        if values.ndim != 2 or values.dtype.kind not in "fiu" or 0 in values.shape:  # noqa: PLR2004  # a matrix
            raise DataError(
                f"{path} holds an array of shape {values.shape} and type {values.dtype}, not a matrix of numbers with "
                "one row per item"
            )
        self._path, self._values = path, values
        self.rows, self.width = values.shape

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        for begin in range(0, self.rows, BLOCK_ROWS):
            yield _finite(self._read(begin, min(BLOCK_ROWS, self.rows - begin)).astype(np.float32), begin, self._path)

    def _read(self, begin: int, rows: int) -> NDArray[Any]:
        values = self._values
        if not values.flags.c_contiguous:  # an .npy file may hold column after column
            return values[begin : begin + rows]
        # Pages of a mapped file count as memory of the process, up to the size of the file.
        offset = values.offset + begin * self.width * values.dtype.itemsize
        return np.fromfile(self._path, values.dtype, rows * self.width, offset=offset).reshape(rows, self.width)


def _finite(block: Vectors, begin: int, path: Path) -> Vectors:
    wrong = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{path}: row {begin + int(wrong[0]) + 1}: the vector contains NaN, infinity, or a number "
            "too large for 32 bits (3.4e38)"
        )
    return block


def _is_vector(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _npy(path: Path) -> np.memmap[Any, Any]:
    try:
        values: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is not an .npy file, or damaged: {error}") from error
    return values


def _tensor(path: Path) -> np.memmap[Any, Any]:
    """Return the only tensor of a safetensors file: 8 bytes of length, a JSON header, then the values."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(path.stat().st_size - 8, _HEADER_BYTES):
            raise DataError(f"{path} is not a safetensors file, or damaged")
        try:
            header = json.loads(file.read(length))
            tensors = {name: about for name, about in header.items() if name != "__metadata__"}
            if len(tensors) != 1:
                raise DataError(f"{path} must have one tensor; it has: {', '.join(tensors) or 'none'}")
            ((name, about),) = tensors.items()
            kind, shape, (begin, end) = about["dtype"], tuple(about["shape"]), about["data_offsets"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is not a safetensors file, or damaged") from error
    if kind not in _TENSOR_TYPES:
        raise DataError(f"{path}: the tensor {name} has the type {kind}; it must be one of {', '.join(_TENSOR_TYPES)}")
    dtype = np.dtype(_TENSOR_TYPES[kind])
    if end - begin != int(np.prod(shape)) * dtype.itemsize or 8 + length + end > path.stat().st_size:
        raise DataError(f"{path} is damaged: its size does not match the shape of {name}")
    return np.memmap(path, dtype, "r", 8 + length + begin, shape)


# ------------------------------------------------------------------------------------------------------- other vectors


class Normalized:
    """Vectors divided by their lengths; a vector of zeros stays.

    Args:
        source: the vectors.
    """

    def __init__(self, source: VectorSource) -> None:
        self._source, self.rows, self.width = source, source.rows, source.width

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        for block in self._source.blocks():
            length = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float64))[:, None]
            yield (block / np.where(length > 0, length, 1)).astype(np.float32)


class Selected:
    """Some of the vectors.

    Args:
        source: the vectors.
        chosen: whether each vector is taken, (rows,).
    """

    def __init__(self, source: VectorSource, chosen: NDArray[np.bool_]) -> None:
        self._source, self._chosen = source, chosen
        self.rows, self.width = int(chosen.sum()), source.width

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        begin, held = 0, np.zeros((0, self.width), np.float32)
        for block in self._source.blocks():
            held = np.concatenate((held, block[self._chosen[begin : begin + len(block)]]))
            begin += len(block)
            while len(held) >= BLOCK_ROWS:
                yield held[:BLOCK_ROWS]
                held = held[BLOCK_ROWS:]
        if len(held):
            yield held


class Reduced:
    """Vectors projected to the directions of their largest variance.

    Args:
        source: the vectors.
        dimensions: number of directions.
    """

    def __init__(self, source: VectorSource, dimensions: int) -> None:
        self._source, self.rows, self.width = source, source.rows, dimensions
        self._projection = principal(source, dimensions)

    def blocks(self) -> Iterator[Vectors]:
        """Yield the vectors in blocks."""
        for block in self._source.blocks():
            yield self._projection.of(block)
