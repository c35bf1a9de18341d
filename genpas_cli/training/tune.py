"""`tune`: searches cutting rules by the distribution of their training pairs, and optionally trains the best ones."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np

from genpas_cli.augment.resumable import resumable
from genpas_cli.augment.source_store import OpenedSource, default_output, opened_store
from genpas_cli.augment.target_weights import check_target_options, target_settings
from genpas_cli.figures.distribution.selection import (
    ALIKE,
    by_entropy,
    canonical_order,
    front,
    published,
)
from genpas_cli.figures.plan import figure_plan, parse_strategies
from genpas_cli.figures.results import Configuration, TrainedConfiguration, TuneReport
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.atomic_output import refuse_existing
from genpas_cli.runtime.errors import DataError, UsageError
from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.json.numbers import number_as_json
from genpas_cli.runtime.json.sealed import sealed
from genpas_cli.runtime.library.arguments import Sources, checked, source_names
from genpas_cli.runtime.machine import made_with
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.progress import Progress, silent
from genpas_cli.runtime.text.shell import shell_word
from genpas_cli.sampling.power_law import check_exponent
from genpas_cli.sampling.strategies import RULES, triple
from genpas_cli.training.comparison import ACCURACY, SeedRun
from genpas_cli.training.cutting_rules import CuttingRule, parse_cutting_rule
from genpas_cli.training.halving import survivors, trained_by_halving
from genpas_cli.training.keywords import TuneKeywords
from genpas_cli.training.model_choice import with_sizes
from genpas_cli.training.model_directories import foreign_in_runs
from genpas_cli.training.options import RunsOptions, TuneOptions
from genpas_cli.training.search_figures import SearchFigures
from genpas_cli.training.search_plan import SearchPlan
from genpas_cli.training.strategy_runs import Cutting, Observe, Runs, mean_of, runs_settings, store_of

SEARCH = "search.json"
"""The report's file, by which an output directory is recognized."""

_MOST_CONFIGURATIONS = 10_000
_BIASES = ("alpha", "beta", "gamma")


@checked
def tune(  # noqa: PLR0913  # all but two by keyword
    sources: Sources, options: TuneOptions | None = None, *, ingest_options: IngestOptions | None = None,
    training: RunsOptions | None = None, output: str | Path | None = None, resume: bool = False, force: bool = False,
    observe: Observe = lambda *_: None, progress: Progress = silent, **_: Unpack[TuneKeywords],
) -> TuneReport:  # fmt: skip
    """Rank every (α, β, γ) of a grid, and other rules, by how closely their pairs match the validation pairs.

    With `train_top`, a model is trained on the pairs of each of the first configurations and of each strategy in
    `strategy`, and the best by validation accuracy wins. Test pairs affect neither.

    Args:
        sources: one store; or logs (files, globs, directories, "-"), which are ingested first.
        options: the grid, other strategies, and the selection.
        ingest_options: how logs are read; not allowed for a store.
        training: the model, its training and its evaluation.
        output: the output directory with the models of `train_top`; by default `<name of the source>.search`.
        resume: continue a search with the same output and options that was stopped while training.
        force: overwrite an existing output.
        observe: called after each run with the strategy's name and the run.
        progress: called with the progress.

    Returns:
        All configurations, the winner, and its `genpas augment` command.

    Raises:
        UsageError, DataError, MachineError, IntegrityError: see `genpas_cli.runtime.errors`.
    """
    began, options = time.monotonic(), options or TuneOptions()
    plan = search_plan(options)
    if options.train_top is None:
        return _searched(sources, options, plan, ingest_options, progress)
    check_extra("--train-top", "train")
    training = with_sizes(training or RunsOptions())
    path = Path(output) if output is not None else default_output(sources, ".search")
    refuse_existing(path, force=force, foreign=_foreign, resume=resume)
    settings = runs_settings(sources, ingest_options, training, options)
    with resumable(path, settings, foreign=_foreign, resume=resume, force=force) as work:
        store = store_of(sources, work, training, ingest_options, progress)
        found = replace(
            _searched(store, options, plan, None, progress), source=" ".join(source_names(sources)), output=str(path),
            made_with=made_with(options, training, reading=ingest_options),
        )  # fmt: skip
        runs = Runs(store, work, training, options.max_input, options.pairs)
        cuttings = [_cutting(each, options) for each in _to_train(found.configurations, plan.named, options.train_top)]
        if options.search == "halving":
            ends = None if options.minutes is None else began + 60 * options.minutes
            done = trained_by_halving(runs, cuttings, observe, progress, ends)
        else:
            done = runs.run(cuttings, observe, progress)
        report = _trained(found, options, done)
        (work / SEARCH).write_text(json.dumps(sealed(report.to_dict()), indent=2) + "\n", encoding="utf-8")
    return report


