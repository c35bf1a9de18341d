"""The report of existing pairs: measured figures, and whether shards are a fair draw of their manifest's strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genpas_cli.augment.source_store import opened_store
from genpas_cli.augment.target_weights import given_flag, target_settings, weights_text
from genpas_cli.augment.verify import check_store
from genpas_cli.figures.distribution.alignment import TrainedTargets, TrainingPart, alignments
from genpas_cli.figures.distribution.divergence import References
from genpas_cli.figures.distribution.fairness import DrawnCuts, FairDraw, is_fair
from genpas_cli.figures.distribution.held_out import InputItems, TargetGroup, items_of, last_items
from genpas_cli.figures.distribution.positions import TENTHS
from genpas_cli.figures.distribution.supervision import Dense, add_measured, add_measured_places
from genpas_cli.figures.distribution.targets import share
from genpas_cli.figures.figure import computed
from genpas_cli.figures.gathered import GatheredPairs
from genpas_cli.figures.options import FigureOptions
from genpas_cli.figures.plan import FigurePlan
from genpas_cli.figures.reports.store_passes import Candidate, room_beside_figures
from genpas_cli.figures.reports.store_report import StoreReport, dense_figures, store_report, weighted_note
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.table import FairDrawFigures, StrategyFigures
from genpas_cli.pairs.figure_source import GenpasPairs, OtherPairs, PairBatch, PairSource
from genpas_cli.runtime.errors import DataError, MachineError, UsageError
from genpas_cli.runtime.machine import resolve, show_size
from genpas_cli.runtime.object_storage.locations import Location
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.strategies import parse_strategy
from genpas_cli.sampling.user_targets import TargetNumbers, TargetPool, training_targets_of
from genpas_cli.store.splits import HeldOut, Split
from genpas_cli.store.store import Store


def pairs_report(
    directory: Location, store: Path | None, plan: FigurePlan, progress: Progress, *, illustrated: bool = False
) -> StatsReport:  # fmt: skip
    """Return the figures of a pairs directory; with its store, also the expected figures.

    Raises:
        UsageError: an option that restricts or weighs targets, or another maximum length of inputs is given; the
            manifest records them.
        DataError: `directory` is not a pairs directory.
        IntegrityError: a shard is missing or was changed, or the pairs were made from another store.
        MachineError: the test of a fair draw needs more memory than allowed.
    """
    options = plan.given
    pairs = GenpasPairs(directory, threads=resolve(options).threads, progress=progress)
    manifest = pairs.manifest
    strategy = manifest["strategy"]
    if (flag := given_flag(options)) is not None:
        raise UsageError(
            f"{flag} cannot be used with the pairs directory {directory}: the targets of its pairs were restricted and "
            "weighted when the pairs were made",
            tip="To compare other targets, name the store that the pairs were made from.",
        )
    if options.max_input != FigureOptions().max_input and plan.max_input != manifest["max_input"]:
        raise UsageError(
            f"--max-input {options.max_input} cannot be used with the pairs directory {directory}: its inputs were cut "
            f"when the pairs were made (--max-input {manifest['max_input'] or 'none'})",
            tip="For the figures of other inputs, name the store that the pairs were made from in place of the pairs.",
        )
    options = replace(options, **target_settings(manifest))
    plan = replace(
        plan, given=options, max_input=manifest["max_input"], strategies=[] if plan.are_usual else plan.strategies
    )
    which = {key: strategy[key] for key in ("alpha", "beta", "gamma")} | {"name": f"{strategy['name']} (these shards)"}
    if store is None:
        note = (
            "With --store STORE, stats also shows the figures of the data and of the strategy, the positions and "
            "popularity of the targets, and tests whether the pairs were drawn with the probabilities of the strategy."
        )
        weights = weights_text(options)
        notes = (note,) if weights is None else (note, weighted_note(weights))
        return StatsReport(str(directory), None, [], _measure(pairs, None, plan, which, progress), notes=notes)
    with opened_store(store, options, progress=progress) as opened:
        check_store(opened.store, directory, manifest)
        made = Candidate(parse_strategy(strategy["name"]), int(manifest["pairs"]), strategy["draw"])
        targets = _possible_targets(opened.store)
        room = _room_for_test(made, targets, opened.store.items, opened.machine.memory)
        expected = store_report(opened.store, plan, str(directory), progress, first=made, illustrated=illustrated)
        measured = _measure(pairs, (expected, _train_lengths(opened.store)), plan, which, progress)
        fair = _fair_draw(pairs, made, targets, opened.store, room, progress)
    return replace(expected.report, measured=measured, fair_draw=fair)


def other_pairs_report(
    paths: list[Path], columns: tuple[str, str], store: Path | None, plan: FigurePlan, progress: Progress, *,
    illustrated: bool = False,
) -> StatsReport:  # fmt: skip
    """Return the figures of pairs written by another tool; with a store, also those of strategies.

    Raises:
        DataError: files or columns cannot be used, or an item is not in the store.
    """
    source = " ".join(map(str, paths))
    which = {"name": "these pairs", "alpha": None, "beta": None, "gamma": None}
    if store is None:
        if (flag := given_flag(plan.given)) is not None:
            raise UsageError(
                f"{flag} cannot be used without --store STORE: the targets of these pairs were chosen when the pairs "
                "were made",
                tip="To compare other targets, name the store that the pairs were made from: --store STORE",
            )
        note = (
            "without --store STORE, positions and popularity are missing, and only the items that occur in the pairs "
            "are counted"
        )
        pairs = OtherPairs(paths, *columns)
        return StatsReport(source, None, [], _measure(pairs, None, plan, which, progress), notes=(note,))
    with opened_store(store, plan.given, progress=progress) as opened:
        vocabulary = pa.concat_arrays([batch.column(1) for batch in opened.store.vocabulary("items")])
        pairs = OtherPairs(paths, *columns, vocabulary)
        expected = store_report(opened.store, plan, source, progress, illustrated=illustrated)
        measured = _measure(pairs, (expected, _train_lengths(opened.store)), plan, which, progress)
        return replace(expected.report, measured=measured)


def _train_lengths(store: Store) -> NDArray[np.int32]:
    chunks = [chunk.train.astype(np.int32) for chunk in store.lengths(0, store.users - 1, 1 << 17)]
    return np.concatenate(chunks)


class _Totals:
    """Counts over the training pairs; with `dense`, also of the positions that they supervise."""

    def __init__(self, items: int, train_length: NDArray[np.int32] | None, *, dense: bool) -> None:
        self.dense = Dense.empty(items) if dense else None
        self.targets, self.seen = np.zeros(items + 1, np.int64), np.zeros(items + 1, bool)
        self.lengths = np.zeros(1, np.int64)
        self.tenths, self.sequences = np.zeros(TENTHS, np.int64), np.zeros(1, np.int64)
        self._train_length = train_length

    def add(self, batch: PairBatch) -> None:
        self.targets += np.bincount(batch.target, minlength=len(self.targets))
        self.seen[batch.target], self.seen[batch.values] = True, True
        self.lengths = _added(self.lengths, batch.length)
        if self.dense is not None:
            add_measured(self.dense, batch.target, batch.values, batch.end, batch.length)
        if batch.cuts is not None and self._train_length is not None:
            n = self._train_length[batch.cuts.user].astype(np.int64)
            position = batch.cuts.target.astype(np.int64) - 1
            inside = (position >= 1) & (position < n)
            self.tenths += np.bincount(((TENTHS * position - 1) // np.maximum(n - 1, 1))[inside], minlength=TENTHS)
            self.sequences = _added(self.sequences, n)
            if self.dense is not None:
                add_measured_places(self.dense, position[inside] + 1, batch.length[inside], n[inside])


def _added(counts: Ints, values: Ints) -> Ints:
    more = np.bincount(values)
    size = max(len(counts), len(more))
    return np.pad(counts, (0, size - len(counts))) + np.pad(more, (0, size - len(more)))


def _measure(
    pairs: PairSource, stored: tuple[StoreReport, NDArray[np.int32]] | None, plan: FigurePlan,
    which: dict[str, Any], progress: Progress,
) -> StrategyFigures:  # fmt: skip
    """Return the figures of existing pairs; some are None without `stored`, the store's report and training lengths."""
    store, train_length = stored or (None, None)
    options, similarity, rows = plan.given, plan.similarity, pairs.rows("train")
    if rows == 0:
        raise DataError(
            "no training pairs were found",
            tip="Files with test or validation in their names are read as held-out pairs; all other files as "
            "training pairs.",
        )
    totals = _Totals(pairs.items, train_length, dense=plan.dense)
    for batch in _watched(pairs, "train", "reading pairs", progress):
        totals.add(batch)
    p = totals.targets / rows
    held = {split: _held_out_counts(pairs, split) for split in ("validation", "test")}
    if store is None:
        occurs = totals.seen.copy()
        occurs[1:] |= pairs.all_items_occur
        for counts in held.values():
            occurs |= counts > 0
        references = References(share(held["test"]), share(held["validation"]), occurs, options.epsilon)
    else:
        references = store.references
    machine = resolve(options)
    room = room_beside_figures(pairs.items, 1 if totals.dense is None else 1 + len(totals.dense), machine.memory)
    with calling_in_order(min(machine.threads, room.threads), "genpas-compare") as run:
        ((alignment,),) = alignments(
            _PairInputs(pairs, similarity.window, progress), [TrainedTargets(p, rows)], held_out=held["test"],
            similarity=similarity, memory=room.bytes, run=run,
        )  # fmt: skip
    lengths = totals.lengths / rows
    placed = int(totals.tenths.sum())
    popularity = None if store is None else store.counted.train
    gathered = GatheredPairs(
        p=p, references=references, popularity=popularity, alignment=alignment,
        mean_input_length=float(lengths @ np.arange(len(lengths))), input_lengths=lengths, cell_entropy=None,
        target_tenths=(totals.tenths / placed).tolist() if placed else None,
        sequence_lengths=totals.sequences / rows if placed else None,
    )  # fmt: skip
    dense = None if totals.dense is None else dense_figures(totals.dense, references, popularity)
    return computed(StrategyFigures, gathered, **which, pairs=rows, similarity=str(similarity), drawn=[], dense=dense)


