"""The named cutting rules and the (α, β, γ) triples: what a user writes becomes three kernels.

| strategy           | α | β  | γ  | pairs when enumerated (m = |s| − 1) |
|--------------------|---|----|----|-------------------------------------|
| Last-Target (LT)   | 0 | +∞ | −∞ | 1                                   |
| Multi-Target (MT)  | 1 | 0  | −∞ | m                                   |
| Slide-Window (SW)  |   | 1  | 0  | m(m + 1)/2                          |

LT and MT are exact triples. No α gives SW's weight, so SW carries its own sequence kernel and no α; (2, 1, 0) is the
paper's approximation of it and stays available as a triple. Source: arXiv 2509.13648.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genpas_cli.runtime.arguments import checked
from genpas_cli.runtime.errors import UsageError
from genpas_cli.sampling.kernels import Ints, PositionKernel, SequenceKernel
from genpas_cli.sampling.power_law import PowerLaw, check_exponent, show_exponent
from genpas_cli.sampling.sequence_sampling import PairCountWeights, SequencePowerLaw


@dataclass(frozen=True)
class Enumeration:
    """Every pair of a rule exactly once, in the order of users, then targets, then starts."""

    count: Callable[[Ints], Ints]
    """Pairs of a sequence by its number of possible targets m; 0 at m = 0."""
    unrank: Callable[[Ints, Ints], tuple[Ints, Ints]]
    """(rank from 0, m) → (target position k, input start j), both 1-based."""
    rank: Callable[[Ints, Ints, Ints], Ints]
    """(k, j, m) → rank: the inverse of `unrank`; any number for a pair that is not listed."""


@dataclass(frozen=True)
class Strategy:
    """One cutting rule: a kernel a step, and how to enumerate it where that is possible."""

    name: str
    """`last-target`, `multi-target`, `slide-window`, or the triple as `A,B,G`."""
    alpha: float | None
    """Sequence bias; None where no power is exact."""
    beta: float
    """Target bias."""
    gamma: float
    """Input bias."""
    sequence: SequenceKernel
    target: PositionKernel
    input: PositionKernel
    enumeration: Enumeration | None = None


# Named functions, as what is planned is sent to other processes, and a lambda cannot be.


def _count_last(targets: Ints) -> Ints:
    return np.minimum(targets, 1)


def _count_prefix(targets: Ints) -> Ints:
    return targets


def _count_window(targets: Ints) -> Ints:
    return targets * (targets + 1) // 2


def _rank_last(target: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return np.zeros_like(target)


def _rank_prefix(target: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return target - 2


def _unrank_last(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:
    return targets + 1, np.ones_like(rank)


def _unrank_prefix(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:  # noqa: ARG001  # one signature for all rules
    return rank + 2, np.ones_like(rank)


def _unrank_window(rank: Ints, targets: Ints) -> tuple[Ints, Ints]:  # noqa: ARG001  # one signature for all rules
    """Invert rank = t(t − 1)/2 + (j − 1) with t = k − 1: t is a triangular root."""
    root = ((1 + np.sqrt(1 + 8 * rank.astype(np.float64))) / 2).astype(np.int64)
    # The float root may be off by one where 8·rank is near a square beyond 2^53.
    root -= root * (root - 1) // 2 > rank
    root += root * (root + 1) // 2 <= rank
    return root + 1, rank - root * (root - 1) // 2 + 1


def _rank_window(target: Ints, start: Ints, targets: Ints) -> Ints:  # noqa: ARG001  # one signature for all rules
    return (target - 1) * (target - 2) // 2 + start - 1


def triple(alpha: float, beta: float, gamma: float) -> Strategy:
    """Return the strategy of three biases, each −50..50 or ±inf; sampled only.

    Raises:
        UsageError: a bias is NaN or out of range.
    """
    for name, value in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        check_exponent(value, name)
    name = ",".join(map(show_exponent, (alpha, beta, gamma)))
    return Strategy(name, alpha, beta, gamma, SequencePowerLaw(alpha), PowerLaw(beta), PowerLaw(gamma))


LAST_TARGET = Strategy(
    "last-target", 0.0, math.inf, -math.inf, SequencePowerLaw(0.0), PowerLaw(math.inf), PowerLaw(-math.inf),
    Enumeration(_count_last, _unrank_last, _rank_last),
)  # fmt: skip
MULTI_TARGET = Strategy(
    "multi-target", 1.0, 0.0, -math.inf, SequencePowerLaw(1.0), PowerLaw(0.0), PowerLaw(-math.inf),
    Enumeration(_count_prefix, _unrank_prefix, _rank_prefix),
)  # fmt: skip
SLIDE_WINDOW = Strategy(
    "slide-window", None, 1.0, 0.0, PairCountWeights(), PowerLaw(1.0), PowerLaw(0.0),
    Enumeration(_count_window, _unrank_window, _rank_window),
)  # fmt: skip

NAMED = {strategy.name: strategy for strategy in (LAST_TARGET, MULTI_TARGET, SLIDE_WINDOW)}
"""The strategies that have a name, by it."""


@checked
def parse_strategy(text: str) -> Strategy:
    """Return the strategy that `NAME` or `A,B,G` means.

    Raises:
        UsageError: neither a known name (the nearest is suggested) nor three numbers.
    """
    if text in NAMED:
        return NAMED[text]
    if text.count(",") == 2:  # noqa: PLR2004  # a triple has two commas
        try:
            alpha, beta, gamma = (float(part) for part in text.split(","))
        except ValueError:
            pass
        else:
            return triple(alpha, beta, gamma)
    near = difflib.get_close_matches(text.lower(), NAMED, n=1, cutoff=0.5)
    raise UsageError(
        f"unknown strategy {text!r}; there are {', '.join(NAMED)}, and triples such as 1,0,0",
        tip=f"Did you mean --strategy {near[0] if near else '1,0,0'}?",
    )
