"""Draws the three steps of GenPAS for one real user, one row per strategy."""

from __future__ import annotations

from collections.abc import Sequence

from genpas_cli.figures.illustrations.data import Illustrations, StepsOfUser
from genpas_cli.report.charts.curves import Looks
from genpas_cli.report.charts.drawing import Canvas, Drawn, chart
from genpas_cli.report.charts.theme import Look, swatch
from genpas_cli.report.markup import Html, join, tag
from genpas_cli.runtime.text.visible import visible
from genpas_cli.runtime.text.wording import percent

_HEIGHT = 100
_ID = 24
"""Characters of an item's id that are shown."""


def user_steps(canvas: Canvas, drawn: Illustrations, looks: Looks) -> Html:
    """Draw the steps of every strategy for the report's user."""
    items, steps = [_short(item) for item in drawn.user_items], drawn.user_steps
    heaviest = max([1.0, *(each.sequence for each in steps)])
    rows = [_strategy(canvas, at, each, items, looks[each.name], heaviest) for at, each in enumerate(steps)]
    named = " → ".join(items)
    return join([
        tag("p", f"A user with a sequence of median length: {len(items)} training items. Their ids, oldest first: "
            f"{named}. Each row shows, from left to right, how often this user is drawn, which item is the target, "
            "and where the input starts if the target is the last item."),
        *rows,
    ])  # fmt: skip


def _short(item: str) -> str:
    shown = visible(item)
    return shown if len(shown) <= _ID else f"{shown[: _ID - 1]}…"


def _strategy(  # what a row shows
    canvas: Canvas, at: int, steps: StepsOfUser, items: Sequence[str], look: Look, heaviest: float
) -> Html:
    n = len(items)
    targets = [_bar(k, p, f"position {k}, item {items[k - 1]}: the target of {percent(p)} of this user's pairs")
               for k, p in enumerate(steps.target, 2)]  # fmt: skip
    starts = [_bar(j, p, f"{percent(p)} of the inputs of target {n} start at position {j} (item {items[j - 1]}): "
                   f"{n - j} item{'s' * (n - j != 1)}") for j, p in enumerate(steps.start, 1)]  # fmt: skip
    top, first = (max(range(len(p)), key=p.__getitem__) for p in (steps.target, steps.start))
    return tag(
        "article",
        tag("h3", swatch(look), steps.name),
        tag("div", tag("h4", "1 · This user (α)"), _weight(steps, look, heaviest)),
        tag("div", tag("h4", "2 · Position of the target (β)"), canvas.bare(
            f"target-{at}", _bars(targets, n, look, ""),
            f"Bars: probability of each position to be the target, highest at position {top + 2} with "
            f"{percent(steps.target[top])}.", title=f"{steps.name}: probability of each target position",
        )),
        tag("div", tag("h4", f"3 · Start of the input (γ) of the target at position {n}"), canvas.bare(
            f"start-{at}", _bars(starts, n, look, f"{n}"),
            f"Bars: probability of each position to be the start of the input, highest at position {first + 1} with "
            f"{percent(steps.start[first])}.", title=f"{steps.name}: probability of each input start for target {n}",
        )),
        class_="steps",
    )  # fmt: skip


def _bar(position: int, p: float, words: str) -> dict[str, float | str]:
    return {"x": str(position), "y": p, "words": words}


def _weight(steps: StepsOfUser, look: Look, heaviest: float) -> Html:
    """Return a bar for the user's sampling weight, with the mean user's weight marked."""
    width, mean = 100 * steps.sequence / heaviest, 100 / heaviest
    bar = tag("rect", x="0", y="4", width=f"{width:.2f}", height="12", fill=look.colour)
    line = tag("path", d=f"M{mean:.2f},0V20", stroke="var(--ink)", stroke_width="2", stroke_dasharray="3 2",
               vector_effect="non-scaling-stroke")  # fmt: skip
    drawn = tag(
        "svg", bar, line, viewBox="-1 0 102 20", preserveAspectRatio="none", class_="weight", aria_hidden="true"
    )
    return join([
        drawn,
        tag("p", "drawn ", tag("strong", f"{steps.sequence:.2f} times"), " as often as the average user (dashed line)",
            class_="small"),
    ])  # fmt: skip


def _bars(rows: Sequence[dict[str, float | str]], n: int, look: Look, target: str) -> Drawn:
    """Return bars over positions 1..n of the sequence; `T` marks the position of the target, if any."""
    import altair as alt

    positions = [str(position) for position in range(1, n + 1)]
    x = alt.X("x:O", title="position", scale=alt.Scale(domain=positions),
              axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False))  # fmt: skip
    y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%", values=[0, 0.5, 1]))
    # At least 2% high, so that a bar can be seen and hovered.
    layers = [chart(rows).mark_bar(color=look.colour, minBandSize=2).encode(x=x, y=y),
              chart(rows).mark_bar(opacity=0).encode(x=x, y=alt.datum(1), tooltip="words:N")]  # fmt: skip
    if target:
        letter = chart([{"x": target, "words": f"position {target}: the target"}])
        layers.append(letter.mark_text(text="T", fontWeight="bold", fontSize=13, color="var(--ink)", baseline="bottom")
                      .encode(x=x, y=alt.datum(0), tooltip="words:N"))  # fmt: skip
    return alt.layer(*layers).properties(height=_HEIGHT)
