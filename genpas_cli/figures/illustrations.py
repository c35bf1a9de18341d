"""The data of what the HTML report draws besides the figures; no chart library is imported here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PopularityCurve:
    """How the targets of one distribution fall on the items from the most popular in training to the least."""

    name: str
    """A strategy, or `test`."""
    rank: list[int]
    """Popularity ranks, from 1, ascending."""
    mass: list[float]
    """Share of targets on the items up to each rank, 0..1."""


@dataclass(frozen=True)
class MapPoint:
    """One point of the (α, β) map."""

    alpha: float
    beta: float
    kl: float
    """KL(p_held-out ‖ p_train), as in the report's figures."""


@dataclass(frozen=True)
class StepsOfUser:
    """The three steps of one strategy for one real user."""

    name: str
    sequence: float
    """Step 1: p_α(s) of the user, times the number of users with a target: 1 is the mean user."""
    target: list[float]
    """Step 2: p_β(k | s) for k = 2..|s|."""
    start: list[float]
    """Step 3: p_γ(j | k, s) for j = 1..k − 1 at the last target k = |s|."""


@dataclass(frozen=True)
class Illustrations:
    """All data that is drawn and is not a figure of the table."""

    curves: list[PopularityCurve]
    """Of each strategy, and of the test targets first."""
    map_against: str
    """`test` or `validation`: the split whose targets the KL of the map compares with."""
    map: list[MapPoint]
    """Over a grid of α and β; γ never moves the target KL."""
    user_items: list[int]
    """Item numbers of a user of median length, oldest first; training only."""
    user_steps: list[StepsOfUser]
    """One per strategy."""