def _to_train(ranked: Sequence[Configuration], named: Sequence[str], first: int) -> list[Configuration]:
    """Return the first configurations, and the best one of each named strategy that is not among them."""
    chosen = list(ranked[:first])
    for name in named:
        if all(_strategy_of(each) != name for each in chosen):
            chosen.append(next(each for each in ranked if _strategy_of(each) == name))
    return chosen


def _strategy_of(row: Configuration) -> str:
    return row.name.partition("@")[0]


def _cutting(row: Configuration, options: TuneOptions) -> Cutting:
    rule = parse_cutting_rule(row.name)
    return Cutting(rule.name, rule.strategy, rule.targets(replace(options, half_life=None)))


def _foreign(path: Path) -> str | None:
    return foreign_in_runs(path, SEARCH)


def _searched(
    sources: Sources, options: TuneOptions, plan: SearchPlan, reading: IngestOptions | None, progress: Progress
) -> TuneReport:
    # The weights by age are not those of the whole search, so that they are computed in `SearchFigures`.
    unweighted = replace(options, half_life=None, as_of=None)
    with opened_store(sources, unweighted, reading, progress=progress) as opened:
        found = _search(opened, options, plan, " ".join(source_names(sources)), progress)
    return replace(found, made_with=made_with(options, reading=reading))


def _trained(report: TuneReport, options: TuneOptions, done: dict[str, list[SeedRun]]) -> TuneReport:
    """Return the report with the trained configurations; the winner has the best mean validation accuracy."""
    trained = [
        TrainedConfiguration(
            name, mean_of([run.validation for run in runs])[ACCURACY], [run.validation[ACCURACY] for run in runs],
            [run.model for run in runs], max(run.steps for run in runs),
        )
        for name, runs in done.items()
    ]  # fmt: skip
    best = trained[0].name if options.search == "halving" else max(trained, key=lambda each: each.validation).name
    winner = next(each for each in report.configurations if each.name == best)
    return replace(report, winner=best, command=_command(report.source, winner, options), trained=trained, undecided=[])


def _command(source: str, winner: Configuration, options: TuneOptions) -> str:
    strategy = _strategy_of(winner)
    if strategy.partition(":")[0] in RULES:
        rule = f"-s {shell_word(strategy)}"
    else:
        rule = " ".join(f"--{name}={bias}" for name, bias in zip(_BIASES, strategy.split(","), strict=True))
    usual, chosen = TuneOptions(), replace(options, half_life=winner.half_life)
    given = {
        flag_of(name): value for name in ("pairs", "max_input", *target_settings(options))
        if (value := getattr(chosen, name)) != getattr(usual, name)
        and (name != "as_of" or winner.half_life is not None)
    }  # fmt: skip
    others = "".join(f" {flag} {shell_word(str(value))}" for flag, value in given.items())
    return f"genpas augment {shell_word(source)} {rule}{others}"


def search_plan(options: TuneOptions) -> SearchPlan:
    """Parse and check the options of a search; raise UsageError if a value is invalid."""
    grid = {name: parse_values(str(getattr(options, name)), name) for name in _BIASES}
    half_lives = _half_lives(options)
    count = (math.prod(map(len, grid.values())) + len(options.strategy)) * len(half_lives)
    if count > _MOST_CONFIGURATIONS:
        raise UsageError(f"the grid has {count:,} configurations; the maximum is {_MOST_CONFIGURATIONS:,}")
    if not 0 < options.keep_share <= 1:
        raise UsageError(f"--keep-share is {options.keep_share}; it must be a share above 0, up to 1")
    for name in ("top", "train_top"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"{flag_of(name)} is {value}; it must be 1 or more")
    triples = sorted(itertools.product(grid["alpha"], grid["beta"], grid["gamma"]), key=canonical_order)
    strategies = [triple(*biases) for biases in triples]
    in_grid = {each.name for each in strategies}
    named = parse_strategies(options.strategy)
    others = [each for each in named if each.name not in in_grid]
    figures = figure_plan(options, [*strategies, *others], options.pairs)
    if options.minutes is not None:
        if options.search != "halving" or options.train_top is None:
            raise UsageError(
                "--minutes needs --search halving and --train-top K, whose training it shortens",
                tip="For example: --search halving --train-top 8 --minutes 15",
            )
        if not 0 < options.minutes < math.inf:
            raise UsageError(f"--minutes is {options.minutes:g}; it must be a number above 0")
    return SearchPlan(grid, half_lives, [each.name for each in named], [each.name for each in others], figures)


