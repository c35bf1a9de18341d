"""`compare`: the accuracy of a model trained on the pairs of several strategies, with the same budget."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genpas_cli.augment.planning.job_plan import parse_max_input
from genpas_cli.augment.resumable import resumable
from genpas_cli.augment.source_store import default_output
from genpas_cli.augment.target_weights import check_target_options, target_settings
from genpas_cli.figures.options import FigureOptions, StatsOptions
from genpas_cli.figures.plan import parse_strategies
from genpas_cli.figures.stats import stats
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.json.sealed import sealed
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import made_with
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.sampling.strategies import COMPARED, MULTI_TARGET
from genpas_cli.training.comparison import ACCURACY, Compared, CompareReport, Difference, GroupAccuracy, SeedRun
from genpas_cli.training.cutting_rules import CuttingRule, parse_cutting_rule
from genpas_cli.training.job import PLACES
from genpas_cli.training.keywords import CompareKeywords
from genpas_cli.training.model_choice import with_sizes
from genpas_cli.training.model_directories import foreign_in_runs, read_metrics
from genpas_cli.training.options import CompareOptions, ModelOptions
from genpas_cli.training.strategy_runs import Cutting, Observe, Runs, mean_of, runs_settings, store_of

COMPARISON = "comparison.json"
"""The report's file, by which an output directory is recognized."""


@checked
def compare(  # noqa: PLR0913  # all but three by keyword
    sources: Sources, output: str | Path | None = None, options: CompareOptions | None = None, *,
    ingest_options: IngestOptions | None = None, resume: bool = False, force: bool = False,
    observe: Observe = lambda *_: None, progress: Progress = silent, **_: Unpack[CompareKeywords],
) -> CompareReport:  # fmt: skip
    """Cut pairs by several strategies, train the same model on each, and compare their accuracy.

    Args:
        sources: one store; or logs (files, globs, directories), which are ingested first.
        output: the output directory, with all pairs and models; by default `<name of the source>.comparison`.
        options: the strategies, the number of seeds, and the model.
        ingest_options: how logs are read; not allowed for a store.
        resume: continue a stopped comparison with the same output and options; finished runs are not repeated.
        force: overwrite an existing output.
        observe: called after each run with the strategy's name and the run.
        progress: called with the progress.

    Returns:
        The accuracy of each strategy, with the figures of its training distribution.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`.
    """
    check_extra("genpas compare", "train")
    options = with_sizes(options or CompareOptions())
    rules = _rules(options)
    path = Path(output) if output is not None else default_output(sources, ".comparison")
    refuse_existing(path, force=force, foreign=_foreign, resume=resume)
    settings = runs_settings(sources, ingest_options, options)
    with resumable(path, settings, foreign=_foreign, resume=resume, force=force) as work:
        store = store_of(sources, work, options, ingest_options, progress)
        figures = _figures(store, rules, options, progress)
        runs = Runs(store, work, options, options.max_input, options.pairs, options.draw)
        cuttings = [Cutting(each.name, each.strategy, each.targets(options)) for each in rules]
        done = runs.run(cuttings, observe, progress)
        report = _report(" ".join(source_names(sources)), path, work, options, figures, done)
        report = replace(report, made_with=made_with(options, reading=ingest_options))
        (work / COMPARISON).write_text(json.dumps(sealed(report.to_dict()), indent=2) + "\n", encoding="utf-8")
    return report


def _foreign(path: Path) -> str | None:
    return foreign_in_runs(path, COMPARISON)


