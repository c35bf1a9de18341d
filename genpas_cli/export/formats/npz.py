"""NumPy's .npz: `numpy.load` returns the arrays by name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genpas_cli.export.formats.arrays import ArrayFormat, GrowingArray

_EPOCH = (1980, 1, 1, 0, 0, 0)


class Npz(ArrayFormat):
    """See `ArrayFormat`."""

    name = "npz"
    suffix = ".npz"

    def wrote(self, path: Path) -> bool:
        """Tell whether a file has an array `targets`, and all its members have the fixed date of genpas."""
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (OSError, zipfile.BadZipFile):
            return False
        names = {member.filename for member in members}
        return "targets.npy" in names and all(member.date_time == _EPOCH for member in members)

    def write_arrays(self, out: BinaryIO, arrays: dict[str, GrowingArray]) -> None:
        """Write the complete arrays uncompressed, in the layout of `numpy.savez`."""
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                # A fixed date, so that the same pairs give the same bytes.
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                    header = {
                        "descr": np.lib.format.dtype_to_descr(array.dtype),
                        "fortran_order": False,
                        "shape": array.shape,
                    }
                    np.lib.format.write_array_header_1_0(member, header)
                    array.copy_to(member)  # type: ignore[arg-type]  # needs only `write`


FORMAT = Npz
