"""Independent figures of distributions in plain Python: divergences, diversity, alignment, finite draws."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from tests.oracle import Log, Rule, cell_masses, pair_masses, target_distribution, truncated_masses

# ------------------------------------------------------------------------------------ figures of a target distribution

Distribution = Mapping[int, Fraction | float]
"""By item; an item that is left out has 0."""


def kl(p: Distribution, q: Distribution, items: Iterable[int], epsilon: float = 1e-10) -> float:
    """Return KL(p ‖ q) with epsilon added to every item's probability in both."""
    terms = []
    for item in items:
        a, b = float(p.get(item, 0)) + epsilon, float(q.get(item, 0)) + epsilon
        if a > 0:
            terms.append(a * math.log(a / b) if b > 0 else math.inf)
    return math.fsum(terms)


def js(p: Distribution, q: Distribution, items: Iterable[int]) -> float:
    """Return the Jensen–Shannon divergence: the mean KL to the mixture of both."""
    items = list(items)
    middle = {item: (Fraction(p.get(item, 0)) + Fraction(q.get(item, 0))) / 2 for item in items}
    return (kl(p, middle, items, 0.0) + kl(q, middle, items, 0.0)) / 2


def total_variation(p: Distribution, q: Distribution, items: Iterable[int]) -> float:
    """Return half of all differences."""
    return math.fsum(abs(float(p.get(item, 0)) - float(q.get(item, 0))) for item in items) / 2


def entropy(masses: Iterable[Fraction | float]) -> float:
    """Return −Σ p ln p."""
    return -math.fsum(float(p) * math.log(float(p)) for p in masses if p > 0)


def gini(p: Distribution, items: Sequence[int]) -> float:
    """Return the mean difference of two items, both taken with replacement, by twice the mean item."""
    differences = math.fsum(abs(float(p.get(a, 0)) - float(p.get(b, 0))) for a, b in product(items, items))
    return differences / (2 * len(items) * math.fsum(float(p.get(item, 0)) for item in items))


def coverage(p: Distribution, items: Sequence[int]) -> float:
    """Return the share of items that can be a target."""
    return sum(p.get(item, 0) > 0 for item in items) / len(items)


def popularity_deciles(p: Distribution, log: Log) -> list[float]:
    """Return the mass on each tenth of the items, the most frequent in training first; first tenths are one larger."""
    counts = log.training_counts()
    ranked = sorted(log.occurring, key=lambda item: (-counts[item], item))
    deciles = []
    for tenth in range(10):
        size = len(ranked) // 10 + (tenth < len(ranked) % 10)
        begin = tenth * (len(ranked) // 10) + min(tenth, len(ranked) % 10)
        deciles.append(math.fsum(float(p.get(item, 0)) for item in ranked[begin : begin + size]))
    return deciles


def inputs_per_target(rule: Rule, log: Log, max_input: int | None) -> float:
    """Return exp of the entropy of the truncated input given the target item: Σ_y p(y) H(s, k, j | y)."""
    of_target: dict[int, list[Fraction]] = defaultdict(list)
    for (user, k, _), mass in truncated_masses(rule, log.train, max_input).items():
        of_target[log.histories[user][k - 1]].append(mass)
    given = [(sum(masses), masses) for masses in of_target.values() if sum(masses) > 0]
    return math.exp(math.fsum(float(p) * entropy(mass / p for mass in masses) for p, masses in given))


# ---------------------------------------------------------------------------------------- alignment and discrimination


@dataclass(frozen=True)
class Comparison:
    """How inputs are compared, and for how many pairs."""

    similarity: str
    window: int
    pairs: int
    max_input: int | None = None

    def seen(self, items: Sequence[int]) -> set[int]:
        """Return the set of an input that is compared: of its last items, after truncation."""
        return set((items if self.max_input is None else items[-self.max_input :])[-self.window :])

    def __call__(self, held_out: set[int], training: set[int]) -> float:
        """Return sim(x, x')."""
        both = len(held_out & training)
        return {
            "containment": both / len(training),
            "recall": both / len(held_out),
            "cosine": both / math.sqrt(len(held_out) * len(training)),
            "overlap": float(both),
        }[self.similarity]


def common_targets(p: Mapping[int, Fraction], log: Log, pairs: int, split: str = "test") -> list[int]:
    """Return the held-out targets that are expected at least half a time among so many training pairs."""
    return sorted({y for _, y in log.held_out(split) if pairs * p.get(y, 0) >= Fraction(1, 2)})


def alignment(
    rule: Rule, log: Log, comparison: Comparison, split: str = "test"
) -> tuple[float | None, float | None]:  # fmt: skip
    """Return A and D: mean similarity of the inputs of each held-out pair and those of all training pairs.

    A: over the held-out pairs of common targets, training pairs (x', y) of the same target, as often as they are drawn.
    D: over ordered pairs of different common targets, a held-out pair of the one and a training pair of the other.
    """
    p = target_distribution(rule, log)
    common = common_targets(p, log, comparison.pairs, split)
    held_out = [(comparison.seen(x), y) for x, y in log.held_out(split) if y in common]
    training: dict[int, list[tuple[set[int], float]]] = defaultdict(list)
    for (user, k, j), mass in pair_masses(rule, log.train).items():
        y = log.histories[user][k - 1]
        if mass > 0 and y in common:
            training[y].append((comparison.seen(log.histories[user][j - 1 : k - 1]), float(mass / p[y])))

    def mean_similarity(x: set[int], y: int) -> float:
        return math.fsum(chance * comparison(x, other) for other, chance in training[y])

    own = [mean_similarity(x, y) for x, y in held_out]
    count = Counter(y for _, y in held_out)
    others = [mean_similarity(x, z) / count[y] for x, y in held_out for z in common if z != y]
    different = len(common) * (len(common) - 1)
    return math.fsum(own) / len(own) if own else None, math.fsum(others) / different if different else None


# ------------------------------------------------------------------------------------------------------- finite draws


def outcomes(p: Distribution, pairs: int) -> Iterable[tuple[float, dict[int, Fraction]]]:
    """Give every outcome of so many independent draws: its chance, and the shares of the items."""
    items = list(p)
    for drawn in product(items, repeat=pairs):
        chance = math.prod(float(p[item]) for item in drawn)
        yield chance, {item: Fraction(drawn.count(item), pairs) for item in set(drawn)}


def balanced_shares(rule: Rule, log: Log, pairs: int, offset: Fraction) -> dict[int, Fraction]:
    """Return the share of each target in the balanced draw of the points (offset + i)/N."""
    counts: Counter[int] = Counter()
    passed = Fraction(0)
    for (user, k), mass in cell_masses(rule, log.train).items():
        begin, passed = passed, passed + mass
        points = math.ceil(passed * pairs - offset) - math.ceil(begin * pairs - offset)
        counts[log.histories[user][k - 1]] += points
    return {item: Fraction(count, pairs) for item, count in counts.items()}
