"""Last-Target: the last item of every sequence is a target, with all earlier items as input. One pair per sequence."""

from __future__ import annotations

import math

import numpy as np

from genpas_cli.sampling.kernels import Ints
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw
from genpas_cli.sampling.strategy import Enumeration, NamedRule, Strategy


def _count(targets: Ints) -> Ints:
    return np.minimum(targets, 1)


def _unrank(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:
    return targets, np.zeros_like(rank)


def _start(index: Ints, target: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return np.ones_like(target)


def _rank(number: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return np.zeros_like(number)


def _make(name: str) -> Strategy:
    kernels = SequencePowerLaw(0.0), PowerLaw(math.inf), PowerLaw(-math.inf)
    return Strategy(name, *kernels, Enumeration(_count, _unrank, _start, _rank))


RULE = NamedRule("last-target", "The last item of each sequence, with all items before it as input.", _make)
