"""From codes back to items: looks up what a generative model has produced in the file of codes of its training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.pairs.codes.collisions import keys_of
from genpas_cli.pairs.codes.files import read_codes
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.library.arguments import checked

_NUMBER = re.compile(r"\d+")
_LINES_AT_ONCE = 1 << 16


class Decoder:
    """Finds the item of each list of codes.

    Args:
        path: the file of `genpas semantic-ids` or another file of codes (see `read_codes`) that names its items; or
            `tokens.parquet` of an export, for tokens.

    Raises:
        DataError: the file cannot be used, or two items have the same codes.
    """

    @checked
    def __init__(self, path: str | Path) -> None:
        found = read_codes(Path(path))
        if found.ids is None:
            raise DataError(
                f"{path} has codes without the ids of their items",
                tip="Give the file of genpas semantic-ids, or index.json or tokens.parquet of an export.",
            )
        self.levels = found.codes.shape[1]
        """Number of codes of an item."""
        self._sizes = tuple(int(size) + 1 for size in found.codes.max(axis=0))
        try:
            keys = keys_of(found.codes, self._sizes)
        except OverflowError as error:
            raise DataError(f"{path}: {error}") from error
        order = np.argsort(keys, kind="stable")
        self._keys, self._ids = keys[order], found.ids.take(pa.array(order))
        if (twins := int((self._keys[1:] == self._keys[:-1]).sum())) > 0:
            raise DataError(
                f"{path}: {twins:,} items have the codes of another item, so codes do not lead back to one item",
                tip="Make codes without collisions: genpas semantic-ids SOURCE --collisions append",
            )

    def items(self, codes: NDArray[np.integer[Any]]) -> list[str | None]:
        """Return the id of the item of each row of codes, (rows, levels); None for codes that no item has."""
        table = np.asarray(codes, np.int64).reshape(-1, self.levels)
        inside = np.logical_and(table >= 0, table < np.array(self._sizes)).all(axis=1).reshape(-1)
        keys = keys_of(np.where(inside[:, None], table, 0), self._sizes)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        known = inside & (self._keys[at] == keys)
        found: list[str | None] = self._ids.take(pa.array(at, mask=~known)).to_pylist()
        return found

    def lines(self, lines: Iterable[str]) -> Iterator[str | None]:
        """Yield the item of each line of text; None where its numbers are not the codes of an item.

        Every number of a line counts: `3 17 255 0`, `[3, 17, 255, 0]` and `<a_3><b_17><c_255><d_0>` are the same.
        """
        held: list[list[int]] = []
        for line in lines:
            numbers = [int(number) for number in _NUMBER.findall(line)]
            held.append(numbers if len(numbers) == self.levels and max(numbers) < 1 << 62 else [-1] * self.levels)
            if len(held) == _LINES_AT_ONCE:
                yield from self.items(np.array(held))
                held = []
        if held:
            yield from self.items(np.array(held))
