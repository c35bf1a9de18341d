"""Divergences and other figures of distributions over items, and the formulas that figures of targets use.

A figure of targets is computed for the exact p, and as an expectation over N independently drawn pairs. Most figures
are sums over items, whose expectation is exact, so that one function of an item's share serves both.

Arrays are float64 by item; logarithms are natural. Items that are in neither distribution add nothing to any figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpas_cli.sampling.kernels import Floats, Ints
from genpas_cli.store.splits import HeldOut

EPSILON = 1e-10
"""Added to every item's probability in both distributions of a KL divergence: the convention of arXiv 2509.13648."""

DECILES = 10

NOISE = 1e-12
"""Sums over millions of items have about this rounding error: values nearer to 0 count as 0."""


def without_noise(figure: float) -> float:
    """Return the figure, or 0 if it differs from 0 only by rounding."""
    return 0.0 if abs(figure) < NOISE else figure


def kl_divergence(p: Floats, q: Floats, epsilon: float = EPSILON) -> float:
    """Return KL(p ‖ q) = Σ (p + ε) ln((p + ε) / (q + ε)), in nats: 0 if equal; not renormalized.

    With ε = 0 it is infinite if q is 0 for an item of p.
    """
    p, q = p + epsilon, q + epsilon
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    return without_noise(float(terms.sum()))


def js_terms(p: Floats, q: Floats) -> Floats:
    """Return each item's term of the Jensen–Shannon divergence ½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2: 0..ln 2."""
    middle = (p + q) / 2
    return (_relative(p, middle) + _relative(q, middle)) / 2


def _relative(p: Floats, q: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)


def tv_terms(p: Floats, q: Floats) -> Floats:
    """Return each item's term of the total variation ½ Σ |p − q|: 0..1, the mass that would have to move."""
    return np.abs(p - q) / 2


def entropy(p: Floats) -> float:
    """Return −Σ p ln p, in nats."""
    return float(entropy_terms(p).sum())


def entropy_terms(p: Floats) -> Floats:
    """Return −p ln p, 0 at 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, -p * np.log(p), 0.0)


def gini(p: Floats) -> float:
    """Return the Gini coefficient Σ_i Σ_j |p_i − p_j| / (2 n Σ p): 0 if all are equal, near 1 if one item has all."""
    ordered = np.sort(p)
    n = len(p)
    rank = np.arange(1, n + 1)
    return float(((2 * rank - n - 1) * ordered).sum() / (n * ordered.sum()))


def popularity_deciles(p: Floats, popularity: Ints) -> list[float]:
    """Return the mass of p on each tenth of the items, the most popular first; equal counts in the order of items.

    Args:
        p: float64 by item.
        popularity: int64 by item, training interactions.
    """
    by_popularity = p[np.argsort(-popularity, kind="stable")]
    return [float(part.sum()) for part in np.array_split(by_popularity, DECILES)]


def kl_by_popularity(p: Floats, q: Floats, popularity: Ints, epsilon: float = EPSILON) -> tuple[list[float], float]:
    """Divide KL(p ‖ q), as `kl_divergence` computes it, among the items.

    Args:
        p: float64 by item, the distribution of held-out targets.
        q: float64 by item, the distribution of training targets.
        popularity: int64 by item, training interactions.
        epsilon: see `kl_divergence`.

    Returns:
        The part of each tenth of the items (see `popularity_deciles`) without items that are never a training target,
        and the part of the items that are never one. Parts can be negative; they sum to the divergence.
    """
    terms, never = _relative(p + epsilon, q + epsilon), q == 0
    return popularity_deciles(np.where(never, 0.0, terms), popularity), float(terms[never].sum())


@dataclass(frozen=True)
class References:
    """The distributions with which a training distribution is compared; float64 (items + 1,) by item number."""

    test: Floats | None
    """Distribution of the test targets; None if there are none."""
    validation: Floats | None
    """Distribution of the validation targets; None if there are none."""
    occurs: NDArray[np.bool_]
    """bool (items + 1,): items that occur anywhere in the data; coverage and Gini are computed over them."""
    epsilon: float = EPSILON
    """Added to every probability in a KL divergence."""

    def has(self, split: HeldOut) -> bool:
        """Tell whether a split has targets."""
        return getattr(self, split) is not None

    def held_out(self, split: HeldOut) -> Floats:
        """Return the distribution of a split's targets; the split must have targets."""
        q = self.test if split == "test" else self.validation
        assert q is not None, "formulas that need a split are left out without its targets"
        return q


