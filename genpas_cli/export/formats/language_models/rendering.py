"""Renders the texts of a template for a batch of pairs, column by column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genpas_cli.export.formats.format import Shown
from genpas_cli.export.formats.language_models import template as names
from genpas_cli.export.formats.language_models.template import Placeholder, Template, Text
from genpas_cli.export.formats.language_models.times import iso_times
from genpas_cli.export.formats.texts import Notation, Texts, plain_text
from genpas_cli.export.item_data import SID
from genpas_cli.runtime.errors import DataError, UsageError

PIECE_BYTES = 8 << 20
"""Bytes of the texts that are rendered together: they bound the memory, however long the histories and titles are."""

_BYTES_OF_A_NUMBER = 24

Pieces = list[pa.Array | str]
"""Parts of the texts of all rows: an array has a text per row, a str is the same in all rows."""


def json_inside(values: pa.Array) -> pa.Array:
    """Return values as plain text, escaped as between the quotes of a JSON string."""
    kind = values.type
    text = plain_text(values)
    if not (pa.types.is_string(kind) or pa.types.is_nested(kind)):
        return text
    encoded = text.dictionary_encode()
    return pa.array(map(escaped, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


def escaped(text: str) -> str:
    """Return a text as between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def columns_of(template: Template, shown: Shown) -> dict[Placeholder, str]:
    """Return the column of pairs of each placeholder.

    Raises:
        UsageError: the template contains times, and no column of times was kept.
    """
    has_codes, title = shown.items.codes is not None, shown.options.title
    found = {
        names.HISTORY: f"input_{SID}" if has_codes else "input_items",
        names.TARGET: f"target_{SID}" if has_codes else "target_item",
        names.HISTORY_TITLES: f"input_{title}",
        names.TARGET_TITLE: f"target_{title}",
        names.USER: shown.layout.user,
        names.TIME: f"target_{template.time or shown.time}",
    }
    if any(each.name == names.TIME for each in template.placeholders):
        _check_time(template, shown)
    return {each: found.get(each.name) or _other(each.name) for each in template.placeholders}


def _check_time(template: Template, shown: Shown) -> None:
    """Raise UsageError if the column of `{time}` is not known, or was not kept."""
    kept = shown.layout.kept
    if template.time is not None and template.time not in kept:
        raise UsageError(
            f"the template says time = {template.time!r}, but the kept columns of the pairs are: "
            f"{', '.join(kept) or 'none'}",
            tip="Keep the column when you make the pairs: genpas augment LOGS --keep COLUMN",
        )
    if template.time is None and shown.time is None:
        raise UsageError(
            "the template contains {time}, but the pairs do not have exactly one kept column with a name or type of "
            "times",
            tip="Keep one when you make the pairs (genpas augment LOGS --keep COLUMN), and name it in the template: "
            'time = "COLUMN"',
        )


def _other(name: str) -> str:
    side, _, column = name.partition("_")
    return f"{'input' if side == names.HISTORY else 'target'}_{column}"


