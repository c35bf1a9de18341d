"""Charts of several distributions in one: curves, dots beside bars, strips of tenths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from genpas_cli.figures.distribution.positions import Bin
from genpas_cli.figures.illustrations import PopularityCurve
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.report.charts.drawing import HEIGHT, ROW, Canvas, Caption, Drawn, Rows, chart
from genpas_cli.report.charts.theme import HELD_OUT, LINE, WIDE_LINE, Look, legend
from genpas_cli.report.markup import Html
from genpas_cli.report.wording import count
from genpas_cli.runtime.text.wording import percent

Looks = Mapping[str, Look]

_DECADES = 3.5
"""Number of ticks from which a logarithmic axis shows only powers of ten."""
_WIDE = 60
"""Input length from which the axis is logarithmic."""
STEPS = 9
"""Number of heat colours: `--h0` to `--h8` of the style sheet, weak to strong."""
_STRONG = 5
"""First step on which text needs the light ink."""
_ORDINALS = ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 11)))


def popularity_curves(canvas: Canvas, curves: Sequence[PopularityCurve], looks: Looks) -> Html:
    """Draw the share of targets of each item, the most popular first."""
    rows = [
        {"x": rank, "y": mass, "name": curve.name,
         "words": f"{curve.name}: {percent(mass)} of targets are among the {count(rank)} most popular items"}
        for curve in curves for rank, mass in zip(curve.rank, curve.mass, strict=True)
    ]  # fmt: skip
    told = "; ".join(f"{curve.name} {percent(_at_tenth(curve))}" for curve in curves)
    held_out = next((curve.name for curve in curves if curve.name in HELD_OUT), None)
    reading = "Each curve shows the share of targets among the items up to a popularity rank" + (
        "." if held_out is None else f"; the closer a strategy is to the thick {held_out} line, the better."
    )
    return canvas.figure(
        "popularity", Caption("Targets by popularity of the item", reading),
        _lines(rows, looks, ("popularity rank, most popular first", "share of targets"), log=True),
        "Curves of the cumulative share of targets by popularity rank. For the most popular tenth of the items: "
        f"{told}.",
        legend=legend(looks[curve.name] for curve in curves),
    )  # fmt: skip


def popularity_differences(canvas: Canvas, curves: Sequence[PopularityCurve], looks: Looks) -> Html:
    """Draw the same curves minus that of the held-out targets; "" if nothing is held out or the ranks differ."""
    held_out = next((curve for curve in curves if curve.name in HELD_OUT), None)
    others = [curve for curve in curves if curve.name not in HELD_OUT and held_out and curve.rank == held_out.rank]
    if held_out is None or not others:
        return Html("")
    rows = [
        {"x": rank, "y": mass - base, "name": curve.name,
         "words": f"{curve.name}: {100 * (mass - base):+.1f} percentage points compared with {held_out.name}, for the "
                  f"{count(rank)} most popular items"}
        for curve in others for rank, mass, base in zip(curve.rank, curve.mass, held_out.mass, strict=True)
    ]  # fmt: skip
    told = "; ".join(
        f"{curve.name} {100 * max(abs(a - b) for a, b in zip(curve.mass, held_out.mass, strict=True)):.1f}"
        for curve in others
    )
    return canvas.figure(
        "differences",
        Caption(f"Difference to {held_out.name}", "Above 0: popular items are targets more often in training than in "
                f"{held_out.name}. At 0: equally often."),
        _lines(rows, looks, ("popularity rank, most popular first", f"difference to {held_out.name}"), log=True),
        f"Curves of the strategies minus {held_out.name}. Largest difference in percentage points: {told}.",
        legend=legend(looks[curve.name] for curve in others),
    )  # fmt: skip


def _at_tenth(curve: PopularityCurve) -> float:
    return next(mass for rank, mass in zip(curve.rank, curve.mass, strict=True) if rank >= curve.rank[-1] / 10)


def input_lengths(canvas: Canvas, series: Sequence[StrategyFigures], looks: Looks) -> Html:
    """Draw the share of pairs by input length."""
    rows = [
        {"x": middle, "y": each.share / (each.high - each.low + 1), "name": figures.name,
         "words": f"{figures.name}: {percent(each.share)} of pairs have inputs of {_span(each)}"}
        for figures in series for each, middle in _with_middles(figures.input_length_histogram)
    ]  # fmt: skip
    told = "; ".join(f"{figures.name} {figures.mean_input_length:.1f}" for figures in series)
    longest = max(figures.input_length_histogram[-1].high for figures in series if figures.input_length_histogram)
    return canvas.figure(
        "input-lengths",
        Caption("Input length", "Share of pairs by number of input items. A peak at the far right: longer inputs "
                "were truncated to the maximum input length."),
        _lines(rows, looks, ("items in the input", "share of pairs"), log=longest > _WIDE),
        f"Curves of the share of pairs by input length. Mean length: {told}.",
        legend=legend(looks[figures.name] for figures in series),
    )  # fmt: skip


def sequence_lengths(canvas: Canvas, series: Sequence[StrategyFigures], looks: Looks) -> Html:
    """Draw the share of pairs that come from sequences up to a given length."""
    rows, told = [], []
    for figures in series:
        up_to, median = 0.0, None
        for each in figures.sequence_mass_by_length or []:
            up_to = min(up_to + each.share, 1.0)
            median = each.high if median is None and up_to >= 0.5 else median  # noqa: PLR2004  # that is a median
            words = f"{figures.name}: {percent(up_to)} of pairs come from sequences of at most {count(each.high)}"
            rows.append({"x": each.high, "y": up_to, "name": figures.name, "words": words})
        told.append(f"{figures.name} {median}")
    return canvas.figure(
        "sequence-lengths",
        Caption("Pairs by sequence length", "Share of pairs from users with at most this number of training "
                "interactions. The further right the curve, the more pairs come from long sequences."),
        _lines(rows, looks, ("training interactions of the user", "cumulative share of pairs"), log=True),
        "Curves of the cumulative share of pairs by sequence length. Half of the pairs come from sequences of at most: "
        f"{'; '.join(told)}.",
        legend=legend(looks[figures.name] for figures in series if figures.sequence_mass_by_length),
    )  # fmt: skip


def _with_middles(bins: Sequence[Bin]) -> list[tuple[Bin, float]]:
    return [(each, (each.low + each.high) / 2) for each in bins]


def _span(each: Bin) -> str:
    one = each.high == each.low
    return f"{count(each.low)} item{'s' * (each.low != 1)}" if one else f"{count(each.low)} to {count(each.high)} items"


def _lines(rows: Rows, looks: Looks, titles: tuple[str, str], *, log: bool) -> Drawn:
    """Return the lines of the series, with points that appear under the mouse."""
    import altair as alt

    scale: dict[str, Any] = {"type": "log", "nice": False} if log else {"zero": False, "nice": False}
    axis = alt.Axis(grid=False, format="~s", labelOverlap="greedy", tickCount=6)
    if log:
        axis.values = _log_ticks(min(row["x"] for row in rows), max(row["x"] for row in rows))
    base = chart(rows).encode(
        x=alt.X("x:Q", title=titles[0], scale=alt.Scale(**scale), axis=axis),
        y=alt.Y("y:Q", title=titles[1], axis=alt.Axis(format="~%", tickCount=5)),
        color=colours(looks),
    )
    lines = base.mark_line(clip=True).encode(
        strokeDash=by_name("strokeDash", looks, [look.dash for look in looks.values()]),
        strokeWidth=alt.when(alt.FieldOneOfPredicate(field="name", oneOf=list(HELD_OUT)))
        .then(alt.value(WIDE_LINE))
        .otherwise(alt.value(LINE)),
    )
    points = base.mark_point(size=90, opacity=0, filled=True).encode(tooltip="words:N")
    return alt.layer(lines, points).properties(height=HEIGHT)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks 1, 2, 5, 10, ... within a range; over many decades only powers of ten."""
    decades = math.log10(high / low)
    steps = (1, 2, 5) if decades < _DECADES else (1,)
    ticks = (step * 10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
             for step in steps)  # fmt: skip
    return [tick for tick in ticks if low <= tick <= high]