@dataclass(frozen=True)
class DrawnShares:
    """The possible shares of some items among N drawn pairs."""

    item: Ints
    """int64 (n, 1), item numbers."""
    share: Floats
    """float64 (n, width): possible counts of the item, divided by N."""
    references: References

    @cached_property
    def log_share(self) -> Floats:
        """Return ln(share + ε)."""
        with np.errstate(divide="ignore"):
            return np.log(self.share + self.references.epsilon)

    def held_out(self, split: HeldOut) -> Floats:
        """Return float64 (n, 1): the items' shares of the targets of a split."""
        return self.references.held_out(split)[self.item]


@dataclass(frozen=True)
class TargetFormula:
    """The formula of one figure of a target distribution."""

    exact: Callable[[Floats, References], float]
    """Computes the figure from p."""
    against: HeldOut | None = None
    """The split with whose targets p is compared; without targets the figure is None."""
    terms: Callable[[DrawnShares], Floats] | None = None
    """Each item's term, given its share of a draw; None if the figure is not a function of a sum over items."""
    expected: Callable[[float, Any], float] = lambda total, _: total
    """Computes the figure of N independent pairs from the expected sum and its `finite.IndependentSums`."""

    def has(self, references: References) -> bool:
        """Tell whether the figure can be computed."""
        return self.against is None or references.has(self.against)

    def __call__(self, of: Any) -> float | None:
        """Return the figure of an object with attributes `p` and `references`; None if it cannot be computed."""
        return self.exact(of.p, of.references) if self.has(of.references) else None


def item_sum(
    terms: Callable[..., Floats], *, against: HeldOut | None = None, finish: Callable[[float], float] = float
) -> TargetFormula:
    """Return the formula of a sum over items.

    Args:
        terms: takes the items' shares of the training targets and, if `against` is given, of that split's targets.
        against: see `TargetFormula`.
        finish: computes the figure from the sum.
    """

    def exact(p: Floats, references: References) -> float:
        return finish(float((terms(p) if against is None else terms(p, references.held_out(against))).sum()))

    def drawn(of: DrawnShares) -> Floats:
        if against is None:
            return terms(of.share)
        return terms(of.share, np.broadcast_to(of.held_out(against), of.share.shape))

    return TargetFormula(exact, against, drawn, lambda total, _: finish(total))


def kl_of_held_out(against: HeldOut) -> TargetFormula:
    """Return the formula of KL(held-out ‖ train)."""

    def terms(of: DrawnShares) -> Floats:
        q = of.held_out(against) + of.references.epsilon
        with np.errstate(invalid="ignore"):
            return np.where(q > 0, q * (np.log(np.where(q > 0, q, 1)) - of.log_share), 0.0)

    return TargetFormula(lambda p, refs: kl_divergence(refs.held_out(against), p, refs.epsilon), against, terms)


def kl_to_held_out(against: HeldOut) -> TargetFormula:
    """Return the formula of KL(train ‖ held-out)."""

    def terms(of: DrawnShares) -> Floats:
        q, share = of.held_out(against) + of.references.epsilon, of.share + of.references.epsilon
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(share > 0, share * (of.log_share - np.log(q)), 0.0)

    return TargetFormula(lambda p, refs: kl_divergence(p, refs.held_out(against), refs.epsilon), against, terms)


COVERAGE = TargetFormula(
    lambda p, references: float((p[references.occurs] > 0).mean()), expected=lambda _, sums: sums.coverage()
)
GINI = TargetFormula(lambda p, references: gini(p[references.occurs]), expected=lambda _, sums: sums.gini())
