"""`export`: writes pairs in the format of another trainer, as files or to stdout."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, Unpack

import pyarrow as pa

from genpas_cli.export.changes import Changes, changes_for
from genpas_cli.export.file_types import check_file_type
from genpas_cli.export.formats import format_named
from genpas_cli.export.formats.format import Format, Shown, is_time
from genpas_cli.export.keywords import ExportKeywords
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.source import DirectoryReader, PairReader, StreamReader, standard_input
from genpas_cli.export.token_files import write_tokens
from genpas_cli.ingest.columns.aliases import RATING, TIME, matches
from genpas_cli.pairs.changes.layout import PairLayout, changed
from genpas_cli.pairs.manifest_keys import ManifestKeys
from genpas_cli.runtime.atomic_output import building, foreign_or_changed, no_real_directory, refuse_existing
from genpas_cli.runtime.errors import MachineError, UsageError
from genpas_cli.runtime.json.sealed import is_intact, sealed
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
from genpas_cli.runtime.object_storage.locations import files_below, location_of
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.results.reports import Report
from genpas_cli.runtime.threads import Pool, in_order, pool

NAME = "export.json"
"""File that identifies an output directory and records how it was made."""

_THREADS = "genpas-export"

_MEMORY_OF_A_BATCH = 8
"""Memory of a batch in work, with its numbers, texts and intermediate results, as a multiple of its bytes."""


class TokenKeys(TypedDict):
    """The token vocabulary of semantic ids, see `Tokens`."""

    sizes: list[int]
    """Number of codes of each level."""
    offsets: list[int]
    """Token of each level's code 0."""
    separator: int | None
    """Token between two items."""
    end: int | None
    """Token at the end of an input and of a target."""
    user: int | None
    """First of the tokens of users, which come last."""
    size: int
    """Size of the vocabulary, padding included."""


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


@dataclass(frozen=True, repr=False)
class ExportReport(Report):
    """What `export` wrote; `genpas export --json` prints this."""

    output: str
    """File or directory; `-` for a stream."""
    format: str
    pairs: dict[str, int]
    """Split → number of pairs written."""
    dropped: int
    """Pairs left out because the target or all input items have no semantic id (`--missing-codes drop`)."""
    tokens: TokenKeys | None
    """The vocabulary of semantic ids: `sizes` and `offsets` by level, `separator`, `end`, `size`; else None."""
    seconds: float
    notes: list[str] = field(default_factory=list)
    """Notes for users of the output."""


