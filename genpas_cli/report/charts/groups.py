"""Charts of the targets by time, and by the length of the user's training history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from genpas_cli.figures.distribution.groups import COHORTS
from genpas_cli.figures.illustrations.data import Calendar, GroupShares
from genpas_cli.report.charts.curves import Looks, colours, grouped_bars, looks_in, widths
from genpas_cli.report.charts.drawing import HEIGHT, Canvas, Caption, Drawn, Rows, chart
from genpas_cli.report.charts.theme import HELD_OUT, legend
from genpas_cli.report.markup import Html
from genpas_cli.report.wording import count
from genpas_cli.runtime.text.wording import percent, times


def calendar(canvas: Canvas, drawn: Calendar, looks: Looks) -> Html:
    """Draw when the targets of each strategy and the held-out targets took place."""
    named = times(drawn.edges)
    rows = [
        {"x": begin, "end": end, "y": share, "name": each.name,
         "words": f"{each.name}: {percent(share)} of targets from {first} to {last}"}
        for each in drawn.targets
        for (begin, end), (first, last), share in zip(pairwise(drawn.edges), pairwise(named), each.shares, strict=True)
    ]  # fmt: skip
    # The line of the last interval goes on to its end.
    rows += [{"x": drawn.edges[-1], "y": each.shares[-1], "name": each.name} for each in drawn.targets]
    told = "; ".join(f"{each.name} {_median(each, named)}" for each in drawn.targets)
    held_out = next((each.name for each in drawn.targets if each.name in HELD_OUT), None)
    compared = "" if held_out is None else f" The thick line shows when the {held_out} targets occur."
    return canvas.figure(
        "calendar",
        Caption("Time of the targets", f"Share of the targets in each of {len(named) - 1} intervals of equal "
                f"length.{compared}"),
        _steps(rows, looks, is_date=isinstance(drawn.edges[0], str)),
        f"Lines of the share of targets by time. Half of the targets are earlier than: {told}.",
        legend=legend(looks[each.name] for each in drawn.targets),
    )  # fmt: skip


def _median(each: GroupShares, named: Sequence[str]) -> str:
    mass = 0.0
    for at, share in enumerate(each.shares):
        mass += share
        if mass >= 0.5:  # noqa: PLR2004  # that is a median
            return named[at + 1]
    return named[-1]


def _steps(rows: Rows, looks: Looks, *, is_date: bool) -> Drawn:
    import altair as alt

    shown = looks_in(rows, looks)
    axis = alt.Axis(grid=False, labelOverlap="greedy", tickCount=6)
    scale: dict[str, Any] = {"type": "utc"} if is_date else {"zero": False}
    x = alt.X("x:T" if is_date else "x:Q", title="time", axis=axis, scale=alt.Scale(nice=False, **scale))
    base = chart(rows).encode(
        x=x,
        y=alt.Y("y:Q", title="share of targets", scale=alt.Scale(domainMin=0), axis=alt.Axis(format="~%", tickCount=5)),
        color=colours(shown, lines=True),
    )
    lines = base.mark_line(interpolate="step-after").encode(strokeWidth=widths())
    bars = base.mark_bar(opacity=0).encode(x2="end", y=alt.Y("y:Q", stack=None), tooltip="words:N")
    return alt.layer(lines, bars).properties(height=HEIGHT)


def cohorts(canvas: Canvas, drawn: Sequence[GroupShares], looks: Looks) -> Html:
    """Draw the share of the targets by the length of the user's training history."""
    import altair as alt

    groups = [_cohort(low, high) for low, high in COHORTS]
    some = [at for at in range(len(groups)) if any(each.shares[at] for each in drawn)]
    rows = [
        {"x": groups[at], "y": each.shares[at], "name": each.name,
         "words": f"{each.name}: {percent(each.shares[at])} of targets are of users with {groups[at]} interactions"}
        for each in drawn for at in some
    ]  # fmt: skip
    held_out = next((each.name for each in drawn if each.name in HELD_OUT), None)
    reading = "Share of the targets by the number of training interactions of their user" + (
        "." if held_out is None else f"; the bars of a strategy should be as high as those of {held_out}."
    )
    longest = "; ".join(f"{each.name} {percent(each.shares[some[-1]])}" for each in drawn)
    return canvas.figure(
        "cohorts", Caption("Targets by history length of the user", reading),
        grouped_bars(rows, looks, ("training interactions of the user", "share of targets"),
                     [groups[at] for at in some], axis=alt.Axis(format="~%", tickCount=5)),
        f"Share of targets by history length. Users with {groups[some[-1]]} interactions: {longest}.",
        legend=legend((looks[each.name] for each in drawn), lines=False),
    )  # fmt: skip


def _cohort(low: int, high: int | None) -> str:
    if high is None:
        return f"{count(low)} or more"
    return f"at most {count(high)}" if low == 0 else f"{count(low)} to {count(high)}"
