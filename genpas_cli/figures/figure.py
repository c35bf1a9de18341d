"""Declaration of a figure: once, as a field of a report, with all texts about it.

JSON, the terminal's tables, CSV, the HTML page, the rules of `--check` and docs/explanation/figures.md all read these
declarations. The figures themselves are in `genpas_cli.figures.table`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Flag, auto
from typing import Any, Literal, TypeVar

T = TypeVar("T")


class Shown(Flag):
    """Where a figure is shown besides JSON, which has all of them."""

    TERMINAL = auto()
    """In the terminal's table of strategies; figures of the data in the line of shares."""
    TERMINAL_DRAWS = auto()
    """In the same table, in the rows for finite draws below the strategy's row."""
    TERMINAL_DENSE = auto()
    """In the same table, in the rows for dense supervision below the strategy's row."""
    TERMINAL_TEXT = auto()
    """Elsewhere in the terminal, in text written by `cli/tables.py`."""
    CSV = auto()
    PAGE = auto()
    """In the tables of the HTML page; figures of the data in the panel."""
    PAGE_DRAWS = auto()
    """In a chart of the HTML page that compares p with finite draws."""
    PAGE_DENSE = auto()
    """In the table of the HTML page that compares p with dense supervision."""
    PAGE_TEXT = auto()
    """Elsewhere on the HTML page, in a text or chart written by `report/`."""
    CHECK = auto()
    """Rules of `--check` may use it."""


NUMBER = Shown.TERMINAL | Shown.CSV | Shown.PAGE | Shown.CHECK
"""Where a number is shown, unless its declaration says otherwise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """The declaration of one figure."""

    key: str = ""
    """Key in JSON, equal to the name of the field."""
    compute: Callable[[Any], Any] | None
    """Computes the value from the gathered data; None if the caller of `computed` passes the value."""
    label: str
    """Name in tables, a few words."""
    meaning: str
    """Explanation in one or two sentences."""
    group: str
    """Heading on the HTML page and in the documentation."""
    formula: str = ""
    """Formula in Markdown, for the documentation."""
    range: str = ""
    """Smallest and largest value, in words."""
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    """Which direction is better; None if neither is."""
    within_inputs: bool = False
    """Whether values can only be compared between strategies with the same input kernel (the same γ)."""
    is_share: bool = False
    """Whether the value is a share, shown as a percentage."""
    is_duration: bool = False
    """Whether the value is durations, in seconds if the figure `time_unit` says so."""
    digits: int = 4
    """Decimals on the HTML page, or of the percentage."""
    parts: tuple[str, ...] = ()
    """Keys of the numbers in the value, if it is an object; rules refer to them as `key.part`."""
    fact: str = ""
    """Text after the number in the data panel of the page; `{key}` is replaced by the value of another figure."""
    shown: Shown = NUMBER

    @property
    def title(self) -> str:
        """Return the label as a heading."""
        return self.label[:1].upper() + self.label[1:]

    @property
    def direction(self) -> str | None:
        """Return which direction is better, in words; None if neither is."""
        return None if self.better is None else f"{self.better} is better"


def figure(compute: Callable[[Any], Any] | None, label: str, meaning: str, group: str, **rest: Any) -> Any:
    """Declare a figure as a field of a report's dataclass; see `Figure` for the arguments."""
    declared = Figure(compute=compute, label=label, meaning=meaning, group=group, **rest)
    return dataclasses.field(metadata={"figure": declared})


def figures_in(kind: type) -> dict[str, Figure]:
    """Return the figures of a report's dataclass by key, in the order of the JSON.

    Raises:
        KeyError: a field was not declared with `figure`.
    """
    return {f.name: dataclasses.replace(f.metadata["figure"], key=f.name) for f in dataclasses.fields(kind)}


def shown_in(kind: type, where: Shown) -> list[Figure]:
    """Return the figures of a dataclass that are shown in one place."""
    return [each for each in figures_in(kind).values() if where in each.shown]


def checked_keys(kind: type) -> list[str]:
    """Return the keys that rules of `--check` may use."""
    return [
        f"{each.key}.{part}" if part else each.key
        for each in shown_in(kind, Shown.CHECK) for part in each.parts or ("",)
    ]  # fmt: skip


def computed(kind: type[T], gathered: Any, **given: Any) -> T:
    """Return a dataclass of figures, computed from `gathered`, or taken from `given` if they have no `compute`."""
    figures = figures_in(kind).items()
    return kind(**{key: given[key] if each.compute is None else each.compute(gathered) for key, each in figures})
