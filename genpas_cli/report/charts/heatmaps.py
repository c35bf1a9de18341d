"""Heat maps over α and β: one cell per pair of biases, stronger where it is better; some cells carry marks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from genpas_cli.report.charts.curves import STEPS, heat_fill
from genpas_cli.report.charts.drawing import Canvas, Caption, Drawn, chart
from genpas_cli.report.charts.theme import DIAMOND, DISC, STAR, mark_legend, steps_legend
from genpas_cli.report.markup import Html, join, row, table, tag
from genpas_cli.report.wording import exponent

Biases = tuple[float | str, float | str]
"""α and β."""

_CELL = 26

_LOOKS = {"ring": (DISC, 330, False), "diamond": (DIAMOND, 170, False), "star": (STAR, 55, True)}
"""Shape, size and whether it is filled; the sizes nest, so that a cell can carry several marks."""


@dataclass(frozen=True)
class Mark:
    """The cells marked with one shape."""

    shape: Literal["ring", "diamond", "star"]
    meaning: str
    places: Sequence[Biases]


@dataclass(frozen=True)
class Measure:
    """The value that the cells of one or several maps show, and its colour scale."""

    name: str
    write: Callable[[float], str]
    better: Literal["lower", "higher"]
    low: float
    high: float

    def step(self, value: float) -> int:
        """Return the colour step of a value, 0 to 8; steps are narrow near the best value and wide far from it."""
        if not math.isfinite(value):
            return 0
        span = self.high - self.low
        worse = (value - self.low if self.better == "lower" else self.high - value) / span if span > 0 else 0.0
        return STEPS - 1 - min(int(STEPS * max(worse, 0.0) ** 0.5), STEPS - 1)

    def ends(self) -> tuple[str, str]:
        """Return the labels of the weak and the strong end of the scale."""
        worst, best = (self.high, self.low) if self.better == "lower" else (self.low, self.high)
        return f"{self.write(worst)} (worst)", f"{self.write(best)} (best)"


def measure(
    name: str, write: Callable[[float], str], better: Literal["lower", "higher"], values: Sequence[float]
) -> Measure:
    """Return a measure whose colours span these values."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    return Measure(name, write, better, min(finite), max(finite))


def drawn_map(values: dict[Biases, float], measured: Measure, marks: Sequence[Mark]) -> Drawn:
    """Return the heat map of values by α and β."""
    import altair as alt

    shown = [mark for mark in marks if any(place in values for place in mark.places)]
    rows = [_cell(place, value, measured, shown) for place, value in values.items()]
    axes = {
        "x": _axis("alpha", "α, sequence bias", [place[0] for place in values], descending=False),
        "y": _axis("beta", "β, target bias", [place[1] for place in values], descending=True),
        "tooltip": "words:N",
    }
    cells = chart(rows).mark_rect(stroke="var(--panel)", strokeWidth=1)
    layers: list[Any] = [cells.encode(fill=heat_fill(measured.ends()), **axes)]
    for mark in shown:
        path, size, filled = _LOOKS[mark.shape]
        places = [_cell(place, values[place], measured, shown) for place in mark.places if place in values]
        for stroke, width in (("var(--panel)", 5), ("var(--ink)", 2)):  # a halo, so that it shows on any cell
            fill = "var(--panel)" if filled else "transparent"
            point = chart(places).mark_point(
                shape=path, size=size, fill=fill, fillOpacity=1 if filled else 0, stroke=stroke, strokeWidth=width,
                strokeOpacity=1, opacity=1,
            )  # fmt: skip
            layers.append(point.encode(**axes))
    return alt.layer(*layers).properties(height=_CELL * len({place[1] for place in values}))


def _axis(field: str, title: str, values: Sequence[float | str], *, descending: bool) -> Any:
    import altair as alt

    order = [exponent(value) for value in sorted(set(values), key=float, reverse=descending)]
    axis = alt.Axis(labelAngle=0, labelOverlap=True, ticks=False, domain=False)
    return (alt.Y if descending else alt.X)(f"{field}:O", title=title, sort=order, axis=axis)


def _cell(place: Biases, value: float, measured: Measure, marks: Sequence[Mark]) -> dict[str, Any]:
    alpha, beta = map(exponent, place)
    meanings = "".join(f"; {mark.meaning}" for mark in marks if place in mark.places)
    words = f"α {alpha}, β {beta}: {measured.name} {measured.write(value)}{meanings}"
    return {"alpha": alpha, "beta": beta, "step": measured.step(value), "words": words}


def map_legend(measured: Measure, marks: Sequence[Mark]) -> Html:
    """Return the legend of the colours and marks."""
    shapes = {mark.meaning: (_LOOKS[mark.shape][0]) for mark in marks if mark.places}
    return join([steps_legend(*measured.ends(), STEPS), mark_legend(shapes)])


def described(values: dict[Biases, float], measured: Measure) -> str:
    """Return the text alternative of a map."""
    pick = min if measured.better == "lower" else max
    (alpha, beta), best = pick(values.items(), key=lambda item: item[1])
    return (
        f"Heat map of {measured.name} over α and β. Best: {measured.write(best)} at α {exponent(alpha)}, "
        f"β {exponent(beta)}. From {measured.write(measured.low)} to {measured.write(measured.high)}."
    )


def as_table(values: dict[Biases, float], measured: Measure) -> Html:
    """Return the values of a map as a collapsed table."""
    alphas, betas = (sorted({place[at] for place in values}, key=float) for at in (0, 1))
    rows = [
        row(exponent(beta), *(measured.write(values[a, beta]) if (a, beta) in values else "" for a in alphas))
        for beta in reversed(betas)
    ]
    head = ["β \\ α", *map(exponent, alphas)]
    return tag("details", tag("summary", "The values of this map"), table(head, rows, f"{measured.name} by α and β"))


def figure(  # the parts of a figure
    canvas: Canvas, name: str, caption: Caption, values: dict[Biases, float], measured: Measure,
    marks: Sequence[Mark],
) -> Html:  # fmt: skip
    """Draw one map with its own legend and its figures."""
    return canvas.figure(
        name, caption, drawn_map(values, measured, marks), described(values, measured),
        legend=map_legend(measured, marks), below=as_table(values, measured),
    )  # fmt: skip
