"""Charts of a search: KL against A / D, one chart per input kernel, each with its frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from genpas_cli.figures.results import Configuration
from genpas_cli.report.charts.drawing import HEIGHT, Canvas, chart, scale
from genpas_cli.report.charts.theme import DIAMOND, DISC, LINE, STAR, Look, looks, mark_legend
from genpas_cli.report.markup import Html, join, tag
from genpas_cli.report.wording import STRATEGY

KL = STRATEGY["kl_validation_train"].title
"""The name of the horizontal axis."""

Marked = Mapping[Literal["ring", "diamond", "star"], tuple[str, list[Configuration]]]
"""The meaning of each mark, and the configurations that carry it."""

_SIGNS = {"ring": (DISC, 170, 1.5), "diamond": (DIAMOND, 260, 2), "star": (STAR, 110, 2)}
"""Shape, size and line width."""


def tradeoff(canvas: Canvas, facets: Mapping[str, Sequence[Configuration]], marked: Marked) -> Html:
    """Draw the configurations of each facet, by its name; all have an A / D."""
    known = [each for some in facets.values() for each in some]
    look = looks(facets)
    drawn = [
        _facet(canvas, f"tradeoff-{at}", look[name], some, known, marked)
        for at, (name, some) in enumerate(facets.items()) if some
    ]  # fmt: skip
    meanings = {text: _SIGNS[shape][0] for shape, (text, carrying) in marked.items() if carrying}
    return join([
        tag("p", "One point per configuration, one chart per γ: A / D can only be compared for the same γ. Left: "
            "training targets more similar to the validation targets. Top: inputs that tell more about their target. "
            "The line is the frontier: no other configuration of this γ is better in one figure and as good in the "
            "other. All charts have the same horizontal axis."),
        mark_legend(meanings), tag("div", *drawn, class_="figures"),
    ])  # fmt: skip


def _facet(  # what a chart of one γ shows
    canvas: Canvas, name: str, look: Look, some: Sequence[Configuration], known: Sequence[Configuration],
    marked: Marked,
) -> Html:  # fmt: skip
    import altair as alt

    front, axes = frontier(some), _axes(some, known)
    layers = [
        _points(front, axes).mark_line(color=look.colour, strokeWidth=LINE, interpolate="step-after"),
        _points(some, axes).mark_point(size=34, filled=True, opacity=0.6, color=look.colour, shape=look.shape),
    ]
    for sign, (_, carrying) in marked.items():
        shown = [each for each in carrying if each in some]
        if shown:
            path, size, width = _SIGNS[sign]
            fill = "var(--panel)" if sign == "star" else "transparent"
            layers.append(_points(shown, axes).mark_point(
                shape=path, size=size, fill=fill, stroke="var(--ink)", strokeWidth=width, opacity=1
            ))  # fmt: skip
    drawn = canvas.bare(
        name, alt.layer(*layers).properties(height=HEIGHT),
        f"{len(some)} configurations with {look.name}. The frontier has {len(front)}, from the lowest KL, "
        f"{front[0].name} with {front[0].kl:.4f}, to the highest A / D, {front[-1].name} with "
        f"{front[-1].alignment_ratio:.2f}.", title=f"KL against A / D, {look.name}",
    )  # fmt: skip
    return tag("figure", tag("figcaption", tag("h3", look.name)), drawn)


def frontier(configurations: Sequence[Configuration]) -> list[Configuration]:
    """Return the configurations with an A / D that no other one reaches with the same KL or less, by ascending KL."""
    found: list[Configuration] = []
    for each in sorted(configurations, key=lambda each: (each.kl, -(each.alignment_ratio or 0.0))):
        if not found or (each.alignment_ratio or 0.0) > (found[-1].alignment_ratio or 0.0):
            found.append(each)
    return found


def _axes(some: Sequence[Configuration], known: Sequence[Configuration]) -> dict[str, Any]:
    """Return the axes of one chart: KL is comparable between charts, A / D is not."""
    import altair as alt

    across, up = scale([each.kl for each in known], 12), scale([each.alignment_ratio for each in some], 12)
    return {
        "x": alt.X("kl:Q", title=f"{KL} (lower is better)", scale=across, axis=alt.Axis(tickCount=6)),
        "y": alt.Y("ratio:Q", title="A / D (higher is better)", scale=up, axis=alt.Axis(tickCount=6)),
        "tooltip": "words:N",
    }


def _points(configurations: Sequence[Configuration], axes: dict[str, Any]) -> Any:
    rows = [{"kl": each.kl, "ratio": each.alignment_ratio, "words": _words(each)} for each in configurations]
    return chart(rows).encode(**axes)


def _words(each: Configuration) -> str:
    places = [
        "" if each.published_rank is None else f"; rank {each.published_rank} by the published method",
        "" if each.front_rank is None else f"; rank {each.front_rank} near the front",
    ]
    return f"{each.name}: KL {each.kl:.4f}, A / D {each.alignment_ratio or 0:.2f}{''.join(places)}"
