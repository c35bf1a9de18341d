"""Ragged histories and biases, as hypothesis makes them; shared by all property tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from genpas_cli.sampling.cuts import draw_shard, shard_streams
from genpas_cli.sampling.rules import USAGES
from genpas_cli.sampling.shard_plan import Draw, SamplingPlan, plan_shards
from genpas_cli.sampling.strategies import parse_strategy
from genpas_cli.sampling.strategy import Strategy
from tests.oracle import Cut

BIASES = [-math.inf, -50.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 50.0, math.inf]
"""The exponents at which every formula is checked."""

NAMED = {usage: parse_strategy(usage) for usage in USAGES.values()}
"""A strategy of each rule of the registry, by its name: what is checked of one is checked of every rule."""

ENUMERATED = {name: strategy for name, strategy in NAMED.items() if strategy.enumeration is not None}

LAST_TARGET, SLIDE_WINDOW = NAMED["last-target"], NAMED["slide-window"]

Ints = NDArray[np.int64]


def biases() -> st.SearchStrategy[float]:
    """Give exponents: those of `BIASES`, and any other in range."""
    return st.sampled_from(BIASES) | st.floats(-50, 50, allow_subnormal=False)


def histories(*, longest: int = 40) -> st.SearchStrategy[list[int]]:
    """Give lengths of histories in the order of users; none, one, two, some, many; at least one takes part."""
    one = st.integers(0, 3) | st.integers(0, longest) | st.just(longest)
    few = st.lists(one, min_size=1, max_size=12)
    # A pattern repeated: many users at little cost to hypothesis.
    many = st.builds(
        lambda pattern, times: pattern * times, st.lists(st.integers(0, 6), min_size=1), st.integers(1, 30)
    )
    return (few | many).filter(lambda lengths: max(lengths) > 1)


def targets_of(lengths: list[int]) -> Ints:
    """Return the possible targets of each user."""
    return np.maximum(np.array(lengths, np.int64) - 1, 0)


def chunked(lengths: list[int], users_a_chunk: int) -> Callable[[int, int], Iterable[Ints]]:
    """Return what gives the targets of users first..last, in chunks."""
    targets = targets_of(lengths)

    def give(first: int, last: int) -> Iterable[Ints]:
        for begin in range(first, last + 1, users_a_chunk):
            yield targets[begin : min(begin + users_a_chunk, last + 1)]

    return give


def plan_of(  # noqa: PLR0913  # all but three by keyword
    lengths: list[int], strategy: Strategy, draw: Draw, *, pairs: int, epochs: int = 1, seed: int = 0,
    shard_rows: int = 1_000_000, users_a_chunk: int = 1 << 17,
) -> SamplingPlan:  # fmt: skip
    """Plan a draw from histories of these lengths."""
    return plan_shards(
        strategy, draw, pairs=pairs, epochs=epochs, seed=seed, shard_rows=shard_rows,
        histogram=np.bincount(targets_of(lengths)), targets=chunked(lengths, users_a_chunk),
    )  # fmt: skip


def drawn(plan: SamplingPlan, lengths: list[int], *, epoch: int = 0, users_a_chunk: int = 1 << 17) -> list[list[Cut]]:
    """Draw every shard of an epoch."""
    give = chunked(lengths, users_a_chunk)
    shards = []
    for part in plan.slices:
        streams = shard_streams(plan.seed, epoch, part.index)
        cuts = draw_shard(plan, part, epoch, give(part.first_user, part.last_user), streams)
        shards.append(list(zip(cuts.user.tolist(), cuts.target.tolist(), cuts.start.tolist(), strict=True)))
    return shards
