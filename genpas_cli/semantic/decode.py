"""From codes back to items: looks up what a generative model has produced in the file of codes of its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import CodeKeys
from genpas_cli.pairs.codes.files import ambiguous_keys, read_codes
from genpas_cli.pairs.codes.lines import LineCodes
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.library.arguments import checked

_LINES_AT_ONCE = 1 << 16


class Decoder:
    """Finds the item of each list of codes.

    Args:
        path: the file of `genpas semantic-ids` or another file of codes (see `read_codes`) that names its items; or
            `tokens.parquet` of an export, for tokens. Items of a file with `item_num` are its item numbers, as text.

    Raises:
        DataError: the file cannot be used, two items have the same codes, or items are named 0, 1, 2, ... in an index,
            which can be numbers instead of ids.
    """

    @checked
    def __init__(self, path: str | Path) -> None:
        found, self._path = read_codes(Path(path)), path
        if found.ids is None:
            raise DataError(
                f"{path} has codes without the ids of their items",
                tip="Give the file of genpas semantic-ids, or index.json or tokens.parquet of an export.",
            )
        if found.keys == "position":
            raise ambiguous_keys(
                path, found.rows, "can be item numbers from 0 or ids of the log",
                "Give the Parquet file of genpas semantic-ids from which the codes were exported, or another one with "
                "a column item_id.",
            )  # fmt: skip
        self.levels = found.codes.shape[1]
        """Number of codes of an item."""
        self._lines = LineCodes(self.levels, found.levels)
        self._of_codes = CodeKeys(found.codes)
        order = np.argsort(self._of_codes.keys, kind="stable")
        self._keys, self._ids = self._of_codes.keys[order], found.ids.take(pa.array(order))
        if (twins := int((self._keys[1:] == self._keys[:-1]).sum())) > 0:
            raise DataError(
                f"{path}: {twins:,} items have the codes of another item, so codes do not lead back to one item",
                tip="Make codes without collisions: genpas semantic-ids SOURCE --collisions append",
            )

    def check_one_line_per_id(self) -> None:
        """Raise DataError if an id contains a line break, so that it cannot be written on a line of its own."""
        broken = self._ids.filter(pc.match_substring_regex(self._ids, "[\r\n]"))
        if len(broken):
            raise DataError(
                f"{self._path} has ids with a line break, such as {broken[0].as_py()!r}, but decode prints one id "
                "per line",
                tip="Decode in Python, where ids are values: genpas_cli.Decoder(FILE).items(CODES)",
            )

    def items(self, codes: NDArray[np.integer[Any]]) -> list[str | None]:
        """Return the id of the item of each row of codes, (rows, levels); None for codes that no item has."""
        table = np.asarray(codes, np.int64).reshape(-1, self.levels)
        keys = self._of_codes.of(table)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        known = self._keys[at] == keys
        found: list[str | None] = self._ids.take(pa.array(at, mask=~known)).to_pylist()
        return found

    def lines(self, lines: Iterable[str]) -> Iterator[str | None]:
        """Yield the item of each line of text; None where it has not the codes of one item, see `LineCodes.of`.

        `3 17 255 0`, `[3, 17, 255, 0]` and `<a_3><b_17><c_255><d_0>` are the same, and so is
        `<0_3><1_17><2_255><3_0>` with the number of each level before its code.
        """
        held: list[list[int]] = []
        for line in lines:
            held.append(self._lines.of(line) or [-1] * self.levels)  # no item has a negative code
            if len(held) == _LINES_AT_ONCE:
                yield from self.items(np.array(held))
                held = []
        if held:
            yield from self.items(np.array(held))
