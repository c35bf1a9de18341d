"""`augment`: input–target pairs from a store or logs, as shards with a manifest or as a stream."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from genpas_cli.augment.companions import info_record, information, write_companions
from genpas_cli.augment.engines.local import write_shards
from genpas_cli.augment.engines.work import Part
from genpas_cli.augment.keywords import AugmentKeywords
from genpas_cli.augment.options import AugmentOptions
from genpas_cli.augment.outputs import destination
from genpas_cli.augment.planning.job_plan import AugmentPlan, Job, plan_as_json, plan_job, resolve_options
from genpas_cli.augment.source_store import default_output, opened_store
from genpas_cli.augment.target_weights import target_settings
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.ingest.report import IngestReport
from genpas_cli.pairs.manifest import (
    FORMAT_VERSION,
    Manifest,
    library_versions,
    run_facts,
    write_manifest,
)
from genpas_cli.pairs.manifest_keys import ItemInfoRecord
from genpas_cli.pairs.shards import FinishedShards, ShardFile, rows_by_split
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.json.numbers import number_as_json
from genpas_cli.runtime.library.arguments import Sources, checked
from genpas_cli.runtime.machine import lasting_options
from genpas_cli.runtime.object_storage.remote import is_remote
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.results.reports import Report
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.store.store import Store

if TYPE_CHECKING:
    from genpas_cli.ingest.item_info import ItemInfo


class HeldOutCounts(TypedDict):
    """What is held out."""

    rule: str
    """Value of `--split`."""
    validation: int
    """Number of validation interactions."""
    test: int
    """Number of test interactions."""
    users_in_train_only: int
    """Users without held-out interactions."""
    without_input: int
    """Held-out interactions that are not targets, because nothing came before them, or a condition or a weight of 0
    excludes them."""


class WeightFigures(TypedDict):
    """How unequal the weights of the possible training targets are."""

    targets: int
    """Number of possible training targets, without those of weight 0."""
    effective_targets: float
    """Their effective sample size, (Σ w)² / Σ w²: about as many targets carry the weight."""


@dataclass(frozen=True, repr=False)
class AugmentReport(Report):
    """The report of `augment`; `genpas augment --json` prints its fields."""

    output: str
    """The pairs directory."""
    strategy: str
    """Name or triple."""
    draw: str
    """`balanced`, `independent` or `enumerated`."""
    seed: int
    pairs: dict[str, int]
    """Rows by split; the training rows of all epochs together."""
    epochs: int
    part: str | None
    """The part of the data set, such as "3/8"; None for all of it."""
    files: int
    """Number of shards, including files of sequences in the form `cuts`."""
    resumed: int
    """Number of these shards that a previous run had finished."""
    bytes: int
    """Size of all shards."""
    held_out: HeldOutCounts
    """`rule` of the split, `validation` and `test` interactions, `users_in_train_only`, and `without_input` (held-out
    interactions that are not targets, because nothing came before them, or a condition or a weight
    of 0 excludes them)."""
    log: IngestReport | None
    """How the log was read, cleaned and split; None if the source was a store."""
    seconds: float
    was_complete: bool = False
    """Whether the output was complete already, so that `resume` left it unchanged."""
    shards_of_all_parts: int = 0
    """Number of shards of all parts together; equal to `files` if this is no part."""
    users_are_sessions: bool = False
    """Whether each sequence is a session (`--session-gap`), so that sessions are counted as users."""
    item_info: ItemInfoRecord | None = None
    """The file of item information, and the number of items that it lacks; None without `--item-info`."""
    weights: WeightFigures | None = None
    """How unequal the weights of the possible training targets are; None without weights, and for a strategy that never
    draws some of these targets."""


@checked
def augment(  # noqa: PLR0913  # all but three by keyword
    sources: Sources, output: str | Path | None = None, options: AugmentOptions | None = None, *,
    ingest_options: IngestOptions | None = None, keep_store: str | Path | None = None, part: str | None = None,
    resume: bool = False, force: bool = False, progress: Progress = silent, **_: Unpack[AugmentKeywords],
) -> AugmentReport:  # fmt: skip
    """Cut input–target pairs from a store, or from logs, and write them as Parquet shards.

    Args:
        sources: one store; or logs (files, globs, directories, "-"), which are ingested first.
        output: the output directory, local or on object storage; by default `<name of the first source>.pairs` in the
            current directory.
        options: the strategy, number and form of pairs; by default α, β, γ = 1, 0, 0 and Multi-Target's number.
        ingest_options: how logs are read; for a store only `keep` may be set.
        keep_store: path at which the store made from logs is kept.
        part: "3/8" makes the third of eight parts, as `<output>.part-3-of-8`, for `merge`.
        resume: keep finished shards if the run is stopped, and continue a stopped run. If the output is complete
            already, it is left unchanged.
        force: overwrite an existing output.
        progress: called with the progress.

    Returns:
        The report.

    Raises:
        UsageError, DataError, IntegrityError, MachineError: see `genpas_cli.runtime.errors`; no output is published.
    """
    started, options = time.monotonic(), options or AugmentOptions()
    resolved = resolve_options(options, part)
    place = destination(part_name(output if output is not None else default_output(sources, ".pairs"), resolved.part))
    place.refuse_existing(resume=resume, force=force)
    if keep_store is not None and Path(keep_store).absolute() == Path(str(place)).absolute():
        raise UsageError(
            f"--store and -o are both {place}",
            tip=f"Name the store differently, for example: --store {shell_word(f'{place}.store')}",
        )
    with ExitStack() as stack:
        opened = stack.enter_context(opened_store(
            sources, options, ingest_options, keep_store=keep_store, rejects=rejects_beside(Path(str(place))),
            force=force, replace_rejects=resume, progress=progress,
        ))  # fmt: skip
        job = plan_job(opened.store, resolved, opened.keep, opened.machine)
        place.check_room(job, opened.machine)
        info = stack.enter_context(information(opened.store, options, opened.machine))
        manifest = manifest_of(opened.store, job, options, info)
        made = {file.path: file for file in place.made(manifest, force=force) or ()} if resume else {}
        was_complete = bool(resumed := [made[shard.name] for shard in job.shards if shard.name in made])
        if was_complete:
            written = resumed
        else:
            settings = _settings(manifest, options, part)
            with place.building(settings, opened.machine, resume=resume, force=force) as finished:
                resumed = list(finished.files.values())
                files = _write(opened.store, job, finished, manifest, info, progress)
                write_manifest(finished.directory, {**manifest, "run": run_facts(time.monotonic() - started)}, files)
            written = files[: len(job.shards)]
    return AugmentReport(
        str(place), job.strategy.name, job.train.sampling.draw, options.seed, rows_by_split(written), options.epochs,
        part, len(written), len(resumed), sum(file.bytes for file in written), held_out_of(opened.store, job),
        opened.log, round(time.monotonic() - started, 3), was_complete, job.shards_of_all_parts,
        opened.store.meta["options"].get("session_gap") is not None, manifest.get("item_info"),
        _weights_of(opened.store, job),
    )  # fmt: skip


def part_name(output: str | Path, part: Part | None) -> str:
    """Return the path of one part of an output: the output's path with a suffix."""
    return str(output) if part is None else f"{str(output).rstrip('/')}.part-{part.number}-of-{part.of}"


