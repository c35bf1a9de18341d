"""Files of codes that `semantic-ids` writes; their ending says the format."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.pairs.codes.files import NO_CODES, read_codes
from genpas_cli.pairs.codes.sid import SidPattern, sid_pattern
from genpas_cli.pairs.codes.torch_file import is_own_tensor, write_tensor
from genpas_cli.runtime.atomic_output import building
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.machine import disk_error
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.semantic.quantization.residual import Codes

ENDINGS = (".parquet", ".json", ".npy", ".pt")

_ABOUT = b"genpas.semantic_ids"
"""Key of the file's metadata with how the codes were made, as JSON."""
_OWN_INDEX = re.compile(rb'\{\n"[^\n]*": \["<a_[0-9]+>"[],]')
"""The beginning of an index that genpas writes: one item per line."""
_ITEMS_AT_ONCE = 1 << 18


class MadeCodes(NamedTuple):
    """Codes with the ids of their items."""

    ids: pa.Array
    """Texts, (items,)."""
    codes: Codes
    """(items, levels)."""
    row: NDArray[np.int32] | None
    """Row of the codes of each item number from 1, -1 for none: (numbers,); None where numbers are not known."""

    def by_number(self) -> NDArray[np.int32]:
        """Return the codes of each item number from 1, (numbers, levels), -1 for an item without codes.

        Without a vocabulary, the codes are in the order of the source.
        """
        if self.row is None:
            return self.codes
        return np.where(self.row[:, None] >= 0, self.codes[self.row], NO_CODES).astype(np.int32)


def check_ending(path: Path) -> None:
    """Raise UsageError if the name of the output does not say its format."""
    if path.suffix not in ENDINGS:
        raise UsageError(
            f"-o {path}: the name must end with {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, which selects the format",
            tip=f"For example: -o {shell_word(str(_with_ending(path)))}",
        )


def _with_ending(path: Path) -> Path:
    return Path("codes.parquet") if str(path) == "-" else path.with_suffix(".parquet")


def write_codes(path: Path, made: MadeCodes, about: dict[str, Any], *, force: bool) -> None:
    """Write codes to a file.

    - `.parquet`: `item_id` and `codes`, with how they were made in the metadata.
    - `.json`: `{"ITEM_ID": ["<a_3>", "<b_17>"], ...}`.
    - `.npy`: int32 (items, levels), in the order of item numbers, -1 for an item without codes.
    - `.pt`: a tensor of int64 (levels, items + 1), whose column is the item number, -1 where there are no codes. Column
      0 belongs to no item. Without a vocabulary: (levels, items), in the order of the source.

    Raises:
        MachineError: the file cannot be written.
    """
    write = {".parquet": _parquet, ".json": _index, ".npy": _array, ".pt": _tensor}[path.suffix]
    with building(path, force=force, foreign=foreign_in_codes) as new:
        try:
            write(new, made, about)
        except OSError as error:
            raise disk_error(error, path) from error


def _parquet(path: Path, made: MadeCodes, about: dict[str, Any]) -> None:
    codes = made.codes
    offsets = pa.array(np.arange(0, codes.size + 1, codes.shape[1], dtype=np.int32))
    kind = pa.list_(pa.field("element", pa.int32(), nullable=False))
    schema = pa.schema(
        [pa.field("item_id", pa.string(), nullable=False), pa.field("codes", kind, nullable=False)],
        metadata={_ABOUT: json.dumps(about).encode()},
    )
    lists = pa.ListArray.from_arrays(offsets, pa.array(codes.ravel()), type=kind)
    pq.write_table(pa.table([made.ids.cast(pa.string()), lists], schema=schema), path, compression="zstd")


def _index(path: Path, made: MadeCodes, _about: dict[str, Any]) -> None:
    pattern: SidPattern = sid_pattern("minionerec")
    with path.open("w", encoding="utf-8") as out:
        begin = "{"
        for first in range(0, len(made.ids), _ITEMS_AT_ONCE):
            ids, codes = made.ids[first : first + _ITEMS_AT_ONCE], made.codes[first : first + _ITEMS_AT_ONCE]
            for item, row in zip(ids.to_pylist(), codes.tolist(), strict=True):
                texts = [pattern.code(level, code) for level, code in enumerate(row)]
                out.write(f"{begin}\n{json.dumps(item, ensure_ascii=False)}: {json.dumps(texts)}")
                begin = ","
        out.write("\n}\n")


def _array(path: Path, made: MadeCodes, _about: dict[str, Any]) -> None:
    with path.open("wb") as out:
        np.save(out, made.by_number())


def _tensor(path: Path, made: MadeCodes, _about: dict[str, Any]) -> None:
    table = made.by_number()
    if made.row is not None:
        table = np.concatenate((np.full((1, table.shape[1]), NO_CODES, np.int32), table))
    write_tensor(path, (table.shape[1], len(table)), ([row] for row in table.T))


def foreign_in_codes(path: Path) -> str | None:
    """Tell why an existing file is no file of codes, see `genpas_cli.runtime.atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    return None if _is_codes(path) else "it is no file of codes that genpas wrote"


def _is_codes(path: Path) -> bool:
    try:
        if path.suffix == ".pt":
            with zipfile.ZipFile(path) as archive:
                return is_own_tensor(archive)
        if path.suffix == ".json":
            with path.open("rb") as file:
                head = file.read(1 << 10)
            return _OWN_INDEX.match(head) is not None and read_codes(path) is not None
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False).dtype == np.int32 and read_codes(path) is not None
        return _ABOUT in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError, ValueError, EOFError, AttributeError, DataError, zipfile.BadZipFile):
        return False
