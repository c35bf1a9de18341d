"""The figures of one target distribution beside the held-out ones: of p itself, or of what was drawn from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpas_cli.figures.distribution import divergence
from genpas_cli.sampling.kernels import Floats


@dataclass(frozen=True)
class References:
    """What a training distribution is held against; arrays float64 (items + 1,) by item number."""

    test: Floats | None
    """Distribution of the test targets; None if there are none."""
    validation: Floats | None
    """Distribution of the validation targets; None if there are none."""
    occurs: NDArray[np.bool_]
    """Items that occur anywhere in the data: what coverage and Gini are taken over."""
    epsilon: float = divergence.EPSILON
    """Added to every probability in a KL divergence."""


@dataclass(frozen=True)
class TargetFigures:
    """How the targets of the pairs are spread. None where the split that a figure needs has no target."""

    kl_test_train: float | None
    """KL(p_test ‖ p_train), in nats, ε added to every item's probability in both: 0 if equal; lower is better."""
    kl_validation_train: float | None
    """KL(p_validation ‖ p_train), likewise."""
    kl_train_test: float | None
    """KL(p_train ‖ p_test), likewise: large where training spends mass on items that test never asks for."""
    js_test_train: float | None
    """Jensen–Shannon divergence of p_test and p_train, in nats: 0..ln 2; lower is better."""
    tv_test_train: float | None
    """Total variation, ½ Σ |p_test − p_train|: 0..1; lower is better."""
    target_coverage: float
    """Share of the items that occur in the data which can be a target (p > 0): 0..1; higher is better."""
    effective_targets: float
    """exp of the entropy of p_train: as many equally likely targets would be as varied; 1..items."""
    target_gini: float
    """Gini coefficient of p_train over the items that occur: 0 all alike, towards 1 all mass on one."""

    def __post_init__(self) -> None:
        """Take rounding noise for the 0 that it is."""
        for field in fields(TargetFigures):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, divergence.without_noise(value))


def target_figures(p: Floats, references: References) -> TargetFigures:
    """Return the figures of a distribution over targets, float64 (items + 1,)."""
    test, validation, epsilon = references.test, references.validation, references.epsilon
    among = p[references.occurs]
    return TargetFigures(
        None if test is None else divergence.kl_divergence(test, p, epsilon),
        None if validation is None else divergence.kl_divergence(validation, p, epsilon),
        None if test is None else divergence.kl_divergence(p, test, epsilon),
        None if test is None else divergence.js_divergence(test, p),
        None if test is None else divergence.total_variation(test, p),
        float((among > 0).mean()),
        math.exp(divergence.entropy(p)),
        divergence.gini(among),
    )


def mean_figures(several: Iterable[TargetFigures]) -> TargetFigures:
    """Return the mean of each figure."""
    rows = list(several)
    mean: dict[str, Any] = {}
    for name in (field.name for field in fields(TargetFigures)):
        values = [getattr(row, name) for row in rows]
        mean[name] = None if None in values else float(np.mean(values))
    return TargetFigures(**mean)
