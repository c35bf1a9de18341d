"""The options of a job that computes figures, parsed once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from genpas_cli.augment.planning.job_plan import PairCount, parse_max_input, parse_pair_count
from genpas_cli.figures.distribution.similarity import Similarity, parse_similarity
from genpas_cli.figures.options import FigureOptions, StatsOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.sampling.strategies import COMPARED, parse_strategy
from genpas_cli.sampling.strategy import Strategy


@dataclass(frozen=True)
class FigurePlan:
    """The strategies whose figures are computed, and the parsed options."""

    given: FigureOptions
    strategies: Sequence[Strategy]
    are_usual: bool
    """Whether no strategy was named."""
    pairs: PairCount | None
    """Number of drawn pairs; None: the number that the strategy enumerates, or else that of Multi-Target."""
    max_input: int | None
    similarity: Similarity
    dense: bool = False
    """Whether the figures of dense supervision are computed too."""


def figure_plan(options: FigureOptions, strategies: Sequence[Strategy] | None, pairs: str | None) -> FigurePlan:
    """Parse and check the options shared by all jobs that compute figures.

    Args:
        options: the job's options.
        strategies: the strategies given by the user; None: the default ones.
        pairs: `N` or a multiple such as `2x`.

    Raises:
        UsageError: a value is invalid.
    """
    if not (math.isfinite(options.epsilon) and options.epsilon >= 0):
        raise UsageError(f"--epsilon is {options.epsilon}; it must be a small number, 0 or more, such as 1e-10")
    return FigurePlan(
        options, parse_strategies(COMPARED) if strategies is None else strategies, strategies is None,
        None if pairs is None else parse_pair_count(pairs), parse_max_input(options.max_input),
        parse_similarity(options.similarity),
    )  # fmt: skip


def stats_plan(options: StatsOptions) -> FigurePlan:
    """Parse and check the options of `stats`; raise UsageError if a value is invalid."""
    plan = figure_plan(options, parse_strategies(options.strategy) if options.strategy else None, options.pairs)
    return replace(plan, dense=options.supervision == "dense")


def parse_strategies(texts: Iterable[str]) -> list[Strategy]:
    """Parse strategies.

    Raises:
        UsageError: an unknown strategy, or one given twice.
    """
    strategies = [parse_strategy(text) for text in texts]
    names = [strategy.name for strategy in strategies]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--strategy {twice} is given twice")
    return strategies
