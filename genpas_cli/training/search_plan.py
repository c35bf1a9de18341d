"""What a search tries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genpas_cli.figures.plan import FigurePlan
from genpas_cli.sampling.strategy import Strategy
from genpas_cli.training.cutting_rules import CuttingRule


@dataclass(frozen=True)
class SearchPlan:
    """The parsed options of a search."""

    grid: dict[str, list[float]]
    half_lives: list[str | None]
    named: list[str]
    """Names of the strategies given one by one. Figures of other kernels are only roughly comparable, so each of these
    keeps its figures, and is trained."""
    others: list[str]
    """Those of them that the grid does not have."""
    figures: FigurePlan
    """Its strategies are the grid in canonical order, then the others."""

    def tried(self, strategies: Iterable[Strategy]) -> list[CuttingRule]:
        """Return strategies with every half-life that they can have; a strategy that has none is left to the checks."""
        return [
            CuttingRule(strategy, half_life)
            for strategy in strategies for half_life in self.half_lives
            if half_life is None or strategy.sequence.follows_targets or None not in self.half_lives
        ]  # fmt: skip