@dataclass
class Rendering:
    """Renders texts in one notation.

    Args:
        template: separator of items, and text of missing values.
        columns: column of each placeholder.
        shown: description of the pairs.
        notation: plain text, or text inside of JSON strings.
    """

    template: Template
    columns: dict[Placeholder, str]
    shown: Shown
    notation: Notation
    _texts: Texts = field(init=False)
    _lengths: dict[int, tuple[pa.Array, NDArray[np.int32]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the texts of values."""
        self._texts = Texts(self.shown.layout, self.notation, self.literal(self.template.missing or ""))

    def literal(self, text: str) -> str:
        """Return a text in the notation."""
        found: str = self.notation(pa.array([text], pa.string()))[0].as_py()
        return found

    def pieces(self, text: Text, pairs: pa.RecordBatch) -> Pieces:
        """Return the parts of a text for all rows of a batch."""
        return [self.literal(token) if isinstance(token, str) else self._of(token, pairs) for token in text]

    def _of(self, placeholder: Placeholder, pairs: pa.RecordBatch) -> pa.Array:
        column = pairs.column(self.columns[placeholder])
        if not pa.types.is_list(column.type):
            return self._texts.values(self._complete(placeholder, column))
        values = self._texts.values(self._complete(placeholder, column.flatten()))
        lists = pa.ListArray.from_arrays(_from_0(column), values)
        return pc.binary_join(lists, self.literal(self.template.separator))

    def _complete(self, placeholder: Placeholder, values: pa.Array) -> pa.Array:
        """Return the values to write; times as ISO 8601, NaN as missing.

        Raises:
            DataError: a value is missing, and the template does not say what to write then.
        """
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
        if placeholder.name == names.TIME:
            values = iso_times(values, str(self.shown.time))
        if self.template.missing is None and _has_missing(values):
            name = self.columns[placeholder].partition("_")[2]
            raise DataError(
                f"the column {name!r} has missing values, and the template does not say what to write for them",
                tip='Add a line to the template: missing = "unknown"',
            )
        return values

    def divided(self, texts: Iterable[Text], pairs: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Divide a batch into batches whose texts have about `PIECE_BYTES` at most."""
        if not pairs.num_rows:
            return []
        sizes = np.zeros(pairs.num_rows, np.int64)
        for text in texts:
            for token in text:
                if isinstance(token, str):
                    sizes += len(token.encode())
                else:
                    sizes += self._sizes(pairs.column(self.columns[token]))
        piece = np.cumsum(sizes) // PIECE_BYTES
        begins = np.flatnonzero(np.diff(piece, prepend=-1)).tolist()
        # A batch is empty if --missing-codes drop has left out all its pairs.
        ends = [*begins[1:], pairs.num_rows] if begins else []
        return [pairs.slice(begin, end - begin) for begin, end in zip(begins, ends, strict=True)]

    def _sizes(self, column: pa.Array) -> NDArray[np.integer[Any]]:
        """Return about the bytes of the text of each row."""
        if not pa.types.is_list(column.type):
            return self._value_sizes(column)
        each = self._value_sizes(column.flatten()) + len(self.template.separator.encode())
        until = np.concatenate(([0], np.cumsum(each, dtype=np.int64)))
        bounds: NDArray[np.int64] = until[_from_0(column).to_numpy()]
        return np.diff(bounds)

    def _value_sizes(self, values: pa.Array) -> NDArray[np.int32]:
        if pa.types.is_dictionary(values.type):
            key = values.dictionary.buffers()[-1].address
            if key not in self._lengths:  # any thread may compute them: all batches have the same dictionary
                texts = self._texts.values(values.dictionary)
                self._lengths[key] = values.dictionary, _text_sizes(texts)
            found: NDArray[np.int32] = self._lengths[key][1][values.indices.to_numpy()]
            return found
        if pa.types.is_string(values.type) or pa.types.is_binary(values.type):
            return _text_sizes(values)
        return np.full(len(values), _BYTES_OF_A_NUMBER, np.int32)


def _text_sizes(texts: pa.Array) -> NDArray[np.int32]:
    found: NDArray[np.int32] = pc.binary_length(texts).fill_null(0).to_numpy()
    return found


def whole(pieces: Sequence[pa.Array | str], rows: int) -> pa.Array:
    """Return one text per row, joined from its pieces."""
    if all(isinstance(piece, str) for piece in pieces):
        return pa.array(["".join(pieces)], pa.string()).take(pa.array(np.zeros(rows, np.int32)))
    return pc.binary_join_element_wise(*pieces, "")


def _from_0(column: pa.ListArray) -> pa.Array:
    """Return the offsets of a list array in its flattened values."""
    offsets = column.offsets
    return pc.subtract(offsets, offsets[0])


def _has_missing(values: pa.Array) -> bool:
    if pa.types.is_dictionary(values.type) and values.dictionary.null_count:
        return bool(pc.any(values.dictionary.is_null().take(values.indices)).as_py())
    return bool(values.null_count)
