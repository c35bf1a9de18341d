"""The look of strategies in charts and legends.

Each has a colour, a dash and a shape, so that colour is not needed to tell them apart. Colours are CSS variables, so
that charts follow the light or dark style sheet at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from genpas_cli.report.markup import Html, join, tag

COLOURS = 8
"""Colours of strategies: `--s0` to `--s7` of the style sheet."""

LINE, WIDE_LINE = 2.2, 3.5
"""Line widths of a strategy and of a held-out split."""

HELD_OUT = ("test", "validation")
"""Names of the distributions that are not strategies; they are drawn in the text colour."""

_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [12, 4], [4, 2], [6, 2, 2, 2, 2, 2], [1, 3])
_SQUARE = "M-.8,-.8H.8V.8H-.8Z"
_SHAPES = (
    "M0,-.9A.9,.9,0,1,1,0,.9A.9,.9,0,1,1,0,-.9Z",  # disc
    _SQUARE,
    "M0,-1L1,.8H-1Z",  # triangle
    "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",  # diamond
    "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",  # cross
    "M0,1L1,-.8H-1Z",  # triangle upside down
    "M-1,-.5H1V.5H-1Z",  # bar
)
STAR = "M0,-1.2L.28,-.39L1.14,-.37L.46,.15L.71,.97L0,.48L-.71,.97L-.46,.15L-1.14,-.37L-.28,-.39Z"
DIAMOND = _SHAPES[3]
DISC = _SHAPES[0]


class Look(NamedTuple):
    """The look of one series."""

    name: str
    colour: str
    dash: list[int]
    shape: str
    width: float


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each series; the cycles of colours, dashes and shapes have different lengths."""
    made: dict[str, Look] = {}
    strategies = 0
    for name in names:
        if name in made:
            continue
        if name in HELD_OUT:
            made[name] = Look(name, "var(--ink)", [1, 0], _SQUARE, WIDE_LINE)
            continue
        at, strategies = strategies, strategies + 1
        made[name] = Look(name, f"var(--s{at % COLOURS})", _DASHES[at % len(_DASHES)], _SHAPES[at % len(_SHAPES)], LINE)
    return made


def swatch(look: Look, *, line: bool = True) -> Html:
    """Return the legend symbol of a series: its line and shape, or only its shape."""
    dash = " ".join(map(str, look.dash))
    drawn = tag("path", d="M1,8H35", stroke=look.colour, stroke_width=str(look.width),
               stroke_dasharray=None if look.dash == [1, 0] else dash)  # fmt: skip
    shape = tag("path", d=look.shape, fill=look.colour, transform="translate(18 8) scale(4.6)")
    return tag("svg", drawn if line else "", shape, viewBox="0 0 36 16" if line else "9 0 18 16",
               class_="swatch" if line else "sign", aria_hidden="true")  # fmt: skip


def legend(shown: Iterable[Look], *, lines: bool = True) -> Html:
    """Return a legend of series, which wraps when space is narrow."""
    return tag("ul", *(tag("li", swatch(look, line=lines), look.name) for look in shown), class_="legend")


def mark_legend(marks: dict[str, str]) -> Html:
    """Return a legend of marked points: what each outline means."""
    items = []
    for text, path in marks.items():
        drawn = tag("path", d=path, class_="mark", transform="translate(9 9) scale(6)")
        items.append(tag("li", tag("svg", drawn, viewBox="0 0 18 18", class_="sign", aria_hidden="true"), text))
    return tag("ul", *items, class_="legend")


def steps_legend(low: str, high: str, steps: int) -> Html:
    """Return the legend of a heat map: its steps from weak to strong, with what both ends mean."""
    boxes = join(tag("i", style=f"background:var(--h{step})") for step in range(steps))
    return tag("p", tag("span", low), tag("span", boxes, class_="ramp", aria_hidden="true"), tag("span", high),
               class_="legend")  # fmt: skip


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of every chart."""
    text = {"labelColor": "var(--muted)", "titleColor": "var(--ink)", "labelFontSize": 12, "titleFontSize": 12}
    return {
        "background": "transparent",
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "title": {"color": "var(--ink)"},
        "legend": {"labelColor": "var(--ink)"},
        "axis": {
            **text, "titleFontWeight": "normal", "gridColor": "var(--line)", "domainColor": "var(--line)",
            "tickColor": "var(--line)", "titlePadding": 8,
        },
    }  # fmt: skip
