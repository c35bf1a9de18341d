"""GenPAS in slow, plain Python: the formulas of method.md as loops over users and positions, in exact arithmetic.

Probabilities are fractions: exact where the exponent is a whole number, to 60 digits where it is not. Nothing of
`genpas_cli.sampling` is used, apart from the keys of the random streams, which are restated here. The figures of a
distribution are loops too, over every (s, k, j) and every held-out pair; their logarithms and roots are floats.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")

Cut = tuple[int, int, int]
"""User (0-based), target position k and input start j (both 1-based)."""

_CONTEXT = Context(prec=60, Emin=-(10**6), Emax=10**6)


def power(base: int, exponent: float) -> Fraction:
    """Return base^exponent; `exponent` is finite."""
    if float(exponent).is_integer():
        return Fraction(base) ** int(exponent)
    return Fraction(_CONTEXT.power(Decimal(base), Decimal(exponent)))


Law = float | tuple[str, float]
"""A distribution over the positions 1..m: the exponent of a power law, or another one by name with its parameter."""


@lru_cache(maxsize=4096)
def pmf(law: Law, count: int) -> tuple[Fraction, ...]:
    """Return p(i) for i = 1..count: ∝ i^exponent, or as the law says."""
    if isinstance(law, tuple):
        name, parameter = law
        weights = [OTHER_LAWS[name](i, count, Fraction(parameter)) for i in range(1, count + 1)]
        return tuple(weight / sum(weights) for weight in weights)
    exponent = law
    if exponent == math.inf:
        return tuple(Fraction(int(i == count)) for i in range(1, count + 1))
    if exponent == -math.inf:
        return tuple(Fraction(int(i == 1)) for i in range(1, count + 1))
    weights = [power(i, exponent) for i in range(1, count + 1)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


OTHER_LAWS: dict[str, Callable[[int, int, Fraction], Fraction]] = {
    "recency": lambda i, count, keep: keep ** (count - i),
    "last of": lambda i, count, width: Fraction(int(i == max(count - width + 1, 1))),
}
"""Of a law that is no power: (position i, m, parameter) → its weight."""


@lru_cache(maxsize=4096)
def cdf(law: Law, count: int) -> tuple[Fraction, ...]:
    """Return P(i ≤ position) for position = 1..count."""
    return tuple(accumulate(pmf(law, count)))


def quantile(law: Law, count: int, level: Fraction | float) -> int:
    """Return the first position whose cdf exceeds the level."""
    exact = Fraction(level)
    for position, below in enumerate(cdf(law, count), start=1):
        if below > exact:
            return position
    raise AssertionError(level)


@dataclass(frozen=True)
class Rule:
    """What is drawn: the biases; `alpha` is None where a sequence weighs its number of contiguous pairs."""

    alpha: float | None
    beta: Law
    gamma: Law


@lru_cache
def rule_of(strategy: str) -> Rule:
    """Return what a strategy draws, as a user writes it."""
    name, _, text = strategy.partition(":")
    given = {key: float(value) for key, _, value in (part.partition("=") for part in text.split(",") if part)}
    rules: dict[str, Callable[[], Rule]] = {
        "last-target": lambda: Rule(0, math.inf, -math.inf),
        "multi-target": lambda: Rule(1, 0, -math.inf),
        "slide-window": lambda: Rule(None, 1, 0),
        "recency": lambda: Rule(given.get("alpha", 0), ("recency", given["keep"]), given.get("gamma", -math.inf)),
        "windows": lambda: Rule(1, 0, ("last of", given["width"])),
    }
    return rules[name]() if name in rules else Rule(*map(float, strategy.split(",")))


def sequence_masses(alpha: float | None, lengths: Sequence[int]) -> list[Fraction]:
    """Return p(s) of every sequence; 0 for those shorter than 2, which take no part."""
    targets = [max(length - 1, 0) for length in lengths]
    if alpha is None:
        weights = [Fraction(m * (m + 1), 2) for m in targets]
    elif math.isinf(alpha):
        taking_part = [m for m in targets if m > 0]
        chosen = max(taking_part) if alpha > 0 else min(taking_part)
        weights = [Fraction(int(m == chosen)) for m in targets]
    else:
        weights = [power(m, alpha) if m > 0 else Fraction(0) for m in targets]
    total = sum(weights)
    return [weight / total for weight in weights]


def cell_masses(rule: Rule, lengths: Sequence[int]) -> dict[tuple[int, int], Fraction]:
    """Return p(s, k) of every user s (0-based) and target position k = 2..|s|, in the order of the line of mass."""
    cells = {}
    for user, mass in enumerate(sequence_masses(rule.alpha, lengths)):
        if lengths[user] > 1:
            for i, share in enumerate(pmf(rule.beta, lengths[user] - 1), start=1):
                cells[user, i + 1] = mass * share
    return cells


def enumerate_pairs(name: str, lengths: Sequence[int]) -> list[Cut]:
    """Return every pair of a strategy that enumerates, in the order of users, targets and starts."""
    pairs = []
    for user, length in enumerate(lengths):
        for k in range(2, length + 1):
            for j in range(1, k):
                is_one = {
                    "last-target": k == length and j == 1, "multi-target": j == 1, "slide-window": True,
                    "windows": pmf(rule_of(name).gamma, k - 1)[j - 1] == 1,
                }[name.partition(":")[0]]  # fmt: skip
                pairs += [(user, k, j)] if is_one else []
    return pairs


# ------------------------------------------------------------------------------------------------------------- draws


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of a key."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def shard_streams(seed: int, epoch: int, shard: int) -> list[np.random.Generator]:
    """Return the streams of one shard: users, targets, starts, order."""
    return [stream(seed, 2, epoch, shard, child) for child in range(4)]


def shard_bounds(pairs: int, shard_rows: int) -> list[tuple[int, int]]:
    """Return the first pair of each shard and the one past its last."""
    shards = math.ceil(Fraction(pairs, shard_rows))
    rows = math.ceil(Fraction(pairs, shards))
    return [(h * rows, min((h + 1) * rows, pairs)) for h in range(shards)]


@dataclass(frozen=True)
class Draw:
    """How many pairs, in how many epochs, from which seed."""

    pairs: int
    epochs: int = 1
    seed: int = 0
    shard_rows: int = 1_000_000


def balanced_targets(rule: Rule, lengths: Sequence[int], draw: Draw, epoch: int) -> list[tuple[int, int]]:
    """Return (user, k) of every point (U + e/K mod 1 + i)/N on the line of mass, i = 0..N − 1."""
    offset = (Fraction(stream(draw.seed, 0).random()) + Fraction(epoch, draw.epochs)) % 1
    cells = list(cell_masses(rule, lengths).items())
    found, cell, passed = [], -1, Fraction(0)
    for i in range(draw.pairs):
        while passed <= (i + offset) / draw.pairs:
            cell += 1
            passed += cells[cell][1]
        found.append(cells[cell][0])
    return found


def balanced_shards(rule: Rule, lengths: Sequence[int], draw: Draw, epoch: int) -> list[list[Cut]]:
    """Return the cuts of every shard of a balanced draw: the points in their order, a start drawn for each."""
    targets = balanced_targets(rule, lengths, draw, epoch)
    shards = []
    for h, (begin, end) in enumerate(shard_bounds(draw.pairs, draw.shard_rows)):
        starts = shard_streams(draw.seed, epoch, h)[2]
        shards.append([(s, k, quantile(rule.gamma, k - 1, starts.random())) for s, k in targets[begin:end]])
    return shards


def independent_rows(draw: Draw, epoch: int) -> list[int]:
    """Return how many pairs each shard of an independent draw has."""
    count = len(shard_bounds(draw.pairs, draw.shard_rows))
    rows: list[int] = stream(draw.seed, 1, epoch).multinomial(draw.pairs, [1 / count] * count).tolist()
    return rows


@dataclass(frozen=True)
class LineSlice:
    """A slice of the line of mass, and the users looked at to draw from it."""

    lower: float
    upper: float
    first: int
    last: int
    before: float
    """Mass on the line before user `first`."""
    chunk: int
    """Users looked at together."""


def independent_shard(
    rule: Rule, lengths: Sequence[int], weights: Sequence[float], part: LineSlice, rows: int,
    streams: Sequence[np.random.Generator],
) -> list[Cut]:  # fmt: skip
    """Return the cuts of one shard of an independent draw.

    `weights` is the mass of each user. In floats: numbers of users are drawn from the stream with their shares, and a
    share that is 0 or nearly 0 makes a difference to what is taken from the stream.
    """
    cuts, left, edge = [], part.upper - part.lower, part.before
    for begin in range(part.first, part.last + 1, part.chunk):
        users, low, width, inside, begun = [], {}, {}, [], edge
        passed = 0.0
        for s in range(begin, min(begin + part.chunk, part.last + 1)):
            if weights[s] > 0:
                low[s] = min(max((part.lower - edge) / weights[s], 0.0), 1.0)
                width[s] = min(max((part.upper - edge) / weights[s], 0.0), 1.0) - low[s]
                if width[s] > 0:
                    users.append(s)
                    inside.append(width[s] * weights[s])
            passed += weights[s]
            edge = begun + passed
        here = float(np.sum(inside))
        is_last = begin + part.chunk > part.last
        drawn = int(streams[0].binomial(rows, 1.0 if is_last or here >= left else here / left)) if users else 0
        counts = streams[0].multinomial(drawn, [mass / here for mass in inside]).tolist() if drawn else []
        rows, left = rows - drawn, left - here
        for s, times in zip(users, counts, strict=bool(counts)):
            for _ in range(times):
                k = quantile(rule.beta, lengths[s] - 1, low[s] + width[s] * streams[1].random()) + 1
                cuts.append((s, k, quantile(rule.gamma, k - 1, streams[2].random())))
    return cuts


# ------------------------------------------------------------------------------------------------------------- pairs


def user_order(ids: Sequence[str]) -> list[str]:
    """Return user ids in the order of their numbers: that of the MD5 of their UTF-8 text."""
    return sorted(ids, key=lambda name: hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


def item_order(ids: Sequence[str]) -> list[str]:
    """Return item ids in the order of their numbers: that of their bytes."""
    return sorted(ids, key=str.encode)


def input_of(history: Sequence[T], k: int, j: int, max_input: int | None) -> list[T]:
    """Return s_j..s_{k−1}, oldest first, cut to its most recent `max_input` items."""
    whole = [history[position - 1] for position in range(j, k)]
    return whole if max_input is None else whole[-max_input:]


# ---------------------------------------------------------------------------------------- the log that figures are of


@dataclass(frozen=True)
class Log:
    """Histories of items, numbered from 1, and how they are split: training comes first, then validation, then test."""

    histories: list[list[int]]
    train: list[int]
    """Training interactions of each user."""
    validation: list[int]
    """Interactions of each user held out for validation; those after them are for test."""
    evaluated: Literal["first", "last", "all"] = "all"
    """Which of a user's held-out interactions are targets."""

    @property
    def training(self) -> list[list[int]]:
        """The training sequences."""
        return [history[:length] for history, length in zip(self.histories, self.train, strict=True)]

    @property
    def occurring(self) -> list[int]:
        """The items that occur anywhere, ascending."""
        return sorted({item for history in self.histories for item in history})

    @property
    def possible_targets(self) -> int:
        """How many pairs Multi-Target has."""
        return sum(max(length - 1, 0) for length in self.train)

    def training_counts(self) -> Counter[int]:
        """Return how often each item occurs in training."""
        return Counter(item for history in self.training for item in history)

    def held_out(self, split: str) -> list[tuple[list[int], int]]:
        """Return (all that came before, target) of each held-out pair; a user's very first interaction is never one."""
        pairs = []
        for history, train, validation in zip(self.histories, self.train, self.validation, strict=True):
            begin = train if split == "validation" else train + validation
            end = train + validation if split == "validation" else len(history)
            positions = list(range(max(begin, 1), end))
            chosen = {"all": positions, "first": positions[:1], "last": positions[-1:]}[self.evaluated]
            pairs += [(history[:position], history[position]) for position in chosen]
        return pairs

    def held_out_distribution(self, split: str) -> dict[int, Fraction] | None:
        """Return the distribution of the targets of a split; None if it has none."""
        counts = Counter(target for _, target in self.held_out(split))
        return {item: Fraction(count, counts.total()) for item, count in counts.items()} or None


