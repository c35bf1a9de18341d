"""Cutting rules: a strategy and the half-life of the weights of its targets, as `compare` and `tune` name them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from genpas_cli.augment.options import TargetOptions
from genpas_cli.augment.target_weights import check_target_options, target_settings
from genpas_cli.runtime.errors import UsageError
from genpas_cli.sampling.strategies import parse_strategy
from genpas_cli.sampling.strategy import Strategy


class CuttingRule(NamedTuple):
    """One rule by which pairs are cut."""

    strategy: Strategy
    half_life: str | None
    """The half-life of the weights of targets, as given; None: that of the options, or none."""

    @property
    def name(self) -> str:
        """The strategy's name, followed by `@` and the half-life if there is one."""
        return self.strategy.name if self.half_life is None else f"{self.strategy.name}@{self.half_life}"

    def targets(self, options: TargetOptions) -> dict[str, Any]:
        """Return the settings of targets: those of the options, with the half-life of this rule.

        Raises:
            UsageError: the options have a half-life too.
        """
        if self.half_life is None:
            # --as-of may be given for the other rules.
            return target_settings(options if options.half_life is not None else replace(options, as_of=None))
        if options.half_life is not None:
            raise UsageError(
                f"-s {self.name} has a half-life, and --half-life {options.half_life} is given too",
                tip="Leave out --half-life, and write the half-life of each strategy after @.",
            )
        return target_settings(replace(options, half_life=self.half_life))


def parse_cutting_rule(text: str) -> CuttingRule:
    """Return the rule that `STRATEGY` or `STRATEGY@HALF-LIFE` means.

    Raises:
        UsageError: the strategy is unknown, or the half-life is not a duration.
    """
    strategy, at, half_life = text.partition("@")
    if at:
        try:
            check_target_options(TargetOptions(half_life=half_life))
        except UsageError as error:
            tip = f"For example, with a half-life of 365 days: --strategy {strategy}@365d"
            raise UsageError(f"--strategy {text}: {error.message}", tip=tip) from error
    return CuttingRule(parse_strategy(strategy), half_life if at else None)
