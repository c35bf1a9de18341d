"""Writes a matrix of integers as a `.pt` file, which `torch.load` reads as a tensor, without PyTorch.

A `.pt` file is a zip archive of the numbers as they lie in memory and a pickle that describes the tensor
(docs.pytorch.org, "Serialization semantics"). Trainers read maps of semantic ids in this form, and PyTorch takes more
than a gigabyte of disk, which a tool for data should not need.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of the archive's members, so that the same numbers give the same bytes."""
_AT_ONCE = 1 << 20


def write_tensor(
    path: Path, shape: tuple[int, int], matrix: Iterable[Iterable[NDArray[np.integer[Any]]]]
) -> None:  # fmt: skip
    """Write a matrix as a tensor of int64.

    Args:
        path: the file.
        shape: number of rows and columns.
        matrix: the rows, each in parts of any length; they are converted part by part.
    """
    rows, columns = shape
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{path.stem}/data.pkl", _EPOCH), _pickled(rows, columns))
        archive.writestr(zipfile.ZipInfo(f"{path.stem}/byteorder", _EPOCH), "little")
        with archive.open(zipfile.ZipInfo(f"{path.stem}/data/0", _EPOCH), "w", force_zip64=True) as out:
            for part in chain.from_iterable(matrix):
                for begin in range(0, len(part), _AT_ONCE):
                    out.write(part[begin : begin + _AT_ONCE].astype("<i8").tobytes())
        archive.writestr(zipfile.ZipInfo(f"{path.stem}/version", _EPOCH), "3\n")


def is_own_tensor(archive: zipfile.ZipFile) -> bool:
    """Tell whether an archive has the members that `write_tensor` writes, in their order and with their date."""
    members = archive.infolist()
    names = [member.filename.partition("/")[2] for member in members]
    return names == ["data.pkl", "byteorder", "data/0", "version"] and all(m.date_time == _EPOCH for m in members)


def _pickled(rows: int, columns: int) -> bytes:
    """Return the pickle of `torch._utils._rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())`."""
    storage = (
        b"(" + _text("storage") + b"ctorch\nLongStorage\n" + _text("0") + _text("cpu") + _integer(rows * columns)
        + b"tQ"
    )  # fmt: skip
    size = _integer(rows) + _integer(columns) + b"\x86"
    stride = _integer(columns) + _integer(1) + b"\x86"
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + _integer(0) + size + stride + b"\x89" + hooks + b"t"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R."


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content
