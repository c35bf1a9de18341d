"""Runs of the same model on several strategies and seeds, in one directory; finished runs are not repeated."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from genpas_cli.augment.job import augment
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.planning.job_plan import parse_max_input
from genpas_cli.augment.source_store import log_names
from genpas_cli.augment.target_weights import is_weighted
from genpas_cli.ingest.files.lake_tables import lake_table, version_of
from genpas_cli.ingest.files.source_files import files_meant
from genpas_cli.ingest.job import ingest
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import DataError
from genpas_cli.runtime.json.sealed import content_digest
from genpas_cli.runtime.library.arguments import Sources, TableSource, source_names
from genpas_cli.runtime.machine import MachineOptions, lasting_options, machine_options, resolve, scratch_directory
from genpas_cli.runtime.object_storage.locations import file_digest, location_of
from genpas_cli.runtime.object_storage.remote import is_remote
from genpas_cli.runtime.progress import Progress
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.access import open_store
from genpas_cli.store.item_ids import StoreIds
from genpas_cli.store.schema import is_store
from genpas_cli.training.comparison import ACCURACY, SeedRun
from genpas_cli.training.job import train
from genpas_cli.training.model_choice import codes_digest, model_codes, without_codes_path
from genpas_cli.training.model_directories import MODELS, PAIRS, STORE, read_metrics
from genpas_cli.training.options import ModelOptions, RunsOptions, TrainOptions

Observe = Callable[[str, SeedRun], None]
"""Called after each run with the strategy's name and the run."""


def runs_settings(
    sources: Sources, reading: IngestOptions | None, model: ModelOptions, *others: MachineOptions
) -> dict[str, Any]:  # fmt: skip
    """Return everything that determines the results of runs, see `genpas_cli.augment.resumable.resumable`."""
    names = log_names(sources)
    log = [names, [_content(name, model) for name in names], lasting_options(reading or IngestOptions())]
    lasting = {name: value for each in (model, *others) for name, value in lasting_options(each).items()}
    return {
        "log": content_digest(log), "codes": codes_digest(model), "options": without_codes_path(lasting),
        "versions": {"torch": version("torch")},
    }  # fmt: skip


def _content(name: str, options: MachineOptions) -> list[str | None]:
    """Return the content digest of a store, or the digests of the files of logs.

    Raises:
        DataError: the source does not exist, or cannot be read.
    """
    if isinstance(name, TableSource):
        return [None]
    if is_store(Path(name)):
        machine = resolve(options)
        with scratch_directory(machine.temp_dir) as scratch, open_store(Path(name), machine, scratch) as store:
            return [store.content_digest]
    return [_digest(path, found) for path, found in files_meant(name)]


def _digest(path: Path, name: str) -> str | None:
    if is_remote(name):
        return file_digest(location_of(name))
    if (table := lake_table(path, name)) is not None:
        return "@".join(version_of(table))
    if not path.is_file():  # stdin or a pipe can be read only once
        return None
    try:
        return file_digest(path)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def store_of(
    sources: Sources, work: Path, options: RunsOptions, reading: IngestOptions | None, progress: Progress
) -> Path:
    """Return the store named by `sources`, or the store in `work` made from the logs, now or by a stopped run."""
    names = source_names(sources)
    if len(names) == 1 and is_store(Path(names[0])):
        given = Path(names[0]).absolute()
        _check_codes(given, options)
        return given
    store = work / STORE
    if not store.exists():
        ingest(names, store, replace(reading or IngestOptions(), **machine_options(options)), progress=progress)
        try:
            _check_codes(store, options)
        except DataError:
            store.unlink()  # so that nothing is left that the next run, with other codes, would have to continue
            raise
    return store


def _check_codes(path: Path, options: ModelOptions) -> None:
    """Check the codes of the items before any figure is computed or pair is cut; see `model_codes`."""
    if options.semantic_ids is not None:
        machine = resolve(options)
        with scratch_directory(machine.temp_dir) as scratch, open_store(path, machine, scratch) as store:
            model_codes(options, StoreIds(store))


