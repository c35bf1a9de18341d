"""`export`: writes pairs in the format of another trainer, as files or to stdout."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, Unpack

import pyarrow as pa

from genpas_cli.export.changes import Changes, changes_for
from genpas_cli.export.directory import foreign_in_export, write_about
from genpas_cli.export.file_types import check_file_type
from genpas_cli.export.formats import OF_STORES, format_named
from genpas_cli.export.formats.format import Format, Shown, is_time
from genpas_cli.export.keywords import ExportKeywords
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.report import ExportReport, Run, TokenKeys
from genpas_cli.export.source import DirectoryReader, PairReader, Read, StreamReader, standard_input
from genpas_cli.export.stores.sequence_run import opened_sequences
from genpas_cli.export.stores.splits import opened_splits
from genpas_cli.export.token_files import write_tokens
from genpas_cli.ingest.columns.aliases import RATING, TIME, matches
from genpas_cli.pairs.changes.layout import PairLayout, changed
from genpas_cli.pairs.manifest_keys import ManifestKeys
from genpas_cli.runtime.atomic_output import Foreign, building, refuse_existing
from genpas_cli.runtime.errors import DataError, MachineError, UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import (
    FIXED_MEMORY,
    Machine,
    check_writable,
    disk_error,
    resolve,
    scratch_directory,
    show_size,
)
from genpas_cli.runtime.object_storage.locations import location_of
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.threads import in_order, pool
from genpas_cli.store.schema import is_store

_THREADS = "genpas-export"

_MEMORY_OF_A_BATCH = 8
"""Memory of a batch in work, with its numbers, texts and intermediate results, as a multiple of its bytes."""


class ExportKeys(TypedDict):
    """The content of `export.json`, by which an output directory is recognized."""

    format: str
    """Value of `--to`."""
    pairs: dict[str, int]
    """Number of pairs written, by split."""
    tokens: TokenKeys | None
    """The vocabulary of semantic ids."""
    of: ManifestKeys
    """The manifest of the pairs."""
    files: dict[str, int]
    """Size in bytes of each other file, by name."""
    sha256: str
    """Digest of all other keys."""


@checked
def export(
    pairs: str | Path, output: str | Path, options: ExportOptions | None = None, *, force: bool = False,
    progress: Progress = silent, **_: Unpack[ExportKeywords],
) -> ExportReport:  # fmt: skip
    """Write pairs in another format.

    Args:
        pairs: a pairs directory, local or on object storage; or `-` for an Arrow stream on standard input. For
            `to="splits"`, a store.
        output: the file to write if one split is exported to a format of one file per split; else the directory.
        options: the format, the pairs and their layout.
        force: overwrite an existing output.
        progress: called with the number of pairs done.

    Returns:
        What was written.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`; no output is written.
    """
    check_local(output, "-o")
    options = options or ExportOptions()
    started, path, machine = time.monotonic(), Path(output), resolve(options)
    with _opener(options.to)(pairs, options, machine, progress, name=path.name) as run:
        refuse_existing(path, force=force, foreign=run.foreign)
        check_writable(path.absolute().parent)
        with building(path, force=force, foreign=run.foreign) as new:
            try:
                run.write(new, progress)
            except OSError as error:
                raise disk_error(error, path) from error
        return run.report(str(path), time.monotonic() - started)


@checked
def export_stream(
    pairs: str | Path, out: BinaryIO, options: ExportOptions | None = None, *, progress: Progress = silent,
    **_: Unpack[ExportKeywords],
) -> ExportReport:  # fmt: skip
    """Write the pairs of one split to an open file, such as stdout.

    Args:
        pairs: as for `export`.
        out: a binary file, open for writing.
        options: as for `export`; `split` None means `train`.
        progress: called with the number of pairs done.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`; `out` may be incomplete.
    """
    options = options or ExportOptions()
    started, machine = time.monotonic(), resolve(options)
    if options.to in OF_STORES:
        raise _not_for_stdout(options)
    with _opened(pairs, options, machine, progress, name=None) as run:
        if not run.format.streams:
            raise _not_for_stdout(options)
        with closing(run.parts(run.splits[0], progress)) as parts:
            run.format.write(out, parts)
        return run.report("-", time.monotonic() - started)


def _opener(to: str) -> Callable[..., AbstractContextManager[Run]]:
    if to not in OF_STORES:
        return _opened
    return opened_splits if to == "splits" else opened_sequences


def _not_for_stdout(options: ExportOptions) -> UsageError:
    return UsageError(
        f"--to {options.to} cannot be written to stdout: the format consists of several files, or is not "
        "written sequentially",
        tip="Write to a file or directory: -o OUT",
    )


@dataclass(frozen=True)
class _Run:
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
def _opened(
    pairs: str | Path, options: ExportOptions, machine: Machine, progress: Progress, *, name: str | None
) -> Iterator[_Run]:
    """Open the pairs and resolve all options, before anything is written; `name` is None for a stream."""
    kind = format_named(options.to)
    check_file_type(options, kind.file_types)
    _check(options, kind)
    reader = _reader(pairs, options)
    splits = _splits(reader, options, one_split=name is None)
    reader.check(splits, machine.threads, progress)
    columns = None if options.columns is None else tuple(name.strip() for name in options.columns.split(","))
    with scratch_directory(machine.temp_dir) as scratch:
        changes = changes_for(reader, options, kind, machine, scratch)
        layout = changes.layout(reader.layout)
        machine = replace(machine, threads=_workers(reader, machine, kind))
        shown = Shown(
            layout, name or "pairs", columns, reader.manifest, _time(reader.layout), _rating(reader.layout), scratch,
            changes.items, options,
        )  # fmt: skip
        yield _Run(reader, splits, changes, kind(shown), options, machine)


def _workers(reader: PairReader, machine: Machine, kind: type[Format]) -> int:
    """Return the number of threads that fit the memory limit.

    Raises:
        MachineError: not even one thread fits.
    """
    a_batch = max(reader.batch_bytes() * _MEMORY_OF_A_BATCH + kind.memory_of_a_piece, 1)
    # Besides one batch per thread, one batch is being written, and one waits.
    workers = (machine.memory - FIXED_MEMORY) // a_batch - 2
    if workers < 1:
        needed = FIXED_MEMORY + 3 * a_batch
        raise MachineError(
            f"the memory limit of {show_size(machine.memory)} is too small: about {show_size(needed)} are needed",
            tip=f"Increase the limit: --memory-limit {math.ceil(needed / 10**6)}MB.",
        )
    return min(machine.threads, workers)


def _check(options: ExportOptions, kind: type[Format]) -> None:
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit is {options.limit}; it must be 1 or more")
    if options.max_input is not None and options.max_input < 1:
        raise UsageError(f"--max-input is {options.max_input}; it must be 1 or more")
    if options.user_tokens < 0:
        raise UsageError(f"--user-tokens is {options.user_tokens}; it must be 1 or more")
    if options.item_info_id is not None and options.item_info is None:
        raise UsageError("--item-info-id can only be used with --item-info FILE")
    if options.template is not None and not kind.uses_template:
        raise UsageError(f"--template cannot be used with --to {options.to}, which writes columns instead of a text")
    of_tokens: dict[str, object] = {
        "--separator": options.separator,
        "--end-token": options.end_token,
        "--user-tokens": options.user_tokens,
    }
    if kind.codes_as == "text" and (flag := _first(of_tokens)):
        raise UsageError(
            f"{flag} cannot be used with --to {options.to}, which writes codes as text instead of token numbers",
            tip=f"Remove {flag}.",
        )
    if options.semantic_ids is None:
        of_codes: dict[str, object] = {
            "--missing-codes": options.missing_codes != "error",
            "--colliding-codes": options.colliding_codes != "error",
        }
        if flag := _first(of_codes | of_tokens):
            raise UsageError(f"{flag} can only be used with --semantic-ids FILE")


def _first(given: Mapping[str, object]) -> str | None:
    """Return the first flag that is given."""
    return next((flag for flag, is_given in given.items() if is_given), None)


def _reader(pairs: str | Path, options: ExportOptions) -> PairReader:
    if str(pairs) != "-":
        if options.vocab is not None:
            raise UsageError(f"--vocab can only be used with a stream; {pairs} has its own items.parquet")
        if is_store(Path(pairs)):
            raise DataError(
                f"{pairs} is a store, not a pairs directory; --to {options.to} exports pairs",
                tip=f"Make the pairs first: genpas augment {shlex.quote(str(pairs))}. For the interactions of the "
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
    return f"it was not written by genpas with --to {kind.name}"
