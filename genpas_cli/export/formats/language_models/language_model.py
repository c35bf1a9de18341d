"""Formats of records for language models: texts of a template in a JSON object, as JSON Lines or Parquet."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.export.file_types import chosen_file_type
from genpas_cli.export.formats.format import JSON_LINES, PADS_ITSELF, Format, KnownColumns, Shown, first_line
from genpas_cli.export.formats.language_models.companions import dataset_info, note_of_tokens, write_new_tokens
from genpas_cli.export.formats.language_models.records import Record, Turn, is_of_template
from genpas_cli.export.formats.language_models.rendering import (
    PIECE_BYTES,
    Pieces,
    Rendering,
    columns_of,
    escaped,
    json_inside,
    whole,
)
from genpas_cli.export.formats.language_models.template import BY_ITEM, Template, Text, read_template, template_for
from genpas_cli.export.formats.texts import Notation, joined, plain_text
from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.arrow_errors import UNREADABLE
from genpas_cli.runtime.errors import UsageError


class LanguageModel(Format):
    """A record per pair, with the texts of a template.

    The template writes items as codes with `--semantic-ids`, as titles, or as ids of the log.
    """

    file_types: ClassVar[tuple[str, ...]] = ("jsonl", "parquet")
    codes_as = "text"
    default_ids: ClassVar[Literal["raw"] | None] = "raw"
    uses_template = True
    no_padding = PADS_ITSELF
    memory_of_a_piece = 4 * PIECE_BYTES
    reads_as: ClassVar[str] = ""
    """What TRL makes of the files; empty if it does not read them."""

    def __init__(self, shown: Shown) -> None:
        info = shown.items.info
        self.template = template_for(shown.options, lambda: () if info is None else info.column_names)
        self.file_type = chosen_file_type(shown.options, self.file_types)
        is_text = self.file_type == "jsonl"
        self.suffix, self.streams = f".{self.file_type}", self.streams and is_text
        self.other_endings = JSON_LINES if is_text else ()
        self._columns = columns_of(self.template, shown)
        super().__init__(shown)
        self.fields = self.record(self.template)
        self.rendering = Rendering(self.template, self._columns, shown, self.notation())
        self._has_companions = False

    @staticmethod
    @abstractmethod
    def record(template: Template) -> Record:
        """Return the record of a pair."""

    @staticmethod
    @abstractmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what LLaMA-Factory must know about the keys of a record: `formatting`, `columns`, `tags`."""

    def wrote(self, path: Path) -> bool:
        """Tell whether the first record of a file has the fixed texts of this export's template."""
        try:
            if self.file_type == "jsonl":
                return is_of_template(json.loads(first_line(path)), self.fields)
            with pq.ParquetFile(path) as file:
                rows = next(file.iter_batches(1), None)
                return rows is not None and is_of_template(rows.to_pylist()[0], self.fields)
        except (ValueError, RecursionError, *UNREADABLE):
            return False

    def notation(self) -> Notation:
        """Return how values are written within a text."""
        return json_inside if self.file_type == "jsonl" else plain_text

    @classmethod
    def writes_titles(cls, options: ExportOptions, known: KnownColumns) -> bool:
        """Tell whether the template contains titles."""
        return template_for(options, known).uses_titles

    @classmethod
    def item_columns(cls, options: ExportOptions) -> tuple[str, ...]:
        """Return the other columns that the template contains."""
        return () if options.template is None else read_template(Path(options.template)).columns(options)

    def held(self) -> tuple[str, ...]:
        """Return the columns that the template contains."""
        return tuple(dict.fromkeys(self._columns.values()))

    needed = held

    def check(self) -> None:
        """Raise UsageError for item numbers, which say nothing to a language model."""
        if self.shown.options.ids == "num":
            raise UsageError(
                f"--to {self.name} cannot be combined with --ids num: it writes codes, titles or ids of the log",
                tip="Remove --ids num.",
            )

    def pieces(self, pairs: pa.RecordBatch) -> Sequence[pa.RecordBatch]:
        """Divide a batch so that the texts of each piece have a bounded size."""
        return self.rendering.divided(self.template.texts.values(), pairs)

    def encode(self, pairs: pa.RecordBatch) -> memoryview | pa.RecordBatch:
        """Return the lines of a batch, as UTF-8; for Parquet, its rows."""
        rows = pairs.num_rows
        if self.file_type == "jsonl":
            parts = [*self._object(pairs), "\n"]
            return joined(*parts) if any(isinstance(part, pa.Array) for part in parts) else joined(whole(parts, rows))
        columns = [self._column(value, pairs) for value in self.fields.values()]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema())

    def _object(self, pairs: pa.RecordBatch) -> Pieces:
        """Return the parts of the JSON objects of a batch."""
        parts: Pieces = []
        for key, value in self.fields.items():
            parts.append(f'{"," if parts else "{"}"{key}":')
            if isinstance(value, list):
                for number, turn in enumerate(value):
                    parts += ["," if number else "[", *self._turn(turn, pairs)]
                parts.append("]")
            else:
                parts += ['"', *self.rendering.pieces(value, pairs), '"']
        return [*parts, "}"]

    def _turn(self, turn: Turn, pairs: pa.RecordBatch) -> Pieces:
        parts: Pieces = []
        for key, value in turn.items():
            parts.append(f'{"," if parts else "{"}"{key}":"')
            parts += [escaped(value)] if isinstance(value, str) else self.rendering.pieces(value, pairs)
            parts.append('"')
        return [*parts, "}"]

    def _schema(self) -> pa.Schema:
        return pa.schema([
            pa.field(key, _conversation(value) if isinstance(value, list) else pa.string())
            for key, value in self.fields.items()
        ])  # fmt: skip

    def _column(self, value: Text | list[Turn], pairs: pa.RecordBatch) -> pa.Array:
        rows = pairs.num_rows
        if not isinstance(value, list):
            return whole(self.rendering.pieces(value, pairs), rows)
        # Row after row of each message, taken in the order message after message of each row.
        order = pa.array(np.arange(len(value) * rows, dtype=np.int32).reshape(len(value), rows).T.ravel())
        columns = []
        for key in value[0]:
            texts = [
                [each] if isinstance(each := turn[key], str) else self.rendering.pieces(each, pairs) for turn in value
            ]
            columns.append(pa.concat_arrays([whole(pieces, rows) for pieces in texts]).take(order))
        turns = pa.StructArray.from_arrays(columns, names=list(value[0]))
        offsets = pa.array(np.arange(0, len(value) * rows + 1, len(value), dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, turns, type=_conversation(value))

    def write(self, out: BinaryIO, parts: Iterator[Any]) -> None:
        """Write the encoded batches of a split; in Parquet each is a row group."""
        if self.file_type == "jsonl":
            out.writelines(parts)
            return
        # Texts are compressed as they are: a dictionary of texts that hardly repeat costs time and makes files larger.
        writer = pq.ParquetWriter(out, self._schema(), compression="zstd", use_dictionary=False)
        for batch in parts:
            writer.write_batch(batch)
        # Not `with`: closing writes the end of the file, which would make one cut short by an error look complete.
        writer.close()

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write `dataset_info.json` for LLaMA-Factory, and with semantic ids the new tokens."""
        self._has_companions = True
        files = {split: self.path(split) for split in splits}
        text = dataset_info(files, self.description(self.fields))
        (directory / "dataset_info.json").write_text(text, encoding="utf-8")
        self.write_new_tokens(directory)

    def write_new_tokens(self, directory: Path) -> None:
        """Write the tokens that codes add to a vocabulary, if there are codes."""
        if self.shown.items.codes is not None:
            write_new_tokens(directory, self.shown.items.codes, self.shown.items.pattern)

    def notes(self, splits: Sequence[str]) -> list[str]:
        """Return how to read the files with TRL and LLaMA-Factory."""
        name, found = self.shown.name, []
        if self.template is BY_ITEM and self.shown.items.codes is None:
            found.append("items are written as their ids; for titles: --item-info FILE, for codes: --semantic-ids FILE")
        reader = "json" if self.file_type == "jsonl" else "parquet"
        files = {split: f"{name}/{self.path(split)}" for split in splits} if self._has_companions else name
        if self.reads_as:
            found.append(f"TRL: load_dataset({reader!r}, data_files={files!r}) reads {self.reads_as} for SFTTrainer")
        if self._has_companions:
            held_out = ", eval_dataset: validation" if "validation" in splits else ""
            found.append(f"LLaMA-Factory: dataset_dir: {name}, dataset: {splits[0]}{held_out}")
            found += self.notes_of_tokens()
        return found

    def notes_of_tokens(self) -> list[str]:
        """Return how to add the tokens of codes to a model, if there are codes."""
        items = self.shown.items
        return [] if items.codes is None else [note_of_tokens(self.shown.name, items.codes, items.pattern)]


def _conversation(turns: list[Turn]) -> pa.DataType:
    return pa.list_(pa.field("element", pa.struct([(key, pa.string()) for key in turns[0]])))
