"""The interface by which jobs report progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that jobs call to report progress."""

    def __call__(self, stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        """Report the current stage, the amount done if known (`total` > 0), and a further note."""
        ...


def silent(stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
    """Ignore progress."""
