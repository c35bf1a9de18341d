"""`export`: writes pairs in the format of another trainer, as files or to stdout."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import BinaryIO, TypedDict, Unpack

from genpas_cli.export.formats import OF_STORES
from genpas_cli.export.keywords import ExportKeywords
from genpas_cli.export.options import ExportOptions
from genpas_cli.export.pairs_run import opened_pairs
from genpas_cli.export.report import ExportReport, Run, TokenKeys
from genpas_cli.export.stores.sequence_run import opened_sequences
from genpas_cli.export.stores.splits import opened_splits
from genpas_cli.pairs.manifest_keys import ManifestKeys
from genpas_cli.runtime.atomic_output import building, refuse_existing
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import (
    check_writable,
    disk_error,
    resolve,
)
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.progress import Progress, silent


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
        run.check_name(path)
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
    with opened_pairs(pairs, options, machine, progress, name=None) as run:
        if not run.format.streams:
            raise _not_for_stdout(options)
        with closing(run.parts(run.splits[0], progress)) as parts:
            run.format.write(out, parts)
        return run.report("-", time.monotonic() - started)


def _opener(to: str) -> Callable[..., AbstractContextManager[Run]]:
    if to not in OF_STORES:
        return opened_pairs
    return opened_splits if to == "splits" else opened_sequences


def _not_for_stdout(options: ExportOptions) -> UsageError:
    kind = f"--to {options.to}" + (f" --file-type {options.file_type}" if options.file_type else "")
    return UsageError(
        f"{kind} cannot be written to stdout: the format consists of several files, or is not written sequentially",
        tip="Write to a file or directory: -o OUT",
    )