def _settings(manifest: Manifest, options: AugmentOptions, part: str | None) -> dict[str, Any]:
    """Return everything that determines the output, in the form that `resumable` takes."""
    log = [manifest[key] for key in ("source", "ingest", "content_sha256", "users", "items", "split", "keep")]
    digest = hashlib.sha256(json.dumps(log, sort_keys=True).encode()).hexdigest()
    return {"log": digest, "options": lasting_options(options) | {"part": part}, "versions": manifest["versions"]}


@checked
def plan(
    sources: Sources, options: AugmentOptions | None = None, *,
    ingest_options: IngestOptions | None = None, part: str | None = None, progress: Progress = silent,
    **_: Unpack[AugmentKeywords],
) -> AugmentPlan:  # fmt: skip
    """Return what `augment` would write, and the resources it would take, without writing.

    Returns:
        A dictionary: `strategy`, `draw`, `pairs` (by split), `epochs`, `part`, `shards` (of the part, by split),
        `bytes` (of the part) and `memory` (both estimates in bytes), `threads`, `multi_target_pairs`.

    Raises:
        UsageError, DataError, MachineError: see `genpas_cli.runtime.errors`.
    """
    options = options or AugmentOptions()
    resolved = resolve_options(options, part)
    with opened_store(sources, options, ingest_options, progress=progress) as opened:
        return plan_as_json(plan_job(opened.store, resolved, opened.keep, opened.machine))