def _half_lives(options: TuneOptions) -> list[str | None]:
    """Return the half-lives to try, None for no weights by age; raise UsageError if one is not a duration."""
    if options.half_life is None:
        check_target_options(options)
        return [None]
    texts = [text.strip() for text in options.half_life.split(",")]
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise UsageError(f"--half-life {options.half_life}: {twice} is given twice")
    found = [None if text == "none" else text for text in texts]
    for half_life in found:
        check_target_options(replace(options, half_life=half_life, as_of=None))
    if options.as_of is not None and found == [None]:
        check_target_options(replace(options, half_life=None))
    return found


def parse_values(text: str, name: str) -> list[float]:
    """Parse numbers such as `0,0.5,inf`, or `FROM:TO:STEP` with both ends included; return them sorted and distinct.

    Raises:
        UsageError: the text has another form, or a bias is out of range.
    """
    try:
        values = [value for part in text.split(",") for value in _range(part)]
    except ValueError as error:
        raise UsageError(
            f"--{name} is {text!r}; it must be a list of numbers, such as 0,0.5,1, or FROM:TO:STEP, such as 0:2:0.2"
        ) from error
    # Sorted, and −0 becomes 0, so that no result depends on the order or spelling of the list.
    return sorted({check_exponent(value, name) + 0.0 for value in values})


def _range(text: str) -> list[float]:
    if ":" not in text:
        return [float(text)]
    low, high, step = (float(number) for number in text.split(":"))
    if not (step > 0 and math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(text)
    count = min(int((high - low) / step + 1e-9) + 1, _MOST_CONFIGURATIONS)
    # Rounded, so that 0:2:0.2 gives 0.6 and not 0.6000000000000001.
    return [round(low + step * n, 12) for n in range(count)]


def _search(
    opened: OpenedSource, options: TuneOptions, plan: SearchPlan, source: str, progress: Progress
) -> TuneReport:
    store = opened.store
    if store.meta["split"]["validation"] == 0:
        rule = store.meta["split"]["rule"]
        raise DataError(
            f"no validation interactions are held out (--split {rule}), but the search compares with validation pairs",
            tip="Leave-one-out needs users with three or more interactions." if rule == "leave-one-out" else
            "Read the log with another split, for example: genpas ingest LOGS -o STORE --split leave-one-out",
        )  # fmt: skip
    figures = SearchFigures(opened, options, plan, progress)
    every = plan.tried(plan.figures.strategies)
    tried = survivors(plan, figures.scores) if options.search == "halving" else every
    report = _report(source, options, plan, figures.pairs, tried, figures.rows(tried))
    return replace(report, left_out=len(every) - len(tried))


def _first_of_each_input(tried: Sequence[CuttingRule]) -> list[str]:
    """Return the first rule of each input kernel; nothing if there is only one kernel."""
    first: dict[str, str] = {}
    for each in tried:
        first.setdefault(repr(each.strategy.input), each.name)
    return list(first.values()) if len(first) > 1 else []


def _report(  # one row per rule tried
    source: str, options: TuneOptions, plan: SearchPlan, pairs: int, tried: Sequence[CuttingRule],
    rows: Sequence[Configuration],
) -> TuneReport:  # fmt: skip
    exact, drawn = np.array([row.kl for row in rows]), np.array([row.kl_drawn for row in rows])
    ratio = np.array([math.nan if row.alignment_ratio is None else row.alignment_ratio for row in rows])
    ranked_by_entropy, score = by_entropy(drawn, np.array([row.pair_entropy for row in rows]))
    orders = {
        "published": published(exact, ratio, share=options.keep_share, top=options.top),
        "front": front(drawn, ratio, [repr(each.strategy.input) for each in tried]),
        "entropy": ranked_by_entropy,
    }
    places = {select: {index: place for place, index in enumerate(order, 1)} for select, order in orders.items()}
    ranked = [
        Configuration(**vars(row) | {f"{select}_rank": its.get(index) for select, its in places.items()})
        for index, row in enumerate(rows)
    ]
    chosen = orders[options.select]
    by_kl = np.argsort(exact if options.select == "published" else drawn, kind="stable")
    rest = [int(index) for index in by_kl if index not in places[options.select]]
    undecided = {
        "published": list[str](),
        "front": _first_of_each_input([tried[index] for index in orders["front"]]),
        "entropy": [rows[index].name for index in ranked_by_entropy if score[index] < score.min() + ALIKE],
    }[options.select]
    winner = rows[chosen[0]]
    return TuneReport(
        source, options.select, winner.name, _command(source, winner, options), pairs, str(plan.figures.similarity),
        {name: [number_as_json(value) for value in values] for name, values in plan.grid.items()},
        [ranked[index] for index in (*chosen, *rest)],
        strategies=plan.others,
        half_lives=plan.half_lives,
        undecided=undecided if len(undecided) > 1 else [],
    )  # fmt: skip
