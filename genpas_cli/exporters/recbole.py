"""RecBole's benchmark files: pairs that are cut already, so RecBole cuts nothing itself. MiniOneRec reads them too.

A line is `user_id  item_id_list  item_id`, tabs between, the list's tokens separated by blanks.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from genpas_cli.errors import DataError
from genpas_cli.exporters.arrays import numbers_of
from genpas_cli.exporters.format import Shown, TextFormat, is_time
from genpas_cli.exporters.texts import Texts, joined, plain_text

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}


def token(values: pa.Array) -> pa.Array:
    """Return values as tokens; times as seconds.

    Raises:
        DataError: one that would end its cell, its line or itself.
    """
    if is_time(values.type):
        return pa.array(numbers_of("", values)).cast(pa.string())
    text = plain_text(values)
    bad = text.filter(pc.match_substring_regex(text, r"\s|^$"))
    if len(bad):
        raise DataError(
            f"{len(bad):,} values are empty or have a blank, tab or line's end in them, such as {bad[0].as_py()!r}: "
            "between tokens that is what separates them",
            tip="Write numbers in place of ids (leave out --ids raw), and name kept columns with --columns.",
        )
    return text


class RecBole(TextFormat):
    """`NAME.train.inter`, `NAME.valid.inter`, `NAME.test.inter`, and `NAME.yaml` with the settings to use them.

    Kept columns come as `<name>_list` and `<name>`: numbers as float, times as float in seconds, others as token.
    """

    name = "recbole"
    suffix = ".inter"
    one_file = False

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown)
        self._texts = Texts(self.form, token, "")

    def held(self) -> tuple[str, ...]:
        """Return users, inputs, targets and kept columns; positions have no place in RecBole."""
        return tuple(name for name in super().held() if name not in ("input_start", "target_position"))

    def needed(self) -> tuple[str, ...]:
        """Return the three columns that RecBole calls user, item list and item."""
        return (self.form.user, "input_items", "target_item")

    def path(self, split: str) -> str:
        """Return the name that RecBole makes of data set and split."""
        return f"{self.shown.name}.{_SPLITS[split]}.inter"

    def header(self) -> bytes:
        """Return the names and types of the fields."""
        return ("\t".join(f"{name}:{kind}" for name, kind in self._fields()) + "\n").encode()

    def encode(self, pairs: pa.RecordBatch) -> memoryview:
        """Return the lines of a batch."""
        parts: list[pa.Array | str] = []
        for name in self.columns:
            column = pairs.column(name)
            parts.append("\t" if parts else "")
            if pa.types.is_list(column.type):
                parts.append(self._texts.lists(name, column, " "))
            else:
                parts.append(self._texts.items(column) if name == "target_item" else self._texts.values(column))
        return joined(*parts, "\n")

    def companions(self) -> dict[str, str]:
        """Return the settings."""
        name, names = self.shown.name, [name for name, _ in self._fields()]
        longest = self.form.width or self.form.max_input
        text = f"""# Settings for RecBole: run_recbole("SASRec", "{name}", config_file_list=["{name}/{name}.yaml"])
data_path: .   # where the directory {name} is, seen from where you run this
benchmark_filename: [train, valid, test]
load_col:
  inter: [{", ".join(names)}]
alias_of_item_id: [item_id_list]
USER_ID_FIELD: user_id
ITEM_ID_FIELD: item_id
ITEM_LIST_LENGTH_FIELD: item_length
LIST_SUFFIX: _list
MAX_ITEM_LIST_LENGTH: {longest or 50}
seq_separator: " "
train_neg_sample_args: ~
"""
        return {f"{name}.yaml": text}

    def notes(self) -> list[str]:
        """Return how it is used."""
        name = self.shown.name
        return [f"RecBole: dataset={name} with the settings of {name}.yaml; the directory must keep its name"]

    def _fields(self) -> list[tuple[str, str]]:
        own = {self.form.user: "user_id", "input_items": "item_id_list", "target_item": "item_id"}
        fields = []
        for name in self.columns:
            kind = self.form.schema.field(name).type
            is_list = pa.types.is_list(kind)
            value = kind.value_type if is_list else kind
            number = name not in own and (pa.types.is_integer(value) or pa.types.is_floating(value) or is_time(value))
            base = own.get(name) or (f"{name.removeprefix('input_')}_list" if is_list else name.removeprefix("target_"))
            fields.append((base, ("float" if number else "token") + ("_seq" if is_list else "")))
        return fields


FORMAT = RecBole
