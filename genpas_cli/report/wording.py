"""How figures are written for a reader: their names, units and directions, and which of several is the better one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from genpas_cli.figures.results import BETTER
from genpas_cli.runtime.wording import percent

MISSING = "–"


def count(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}"


def decimals(digits: int) -> Callable[[float], str]:
    """Return what writes numbers with so many decimals, their thousands apart."""
    return lambda value: f"{value:z,.{digits}f}"


def exponent(value: float | str | None) -> str:
    """Return a bias as people write it: ∞ and −∞, no trailing zeros."""
    if value is None:
        return MISSING
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    return f"{number:g}".replace("-", "−")


class Figure(NamedTuple):
    """One figure of a strategy, as the report shows it."""

    key: str
    title: str
    meaning: str
    write: Callable[[float], str]

    def show(self, value: float | None) -> str:
        """Return the value as it is shown."""
        return MISSING if value is None or not math.isfinite(value) else self.write(value)

    @property
    def direction(self) -> str | None:
        """Return which way is better, in words."""
        return None if self.key not in BETTER else f"{BETTER[self.key]} is better"


FIGURES: dict[str, tuple[Figure, ...]] = {
    "Targets beside held-out ones": (
        Figure("kl_test_train", "KL to test", "KL(test ‖ train) of the targets, in nats: 0 if training asks for items "
               "as often as the test does. It punishes items that test asks for and training does not.", decimals(4)),
        Figure("kl_validation_train", "KL to validation", "KL(validation ‖ train), likewise.", decimals(4)),
        Figure("kl_train_test", "KL from test", "KL(train ‖ test): large where training spends pairs on items that the "
               "test never asks for.", decimals(4)),
        Figure("js_test_train", "Jensen–Shannon", "A symmetric divergence of the targets from those of the test, in "
               "nats: 0 to 0.693.", decimals(4)),
        Figure("tv_test_train", "Total variation", "The share of targets that would have to change to match the test: "
               "0 to 1.", decimals(4)),
    ),
    "Variety of targets": (
        Figure("target_coverage", "Coverage", "Share of all items that can be a target.", percent),
        Figure("effective_targets", "Effective targets", "As many equally likely targets would be as varied (exp of "
               "the entropy).", decimals(1)),
        Figure("target_gini", "Gini", "How unevenly targets fall on items: 0 all alike, 1 all on one.", decimals(3)),
    ),
    "Inputs": (
        Figure("alignment", "Alignment A", "How alike held-out and training inputs of one target are.", decimals(4)),
        Figure("discrimination", "Discrimination D", "How alike held-out and training inputs of different targets are.",
               decimals(4)),
        Figure("alignment_ratio", "A / D", "Alignment over discrimination: how much an input tells about its target.",
               decimals(2)),
        Figure("mean_input_length", "Mean input length", "Items in an input, after the cut to the longest allowed.",
               decimals(2)),
        Figure("inputs_per_target", "Inputs a target", "Effective number of different inputs that a target comes with.",
               decimals(1)),
    ),
}  # fmt: skip
"""By group, in the order of the table."""

BY_KEY = {figure.key: figure for group in FIGURES.values() for figure in group}


def best_places(values: Sequence[float | None], better: str) -> set[int]:
    """Return the places of the better values; none where there is one value, or all are alike.

    Args:
        values: None and what is infinite take no part.
        better: `lower` or `higher`.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:  # noqa: PLR2004  # one alone is not the better one
        return set()
    best = min(known) if better == "lower" else max(known)
    # What differs by rounding alone is as good.
    places = {
        at for at, value in enumerate(values)
        if value is not None and math.isclose(value, best, rel_tol=1e-9, abs_tol=1e-12)
    }  # fmt: skip
    return places if len(places) < len(known) else set()


def best_of(key: str, values: Sequence[float | None]) -> set[int]:
    """Return the places of the better figure; none where no way is better, or all are alike."""
    return set() if key not in BETTER else best_places(values, BETTER[key])