class Cutting(NamedTuple):
    """How the pairs of some runs are cut."""

    name: str
    """Unique among the runs of a directory."""
    strategy: Strategy
    targets: dict[str, Any]
    """See `target_settings`."""

    @property
    def is_sampled(self) -> bool:
        """Whether pairs are drawn even if the strategy has a list of them, because its targets are weighted."""
        return self.strategy.enumeration is None or is_weighted(self.targets)


@dataclass(frozen=True)
class Runs:
    """Makes pairs and models of several strategies and seeds in one directory; existing ones are reused."""

    store: Path
    directory: Path
    options: RunsOptions
    max_input: str
    pairs: str | None
    draw: Literal["balanced", "independent"] = "balanced"

    def run(
        self, cuttings: Sequence[Cutting], observe: Observe, progress: Progress, *, steps: int | None = None
    ) -> dict[str, list[SeedRun]]:
        """Return the runs of each cutting by name; the first seed of all comes before any second seed.

        Args:
            cuttings: how pairs are cut.
            observe: called after each run.
            progress: called with the progress.
            steps: maximum number of steps; None: that of the options.
        """
        done: dict[str, list[SeedRun]] = {each.name: [] for each in cuttings}
        plan = [(seed, each) for seed in range(self.options.seeds) for each in cuttings]
        for number, (seed, each) in enumerate(plan, 1):
            title = f"{each.name}, seed {seed} ({number} of {len(plan)})"
            run = self._run(each, seed, _titled(progress, title), steps)
            done[each.name].append(run)
            observe(each.name, run)
        return done

    def _run(self, cutting: Cutting, seed: int, progress: Progress, steps: int | None) -> SeedRun:
        rung = "" if steps is None else f"-steps-{steps}"
        model = self.directory / MODELS / f"{cutting.name}-seed-{seed}{rung}"
        if not os.path.lexists(model):
            chosen = self._train_options(cutting, seed)
            chosen = chosen if steps is None else replace(
                chosen, steps=steps, round_steps=min(chosen.round_steps, steps)
            )  # fmt: skip
            train(self._pairs(cutting, progress), model, chosen, resume=True, progress=progress)
        return _seed_run(model, seed, read_metrics(model))

    def _pairs(self, cutting: Cutting, progress: Progress) -> Path:
        pairs = self.directory / PAIRS / f"{cutting.name}.pairs"
        if not pairs.exists():
            cut = AugmentOptions(
                strategy=cutting.strategy.name, pairs=self.pairs,
                draw=self.draw if self._is_sampled(cutting) else "balanced", max_input=self.max_input,
                **cutting.targets, **machine_options(self.options),
            )  # fmt: skip
            augment(self.store, pairs, cut, progress=progress)
        return pairs

    def _is_sampled(self, cutting: Cutting) -> bool:
        return cutting.is_sampled or self.pairs not in (None, "all")

    def _train_options(self, cutting: Cutting, seed: int) -> TrainOptions:
        fresh = str(self.store) if self._is_sampled(cutting) and self.options.draws == "fresh" else None
        model = {field.name: getattr(self.options, field.name) for field in fields(ModelOptions)}
        return TrainOptions(**model, seed=seed, fresh=fresh, max_input=parse_max_input(self.max_input))


def _titled(progress: Progress, title: str) -> Progress:
    def tell(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        progress(f"{title}: {stage}", done, total, note)

    return tell


def _seed_run(model: Path, seed: int, metrics: dict[str, Any]) -> SeedRun:
    training = metrics["training"]
    means = {
        split: {
            name: found["value"]
            for name, found in metrics[split].items()
            if isinstance(found, dict) and "value" in found
        }
        for split in ("validation", "test")
    }
    curve = [(each["step"], each["validation"][ACCURACY]) for each in training["rounds"]]
    return SeedRun(
        seed, str(Path(*model.parts[-2:])), training["steps"], training["best_step"], curve, means["validation"],
        means["test"], metrics["run"]["seconds"],
    )  # fmt: skip


def mean_of(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each metric over runs."""
    return {name: statistics.fmean(run[name] for run in runs) for name in runs[0]}
