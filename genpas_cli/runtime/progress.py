"""How a job tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called by jobs as they go."""

    def __call__(self, stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        """Say what is being done, how far it is where that is known (`total` > 0), and what else there is to tell."""
        ...


def silent(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
    """Say nothing."""
