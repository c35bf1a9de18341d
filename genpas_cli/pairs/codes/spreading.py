"""Rows that do not fit in memory: spread over parts by a hash, handled part by part, and put back in order.

Equal rows are in the same part, so matching ids and finding equal codes need one part in memory at a time. A hash join
of DuckDB could do the same, but it stops with 30 million ids and 600 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.runtime.machine import FIXED_MEMORY, Machine, disk_error

BLOCK_ROWS = 1 << 17
"""Rows that are read and spread together."""

_MOST_PARTS = 200
"""Maximum number of parts: two files of each are open at a time, and a process may often open 1,024 files."""
_LEAST_BYTES = 1 << 25
_SHARE = 4
"""A part takes at most this share of the memory limit: 1 divided by the number."""
_WORD = 8
_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(_WORD + 1)], np.uint64)
"""Mask of the first bytes of a word, by their number."""
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
_OTHER = np.uint64(0xC2B2AE3D27D4EB4F)  # another odd number whose bits look random
_HALF, _THIRD = np.uint64(32), np.uint64(29)


@dataclass(frozen=True)
class Room:
    """The memory and the directory that rows may take."""

    memory: int
    """Bytes of the rows that are in memory at a time."""
    directory: Path
    """Directory for the rows of other parts."""

    @classmethod
    def of(cls, machine: Machine, scratch: Path) -> Room:
        """Return the room of a job: a part of its memory limit, and its scratch directory."""
        return cls(max((machine.memory - FIXED_MEMORY) // _SHARE, _LEAST_BYTES), scratch)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Raise MachineError for an OSError in the block: the files of parts cannot be written."""
        try:
            yield
        except OSError as error:
            raise disk_error(error, self.directory, option="--temp-dir") from error

    def parts(self, size: int) -> int:
        """Return the number of parts for rows of `size` bytes together: 1 if all rows fit in memory."""
        return max(min(-(-size // self.memory), _MOST_PARTS), 1)


@dataclass
class Spread:
    """Rows in parts, each an Arrow file; or in memory, if there is one part.

    Args:
        name: prefix of the files, unique in the directory.
        parts: number of parts.
        directory: where the files are; they are deleted as they are read.
        has_results: whether each part gets a result (`put`).
    """

    name: str
    parts: int
    directory: Path
    has_results: bool = True
    _blocks: list[NDArray[np.int64]] = field(default_factory=list)
    """Number of rows of each part, by block."""
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _results: list[NDArray[Any]] = field(default_factory=list)
    _writers: list[Any] = field(default_factory=list)
    _order: BinaryIO | None = None
    _is_open: bool = False

    def add(self, rows: pa.RecordBatch, hashes: NDArray[np.uint64] | None) -> None:
        """Add a block of rows.

        Args:
            rows: all blocks have the same schema.
            hashes: uint64, by row; equal for rows that belong together. None if there is one part.
        """
        if self.parts == 1 or hashes is None:
            self._blocks.append(np.array([rows.num_rows]))
            self._held.append(rows)
            return
        if not self._is_open:
            self._is_open = True
            self._order = self._path("order").open("wb") if self.has_results else None
            self._writers = [_writer(self._path(f"rows-{part}"), rows.schema) for part in range(self.parts)]
        part = ((hashes >> _HALF) % np.uint64(self.parts)).astype(np.uint8)
        order = np.argsort(part, kind="stable")
        counts = np.bincount(part, minlength=self.parts)
        if self._order is not None:
            order.astype(np.int32).tofile(self._order)
        self._blocks.append(counts)
        ordered = rows.take(pa.array(order))
        for writer, begin, count in zip(self._writers, np.cumsum(counts) - counts, counts, strict=True):
            if count:
                writer.write_batch(ordered.slice(int(begin), int(count)))

    def part(self, number: int, schema: pa.Schema) -> pa.Table:
        """Return the rows of a part, in the order in which they were added, and forget them."""
        if self.parts == 1:
            held, self._held = self._held, []
            return pa.Table.from_batches(held, schema)
        if not self._is_open:
            return schema.empty_table()
        self._close()
        path = self._path(f"rows-{number}")
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
            found = reader.read_all()
        path.unlink()
        return found

    def put(self, number: int, result: NDArray[Any]) -> None:
        """Keep the result of a part: an array with one row per row of the part, in its order."""
        if self.parts == 1:
            self._results.append(result)
        else:
            result.tofile(self._path(f"result-{number}"))

    def merged(self, like: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Yield the results of each block, in the order in which its rows were added.

        Args:
            like: (0, ...), an array with the type and the further dimensions of the results.
        """
        if self.parts == 1:
            (whole,) = self._results or [like]
            begin = 0
            for (rows,) in self._blocks:
                yield whole[begin : begin + rows]
                begin += rows
            return
        if not self._is_open:
            return
        paths = [self._path(f"result-{number}") for number in range(self.parts)]
        files, width = [path.open("rb") for path in paths], int(np.prod(like.shape[1:]))
        try:
            with self._path("order").open("rb") as orders:
                for counts in self._blocks:
                    order = np.fromfile(orders, np.int32, int(counts.sum()))
                    found = np.empty((len(order), *like.shape[1:]), like.dtype)
                    pieces = [np.fromfile(f, like.dtype, int(n) * width) for f, n in zip(files, counts, strict=True)]
                    found[order] = np.concatenate(pieces).reshape(found.shape)
                    yield found
        finally:
            for file in files:
                file.close()
            for path in (*paths, self._path("order")):
                path.unlink()

    def _path(self, what: str) -> Path:
        return self.directory / f"{self.name}-{what}"

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()
        if self._order is not None:
            self._order.close()
        self._writers = []


class _writer:  # noqa: N801  # used as a function
    """An Arrow file of batches, compressed."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._file, schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
        self.write_batch = self._writer.write_batch

    def close(self) -> None:
        self._writer.close()
        self._file.close()


def text_hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """Return a number per text, equal for equal texts and spread over all 64 bits: uint64 (rows,).

    Args:
        texts: of type string, without nulls.
    """
    rows = len(texts)
    if not rows:
        return np.zeros(0, np.uint64)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32, rows + 1, 4 * texts.offset).astype(np.int64)
    values = np.zeros(bounds[-1] - bounds[0] + _WORD, np.uint8)
    if bounds[-1] > bounds[0]:
        values[:-_WORD] = np.frombuffer(data, np.uint8, bounds[-1] - bounds[0], bounds[0])
    # The word at each byte: the last word of a text of 8 bytes or more overlaps the one before it.
    words = np.ndarray(len(values) - _WORD + 1, "<u8", values, strides=(1,))
    begins, lengths = bounds[:-1] - bounds[0], np.diff(bounds)
    counts = np.maximum(-(-lengths // _WORD), 1)
    first = np.cumsum(counts) - counts
    nth = np.arange(counts.sum()) - np.repeat(first, counts)
    at = np.repeat(begins, counts) + np.minimum(_WORD * nth, np.repeat(np.maximum(lengths - _WORD, 0), counts))
    found = words[at] & np.repeat(_MASKS[np.minimum(lengths, _WORD)], counts)
    found = _mixed(found + (nth.astype(np.uint64) + np.uint64(1)) * _OTHER)
    return _mixed(np.add.reduceat(found, first) + lengths.astype(np.uint64))


def row_hashes(codes: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """Return a number per row, equal for equal rows and spread over all 64 bits: uint64 (rows,)."""
    found = np.zeros(len(codes), np.uint64)
    for level in range(codes.shape[1]):
        found = _mixed(found + codes[:, level].astype(np.uint64) + _OTHER)
    return found


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    numbers = numbers * _ODD
    numbers ^= numbers >> _THIRD
    numbers *= _OTHER
    numbers ^= numbers >> _HALF
    return numbers