def _held_out_counts(pairs: PairSource, split: HeldOut) -> Ints:
    counts = np.zeros(pairs.items + 1, np.int64)
    for batch in pairs.batches(split):
        counts += np.bincount(batch.target, minlength=len(counts))
    return counts


class _PairInputs:
    """The `InputSource` of existing pairs.

    Args:
        pairs: the pairs.
        window: number of last items of an input that are compared.
        progress: called with the progress.
    """

    kernels = 1

    def __init__(self, pairs: PairSource, window: int, progress: Progress) -> None:
        self._pairs, self._window, self._progress = pairs, window, progress

    def held_out(self, stage: str) -> Iterator[Callable[[], InputItems]]:
        """See `InputSource.held_out`."""

        def part(batch: PairBatch) -> InputItems:
            return items_of(batch.target, last_items(batch.values, batch.end, batch.length, self._window))

        return (partial(part, batch) for batch in _watched(self._pairs, "test", stage, self._progress))

    def training(self, group: TargetGroup, order: Sequence[int], stage: str) -> Iterator[Callable[[], TrainingPart]]:
        """See `InputSource.training`."""
        rows, lengths = self._pairs.rows("train"), np.arange(1, self._window + 1)

        def part(batch: PairBatch) -> TrainingPart:
            some = group.has(batch.target)
            target, end, length = batch.target[some], batch.end[some], batch.length[some]
            certain = (lengths == np.minimum(length, self._window)[:, None]).astype(np.float64)
            weight = np.full(len(target), 1 / rows)
            inputs = last_items(batch.values, end, length, self._window)
            return TrainingPart(target, inputs, [certain], [(number, weight) for number in order])

        return (partial(part, batch) for batch in _watched(self._pairs, "train", stage, self._progress))


