"""The job of `genpas stats`: detects the kind of source (store, logs or pairs) and makes its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from genpas_cli.augment.source_store import opened_store, refuse_reading_options_for_pairs
from genpas_cli.figures.keywords import StatsKeywords
from genpas_cli.figures.options import StatsOptions
from genpas_cli.figures.plan import stats_plan
from genpas_cli.figures.reports.pairs_report import other_pairs_report, pairs_report
from genpas_cli.figures.reports.store_report import store_report
from genpas_cli.figures.results import StatsReport
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.pairs.manifest import NAME, is_pairs_directory
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import made_with
from genpas_cli.runtime.object_storage.locations import Location, files_below, location_of
from genpas_cli.runtime.object_storage.uris import check_local
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent


@checked
def stats(  # all but two by keyword
    sources: Sources, options: StatsOptions | None = None, *, ingest_options: IngestOptions | None = None,
    store: str | Path | None = None, illustrated: bool = False, progress: Progress = silent,
    **_: Unpack[StatsKeywords],
) -> StatsReport:  # fmt: skip
    """Compute the training distribution of strategies and the quality of the data, without drawing pairs.

    Args:
        sources: one store; or logs (files, globs, directories, "-"), which are ingested first; or a pairs directory,
            whose shards are measured; or, with `input_column` and `target_column`, Parquet files of another tool.
        options: the strategies, and how figures are computed.
        ingest_options: how logs are read; not allowed for a store.
        store: for pairs only, the store they were made from; the report then adds the expected figures.
        illustrated: also compute the data drawn only in the HTML report.
        progress: called with the progress.

    Returns:
        The report; each figure is described in `genpas_cli.figures.table`.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`.
    """
    options = options or StatsOptions()
    if store is not None:
        check_local(store, "--store")
        if is_pairs_directory(Path(store)):
            raise UsageError(
                f"--store {store} is a pairs directory, not a store",
                tip="Name the store that the pairs were made from, which genpas ingest or augment --store writes.",
            )
    plan, paths = stats_plan(options), [Path(name) for name in source_names(sources)]
    first, of_store = location_of(source_names(sources)[0]), None if store is None else Path(store)
    columns = _columns(options)
    if columns or _is_pairs(first, len(paths)):
        _check_options_for_pairs(paths[0], options, ingest_options or IngestOptions(), of_store)
    if columns:
        found = other_pairs_report(paths, columns, of_store, plan, progress, illustrated=illustrated)
    elif _is_pairs(first, len(paths)):
        found = pairs_report(first, of_store, plan, progress, illustrated=illustrated)
    elif store is not None:
        raise UsageError(f"--store {store} can only be used with a pairs directory, and {paths[0]} is not one")
    else:
        with opened_store(sources, options, ingest_options, progress=progress) as opened:
            source = " ".join(source_names(sources))
            found = store_report(opened.store, plan, source, progress, illustrated=illustrated).report
    return replace(found, made_with=made_with(options, reading=ingest_options))


def _columns(options: StatsOptions) -> tuple[str, str] | None:
    """Return the input and target column of pairs of another tool, or None; raise UsageError if only one is given."""
    if options.input_column is None and options.target_column is None:
        return None
    if options.input_column is None or options.target_column is None:
        raise UsageError("--input-column and --target-column must be given together")
    return options.input_column, options.target_column


def _check_options_for_pairs(
    pairs: Path, options: StatsOptions, reading: IngestOptions, store: Path | None
) -> None:  # fmt: skip
    """Raise UsageError for an option that has no effect on pairs, or has one only together with their store."""
    refuse_reading_options_for_pairs(reading, pairs)
    usual = StatsOptions()
    needing = ("strategy", "pairs", *(("max_input",) if options.input_column else ()))
    given = next((name for name in needing if getattr(options, name) != getattr(usual, name)), None)
    if store is None and given is not None:
        raise UsageError(
            f"{flag_of(given)} needs the store from which the pairs in {pairs} were made: without it, only these pairs "
            "are measured",
            tip="Name the store: --store STORE",
        )


def _is_pairs(first: Location, sources: int) -> bool:
    """Tell whether the source is a pairs directory, or a part; raise DataError if it has shards but no manifest."""
    if not first.is_dir():
        return False
    if is_pairs_directory(first):
        if sources > 1:
            raise UsageError(f"{first} is a pairs directory; only one pairs directory can be given")
        return True
    if any(name.startswith("train-") for name in files_below(first / "data")):
        raise DataError(
            f"{first} has shards in data/ but no {NAME}: it is not a pairs directory, or the run that wrote it was "
            "interrupted",
            tip="Run genpas augment again, or name the columns of the files: --input-column input_items "
            "--target-column target_item",
        )
    return False
