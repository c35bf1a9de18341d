"""The interface of export formats: how batches of pairs are encoded and written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import pyarrow as pa

from genpas_cli.export.item_data import SID, ItemData
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.renaming import renamed
from genpas_cli.pairs.changes.layout import PairLayout
from genpas_cli.runtime.errors import DataError, UsageError

KnownColumns = Callable[[], Sequence[str]]
"""Returns names of columns of item information; it may read files, so it is called only if the answer matters."""

PADS_ITSELF = "its trainer pads inputs itself, and would read 0 as an item"
"""Why `--pad` cannot be used with the formats of most trainers."""

JSON_LINES = (".ndjson", ".json")
"""Further endings of JSON Lines; `datasets` and LLaMA-Factory read them from `.json` too."""

ROWS_OF_TEXTS = 1 << 12
"""Rows that are encoded together if they contain texts of items."""


@dataclass(frozen=True)
class Shown:
    """Description of the exported pairs."""

    layout: PairLayout
    name: str
    """Name of the data set."""
    columns: tuple[str, ...] | None
    """Columns to write (`--columns`); None for all that the format can hold."""
    manifest: dict[str, Any]
    """Manifest of the pairs."""
    time: str | None = None
    """The kept column of times, by its name or type."""
    rating: str | None = None
    """The kept column of ratings, by its name."""
    scratch: Path = field(default_factory=Path)
    """Directory for temporary files."""
    items: ItemData = field(default_factory=ItemData)
    """What is known about the items."""
    options: ExportOptions = field(default_factory=ExportOptions)
    """All options of the export, for settings of one format."""


class Format(ABC):
    """A format, for pairs of a given form.

    Args:
        shown: description of the exported pairs.

    Raises:
        UsageError, DataError: the format cannot hold these pairs.
    """

    name: ClassVar[str]
    suffix: str
    """Ending of the files; of the instance if it depends on `--file-type`."""
    other_endings: tuple[str, ...] = ()
    """Further endings by which the type of the files is known; of the instance if it depends on `--file-type`."""
    streams: bool = True
    """Whether a split can be written to stdout; of the instance if that depends on `--file-type`."""
    one_file: ClassVar[bool] = True
    """Whether a split is one file that is usable without others."""
    file_types: ClassVar[tuple[str, ...]] = ()
    """Values of `--file-type`, the default first; none if the format has a single type of file."""
    codes_as: ClassVar[Literal["tokens", "text", "files"]] = "tokens"
    """What `--semantic-ids` does: it replaces items by tokens; it adds the columns `input_sid` and `target_sid`; or the
    pairs keep their items, and codes are written in separate files."""
    needs_codes: ClassVar[bool] = False
    """Whether the format cannot be written without `--semantic-ids`."""
    no_codes: ClassVar[tuple[str, str] | None] = None
    """Why `--semantic-ids` cannot be used, and what else to do; None if it can."""
    sid_format: ClassVar[str] = "minionerec"
    """Default of `--sid-format`."""
    default_ids: ClassVar[Literal["raw"] | None] = None
    """What items are written as if `--ids` is not given: ids of the log, or None for what the pairs contain."""
    max_input: ClassVar[int | None] = None
    """Default of `--max-input`."""
    writes_information: ClassVar[bool] = False
    """Whether the format writes all columns of item information, in a separate file."""
    no_padding: ClassVar[str | None] = None
    """Why `--pad` cannot be used; None if it can."""
    uses_template: ClassVar[bool] = False
    """Whether the format writes a text that `--template` can replace."""
    memory_of_a_piece: ClassVar[int] = 0
    """Bytes that encoding one of `pieces` takes at most besides the batch itself, where that is known."""
    can_rename: ClassVar[bool] = False
    """Whether `--rename` gives columns other names."""
    needs_item_ids: ClassVar[bool] = False
    """Whether the format uses the ids of the items, whatever the pairs contain."""

    @classmethod
    def writes_titles(cls, options: ExportOptions, known: KnownColumns) -> bool:  # noqa: ARG003  # for subclasses
        """Tell whether the format writes a title of every item; it then gets `--title` without missing titles.

        Args:
            options: all options of the export.
            known: returns the columns of item information that the pairs directory has.
        """
        return False

    @classmethod
    def item_columns(cls, options: ExportOptions) -> tuple[str, ...]:  # noqa: ARG003  # for subclasses
        """Return the columns of item information that the format uses; `brand` adds `input_brand`, `target_brand`.

        Names of kept columns may be among them: these are in the pairs already.
        """
        return ()

    def __init__(self, shown: Shown) -> None:
        self.shown, self.layout = shown, shown.layout
        self.columns = self.chosen()
        self.names = self._renamed()
        self.check()

    def chosen(self) -> tuple[str, ...]:
        """Return the columns to write: needed ones, then those asked for, by default all.

        Raises:
            UsageError: a column is not available, or there is no choice.
        """
        there, needed = self.held(), self.needed()
        if self.shown.columns is not None and set(there) <= set(needed):
            raise UsageError(f"--columns cannot be used with --to {self.name}, whose columns are fixed")
        asked = there if self.shown.columns is None else self.shown.columns
        if unknown := [name for name in asked if name not in there]:
            raise UsageError(
                f"--columns {unknown[0]}: no such column in format {self.name}; the columns are {', '.join(there)}"
            )
        return (*needed, *(name for name in asked if name not in needed)) if needed else asked

    def renamable(self) -> tuple[str, ...]:
        """Return the names that `--rename` can replace."""
        return self.columns

    def _renamed(self) -> dict[str, str]:
        """Return name → name in the output, for all names that can be replaced.

        Raises:
            UsageError: `--rename` cannot be used with this format, is malformed, or names a column that is not written.
        """
        if not self.can_rename and self.shown.options.rename is not None:
            raise UsageError(f"--rename cannot be used with --to {self.name}, whose names of columns are fixed")
        return renamed(self.shown.options, self.renamable() if self.can_rename else ())

    def held(self) -> tuple[str, ...]:
        """Return the columns that the format can hold."""
        return tuple(self.layout.schema.names)

    def needed(self) -> tuple[str, ...]:
        """Return the columns that are always written."""
        return ()

    def check(self) -> None:  # noqa: B027  # most formats hold everything
        """Raise UsageError or DataError if the format cannot hold these pairs."""

    def path(self, split: str) -> str:
        """Return the path of a split, relative to the output directory."""
        return f"{split}{self.suffix}"

    def wrote(self, path: Path) -> bool:  # noqa: ARG002  # for subclasses
        """Tell by its content whether genpas wrote an existing file in this format; False if that cannot be told."""
        return False

    def pieces(self, pairs: pa.RecordBatch) -> Sequence[pa.RecordBatch]:
        """Divide a batch into the batches that are encoded one by one; called on any thread."""
        return (pairs,)

    @abstractmethod
    def encode(self, pairs: pa.RecordBatch) -> Any:
        """Encode one of `pieces` for `write`; called on any thread."""

    @abstractmethod
    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write the encoded batches of a split to a binary file."""

    def write_into(self, directory: Path, split: str, parts: Iterator[Any]) -> None:
        """Write the encoded batches of a split into an output directory."""
        path = directory / self.path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            self.write(out, parts)

    def companions(self, splits: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  # formats with settings use it
        """Return name → text of further files of an output directory that holds these splits."""
        return {}

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write the further files of an output directory that holds these splits."""
        for name, text in self.companions(splits).items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def notes(self, splits: Sequence[str]) -> list[str]:  # noqa: ARG002  # see `companions`
        """Return notes for users of the output."""
        return []


class TextFormat(Format):
    """A format of a header followed by the bytes of each batch."""

    def pieces(self, pairs: pa.RecordBatch) -> Sequence[pa.RecordBatch]:
        """Divide a batch with texts of items: those of a row group of titles are hundreds of megabytes."""
        of_items = {f"{end}_{name}" for name in (*self.shown.items.of_pairs, SID) for end in ("input", "target")}
        if not of_items & set(self.columns):
            return (pairs,)
        begins = range(0, pairs.num_rows, ROWS_OF_TEXTS)
        # `take` copies the rows: the lists of a slice refer to the values of all rows.
        return [pairs.take(pa.array(range(begin, min(begin + ROWS_OF_TEXTS, pairs.num_rows)))) for begin in begins]

    def header(self) -> bytes:
        """Return the bytes before the first row."""
        return b""

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write the header and the encoded batches of a split."""
        out.write(self.header())
        out.writelines(parts)


_OWN_NAMES = {"user_num", "user_id", "input_start", "target_position"}
_MARKS = {"user_num", "input_items", "target_item", "input_start", "target_position"}
"""Names of columns that other programs hardly use."""


def are_of_pairs(names: Sequence[object], renamed: Mapping[str, str]) -> bool:
    """Tell whether all names are columns of pairs, with the input or the target among them.

    Args:
        names: the names in a file.
        renamed: column of pairs → its name in this export (`--rename`). A file of such names must also have one that
            genpas gave.
    """
    columns = {name: column for column, name in renamed.items()}
    found = [columns.get(name, name) if isinstance(name, str) else "" for name in names]
    is_marked = bool({"input_items", "target_item"} & set(found)) and bool(_MARKS & set(names))
    return is_marked and all(name in _OWN_NAMES or name.startswith(("input_", "target_")) for name in found)


def first_line(path: Path) -> str:
    """Return the first line of a text file without its end, at most 1 MiB of it."""
    with path.open("rb") as file:
        return file.readline(1 << 20).decode("utf-8", "replace").rstrip("\r\n")


def refuse_texts(layout: PairLayout, name: str) -> None:
    """Raise UsageError if items are ids of the log, for a format of numbers called `name`."""
    if layout.largest is None:
        raise UsageError(
            f"--to {name} needs item numbers, but these pairs contain ids of the log",
            tip="Remove --ids raw; for a stream of ids, add --ids num --vocab DIR.",
        )


def missing_values(column: str, what: str) -> DataError:
    """Return the DataError for a column with nulls in a format, described by `what`, that cannot represent them."""
    return DataError(
        f"the kept column {_kept_name(column)!r} has missing values, which {what} cannot represent; to export without "
        "this column, name the columns to write: --columns input_items,target_item"
    )


def _kept_name(column: str) -> str:
    return column.removeprefix("input_") if column.startswith("input_") else column.removeprefix("target_")


def is_time(kind: pa.DataType) -> bool:
    """Tell whether a type is a timestamp or a date."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def integers_of(column: str, kind: pa.DataType) -> pa.DataType:
    """Return the type of a kept column in a format of numbers: times become seconds, decimals float64, booleans int8.

    Raises:
        DataError: the column has other values than numbers and times.
    """
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return kind
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_boolean(kind):
        return pa.int8()
    if is_time(kind):
        return pa.int64()
    raise DataError(
        f"the kept column {_kept_name(column)!r} has the type {kind}, which this format does not support: only "
        "numbers and times are supported",
        tip="Name the columns to write: --columns input_items,target_item",
    )
