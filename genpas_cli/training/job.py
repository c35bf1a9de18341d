"""`train`: trains a reference model on a pairs directory, and evaluates it on the held-out pairs."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pyarrow as pa
import pyarrow.parquet as pq

from genpas_cli.augment.fresh_pairs import fresh_pairs
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.resumable import resumable
from genpas_cli.augment.source_store import opened_store
from genpas_cli.augment.target_weights import target_settings
from genpas_cli.augment.verify import check_store
from genpas_cli.pairs.manifest import Manifest, manifest_files, read_manifest, run_facts
from genpas_cli.pairs.reader import PairFiles
from genpas_cli.runtime.atomic_output import finished, refuse_existing
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.library.arguments import checked
from genpas_cli.runtime.machine import check_writable, disk_error, lasting_options, machine_options, resolve
from genpas_cli.runtime.object_storage.locations import Location, location_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.training.keywords import TrainKeywords
from genpas_cli.training.model_choice import (
    LONGEST_INPUT,
    builder,
    codes_digest,
    model_codes,
    with_sizes,
    without_codes_path,
)
from genpas_cli.training.model_directories import METRICS, described, foreign_in_model
from genpas_cli.training.options import TrainOptions
from genpas_cli.training.train_report import TrainReport, history

if TYPE_CHECKING:
    from genpas_cli.training.runs.loop import Round
    from genpas_cli.training.runs.run import Outcome, RunPlan, Sources

PLACES = "test_places.parquet"
CURVE = "learning_curve.csv"

Observe = Callable[["Round"], None]


@checked
def train(  # noqa: PLR0913  # all but three by keyword
    pairs: str | Path, output: str | Path | None = None, options: TrainOptions | None = None, *,
    resume: bool = False, force: bool = False, observe: Observe = lambda _: None, progress: Progress = silent,
    **_: Unpack[TrainKeywords],
) -> TrainReport:  # fmt: skip
    """Train a reference model on pairs, and rank items for every held-out pair.

    Args:
        pairs: a pairs directory with validation and test pairs, local or on object storage.
        output: the output directory; by default `<name of the pairs>.model` in the current directory.
        options: the model, its training, its evaluation.
        resume: continue a stopped run with the same output and options.
        force: overwrite an existing output, and discard a stopped run.
        observe: called with the round after every evaluation on the validation pairs.
        progress: called with the progress.

    Returns:
        The model directory and its metrics.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`.
    """
    check_extra("genpas train", "train")
    from genpas_cli.training.runs.devices import find_device
    from genpas_cli.training.runs.run import run

    started, options, directory = time.monotonic(), options or TrainOptions(), location_of(pairs)
    options = with_sizes(options)
    if options.max_input is not None and options.max_input < 1:
        raise UsageError(f"--max-input is {options.max_input}; it must be 1 or more")
    device, machine = find_device(options.device), resolve(options)
    path = Path(output) if output is not None else Path(f"{directory.absolute().name.removesuffix('.pairs')}.model")
    refuse_existing(path, force=force, foreign=foreign_in_model, resume=resume)
    manifest = _held_out_manifest(directory)
    plan, settings = _plan(directory, manifest, options, device.type), _settings(manifest, options)
    sources = _sources(directory, manifest, options, plan)
    check_writable(path.absolute().parent)
    with resumable(path, settings, foreign=foreign_in_model, resume=resume, force=force) as work:
        rounds: list[Round] = []

        def noted(each: Round) -> None:
            rounds.append(each)
            observe(each)

        outcome = run(
            plan, sources, directory=work, device=device, threads=machine.threads, observe=noted, progress=progress
        )
        seconds = time.monotonic() - started
        metrics = _metrics(outcome, plan, settings, directory, options.semantic_ids) | {
            "run": {**run_facts(seconds), "device": str(device), "threads": machine.threads, **_pace(outcome)}
        }
        metrics = _write(work, outcome, metrics)
    resumed = outcome.rounds[-1].step if not rounds else rounds[0].step - outcome.rounds[0].step
    return TrainReport(str(path), metrics, resumed)


def _held_out_manifest(directory: Location) -> Manifest:
    """Return the manifest; raise DataError if there are no validation or no test pairs."""
    manifest = read_manifest(directory)
    held = {file["split"] for file in manifest["files"]}
    if missing := [split for split in ("validation", "test") if split not in held]:
        rule = manifest["split"]["rule"]
        raise DataError(
            f"{directory} has no {' and no '.join(missing)} pairs (--split {rule}): validation pairs are needed to "
            "choose the model, and test pairs to evaluate it",
            tip="Hold out interactions: genpas augment LOGS --split leave-one-out -o DIR",
        )
    return manifest


def _plan(directory: Location, manifest: Manifest, options: TrainOptions, device: str) -> RunPlan:
    from genpas_cli.training.runs.loop import Schedule
    from genpas_cli.training.runs.run import RunPlan

    codes = None
    if options.semantic_ids is not None:
        items = PairFiles(directory).vocabulary("items")
        assert items is not None, "a pairs directory has one"
        codes = model_codes(options, items)
    build = builder(options, manifest["items"], _longest_input(manifest["max_input"], options), codes)
    bf16 = options.precision == "bf16" or (options.precision == "auto" and device == "cuda")
    schedule = Schedule(
        options.steps, options.round_steps, options.patience, options.lr, options.weight_decay, bf16
    )  # fmt: skip
    return RunPlan(build, schedule, options.batch_size, options.seed, filter_seen=options.seen == "filter")


def _longest_input(of_pairs: int | None, options: TrainOptions) -> int:
    usual = LONGEST_INPUT[options.model]
    wanted = options.max_input or (usual if options.model == "tiger" else of_pairs or usual)
    return min(wanted, of_pairs or wanted)


def _sources(directory: Location, manifest: Manifest, options: TrainOptions, plan: RunPlan) -> Sources:
    from genpas_cli.loaders.pair_shards import PairsDirectory, PairShards
    from genpas_cli.training.runs.data import FirstEpochs
    from genpas_cli.training.runs.run import Sources

    written = PairsDirectory(directory)
    drawn: PairShards = written
    if options.fresh is not None:
        if options.epochs_data is not None:
            raise UsageError("--epochs-data cannot be combined with --fresh, which draws new pairs in every epoch")
        draw = _drawn_as(manifest, plan, options)
        drawn = fresh_pairs(options.fresh, draw)
        _check_store(directory, manifest, options.fresh, draw)
    elif options.epochs_data is not None:
        if options.epochs_data > manifest["epochs"]:
            raise UsageError(
                f"--epochs-data is {options.epochs_data}, but {directory} has {manifest['epochs']} "
                f"epoch{'' if manifest['epochs'] == 1 else 's'}",
                tip=f"Draw more epochs: genpas augment ... --epochs {options.epochs_data}",
            )
        drawn = FirstEpochs(written, options.epochs_data)
    return Sources(drawn, written, _vocabulary(manifest))


def _drawn_as(manifest: Manifest, plan: RunPlan, options: TrainOptions) -> AugmentOptions:
    """Return options that draw from the distribution of a manifest's pairs, for as many epochs as a run can need."""
    strategy = manifest["strategy"]
    enumerated = strategy["draw"] == "enumerated"
    epochs = -(-plan.schedule.steps * plan.batch_size // manifest["pairs"])
    return AugmentOptions(
        strategy=strategy["name"], draw="balanced" if enumerated else strategy["draw"],
        pairs="all" if enumerated else str(manifest["pairs"]), epochs=1 if enumerated else epochs,
        max_input="none" if manifest["max_input"] is None else str(manifest["max_input"]), seed=manifest["seed"],
        shard_rows=manifest["shard_rows"], **target_settings(manifest), **machine_options(options),
    )  # fmt: skip


def _vocabulary(manifest: Manifest) -> str:
    return next(file.sha256 for file in manifest_files(manifest) if file.path == "items.parquet")


def _check_store(directory: Location, manifest: Manifest, path: str, options: AugmentOptions) -> None:
    """Raise an error unless the pairs of a directory were made from this store.

    Otherwise item numbers could mean other items, and training pairs could contain held-out interactions.
    """
    with opened_store(path, options) as opened:
        if manifest.get("content_sha256") is None:
            raise DataError(
                f"{directory} does not record the store that it was made from (--engine spark and earlier versions of "
                f"genpas do not record it), so genpas cannot check that {path} is the right store",
                tip=f"Make the pairs again: genpas augment {path} -o DIR",
            )
        check_store(opened.store, directory, manifest)


def _settings(manifest: Manifest, options: TrainOptions) -> dict[str, Any]:
    """Return everything that determines the result of a run; a run is resumed only with equal settings."""
    identity = json.dumps({key: value for key, value in manifest.items() if key != "run"}, sort_keys=True)
    return {
        "pairs": hashlib.sha256(identity.encode()).hexdigest(), "vocabulary": _vocabulary(manifest),
        "codes": codes_digest(options), "options": without_codes_path(lasting_options(options)),
        "versions": {"torch": version("torch")},
    }  # fmt: skip


def _metrics(
    outcome: Outcome, plan: RunPlan, settings: dict[str, Any], directory: Location, codes: str | None
) -> dict[str, Any]:
    manifest, last = read_manifest(directory), outcome.rounds[-1]
    return {
        "format_version": 1,
        "pairs": {
            "directory": finished(str(directory)), "digest": settings["pairs"], "vocabulary": settings["vocabulary"],
            "strategy": manifest["strategy"], "pairs": manifest["pairs"], "epochs": manifest["epochs"],
        },
        **({} if codes is None else {"codes": {"file": codes, "sha256": settings["codes"]}}),
        "model": {"name": settings["options"]["model"], **outcome.size, "parameters": outcome.parameters},
        "options": {
            name: finished(value) if name == "fresh" and value is not None else value
            for name, value in settings["options"].items()
        },
        "training": {
            "steps": last.step, "best_step": outcome.best.step, "epochs": last.epoch + 1,
            "stopped_by": "steps" if last.step >= plan.schedule.steps else "patience",
            "rounds": [asdict(each) for each in outcome.rounds],
        },
        "evaluation": {"items": manifest["items"], "seen": settings["options"]["seen"], **outcome.ranking},
        "validation": outcome.validation,
        "test": outcome.test,
        "versions": {"genpas": version("genpas"), **settings["versions"]},
    }  # fmt: skip


def _pace(outcome: Outcome) -> dict[str, float]:
    steps = outcome.times["steps"]
    return {
        "training_seconds": round(steps, 3),
        "step_milliseconds": round(1000 * steps / outcome.rounds[-1].step, 2),
        "loader_share": round(outcome.times["loader"] / steps, 4),
        "evaluation_seconds": round(outcome.times["evaluation"], 3),
    }


def _write(work: Path, outcome: Outcome, metrics: dict[str, Any]) -> dict[str, Any]:
    """Write the files of a model directory except the model; return the metrics as written."""
    from genpas_cli.training.runs.run import CHECKPOINT, MODEL

    ranked = outcome.ranked_test
    places = pa.table({
        "user_num": ranked.user, "target_item": ranked.target, "above": ranked.places.above,
        "equal": ranked.places.equal, "input_length": ranked.input_length,
        "popularity_rank": outcome.test_popularity_rank,
    })  # fmt: skip
    try:
        pq.write_table(places, work / PLACES)
        with (work / CURVE).open("w", encoding="utf-8", newline="") as file:
            columns = history(metrics["training"]["rounds"])
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        metrics = described(work, metrics, [MODEL, PLACES, CURVE])
        (work / METRICS).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        (work / CHECKPOINT).unlink()
    except OSError as error:
        raise disk_error(error, work) from error
    return metrics
