"""Slide-Window: every contiguous part of a sequence with at least two items is a pair.

A sequence of m + 1 items has m(m + 1)/2 of them. No α gives this weight exactly, so the rule has its own sequence
kernel.
(2, 1, 0) is the paper's approximation of it (arXiv 2509.13648), and stays available as a triple.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.sequence_sampling import scaled
from genpas_cli.sampling.strategy import Enumeration, NamedRule, Strategy


@dataclass(frozen=True)
class PairCountWeights:
    """The exact weight of Slide-Window: a sequence's number of contiguous input–target pairs, m(m + 1)/2."""

    follows_targets = False

    def weights(self, histogram: Ints) -> Floats:
        """Return the weight of a sequence by m; see `SequenceKernel.weights`."""
        m = np.arange(len(histogram), dtype=np.float64)
        return scaled(np.where(histogram > 0, m * (m + 1) / 2, 0.0))


def _count(targets: Ints) -> Ints:
    return targets * (targets + 1) // 2


def _unrank(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:  # noqa: ARG001  # one signature for all rules
    """Invert rank = i(i − 1)/2 + n: i is a triangular root."""
    root = ((1 + np.sqrt(1 + 8 * rank.astype(np.float64))) / 2).astype(np.int64)
    # The float root may be off by one where 8·rank is near a square beyond 2^53.
    root -= root * (root - 1) // 2 > rank
    root += root * (root + 1) // 2 <= rank
    return root, rank - root * (root - 1) // 2


def _start(index: Ints, target: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return index + 1


def _rank(number: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return number * (number - 1) // 2 + start - 1


def _make(name: str) -> Strategy:
    kernels = PairCountWeights(), PowerLaw(1.0), PowerLaw(0.0)
    return Strategy(name, *kernels, Enumeration(_count, _unrank, _start, _rank))


RULE = NamedRule(
    "slide-window", "Each contiguous part of a sequence: its last item as target, the items before it as input.", _make
)