def _rules(options: CompareOptions) -> list[CuttingRule]:
    """Return the cutting rules to compare; raise UsageError if a value is invalid."""
    parse_max_input(options.max_input)
    if not options.strategy:
        is_restricted = any(value is not None for value in target_settings(options).values())
        usual = parse_strategies(COMPARED)
        return [CuttingRule(each, None) for each in usual if each.sequence.follows_targets or not is_restricted]
    rules = [parse_cutting_rule(text) for text in options.strategy]
    names = [each.name for each in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--strategy {twice} is given twice")
    aged = any(each.half_life is not None for each in rules)
    check_target_options(replace(options, as_of=None) if aged else options)
    return rules


def _figures(
    store: Path, rules: Sequence[CuttingRule], options: CompareOptions, progress: Progress
) -> list[StrategyFigures]:
    """Return the figures of each rule, from one set of passes over the store for each half-life."""
    found: dict[str, StrategyFigures] = {}
    pairs = None if options.pairs == "all" else options.pairs
    shared = {field.name: getattr(options, field.name) for field in fields(FigureOptions)}
    for half_life in dict.fromkeys(each.half_life for each in rules):
        some = [each for each in rules if each.half_life == half_life]
        chosen = StatsOptions(
            **shared | some[0].targets(options), strategy=tuple(each.strategy.name for each in some), pairs=pairs
        )
        rows = stats(store, chosen, progress=progress).strategies
        found |= {each.name: replace(row, name=each.name) for each, row in zip(some, rows, strict=True)}
    return [found[each.name] for each in rules]


def _report(
    source: str, path: Path, work: Path, options: CompareOptions, figures: Sequence[StrategyFigures],
    done: dict[str, list[SeedRun]],
) -> CompareReport:  # fmt: skip
    names = [each.name for each in figures]
    baseline = MULTI_TARGET.name if MULTI_TARGET.name in names else names[0]
    gains = {name: _gains(work, runs) for name, runs in done.items()}
    strategies = [
        Compared(
            each.name, each.alpha, each.beta, each.gamma, each.pairs, each.kl_validation_train, each.kl_test_train,
            each.alignment_ratio, each.mean_input_length, mean_of([run.validation for run in done[each.name]]),
            mean_of([run.test for run in done[each.name]]), _deviation([run.test for run in done[each.name]]),
            None if each.name == baseline else difference(gains[each.name], gains[baseline]),
            *_accuracy(gains[each.name]), done[each.name],
        )
        for each in figures
    ]  # fmt: skip
    model = {field.name: getattr(options, field.name) for field in fields(ModelOptions)}
    return CompareReport(
        source, str(path), baseline, max(strategies, key=lambda each: each.validation[ACCURACY]).name, model,
        strategies, round(sum(run.seconds for runs in done.values() for run in runs), 1),
    )  # fmt: skip


def _deviation(runs: Sequence[dict[str, float]]) -> dict[str, float] | None:
    return None if len(runs) == 1 else {name: statistics.stdev(run[name] for run in runs) for name in runs[0]}


FIFTHS = 5


class Gains(NamedTuple):
    """NDCG@10 of each test pair, averaged over the seeds of a strategy, and the groups of the pair."""

    user: NDArray[np.int32]
    target: NDArray[np.int32]
    gain: NDArray[np.float64]
    input_length: NDArray[np.int32]
    fifth: NDArray[np.int64]
    """Fifth of the items, by popularity, that the target belongs to: 1 to 5, 1 for the most popular."""


def _gains(work: Path, runs: Sequence[SeedRun]) -> Gains:
    from genpas_cli.training.evaluation.ranking import TargetRanks, metrics_by_pair

    tables = [pq.read_table(work / run.model / PLACES) for run in runs]
    items = int(read_metrics(work / runs[0].model)["evaluation"]["items"])
    found = [
        metrics_by_pair(TargetRanks(table["above"].to_numpy(), table["equal"].to_numpy()), items)[ACCURACY]
        for table in tables
    ]
    user, target, length, rank = (
        tables[0][name].to_numpy() for name in ("user_num", "target_item", "input_length", "popularity_rank")
    )
    return Gains(user, target, np.mean(found, axis=0), length, (rank - 1) * FIFTHS // items + 1)


def _accuracy(gains: Gains) -> tuple[GroupAccuracy, list[GroupAccuracy], list[GroupAccuracy]]:
    """Return the accuracy of all pairs, by popularity and by history."""
    from genpas_cli.training.evaluation.accuracy import HISTORIES, history_name

    popularity = {str(fifth): gains.fifth == fifth for fifth in range(1, FIFTHS + 1)}
    history = {
        history_name(low, high): (gains.input_length >= low) & (gains.input_length <= (high or np.inf))
        for low, high in HISTORIES
    }
    whole = np.ones(len(gains.user), np.bool_)
    return _group("all", gains, whole), _groups(popularity, gains), _groups(history, gains)


def _groups(members: dict[str, NDArray[np.bool_]], gains: Gains) -> list[GroupAccuracy]:
    return [_group(name, gains, member) for name, member in members.items() if member.any()]


def _group(name: str, gains: Gains, member: NDArray[np.bool_]) -> GroupAccuracy:
    from genpas_cli.training.evaluation.ranking import bootstrap

    found = bootstrap(gains.gain[member], gains.user[member])
    return GroupAccuracy(name, int(member.sum()), found.value, found.low, found.high)


def difference(of: Gains, to: Gains) -> Difference:
    """Return the paired difference in NDCG@10, `of` minus `to`, with a bootstrap interval."""
    from genpas_cli.training.evaluation.ranking import bootstrap

    assert np.array_equal(of.user, to.user), "test pairs do not depend on the strategy"
    assert np.array_equal(of.target, to.target), "test pairs do not depend on the strategy"
    return Difference(**vars(bootstrap(of.gain - to.gain, of.user)))
