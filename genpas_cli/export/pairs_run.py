"""A running export of pairs: reads them, changes them, and hands them to a format."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from genpas_cli.export.changes import Changes, changes_for
from genpas_cli.export.checks import check_options
from genpas_cli.export.column_names import named_columns
from genpas_cli.export.directory import foreign_in_export, write_about
from genpas_cli.export.file_types import check_file_type
from genpas_cli.export.formats import format_named
from genpas_cli.export.formats.format import Format, Shown, is_time
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.report import ExportReport, TokenKeys
from genpas_cli.export.source import DirectoryReader, PairReader, Read, StreamReader, standard_input
from genpas_cli.export.token_files import write_tokens
from genpas_cli.ingest.columns.aliases import RATING, TIME, matches
from genpas_cli.pairs.changes.layout import PairLayout, changed
from genpas_cli.runtime.atomic_output import Foreign
from genpas_cli.runtime.errors import DataError, MachineError, UsageError
from genpas_cli.runtime.file_names import check_file_name, promise_of
from genpas_cli.runtime.machine import (
    FIXED_MEMORY,
    Machine,
    scratch_directory,
    show_size,
)
from genpas_cli.runtime.object_storage.locations import location_of
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.runtime.text.wording import listed
from genpas_cli.runtime.threads import in_order, pool
from genpas_cli.store.schema import is_store

_THREADS = "genpas-export"

_MEMORY_OF_A_BATCH = 8
"""Memory of a batch in work, with its numbers, texts and intermediate results, as a multiple of its bytes."""


@dataclass(frozen=True)
class PairsRun:
    """A running export."""

    reader: PairReader
    splits: tuple[str, ...]
    changes: Changes
    format: Format
    options: ExportOptions
    machine: Machine
    read: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    @property
    def is_one_file(self) -> bool:
        """Whether the output is one file: the format has one per split, and one split is exported."""
        has_one = self.options.split is not None or isinstance(self.reader, StreamReader)
        return has_one and self.format.one_file

    def check_name(self, output: Path) -> None:
        """Raise UsageError if the output is one file, and its name promises another format."""
        if self.is_one_file:
            kind = self.format
            check_file_name(
                output, (kind.suffix, *kind.other_endings), f"--to {kind.name} writes {promise_of(kind.suffix)}",
                choices={f".{each}": f"--file-type {each}" for each in kind.file_types},
            )  # fmt: skip

    @property
    def foreign(self) -> Foreign:
        """What recognizes an existing output, see `atomic_output.Foreign`."""
        return partial(_foreign_file, self.format) if self.is_one_file else foreign_in_export

    def write(self, new: Path, progress: Progress) -> None:
        """Write the output, a file or a directory."""
        if not self.is_one_file:
            self.write_directory(new, progress)
            return
        with new.open("wb") as out, closing(self.parts(self.splits[0], progress)) as parts:
            self.format.write(out, parts)

    def parts(self, split: str, progress: Progress) -> Generator[Any, None, None]:
        """Yield the encoded batches of a split, in order, while threads read and encode later ones.

        Closing the generator early waits for these threads.
        """
        self.read[split] = self.written[split] = 0
        total = self.reader.rows(split) if self.options.limit is None else self.options.limit
        used = [*self.format.columns, *(["user_num"] if self.options.user_tokens else [])]
        needed = _columns_to_read(self.reader.layout, used)
        ahead = self.machine.threads + 1
        with pool(self.machine.threads, _THREADS) as workers:
            reads = self.reader.reads(split, needed, self.options.limit)
            batches = in_order(workers, (partial(self._changed, read) for read in reads), ahead=ahead)
            calls = (partial(self.format.encode, piece) for piece in self._counted(split, batches))
            for part in in_order(workers, calls, ahead=ahead):
                progress(f"writing {split}", self.read[split], total)
                yield part

    def _changed(self, read: Read) -> tuple[int, Sequence[pa.RecordBatch]]:
        batch = read()
        return batch.num_rows, self.format.pieces(changed(batch, self.changes.all))

    def _counted(self, split: str, batches: Iterator[tuple[int, Sequence[pa.RecordBatch]]]) -> Iterator[pa.RecordBatch]:
        for rows, pieces in batches:
            self.read[split] += rows
            self.written[split] += sum(piece.num_rows for piece in pieces)
            yield from pieces

    def write_directory(self, directory: Path, progress: Progress) -> None:
        """Write all splits, with companion files, tokens and `export.json`."""
        directory.mkdir()
        for split in self.splits:
            with closing(self.parts(split, progress)) as parts:
                self.format.write_into(directory, split, parts)
        self.format.write_beside(directory, self.splits)
        if self.changes.semantic is not None:
            write_tokens(directory, self.changes.semantic, self.changes.items.pattern)
        about = {
            "format": self.format.name,
            "pairs": self.written,
            "tokens": self._tokens(),
            "of": self.reader.manifest,
        }
        write_about(directory, about)

    def report(self, output: str, seconds: float) -> ExportReport:
        """Return the report, after all splits have been written."""
        dropped = sum(self.read.values()) - sum(self.written.values())
        notes = self.format.notes(self.splits)
        if self.options.item_info is not None and self.changes.items.info is None:
            how = "{history_X} or {target_X} in --template"
            if not self.format.uses_template:
                how = "input_X or target_X in --columns"
            notes.append(f"no column of --item-info is written; a column X is written as {how}")
        asked = named_columns(self.options)
        if asked is not None and (added := [name for name in self.format.needed() if name not in asked]):
            notes.append(f"--to {self.format.name} always writes {listed(added)}")
        if self.format.one_file and Path(output).suffix == self.format.suffix and Path(output).is_dir():
            notes.append(f"{output} is a directory with one file per split; to write a single file: --split train")
        return ExportReport(output, self.format.name, self.written, dropped, self._tokens(), round(seconds, 3), notes)

    def _tokens(self) -> TokenKeys | None:
        if self.changes.semantic is None:
            return None
        found = self.changes.semantic.tokens
        return {
            "sizes": list(found.sizes), "offsets": list(found.offsets), "separator": found.separator,
            "end": found.end, "user": found.user, "size": found.size,
        }  # fmt: skip


@contextmanager
def opened_pairs(
    pairs: str | Path, options: ExportOptions, machine: Machine, progress: Progress, *, name: str | None
) -> Iterator[PairsRun]:
    """Open the pairs and resolve all options, before anything is written; `name` is None for a stream."""
    kind = format_named(options.to)
    check_file_type(options, kind.file_types)
    check_options(options, kind)
    reader = _reader(pairs, options)
    splits = _splits(reader, options, one_split=name is None)
    reader.check(splits, machine.threads, progress)
    columns = named_columns(options)
    with scratch_directory(machine.temp_dir) as scratch:
        changes = changes_for(reader, options, kind, machine, scratch)
        layout = changes.layout(reader.layout)
        machine = replace(machine, threads=_workers(reader, machine, kind, _bytes_of(changes)))
        shown = Shown(
            layout, name or "pairs", columns, reader.manifest, _time(reader.layout), _rating(reader.layout), scratch,
            changes.items, options,
        )  # fmt: skip
        yield PairsRun(reader, splits, changes, kind(shown), options, machine)


def _bytes_of(changes: Changes) -> int:
    """Return the memory that the codes of all items take."""
    codes = changes.items.codes
    return 0 if codes is None else codes.table.nbytes + codes.known.nbytes


def _workers(reader: PairReader, machine: Machine, kind: type[Format], held: int) -> int:
    """Return the number of threads that fit the memory limit, besides `held` bytes.

    Raises:
        MachineError: not even one thread fits.
    """
    a_batch = max(reader.batch_bytes() * _MEMORY_OF_A_BATCH + kind.memory_of_a_piece, 1)
    # Besides one batch per thread, one batch is being written, and one waits.
    workers = (machine.memory - FIXED_MEMORY - held) // a_batch - 2
    if workers < 1:
        needed = FIXED_MEMORY + held + 3 * a_batch
        raise MachineError(
            f"the memory limit of {show_size(machine.memory)} is too small: about {show_size(needed)} are needed",
            tip=f"Increase the limit: --memory-limit {math.ceil(needed / 10**6)}MB.",
        )
    return min(machine.threads, workers)


def _reader(pairs: str | Path, options: ExportOptions) -> PairReader:
    if str(pairs) != "-":
        if options.vocab is not None:
            raise UsageError(f"--vocab can only be used with a stream; {pairs} has its own items.parquet")
        if is_store(Path(pairs)):
            raise DataError(
                f"{pairs} is a store, not a pairs directory; --to {options.to} exports pairs",
                tip=f"Make the pairs first: genpas augment {shell_word(str(pairs))}. For the interactions of the "
                "store: --to splits",
            )
        return DirectoryReader(location_of(pairs), options.epoch)
    if options.epoch is not None:
        raise UsageError("--epoch can only be used with a pairs directory, not with a stream")
    return StreamReader(standard_input())


def _splits(reader: PairReader, options: ExportOptions, *, one_split: bool) -> tuple[str, ...]:
    wanted: str | None = options.split
    if wanted is None and one_split:
        wanted = reader.splits[0]
    if wanted is None:
        return reader.splits
    if wanted not in reader.splits:
        raise UsageError(f"--split {wanted}: these pairs have only the splits {', '.join(reader.splits)}")
    return (wanted,)


def _rating(layout: PairLayout) -> str | None:
    """Return the only kept column with a known name of ratings; None if there is none or several."""
    return _only([layout.kept[n] for n in matches(layout.kept, RATING)])


def _time(layout: PairLayout) -> str | None:
    """Return the only kept column with a known name of times, else the only one with a type of times, else None."""
    typed = [name for name in layout.kept if is_time(layout.schema.field(f"target_{name}").type)]
    return _only([layout.kept[n] for n in matches(layout.kept, TIME)]) or _only(typed)


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _columns_to_read(layout: PairLayout, columns: Sequence[str]) -> list[str]:
    """Return the columns of the source pairs that the output columns are made from."""
    names = {"user_id": layout.user, "user_num": layout.user}
    # Always read inputs and targets: semantic ids may drop pairs by them.
    wanted = {names.get(name, name) for name in columns} | {"input_items", "target_item"}
    return [name for name in layout.schema.names if name in wanted]


def _foreign_file(kind: Format, path: Path) -> str | None:
    """Return why an existing file is not an output of this format, else None; see `atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    if path.stat().st_size == 0 or kind.wrote(path):
        return None
    return f"nothing in the file shows that genpas wrote it with --to {kind.name}"
