"""The report of a store: exact figures of the training pairs that strategies give, and figures of the data itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

import numpy as np

from genpas_cli.augment.planning.job_plan import PairCount, usable_histogram
from genpas_cli.augment.target_weights import is_weighted, refuse_windows, weights_text
from genpas_cli.figures.distribution.alignment import Alignment
from genpas_cli.figures.distribution.divergence import References
from genpas_cli.figures.distribution.finite import independent_figures, target_figures
from genpas_cli.figures.distribution.positions import position_figures
from genpas_cli.figures.distribution.supervision import Dense, DenseTargets
from genpas_cli.figures.distribution.targets import share, steps_of
from genpas_cli.figures.figure import computed
from genpas_cli.figures.gathered import GatheredData, GatheredPairs, GatheredTargets
from genpas_cli.figures.illustrations.computing import illustrate
from genpas_cli.figures.plan import FigurePlan
from genpas_cli.figures.reports.store_passes import Candidate, StoreCounts, StorePasses
from genpas_cli.figures.reports.time_counts import TimeFigures
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.table import DataFigures, DenseFigures, DrawnFigures, StrategyFigures, SupervisedFigures
from genpas_cli.runtime.json.numbers import number_as_json
from genpas_cli.runtime.machine import resolve
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import InOrder, calling_in_order
from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.store.store import Store

_TIME_BYTES = 24
"""Bytes per test interaction while a part of the test times is sorted."""


class StoreReport(NamedTuple):
    """The report of a store, and the counts and distributions from which it was made."""

    report: StatsReport
    counted: StoreCounts
    references: References


def store_report(  # all but four by keyword
    store: Store, plan: FigurePlan, source: str, progress: Progress, *, first: Candidate | None = None,
    illustrated: bool = False,
) -> StoreReport:  # fmt: skip
    """Return the report of an open store.

    Args:
        store: the store.
        plan: the parsed options of `stats`.
        source: the source as the user named it.
        progress: called with the progress.
        first: a candidate to list before the strategies of the plan.
        illustrated: also compute the data drawn only in the HTML report.
    """
    histogram, options, strategies = usable_histogram(store), plan.given, plan.strategies
    if store.rule is not None and plan.are_usual:
        strategies = [strategy for strategy in strategies if strategy.sequence.follows_targets]
    for strategy in strategies:
        refuse_windows(store, strategy)
    drawn = is_weighted(options)
    candidates = [candidate(strategy, histogram, plan.pairs, drawn=drawn) for strategy in strategies]
    candidates = candidates if first is None else [first, *candidates]
    passes = StorePasses(store, histogram, against="test", machine=resolve(options), progress=progress)
    dense = None if not plan.dense else DenseTargets(
        (each.strategy for each in candidates), store.items, histogram=histogram, max_input=plan.max_input,
        listed=store.rule is not None,
    )  # fmt: skip
    counted = passes.count(candidates, draws=True, times="time" in store.column_types(), dense=dense)
    alignments = passes.alignments(counted, candidates, plan.similarity.within(plan.max_input))
    references = references_of(counted, options.epsilon)
    with calling_in_order(passes.threads(counted), "genpas-figures") as run:
        calls = (
            partial(strategy_figures, each, counted, references, alignment, plan)
            for each, alignment in zip(candidates, alignments, strict=True)
        )
        figures, data = list(run(calls)), data_figures(store, counted, passes.room(counted), run)
    report = StatsReport(
        source, data, figures, notes=tuple(_notes(store, counted, weights_text(options))),
        illustrations=illustrate(store, passes, counted, candidates, references) if illustrated else None,
    )  # fmt: skip
    return StoreReport(report, counted, references)


def candidate(strategy: Strategy, histogram: Ints, pairs: PairCount | None, *, drawn: bool = False) -> Candidate:
    """Return a strategy with the draw and number of pairs that `augment` would use for it.

    Args:
        strategy: the strategy.
        histogram: int64 (M + 1,), training sequences by their number of possible targets.
        pairs: the number of pairs given; None: the default.
        drawn: whether pairs are drawn even if the strategy has a list of them, because targets are weighted.
    """
    targets = range(len(histogram))
    multi_target = int((histogram * targets).sum())
    if pairs is None and strategy.enumeration is not None and not drawn:
        counts = strategy.enumeration.count(histogram * 0 + targets)
        return Candidate(strategy, int((counts * histogram).sum()), "enumerated")
    return Candidate(strategy, (pairs or PairCount(multiple=1.0)).of(multi_target), "balanced")


def references_of(counted: StoreCounts, epsilon: float) -> References:
    """Return the distributions with which the strategies are compared."""
    test = share(counted.targets["test"]) if "test" in counted.targets else None
    return References(test, share(counted.targets["validation"]), counted.occurs, epsilon)


def strategy_figures(
    each: Candidate, counted: StoreCounts, references: References, alignment: Alignment, plan: FigurePlan
) -> StrategyFigures:  # fmt: skip
    """Compute the figures of one strategy."""
    strategy, steps = each.strategy, steps_of(each.strategy)
    if counted.positions is None:
        positions = position_figures(strategy, counted.histogram, plan.max_input)
    else:
        positions = counted.positions.spread[steps].figures(strategy.input, plan.max_input)
    gathered = GatheredPairs(
        p=counted.p[steps], references=references, popularity=counted.train, alignment=alignment,
        mean_input_length=positions.mean_input_length, input_lengths=positions.input_lengths(),
        cell_entropy=positions.cell_entropy, target_tenths=positions.relative_position,
        sequence_lengths=positions.sequence_length,
    )  # fmt: skip
    return computed(
        StrategyFigures, gathered, name=strategy.name, alpha=number_as_json(strategy.alpha),
        beta=number_as_json(strategy.beta), gamma=number_as_json(strategy.gamma), pairs=each.pairs,
        similarity=str(plan.similarity), drawn=_drawn(each, counted, references),
        dense=None if counted.dense is None else dense_figures(counted.dense.of(strategy), references, counted.train),
    )  # fmt: skip


def dense_figures(dense: Dense, references: References, popularity: Ints | None) -> DenseFigures:
    """Compute the figures of supervised positions.

    Args:
        dense: the positions.
        references: the distributions with which their items are compared.
        popularity: int64 (items + 1,), training interactions; None without a store.
    """
    per_pair, per_token = (
        computed(SupervisedFigures, GatheredTargets(
            p=each.p, references=references, popularity=popularity, target_tenths=each.shares))
        for each in dense
    )  # fmt: skip
    return computed(DenseFigures, None, per_pair=per_pair, per_token=per_token)


def _drawn(each: Candidate, counted: StoreCounts, references: References) -> list[DrawnFigures]:
    p = counted.p[steps_of(each.strategy)]
    if each.draw == "enumerated" or counted.balanced is None:
        as_augment_draws = target_figures(p, references)
    else:
        as_augment_draws = counted.balanced.figures(steps_of(each.strategy), references)
    independent = independent_figures(p, each.pairs, references)
    return [
        DrawnFigures(**asdict(figures), draw=draw, pairs=each.pairs)
        for draw, figures in ((each.draw, as_augment_draws), ("independent", independent))
    ]


def _notes(store: Store, counted: StoreCounts, weights: str | None) -> Sequence[str]:
    rule = store.meta["split"]["rule"]
    notes = [
        f"no {split} interactions are held out (--split {rule}), so the figures that compare with them are missing"
        for split, counts in counted.targets.items()
        if counts.sum() == 0
    ]
    if weights is not None:
        notes.append(weighted_note(weights))
    if "time" not in store.column_types():
        notes.append("the log has no timestamps, so the figures that compare timestamps are missing")
    return notes


def weighted_note(weights: str) -> str:
    """Return the note on the weights of targets; see `weights_text`."""
    return f"training targets are weighted ({weights})"


def data_figures(store: Store, counts: StoreCounts, memory: int, run: InOrder) -> DataFigures:
    """Return the figures of the data from the counts of a pass over all splits; sorting times takes `memory` bytes."""
    leaked, future = _leakage(store, memory, run)
    gathered = GatheredData(
        meta=store.meta, occurs=counts.occurs, train=counts.train, targets=counts.targets, repeats=counts.repeats,
        leaked_test=leaked, future_training=future, times=counts.times or TimeFigures(),
    )  # fmt: skip
    return computed(DataFigures, gathered)


def _leakage(store: Store, memory: int, run: InOrder) -> tuple[float | None, float | None]:
    """Return the figures `leaked_test` and `future_training`; both None without times or test interactions."""
    if "time" not in store.column_types():
        return None, None
    leaked = later = tests = trained = 0
    for test in _sorted_parts(store.times("test"), max(memory // _TIME_BYTES, 1)):
        latest, trained = -np.inf, 0
        for before, last, rows in run(partial(_before, test, times) for times in store.times("train")):
            later, latest, trained = later + before, max(latest, last), trained + rows
        leaked, tests = leaked + int(np.searchsorted(test, latest, side="left")), tests + len(test)
    return (leaked / tests, later / (trained * tests)) if trained else (None, None)


def _before(test: Floats, times: Floats) -> tuple[int, float, int]:
    """Return the number of pairs of a sorted test time and a later time, the last of the times, and their number."""
    # Sorted keys make the binary search much faster: neighbouring keys touch the same cache lines.
    before = int(np.searchsorted(test, np.sort(times), side="left").sum())
    return before, float(times.max(initial=-np.inf)), len(times)


def _sorted_parts(batches: Iterable[Floats], most: int) -> Iterator[Floats]:
    """Yield numbers in sorted parts of about `most` numbers."""
    part: list[Floats] = []
    for batch in batches:
        if part and sum(map(len, part)) + len(batch) > most:
            yield np.sort(np.concatenate(part))
            part = []
        part.append(batch)
    if part:
        yield np.sort(np.concatenate(part))