def _watched(pairs: PairSource, split: Split, stage: str, progress: Progress) -> Iterator[PairBatch]:
    done, rows = 0, pairs.rows(split)
    for batch in pairs.batches(split):
        yield batch
        done += len(batch.target)
        progress(stage, done, rows)


def _possible_targets(store: Store) -> NDArray[np.int32]:
    """Return the number of possible training targets of every user, 0 or more."""
    return np.maximum(_train_lengths(store) - 1, 0) if store.rule is None else store.rule.count["train"]


def _weighted_pool(store: Store) -> TargetPool | None:
    if store.rule is None or store.rule.mean is None:
        return None
    return store.rule.pool("train", 0, training_targets_of(_train_lengths(store).astype(np.int64)))


def _room_for_test(made: Candidate, targets: NDArray[np.int32], items: int, memory: int) -> int:
    """Return the bytes left for the test of a fair draw under the limit `memory`; raise MachineError if too few are."""
    room, needed = room_beside_figures(items, 1, memory).bytes, FairDraw.least_memory(made.strategy, made.draw, targets)
    if needed > room:
        raise MachineError(
            f"the fair draw test needs {show_size(needed)} of memory for {len(targets):,} users, but the memory limit "
            f"leaves {show_size(room)}",
            tip="Increase --memory-limit, or run without --store to skip the test.",
        )
    return room


def _fair_draw(
    pairs: GenpasPairs, made: Candidate, targets: NDArray[np.int32], store: Store, room: int, progress: Progress
) -> FairDrawFigures:
    draw = FairDraw(made.strategy, made.draw, made.pairs, targets, room, _weighted_pool(store))
    numbers = None
    if store.rule is not None and store.rule.excludes:
        possible = training_targets_of(_train_lengths(store).astype(np.int64))
        numbers = TargetNumbers(store.rule.targets("train", 0, possible))

    def cuts(epoch: int) -> Iterator[DrawnCuts]:
        progress(f"testing the draw of epoch {epoch}" if pairs.epochs() > 1 else "testing the draw")
        for batch in pairs.batches("train", epoch):
            assert batch.cuts is not None, "genpas's own shards have them"
            user, start, target = (a.astype(np.int64) for a in (batch.cuts.user, batch.cuts.start, batch.cuts.target))
            yield DrawnCuts(user, start, target, None if numbers is None else numbers.of(user, target))

    for epoch in range(pairs.epochs()):
        draw.add_epoch(partial(cuts, epoch))
    tests = draw.result()
    return FairDrawFigures(is_fair(tests), made.draw, tests)
