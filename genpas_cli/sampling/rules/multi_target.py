"""Multi-Target: every item but the first is a target once, with all earlier items as input."""

from __future__ import annotations

import math

import numpy as np

from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategy import Enumeration, NamedRule, Strategy


def count_targets(targets: Ints) -> Ints:
    """Return the pairs of a rule that lists each target once: m."""
    return targets


def unrank_target(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:  # noqa: ARG001  # one signature for all rules
    """Return (number of the target, which of its pairs) of a rule that lists each target once."""
    return rank + 1, np.zeros_like(rank)


def rank_target(number: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    """Return the rank of a pair of a rule that lists each target once."""
    return number - 1


def _start(index: Ints, target: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return np.ones_like(target)


def _make(name: str) -> Strategy:
    kernels = SequencePowerLaw(1.0), PowerLaw(0.0), PowerLaw(-math.inf)
    return Strategy(name, *kernels, Enumeration(count_targets, unrank_target, _start, rank_target))


RULE = NamedRule("multi-target", "Each item except the first, with all items before it as input.", _make)
