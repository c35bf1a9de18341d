"""RecBole's benchmark files, which RecBole uses as pairs without further augmentation. MiniOneRec reads them too.

A line is `user_id  item_id_list  item_id`, separated by tabs; the tokens of the list are separated by blanks.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.export.formats.arrays import numbers_of
from genpas_cli.export.formats.format import PADS_ITSELF, Shown, TextFormat, is_time
from genpas_cli.export.formats.pandas_values import MISSING
from genpas_cli.export.formats.texts import Texts, joined, plain_text
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.text.wording import listed

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}
_NAN = "+nan"
"""NaN to Python's float(); pandas would read a cell that is just `nan` as an empty list."""

_TIP = "Write numbers instead of ids: --ids num. If a column of texts is the cause, name the others: --columns A,B,..."
_BLANK = r"\s"
"""What separates values for pandas, with which RecBole reads."""
_LOST = pa.concat_arrays([MISSING, pa.array(["[PAD]"])])
"""Texts that pandas reads as a missing value, and RecBole's padding token."""


def token(values: pa.Array, blank: str = _BLANK) -> pa.Array:
    """Return values as tokens; times as seconds.

    Args:
        values: of one column.
        blank: regular expression of a character that separates tokens.

    Raises:
        DataError: a value is empty or contains a blank, tab or line end, which separate tokens.
    """
    if is_time(values.type):
        return pa.array(numbers_of("", values)).cast(pa.string())
    text = plain_text(values)
    bad = text.filter(pc.match_substring_regex(text, f"{blank}|^$"))
    if len(bad):
        raise DataError(
            f"{len(bad):,} values are empty or contain a blank, tab or line break, such as {bad[0].as_py()!r}, but "
            "these separate the values in such files",
            tip=_TIP,
        )
    return text


def field_token(values: pa.Array) -> pa.Array:
    """Return values as tokens that RecBole reads back unchanged.

    Raises:
        DataError: see `token`; or a value is RecBole's padding token, or one that pandas, with which RecBole reads,
            takes for a quotation or a missing value.
    """
    text = token(values)
    if not pa.types.is_string(values.type):
        return text
    lost = text.filter(pc.or_(pc.starts_with(text, '"'), pc.is_in(text, _LOST)))
    if len(lost):
        raise DataError(
            f"RecBole would misread {len(lost):,} values, such as {lost[0].as_py()!r}: it treats a leading quotation "
            "mark as a quote, NA and similar texts as missing, and [PAD] as padding",
            tip=_TIP,
        )
    return text


def _number(values: pa.Array) -> pa.Array:
    """Return the numbers of lists as tokens, with NaN in a form that RecBole reads."""
    text = token(values)
    return pc.if_else(pc.equal(text, "nan"), _NAN, text) if pa.types.is_floating(values.type) else text


class RecBole(TextFormat):
    """`NAME.train.inter`, `NAME.valid.inter`, `NAME.test.inter`, and `NAME.yaml` with the settings to use them.

    Kept columns become `<name>_list` and `<name>`: numbers as float, times as float in seconds, others as token.
    """

    name = "recbole"
    suffix = ".inter"
    one_file = False
    no_padding = PADS_ITSELF
    no_codes = ("RecBole models predict one token, but a semantic id has several", "")

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._texts = Texts(self.layout, field_token, "")
        # Nulls are written as NaN, since RecBole drops empty elements from a list, which would shift the others.
        self._numbers_in_lists = Texts(self.layout, _number, _NAN)
        self._lengths: list[int] = []

    def held(self) -> tuple[str, ...]:
        """Return all columns except positions, which RecBole does not use."""
        return tuple(name for name in super().held() if name not in ("input_start", "target_position"))

    def needed(self) -> tuple[str, ...]:
        """Return the columns of user, input and target."""
        return (self.layout.user, "input_items", "target_item")

    def path(self, split: str) -> str:
        """Return the file name that RecBole expects for a data set and split."""
        return f"{self.shown.name}.{_SPLITS[split]}.inter"

    def header(self) -> bytes:
        """Return the header line, with the names and types of the fields."""
        return ("\t".join(f"{name}:{kind}" for name, kind in self._fields()) + "\n").encode()

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch, as UTF-8."""
        # list.append is thread-safe; the settings need the maximum if pairs have no maximum input length.
        self._lengths.append(pc.max(pc.list_value_length(pairs.column("input_items"))).as_py() or 0)
        parts: list[pa.Array | str] = []
        for name, (field, kind) in zip(self.columns, self._fields(), strict=True):
            column = pairs.column(name)
            parts.append("\t" if parts else "")
            if kind == "float_seq":
                parts.append(self._numbers_in_lists.lists(name, column, " "))
            elif pa.types.is_list(column.type):
                if column.values.null_count:
                    raise DataError(f"the kept column {field.removesuffix('_list')!r} has missing values, which "
                                    "RecBole drops from lists, so the values after them "
                                    "would belong to other items", tip=_TIP)  # fmt: skip
                parts.append(self._texts.lists(name, column, " "))
            else:
                parts.append(self._texts.items(column) if name == "target_item" else self._texts.values(column))
        return joined(*parts, "\n")

    def companions(self, splits: Sequence[str]) -> dict[str, str]:
        """Return the YAML file of settings for RecBole."""
        name, names = self.shown.name, [name for name, _ in self._fields()]
        text = f"""# Settings for RecBole: run_recbole("SASRec", "{name}", config_file_list=["{name}/{name}.yaml"])
data_path: .   # the parent directory of {name}, relative to the current directory
benchmark_filename: [{", ".join(_SPLITS[split] for split in splits)}]
load_col:
  inter: [{", ".join(names)}]
alias_of_item_id: [item_id_list]
USER_ID_FIELD: user_id
ITEM_ID_FIELD: item_id
ITEM_LIST_LENGTH_FIELD: item_length
LIST_SUFFIX: _list
MAX_ITEM_LIST_LENGTH: {self.layout.max_input or max(self._lengths, default=1)}
seq_separator: " "
train_neg_sample_args: ~
"""
        return {f"{name}.yaml": text}

    def notes(self, splits: Sequence[str]) -> list[str]:
        """Return how to read the files with RecBole."""
        name = self.shown.name
        if missing := [split for split in _SPLITS if split not in splits]:
            return [f"RecBole needs the files of all three splits, but this directory has no {listed(missing)} pairs"]
        return [f"RecBole: use dataset={name} with the settings in {name}/{name}.yaml, and do not rename the directory"]

    def _fields(self) -> list[tuple[str, str]]:
        own = {self.layout.user: "user_id", "input_items": "item_id_list", "target_item": "item_id"}
        fields = []
        for name in self.columns:
            kind = self.layout.schema.field(name).type
            is_list = pa.types.is_list(kind)
            value = kind.value_type if is_list else kind
            number = name not in own and (pa.types.is_integer(value) or pa.types.is_floating(value) or is_time(value))
            base = own.get(name) or (f"{name.removeprefix('input_')}_list" if is_list else name.removeprefix("target_"))
            fields.append((base, ("float" if number else "token") + ("_seq" if is_list else "")))
        return fields


FORMAT = RecBole
