"""safetensors: named tensors behind a JSON header, readable without a copy and without executing code.

genpas writes the format itself, because the safetensors library needs whole tensors in memory. Source of the layout:
the format's specification (eight bytes of header length, a header of names, types, shapes and offsets, the data).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genpas_cli.export.formats.arrays import ArrayFormat, GrowingArray

_TYPES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip
_ALIGNMENT = 8
_LARGEST_HEADER = 100_000_000  # the library's own limit


class Safetensors(ArrayFormat):
    """See `ArrayFormat`; the manifest is in the header's metadata, under `genpas`."""

    name = "safetensors"
    suffix = ".safetensors"

    def wrote(self, path: Path) -> bool:
        """Tell whether a file has genpas's manifest in its header."""
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            head = file.read(min(length, _LARGEST_HEADER))
        try:
            return "genpas" in json.loads(head)["__metadata__"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False

    def write_arrays(self, out: BinaryIO, arrays: dict[str, GrowingArray]) -> None:
        """Write the header and the complete arrays."""
        header: dict[str, object] = {"__metadata__": {"genpas": json.dumps(self.shown.manifest)}}
        # The widest dtypes first, so that each tensor is aligned to its dtype.
        ordered = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
        begin = 0
        for name in ordered:
            array = arrays[name]
            end = begin + math.prod(array.shape) * array.dtype.itemsize
            header[name] = {"dtype": _TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
            begin = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        out.write(np.uint64(len(text)).astype("<u8").tobytes())
        out.write(text)
        for name in ordered:
            arrays[name].copy_to(out)


FORMAT = Safetensors
