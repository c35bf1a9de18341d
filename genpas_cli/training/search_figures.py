"""The figures of the cutting rules of a search: one set of passes over the store for each half-life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from genpas_cli.augment.planning.job_plan import usable_histogram
from genpas_cli.augment.source_store import OpenedSource
from genpas_cli.augment.target_weights import refuse_windows, weighted
from genpas_cli.figures.distribution.divergence import kl_divergence
from genpas_cli.figures.distribution.positions import Spread, spread_of
from genpas_cli.figures.distribution.selection import ENTROPY_WEIGHT
from genpas_cli.figures.distribution.similarity import Similarity
from genpas_cli.figures.distribution.targets import TargetSteps, steps_of
from genpas_cli.figures.reports.store_passes import Candidate, StoreCounts, StorePasses
from genpas_cli.figures.reports.store_report import references_of
from genpas_cli.figures.results import Configuration
from genpas_cli.runtime.json.numbers import number_as_json
from genpas_cli.runtime.machine import resolve
from genpas_cli.runtime.progress import Progress
from genpas_cli.runtime.threads import calling_in_order
from genpas_cli.training.cutting_rules import CuttingRule
from genpas_cli.training.options import TuneOptions
from genpas_cli.training.search_plan import SearchPlan


class SearchFigures:
    """Computes the figures of cutting rules from a store.

    Args:
        opened: the store, without weights by age.
        options: the options of the search.
        plan: the parsed options.
        progress: called with the progress.
    """

    def __init__(self, opened: OpenedSource, options: TuneOptions, plan: SearchPlan, progress: Progress) -> None:
        self._options, self._plan, self._progress = options, plan, progress
        self._stores = {
            half_life: opened.store if half_life is None else weighted(
                opened.unweighted, replace(options, half_life=half_life), of_log=opened.log is not None
            )
            for half_life in plan.half_lives
        }  # fmt: skip
        histogram = usable_histogram(opened.store)
        assert plan.figures.pairs is not None, "the option has a default"
        self.pairs = plan.figures.pairs.of(int((histogram * range(len(histogram))).sum()))

    def scores(self, tried: Sequence[CuttingRule]) -> list[float]:
        """Return the figure, lower is better, by which the first rounds of halving rank each rule."""
        select, found = self._options.select, dict[str, float]()
        for half_life, (passes, candidates) in self._by_half_life(tried).items():
            for batch in passes.batches(candidates):
                measured = self._measured(passes, batch)
                for each in batch:
                    name = CuttingRule(each.strategy, half_life).name
                    if select == "published":
                        found[name] = measured.kl(each)
                    else:
                        weight = ENTROPY_WEIGHT if select == "entropy" else 0.0
                        found[name] = measured.kl_drawn(each) - weight * measured.entropy(each)
        return [found[each.name] for each in tried]

    def rows(self, tried: Sequence[CuttingRule]) -> list[Configuration]:
        """Return the figures of each rule, without ranks."""
        found: dict[str, Configuration] = {}
        similarity = self._plan.figures.similarity.within(self._plan.figures.max_input)
        for half_life, (passes, candidates) in self._by_half_life(tried).items():
            for batch in passes.batches(candidates):
                for row in self._configurations(passes, batch, similarity, half_life):
                    found[row.name] = row
        return [found[each.name] for each in tried]

    def _by_half_life(self, tried: Sequence[CuttingRule]) -> dict[str | None, tuple[StorePasses, list[Candidate]]]:
        machine, found = resolve(self._options), {}
        for half_life in self._plan.half_lives:
            some = [Candidate(each.strategy, self.pairs, "balanced") for each in tried if each.half_life == half_life]
            if some:
                store = self._stores[half_life]
                for each in some:
                    refuse_windows(store, each.strategy)
                passes = StorePasses(
                    store, usable_histogram(store), against="validation", machine=machine, progress=self._progress
                )
                found[half_life] = passes, some
        return found

    def _configurations(
        self, passes: StorePasses, candidates: Sequence[Candidate], similarity: Similarity, half_life: str | None
    ) -> list[Configuration]:
        measured = self._measured(passes, candidates)
        alignments = passes.alignments(measured.counted, candidates, similarity)
        return [
            Configuration(
                name=CuttingRule(each.strategy, half_life).name, alpha=number_as_json(each.strategy.alpha),
                beta=number_as_json(each.strategy.beta), gamma=number_as_json(each.strategy.gamma),
                kl=measured.kl(each), kl_drawn=measured.kl_drawn(each), pair_entropy=measured.entropy(each),
                alignment=alignment.alignment, discrimination=alignment.discrimination,
                alignment_ratio=alignment.ratio, published_rank=None, front_rank=None, entropy_rank=0,
                half_life=half_life,
            )
            for each, alignment in zip(candidates, alignments, strict=True)
        ]  # fmt: skip

    def _measured(self, passes: StorePasses, candidates: Sequence[Candidate]) -> _Measured:
        counted = passes.count(candidates, draws=True)
        references = references_of(counted, self._options.epsilon)
        assert references.validation is not None, "checked before"
        assert counted.balanced is not None, "asked for"
        exact = {
            steps: kl_divergence(references.validation, p, self._options.epsilon) for steps, p in counted.p.items()
        }
        with calling_in_order(passes.threads(counted), "genpas-figures") as run:
            figures = run(partial(counted.balanced.figures, steps, references) for steps in counted.p)
            drawn = {steps: of.kl_validation_train or 0.0 for steps, of in zip(counted.p, figures, strict=True)}
        return _Measured(counted, exact, drawn, self._plan.figures.max_input)


@dataclass(frozen=True)
class _Measured:
    """The figures of target distributions, and the entropy of pairs."""

    counted: StoreCounts
    exact: dict[TargetSteps, float]
    drawn: dict[TargetSteps, float]
    max_input: int | None

    def kl(self, each: Candidate) -> float:
        """Return the KL of the exact distribution."""
        return self.exact[steps_of(each.strategy)]

    def kl_drawn(self, each: Candidate) -> float:
        """Return the KL of balanced pairs, in the mean."""
        return self.drawn[steps_of(each.strategy)]

    def entropy(self, each: Candidate) -> float:
        """Return the entropy of pairs in nats."""
        return self._spreads[steps_of(each.strategy)].figures(each.strategy.input, self.max_input).cell_entropy

    @cached_property
    def _spreads(self) -> dict[TargetSteps, Spread]:
        counted = self.counted
        if counted.positions is not None:
            return counted.positions.spread
        return {steps: spread_of(steps, counted.histogram) for steps in counted.p}