def rejects_beside(output: Path) -> Path:
    """Return the path of the file of bad rows: next to the output, or in the current directory if that is remote."""
    name = f"{output.name}.rejects.csv"
    return Path(name) if is_remote(output) else output.with_name(name)


def _write(  # all needed
    store: Store, job: Job, finished: FinishedShards, manifest: Manifest, info: ItemInfo | None, progress: Progress
) -> list[ShardFile]:  # fmt: skip
    """Write the shards and their companion files; return the files."""
    files = write_shards(store, job.shards, job.form, finished, threads=job.workers, progress=progress)
    files += write_companions(store, job, finished.directory, files, manifest, info)
    finished.close()
    return files


def manifest_of(store: Store, job: Job, options: AugmentOptions, info: ItemInfo | None = None) -> Manifest:
    """Return the manifest without the files and the facts of the run."""
    strategy, sampling = job.strategy, job.train.sampling
    biases = {name: number_as_json(getattr(strategy, name)) for name in ("alpha", "beta", "gamma")}
    given = {name: number_as_json(value) for name, value in strategy.parameters}
    parameters = {"parameters": given} if given else {}
    return {
        "format_version": FORMAT_VERSION,
        "source": sorted(store.rows("sources"), key=lambda source: str(source["name"])),
        "ingest": {"options": store.meta["options"], "funnel": store.rows("funnel")},
        "content_sha256": store.content_digest,
        "users": store.users,
        "items": store.items,
        "split": store.meta["split"],
        "strategy": {"name": strategy.name, **biases, **parameters, "draw": sampling.draw},
        "seed": options.seed,
        "pairs": sampling.pairs,
        "epochs": options.epochs,
        "max_input": job.form.max_input,
        "order": job.form.order,
        "form": options.form,
        "encoding": job.form.encoding,
        "shard_rows": options.shard_rows,
        "keep": list(job.form.kept),
        **_targets_of(options),
        "schema": {field.name: str(field.type) for field in job.form.schema},
        "versions": library_versions(),
        **({} if info is None else {"item_info": info_record(info, options)}),
        **({} if job.part is None else {"part": str(job.part)}),
    }


def _targets_of(options: AugmentOptions) -> Manifest:
    """Return what restricts and weighs targets; `target_where` always, the others only if they are given."""
    settings = target_settings(options)
    return {name: value for name, value in settings.items() if value is not None or name == "target_where"}


def _weights_of(store: Store, job: Job) -> WeightFigures | None:
    # Of targets that a strategy never draws, the sample size would count the weights all the same.
    draws_all = bool(job.strategy.target.pmf(np.array([1, 2]), np.array([2, 2])).min() > 0)
    if store.rule is None or store.rule.effective is None or not draws_all:
        return None
    return {"targets": job.multi_target_pairs, "effective_targets": store.rule.effective}


def held_out_of(store: Store, job: Job) -> HeldOutCounts:
    """Return `AugmentReport.held_out`."""
    split = store.meta["split"]
    return {
        "rule": split["rule"],
        "validation": split["validation"],
        "test": split["test"],
        "users_in_train_only": split["users_in_train_only"],
        "without_input": job.without_input,
    }