@checked
def export(
    pairs: str | Path, output: str | Path, options: ExportOptions | None = None, *, force: bool = False,
    progress: Progress = silent, **_: Unpack[ExportKeywords],
) -> ExportReport:  # fmt: skip
    """Write pairs in another format.

    Args:
        pairs: a pairs directory, local or on object storage; or `-` for an Arrow stream on standard input.
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
    with _opened(pairs, options, machine, progress, name=path.name) as run:
        is_file = run.is_one_file
        foreign = partial(_foreign_file, run.format) if is_file else _foreign_in_export
        refuse_existing(path, force=force, foreign=foreign)
        check_writable(path.absolute().parent)
        with building(path, force=force, foreign=foreign) as new:
            try:
                if is_file:
                    with new.open("wb") as out, closing(run.parts(run.splits[0], progress)) as parts:
                        run.format.write(out, parts)
                else:
                    run.write_directory(new, progress)
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
    with _opened(pairs, options, machine, progress, name=None) as run:
        if not run.format.streams:
            raise UsageError(
                f"--to {options.to} cannot be written to stdout: the format consists of several files, or is not "
                "written sequentially",
                tip="Write to a file or directory: -o OUT",
            )
        with closing(run.parts(run.splits[0], progress)) as parts:
            run.format.write(out, parts)
        return run.report("-", time.monotonic() - started)


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

    def parts(self, split: str, progress: Progress) -> Generator[Any, None, None]:
        """Yield the encoded batches of a split, in order, while threads read and encode later ones.

        Closing the generator early waits for these threads.
        """
        self.read[split] = self.written[split] = 0
        total = self.reader.rows(split) if self.options.limit is None else self.options.limit
        used = [*self.format.columns, *(["user_num"] if self.options.user_tokens else [])]
        needed = _columns_to_read(self.reader.layout, used)
        with pool(self.machine.threads, _THREADS) as workers:
            reads = self.reader.reads(split, needed, self.options.limit)
            for rows_read, rows, part in in_order(workers, self._calls(workers, reads), ahead=self.machine.threads + 1):
                self.read[split] += rows_read
                self.written[split] += rows
                progress(f"writing {split}", self.read[split], total)
                yield part

    def _calls(self, workers: Pool, reads: Iterable[Callable[[], pa.RecordBatch]]) -> Iterator[Callable[[], Any]]:
        """Yield calls that read and encode batches, of as many rows as the format wants."""
        most = self.format.rows_at_once
        if most is None:
            yield from (partial(self._encoded, read) for read in reads)
            return
        for batch in in_order(workers, reads, ahead=2):
            for begin in range(0, batch.num_rows, most):
                # `take` copies the rows: the lists of a slice refer to the values of all rows.
                rows = pa.array(range(begin, min(begin + most, batch.num_rows)))
                yield partial(self._encoded, partial(batch.take, rows))

    def _encoded(self, read: Any) -> tuple[int, int, Any]:
        batch = read()
        pairs = changed(batch, self.changes.all)
        return batch.num_rows, pairs.num_rows, self.format.encode(pairs)

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
            "files": files_below(directory),
        }
        (directory / NAME).write_text(json.dumps(sealed(about), indent=2) + "\n", encoding="utf-8")

    def report(self, output: str, seconds: float) -> ExportReport:
        """Return the report, after all splits have been written."""
        dropped = sum(self.read.values()) - sum(self.written.values())
        notes = self.format.notes(self.splits)
        if Path(output).suffix == self.format.suffix and Path(output).is_dir():
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
    _check(options)
    reader = _reader(pairs, options)
    splits = _splits(reader, options, one_split=name is None)
    reader.check(splits, machine.threads, progress)
    columns = None if options.columns is None else tuple(name.strip() for name in options.columns.split(","))
    with scratch_directory(machine.temp_dir) as scratch:
        changes = changes_for(reader, options, kind, machine, scratch)
        layout = changes.layout(reader.layout)
        machine = replace(machine, threads=_workers(reader, machine))
        shown = Shown(
            layout, name or "pairs", columns, reader.manifest, _time(layout), _rating(layout), scratch, changes.items,
            options,
        )  # fmt: skip
        yield _Run(reader, splits, changes, kind(shown), options, machine)


def _workers(reader: PairReader, machine: Machine) -> int:
    """Return the number of threads that fit the memory limit.

    Raises:
        MachineError: not even one thread fits.
    """
    a_batch = max(reader.batch_bytes() * _MEMORY_OF_A_BATCH, 1)
    # Besides one batch per thread, one batch is being written, and one waits.
    workers = (machine.memory - FIXED_MEMORY) // a_batch - 2
    if workers < 1:
        needed = FIXED_MEMORY + 3 * a_batch
        raise MachineError(
            f"the memory limit of {show_size(machine.memory)} is too small: about {show_size(needed)} are needed",
            tip=f"Increase the limit: --memory-limit {math.ceil(needed / 10**6)}MB.",
        )
    return min(machine.threads, workers)


def _check(options: ExportOptions) -> None:
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit is {options.limit}; it must be 1 or more")
    if options.max_input is not None and options.max_input < 1:
        raise UsageError(f"--max-input is {options.max_input}; it must be 1 or more")
    if options.user_tokens < 0:
        raise UsageError(f"--user-tokens is {options.user_tokens}; it must be 1 or more")
    if options.item_info_id is not None and options.item_info is None:
        raise UsageError("--item-info-id can only be used with --item-info FILE")
    if options.semantic_ids is None:
        given = {
            "--missing-codes": options.missing_codes != "error",
            "--colliding-codes": options.colliding_codes != "error",
            "--separator": options.separator,
            "--end-token": options.end_token,
            "--user-tokens": options.user_tokens,
        }
        if unused := next((flag for flag, is_given in given.items() if is_given), None):
            raise UsageError(f"{unused} can only be used with --semantic-ids FILE")


def _reader(pairs: str | Path, options: ExportOptions) -> PairReader:
    if str(pairs) != "-":
        if options.vocab is not None:
            raise UsageError(f"--vocab can only be used with a stream; {pairs} has its own items.parquet")
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


def _foreign_in_export(path: Path) -> str | None:
    """Return what `path` holds that `export` did not write, else None; see `atomic_output.Foreign`."""
    if (reason := no_real_directory(path)) is not None:
        return reason
    if not any(path.iterdir()):
        return None
    try:
        about = json.loads((path / NAME).read_text(encoding="utf-8"))
        listed = dict(about["files"]) if is_intact(about) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        listed = None
    if listed is None:
        return f"it has no {NAME} written by genpas"
    return foreign_or_changed(path, NAME, listed, lambda file: file.stat().st_size)