def pair_masses(rule: Rule, lengths: Sequence[int]) -> dict[Cut, Fraction]:
    """Return p(s, k, j) of every pair."""
    return {
        (user, k, j): mass * share
        for (user, k), mass in cell_masses(rule, lengths).items()
        for j, share in enumerate(pmf(rule.gamma, k - 1), start=1)
    }


def target_distribution(rule: Rule, log: Log) -> dict[int, Fraction]:
    """Return p_train(y) of every item that can be a target."""
    p: dict[int, Fraction] = defaultdict(Fraction)
    for (user, k), mass in cell_masses(rule, log.train).items():
        p[log.histories[user][k - 1]] += mass
    return {item: mass for item, mass in p.items() if mass > 0}


def supervised_masses(
    masses: Mapping[Cut, Fraction], max_input: int | None, *, per_token: bool
) -> dict[tuple[int, int], Fraction]:
    """Return the distribution of (user, position i) that a trainer learns from at every position of a pair's sequence.

    Args:
        masses: p(s, k, j) of every pair.
        max_input: maximum number of items of an input.
        per_token: whether every position has the same weight, and not every pair.
    """
    found: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for (user, k, j), mass in masses.items():
        start = j if max_input is None else max(j, k - max_input)
        for i in range(start + 1, k + 1):
            found[user, i] += mass if per_token else mass / (k - start)
    total = sum(found.values())
    return {place: mass / total for place, mass in found.items() if mass}


def truncated_masses(rule: Rule, lengths: Sequence[int], max_input: int | None) -> dict[Cut, Fraction]:
    """Return p(s, k, j) after inputs are cut to their last `max_input` items: the starts before those are one."""
    masses: dict[Cut, Fraction] = defaultdict(Fraction)
    for (user, k, j), mass in pair_masses(rule, lengths).items():
        masses[user, k, j if max_input is None else max(j, k - max_input)] += mass
    return masses


def marginal(masses: Mapping[Cut, Fraction], of: Callable[[Cut], int]) -> dict[int, Fraction]:
    """Return the distribution of a whole number that each cut has; numbers without mass are left out."""
    found: dict[int, Fraction] = defaultdict(Fraction)
    for cut, mass in masses.items():
        found[of(cut)] += mass
    return {number: mass for number, mass in found.items() if mass > 0}
