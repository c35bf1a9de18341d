"""What a search tries: cutting rules, each a strategy and the half-life of the weights of its targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from genpas_cli.figures.plan import FigurePlan
from genpas_cli.sampling.strategy import Strategy


class Tried(NamedTuple):
    """One cutting rule of a search."""

    strategy: Strategy
    half_life: str | None
    """The half-life of the weights of targets, as given; None without."""

    @property
    def name(self) -> str:
        """The strategy's name, followed by `@` and the half-life if there is one."""
        return self.strategy.name if self.half_life is None else f"{self.strategy.name}@{self.half_life}"


@dataclass(frozen=True)
class SearchPlan:
    """The parsed options of a search."""

    grid: dict[str, list[float]]
    half_lives: list[str | None]
    others: list[str]
    """Names of the strategies that the grid does not have."""
    figures: FigurePlan
    """Its strategies are the grid in canonical order, then the others."""

    def tried(self, strategies: Iterable[Strategy]) -> list[Tried]:
        """Return strategies with every half-life."""
        return [Tried(strategy, half_life) for strategy in strategies for half_life in self.half_lives]
