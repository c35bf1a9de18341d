"""Files of interactions, one row each: CSV, Parquet, and plain `.inter` files of RecBole."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genpas_cli.export.formats.csv import cell
from genpas_cli.export.formats.format import is_time
from genpas_cli.export.formats.texts import joined, texts_of
from genpas_cli.export.formats.trainers.recbole import field_token

_GROUP_ROWS = 1 << 17
"""Minimum rows of a row group, except for the last one."""


class InteractionFiles(ABC):
    """The open files of the parts of a split.

    Args:
        directory: where the files are written.
        schema: columns and types of the rows.
        name: name of the data set, for file names that need one.
        whole: whether the only part is the whole data set, which is not split.
    """

    suffix: ClassVar[str]
    keeps_types: ClassVar[bool] = False
    """Whether values are written in their types, not as texts."""

    def __init__(self, directory: Path, schema: pa.Schema, name: str, *, whole: bool) -> None:
        self.directory, self.schema, self.name, self.whole = directory, schema, name, whole
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    def path(self, part: str) -> Path:
        """Return the path of a part."""
        return self.directory / f"{part}{self.suffix}"

    @abstractmethod
    def open(self, part: str) -> None:
        """Create the file of a part."""

    @abstractmethod
    def encoded(self, rows: pa.RecordBatch) -> Any:
        """Return rows in a form that can be filtered by row, and that `write` takes."""

    @abstractmethod
    def write(self, part: str, rows: Any) -> None:
        """Append encoded rows to the file of a part."""

    def companions(self, parts: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  # RecBole has settings
        """Return name → text of further files of a directory that has these parts."""
        return {}

    def notes(self, parts: Sequence[str]) -> list[str]:  # noqa: ARG002  # see `companions`
        """Return notes for users of the files."""
        return []


class _Dictionary(NamedTuple):
    """Ids and their texts."""

    ids: pa.Array
    texts: pa.Array


class _TextFiles(InteractionFiles):
    """Text files with a header line."""

    notation: Callable[[pa.Array], pa.Array]
    delimiter: ClassVar[str]

    def __init__(self, directory: Path, schema: pa.Schema, name: str, *, whole: bool) -> None:
        super().__init__(directory, schema, name, whole=whole)
        self._files: dict[str, BinaryIO] = {}
        self._dictionaries: dict[str, _Dictionary] = {}

    @abstractmethod
    def header(self) -> str:
        """Return the header without its line end."""

    def open(self, part: str) -> None:
        """Create the file of a part, with its header."""
        self._files[part] = self.stack.enter_context(self.path(part).open("wb"))
        self._files[part].write(f"{self.header()}\n".encode())

    def encoded(self, rows: pa.RecordBatch) -> pa.Array:
        """Return one line per row."""
        parts: list[pa.Array | str] = []
        for field, column in zip(rows.schema, rows.columns, strict=True):
            parts += [self.delimiter, self._texts(field.name, column)]
        return pc.binary_join_element_wise(*parts[1:], "\n", "")

    def _texts(self, name: str, column: pa.Array) -> pa.Array:
        if not pa.types.is_dictionary(column.type):
            return texts_of(column, self.notation, "")
        # All batches of a run of users have the same dictionaries, whose texts are made once.
        ids = column.dictionary
        known = self._dictionaries.get(name)
        if known is None or (known.ids.buffers()[-1].address, len(known.ids)) != (ids.buffers()[-1].address, len(ids)):
            known = self._dictionaries[name] = _Dictionary(ids, self.notation(ids))
        return known.texts.take(column.indices)

    def write(self, part: str, rows: pa.Array) -> None:
        """Append lines."""
        self._files[part].write(joined(rows))


class CsvFiles(_TextFiles):
    """`train.csv` and so on; a missing value is an empty cell."""

    suffix = ".csv"
    delimiter = ","
    notation = staticmethod(cell)

    def header(self) -> str:
        """Return the names of the columns."""
        return ",".join(cell(pa.array(self.schema.names)).to_pylist())


class InterFiles(_TextFiles):
    """`NAME.train.inter` and so on, and `NAME.yaml`, the settings for RecBole; `NAME.inter` for a whole data set."""

    suffix = ".inter"
    delimiter = "\t"
    notation = staticmethod(field_token)

    def path(self, part: str) -> Path:
        """Return the path that RecBole expects."""
        return self.directory / (f"{self.name}.inter" if self.whole else f"{self.name}.{part}.inter")

    def header(self) -> str:
        """Return the names of the fields and their types in RecBole."""
        return "\t".join(f"{field.name}:{_recbole_type(field)}" for field in self.schema)

    def companions(self, parts: Sequence[str]) -> dict[str, str]:
        """Return the YAML file of settings for RecBole."""
        used = [part for part in parts if part in _OF_RECBOLE]
        name, names = self.name, self.schema.names
        lines = [
            f'# Settings for RecBole: run_recbole("BPR", "{name}", config_file_list=["{name}/{name}.yaml"])',
            f"data_path: .   # the parent directory of {name}, relative to the current directory",
            *([] if self.whole else [f"benchmark_filename: [{', '.join(used)}]"]),
            f"load_col:\n  inter: [{', '.join(names)}]",
            "USER_ID_FIELD: user_id",
            "ITEM_ID_FIELD: item_id",
            *(["TIME_FIELD: timestamp"] if "timestamp" in names else []),
        ]
        return {f"{name}.yaml": "\n".join(lines) + "\n"}

    def notes(self, parts: Sequence[str]) -> list[str]:
        """Return how to read the files with RecBole."""
        if not self.whole and (lacking := [part for part in _OF_RECBOLE if part not in parts]):
            return [f"RecBole needs validation and test targets, but this directory has no {lacking[0]}"]
        own = "RecBole splits the data itself, by its eval_args" if self.whole else (
            "for general recommenders such as BPR; sequential models need pairs: genpas export PAIRS --to recbole"
        )  # fmt: skip
        name = self.name
        how = f"use dataset={name} with the settings in {name}/{name}.yaml, and do not rename the directory"
        return [f"RecBole: {how}; {own}"]


_OF_RECBOLE = ("train", "validation_target", "test_target")
"""The parts that RecBole reads."""


def _recbole_type(field: pa.Field) -> str:
    kind = field.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or is_time(kind)
    is_number = is_number or (pa.types.is_decimal(kind) and field.name == "timestamp")
    return "float" if is_number and field.name not in ("user_id", "item_id") else "token"


class ParquetFiles(InteractionFiles):
    """`train.parquet` and so on; kept columns have the types of the log."""

    suffix = ".parquet"
    keeps_types = True

    def __init__(self, directory: Path, schema: pa.Schema, name: str, *, whole: bool) -> None:
        plain = [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
        ]
        super().__init__(directory, pa.schema(plain), name, whole=whole)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.RecordBatch]] = {}

    def open(self, part: str) -> None:
        """Create the file of a part."""
        writer = pq.ParquetWriter(self.path(part), self.schema, compression="zstd")
        self._writers[part], self._waiting[part] = self.stack.enter_context(writer), []
        self.stack.callback(self._flush, part)

    def encoded(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows with texts instead of dictionaries."""
        columns = [
            column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in rows.columns
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def write(self, part: str, rows: pa.RecordBatch) -> None:
        """Append rows."""
        self._waiting[part].append(rows)
        if sum(batch.num_rows for batch in self._waiting[part]) >= _GROUP_ROWS:
            self._flush(part)

    def _flush(self, part: str) -> None:
        waiting, self._waiting[part] = self._waiting[part], []
        if waiting:
            self._writers[part].write_table(pa.Table.from_batches(waiting))


FILE_TYPES: dict[str, type[InteractionFiles]] = {"csv": CsvFiles, "parquet": ParquetFiles, "inter": InterFiles}
"""Value of `--file-type` → how its files are written; the default is the first."""
