"""SOURCE of a command: a store, or logs that are first ingested into a temporary store."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from genpas_cli.augment.options import TargetOptions
from genpas_cli.augment.target_weights import weighted
from genpas_cli.ingest.checks import check_ingest_options
from genpas_cli.ingest.formats import without_endings
from genpas_cli.ingest.job import ingest, ingested
from genpas_cli.ingest.options import IngestOptions, names_for_logs
from genpas_cli.ingest.report import IngestReport
from genpas_cli.ingest.staging.rejects_file import discard_rejects
from genpas_cli.pairs.manifest import is_pairs_directory
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.library.arguments import Sources, TableSource, source_names
from genpas_cli.runtime.machine import Machine, machine_options, resolve, scratch_directory
from genpas_cli.runtime.object_storage.locations import Location
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.store.access import open_store, store_memory
from genpas_cli.store.schema import check_store_name, foreign_in_store, is_store
from genpas_cli.store.store import Store


@dataclass(frozen=True)
class OpenedSource:
    """An open store, and the settings for reading it."""

    store: Store
    machine: Machine
    keep: tuple[str, ...]
    """Kept columns that pairs should carry."""
    log: IngestReport | None
    """The ingest report; None if the source was a store already."""

    @property
    def unweighted(self) -> Store:
        """The store without the condition and the weights of the options."""
        return replace(self.store, rule=None)


def log_names(sources: Sources) -> list[str]:
    """Return the sources as a list of texts; raise DataError if one is a pairs directory."""
    names = source_names(sources)
    if made := next((name for name in names if is_pairs_directory(Path(name))), None):
        raise DataError(
            f"{made} is a pairs directory, not a log", tip="Use the log or the store that the pairs were made from."
        )
    return names


def default_output(sources: Sources, suffix: str) -> Path:
    """Return the default output in the current directory: `<name of the first source><suffix>`.

    Raises:
        UsageError: the source is standard input, which has no name.
    """
    first = source_names(sources)[0]
    if first == "-":
        raise UsageError(
            "the output needs a name, because the log comes from standard input", tip="Name the output: -o DIR"
        )
    if isinstance(first, TableSource):
        raise UsageError(
            f"the output needs a name, because {first} is a table in memory", tip="Give a path as `output`."
        )
    name = Path(first).resolve().name
    name = without_endings(name, ".store", ".duckdb", ".log")
    return Path(f"{''.join('_' if c in '*?[]' else c for c in name)}{suffix}")


@contextlib.contextmanager
def opened_store(  # noqa: PLR0913  # all but three by keyword
    sources: Sources, options: TargetOptions, ingest_options: IngestOptions | None = None, *,
    keep_store: str | Path | None = None, rejects: Path | None = None, force: bool = False,
    replace_rejects: bool = False, progress: Progress = silent,
) -> Iterator[OpenedSource]:  # fmt: skip
    """Open the store named by the sources, or ingest the logs and open their store.

    The latter is temporary unless `keep_store` is its path. Bad rows go to the file `rejects`; None: next to the store.
    With `force` or `replace_rejects`, that file of an earlier run may be replaced. With `force` it is removed if there
    are no bad rows, after the block, when the new output is complete.
    """
    if keep_store is not None:
        check_local(keep_store, "--store")
    arguments = log_names(sources)
    reading, machine, log = ingest_options or IngestOptions(), resolve(options), None
    with scratch_directory(machine.temp_dir) as scratch, ExitStack() as opened:
        check_ingest_options(reading)
        if len(arguments) == 1 and is_store(Path(arguments[0])):
            if keep_store is not None:
                raise UsageError(f"--store {keep_store} cannot be used with {arguments[0]}, which is already a store")
            path: Path | None = Path(arguments[0])
            refuse_reading_options(reading, Path(arguments[0]))
        else:
            path = None if keep_store is None else Path(keep_store)
            reading = replace(reading, **machine_options(options))
            if path is not None:
                refuse_existing(path, force=force, foreign=foreign_in_store, option="--store")
                check_store_name(path, option="--store")
                log = ingest(arguments, path, reading, force=force, rejects=rejects, progress=progress)
        if path is None:
            store, log = opened.enter_context(
                ingested(
                    arguments, reading, scratch, rejects=rejects, force=force or replace_rejects, progress=progress
                )
            )
            log = replace(log, store=None)
        else:
            store = opened.enter_context(open_store(path, machine, scratch, memory=store_memory(machine.memory)))
        # A log's store has exactly the requested columns, under their true names; an existing store may have more.
        picked = weighted(store, options, of_log=log is not None)
        yield OpenedSource(picked, machine, reading.keep if log is None else tuple(store.kept), log)
    if rejects is not None and force and (log is None or log.rejects is None):
        discard_rejects(rejects)


def reading_option_given(reading: IngestOptions, among: Collection[str] | None = None) -> str | None:
    """Return the field of an option among some that was given; by default, of those that only a log can use.

    None if none was given.
    """
    # The default of --eval depends on the split.
    usual = replace(IngestOptions(), eval=IngestOptions(split=reading.split).eval)
    names = names_for_logs() if among is None else among
    return min((name for name in names if getattr(reading, name) != getattr(usual, name)), default=None)


def refuse_reading_options_for_pairs(reading: IngestOptions, pairs: Location) -> None:
    """Raise UsageError for options of reading logs, which have no effect on pairs."""
    if (name := reading_option_given(reading)) is not None:
        raise UsageError(
            f"{flag_of(name)} cannot be used with the pairs in {pairs}: it is an option for reading logs",
            tip=f"Remove the option {flag_of(name)}.",
        )


def refuse_reading_options(reading: IngestOptions, store: Path) -> None:
    """Raise UsageError for ingest options, which have no effect on a store whose log was ingested before."""
    if (late := reading_option_given(reading)) is not None:
        flag, value = flag_of(late), getattr(reading, late)
        given = flag if value is True else f"{flag} {shell_word(str(value))}"
        raise UsageError(
            f"{flag} cannot be used with the store {store}: its log was read, cleaned and split when the store was "
            "made",
            tip=f"Make another store with this option: genpas ingest LOGS -o STORE {given}",
        )