def by_name(channel: str, looks: Looks, values: Sequence[Any]) -> Any:
    """Return the encoding of a channel by series name, without a legend: the page has its own."""
    import altair as alt

    classes = {
        "color": alt.Color, "stroke": alt.Stroke, "shape": alt.Shape, "strokeDash": alt.StrokeDash,
    }  # fmt: skip
    return classes[channel]("name:N", legend=None, scale=alt.Scale(domain=list(looks), range=list(values)))


def colours(looks: Looks, channel: str = "color") -> Any:
    """Return the encoding of a series by its colour."""
    return by_name(channel, looks, [look.colour for look in looks.values()])


def popularity_tenths(
    canvas: Canvas, held_out: Sequence[float] | None, series: Sequence[StrategyFigures], looks: Looks
) -> Html:
    """Draw the share of targets in each tenth of the items: the test split as bars, strategies as markers."""
    import altair as alt

    shown = [figures for figures in series if figures.popularity_deciles is not None]
    dots = [row for at, figures in enumerate(shown, 1)
            for row in _tenths(figures.name, figures.popularity_deciles or [], at / (len(shown) + 1))]  # fmt: skip
    x = alt.X("x:Q", title="tenth of the items, most popular first", scale=alt.Scale(domain=[0.5, 10.5], nice=False),
              axis=alt.Axis(values=list(range(1, 11)), grid=False, format="d"))  # fmt: skip
    y = alt.Y("y:Q", title="share of targets", axis=alt.Axis(format="~%", tickCount=5))
    shapes = by_name("shape", looks, [look.shape for look in looks.values()])
    points = chart(dots).mark_point(size=50, filled=True, opacity=1)
    layers = [points.encode(x=x, y=y, tooltip="words:N", color=colours(looks), shape=shapes)]
    if held_out is not None:
        bars = chart(_tenths("test", held_out, 0)).mark_rect(color="var(--bar)")
        layers.insert(0, bars.encode(x=x, x2="end:Q", y=y, y2=alt.datum(0), tooltip="words:N"))
    told = "; ".join(f"{figures.name} {percent((figures.popularity_deciles or [0])[0])}" for figures in shown)
    tops = (
        ""
        if held_out is None
        else " The bars are the test targets; the points of a strategy should be at the tops of the bars."
    )
    return canvas.figure(
        "deciles", Caption("Targets by item popularity", "Items sorted by popularity and divided into ten equal "
                                                         f"groups.{tops}"),
        alt.layer(*layers).properties(height=HEIGHT),
        "Share of targets in each tenth of the items by popularity. In the most popular tenth: "
        f"{'' if held_out is None else f'test {percent(held_out[0])}; '}{told}.",
        legend=legend((looks[figures.name] for figures in shown), lines=False),
    )  # fmt: skip


