"""Data that the HTML report draws in addition to the figures; no chart library is imported here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PopularityCurve:
    """Cumulative share of targets over the items, from the most to the least popular in training."""

    name: str
    """A strategy, or the held-out split."""
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
    """Step 1: p_α(s) of the user times the number of users with a target; 1 is the mean."""
    target: list[float]
    """Step 2: p_β(k | s) for k = 2..|s|."""
    start: list[float]
    """Step 3: p_γ(j | k, s) for j = 1..k − 1 at the last target k = |s|."""


@dataclass(frozen=True)
class Illustrations:
    """All data that is drawn and is not a figure of the table."""

    curves: list[PopularityCurve]
    """The held-out targets first, if any, then each strategy."""
    map_against: str
    """`test` or `validation`: the split whose targets the KL of the map compares with."""
    map: list[MapPoint]
    """Over a grid of α and β; γ does not affect the target KL."""
    user_items: list[int]
    """Training item numbers of a user with the median number of targets, oldest first."""
    user_steps: list[StepsOfUser]
    """One per strategy."""
