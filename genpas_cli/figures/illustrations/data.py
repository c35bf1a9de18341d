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
class DivergenceParts:
    """The KL divergence of a strategy, divided among the items by their popularity in training."""

    name: str
    tenths: list[float]
    """Part of each tenth of the items, the most popular first, without items that are never a training target."""
    never: float
    """Part of the items that are never a training target."""


@dataclass(frozen=True)
class GroupShares:
    """Share of each of several groups in the targets."""

    name: str
    """A strategy, or the held-out split."""
    shares: list[float]
    """0..1, one per group; they sum to 1."""


@dataclass(frozen=True)
class Calendar:
    """When the targets took place."""

    edges: list[str] | list[float]
    """Ends of the intervals: ISO 8601 in UTC, or numbers if the times of the log are not instants."""
    targets: list[GroupShares]
    """Share of the targets in each interval: the held-out targets first, if any, then each strategy."""


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

    against: str
    """`test` or `validation`: the split whose targets are drawn and compared with."""
    curves: list[PopularityCurve]
    """The held-out targets first, if any, then each strategy."""
    divergence: list[DivergenceParts]
    """KL(held-out ‖ train) of each strategy; empty if nothing is held out."""
    calendar: Calendar | None
    """None if the log has no times, or a single one."""
    cohorts: list[GroupShares]
    """Share of the targets by the length of the user's training history, in the groups of `COHORTS`: the held-out
    targets first, if any, then each strategy."""
    map: list[MapPoint]
    """KL over a grid of α and β; γ does not affect the KL of the targets."""
    user_items: list[str]
    """Ids of the training items of a user with the median number of targets, oldest first."""
    user_steps: list[StepsOfUser]
    """One per strategy."""