def _tenths(name: str, shares: Sequence[float], place: float) -> list[dict[str, Any]]:
    """Return rows of shares by tenth; `place` is the horizontal position within a tenth, 0..1."""
    return [
        {"x": tenth - 0.45 + 0.9 * place, "end": tenth + 0.45, "y": share, "name": name,
         "words": f"{name}: {percent(share)} of targets are in the {_ORDINALS[tenth - 1]} tenth of the items"}
        for tenth, share in enumerate(shares, 1)
    ]  # fmt: skip


def target_positions(canvas: Canvas, series: Sequence[StrategyFigures]) -> Html:
    """Draw the position of targets in their sequence: one row per strategy, one cell per tenth."""
    import altair as alt

    shown = [(each.name, each.target_position_histogram) for each in series if each.target_position_histogram]
    largest = max(max(shares) for _, shares in shown)
    rows = [
        {"x": tenth, "name": name, "label": f"{100 * share:.0f}", "step": heat_step(share / largest),
         "words": f"{name}: {percent(share)} of targets are in the {_ORDINALS[tenth - 1]} tenth of their sequence"}
        for name, shares in shown for tenth, share in enumerate(shares, 1)
    ]  # fmt: skip
    names = [name for name, _ in shown]
    base = chart(rows).encode(
        x=alt.X("x:O", title="tenth of the sequence, oldest first", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=110)), tooltip="words:N",
    )  # fmt: skip
    cells = base.mark_rect(stroke="var(--panel)", strokeWidth=2).encode(fill=heat_fill())
    ink = alt.when(f"datum.step >= {_STRONG}").then(alt.value("var(--on-strong)")).otherwise(alt.value("var(--ink)"))
    labels = base.mark_text(fontSize=11).encode(text="label:N", fill=ink)
    told = "; ".join(f"{name} {percent(shares[-1])}" for name, shares in shown)
    return canvas.figure(
        "positions",
        Caption("Position of the targets", "Percentage of the targets in each tenth of their user's sequence, oldest "
                "on the left. Each row sums to 100."),
        alt.layer(cells, labels).properties(height=ROW * len(names)),
        f"Shares of targets by their position in the sequence. In the most recent tenth: {told}.",
    )  # fmt: skip


def heat_step(strength: float) -> int:
    """Return the heat-map step of a strength in 0..1; steps are narrower at the weak end."""
    return min(int(STEPS * max(strength, 0.0) ** 0.5), STEPS - 1)


def heat_fill() -> Any:
    """Return the fill of a heat map's cell by its `step`."""
    import altair as alt

    scale = alt.Scale(domain=list(range(STEPS)), range=[f"var(--h{step})" for step in range(STEPS)])
    return alt.Fill("step:O", legend=None, scale=scale)
