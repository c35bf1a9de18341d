"""OpenOneRec: conversations with semantic ids in Parquet files of 1,000 rows, as its data sets have them.

Its reader takes the first row group of a file, so each file has one (data/README.md and
pretrain/onerec_llm/data/qwen3_dataset.py of its repository).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.export.formats.language_models.language_model import LanguageModel
from genpas_cli.export.formats.language_models.messages import Messages
from genpas_cli.export.formats.language_models.records import Record
from genpas_cli.export.formats.language_models.rendering import Pieces, json_inside, whole
from genpas_cli.export.formats.language_models.template import Template
from genpas_cli.export.formats.texts import Notation
from genpas_cli.export.token_files import write_code_table

ROWS_A_FILE = 1000
"""Rows of a file, as OpenOneRec's data/README.md recommends."""

_SCHEMA = pa.schema([(name, pa.string()) for name in ("uuid", "source", "metadata", "images", "videos", "messages")])
_COUNTER_BITS = 40


class OpenOneRec(LanguageModel):
    """`train/part-00000.parquet`, ..., `train.json` (the list of these files), and `pid2sid.parquet`."""

    name = "openonerec"
    file_types = ("parquet",)
    streams = False
    one_file = False
    needs_codes = True
    sid_format = "openonerec"

    @staticmethod
    def record(template: Template) -> Record:
        """Return the messages."""
        return Messages.record(template)

    @staticmethod
    def description(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return nothing: LLaMA-Factory does not read these files."""
        del fields
        return {}

    def notation(self) -> Notation:
        """Return how values are written: messages are JSON in a text."""
        return json_inside

    def held(self) -> tuple[str, ...]:
        """Return the columns that the template contains, and the user."""
        return tuple(dict.fromkeys((self.layout.user, *super().held())))

    needed = held

    def path(self, split: str) -> str:
        """Return the directory of a split."""
        return split

    def encode(self, pairs: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch, whose uuids are still empty."""
        rows = pairs.num_rows
        user = pairs.column(self.layout.user)
        key = '{"uid": ' if self.layout.user == "user_num" else '{"uid": "'
        end = "}" if self.layout.user == "user_num" else '"}'
        metadata: Pieces = [key, json_inside(_plain(user)), end]
        texts = [[""], [f"genpas_{self.shown.name}"], metadata, ["{}"], ["{}"], self._messages(pairs)]
        return pa.RecordBatch.from_arrays([whole(pieces, rows) for pieces in texts], schema=_SCHEMA)

    def _messages(self, pairs: pa.RecordBatch) -> Pieces:
        """Return `[{"role": "user", "content": [{"type": "text", "text": "..."}]}, ...]` in pieces."""
        parts: Pieces = []
        turns = self.fields["messages"]
        assert isinstance(turns, list)
        for turn in turns:
            role, text = turn["role"], turn["content"]
            assert not isinstance(text, str)
            parts.append(f'{", " if parts else "["}{{"role": "{role}", "content": [{{"type": "text", "text": "')
            parts += self.rendering.pieces(text, pairs)
            parts.append('"}]}')
        return [*parts, "]"]

    def write_into(self, directory: Path, split: str, parts: Iterator[Any]) -> None:
        """Write files of 1,000 rows, each with one row group, and the list of them."""
        (directory / split).mkdir()
        held, names = pa.Table.from_batches([], _SCHEMA), list[str]()
        for batch in parts:
            held = pa.concat_tables([held, pa.Table.from_batches([batch])])
            while held.num_rows >= ROWS_A_FILE:
                names.append(self._write_file(directory, split, len(names), held.slice(0, ROWS_A_FILE)))
                held = held.slice(ROWS_A_FILE)
        if held.num_rows or not names:
            names.append(self._write_file(directory, split, len(names), held))
        files = [f"{self.shown.name}/{name}" for name in names]
        (directory / f"{split}.json").write_text(json.dumps(files, indent=2) + "\n", encoding="utf-8")

    def _write_file(self, directory: Path, split: str, number: int, rows: pa.Table) -> str:
        name = f"{split}/part-{number:05d}.parquet"
        identity = hashlib.sha256(f"{self.shown.manifest.get('sha256')}/{split}".encode()).digest()
        prefix = int.from_bytes(identity[:16], "big") >> _COUNTER_BITS << _COUNTER_BITS
        first = number * ROWS_A_FILE
        uuids = [str(UUID(int=prefix + row, version=4)) for row in range(first, first + rows.num_rows)]
        rows = rows.set_column(0, _SCHEMA.field(0), pa.array(uuids, pa.string()))
        pq.write_table(rows.combine_chunks(), directory / name, row_group_size=ROWS_A_FILE, compression="snappy")
        return name

    def write_beside(self, directory: Path, splits: Sequence[str]) -> None:
        """Write the codes of the items, and the new tokens."""
        del splits
        codes = self.shown.items.codes
        assert codes is not None
        self.write_new_tokens(directory)
        write_code_table(directory / "pid2sid.parquet", codes, id_column="pid", codes_column="sid")

    def notes(self, splits: Sequence[str]) -> list[str]:
        """Return how to read the files."""
        name = self.shown.name
        return [f"OpenOneRec: set sources to {name}/{splits[0]}.json; paths in it begin with {name}/",
                *self.notes_of_tokens()]  # fmt: skip


def _plain(user: pa.Array) -> pa.Array:
    return user.dictionary_decode() if pa.types.is_dictionary(user.type) else user


FORMAT = OpenOneRec
