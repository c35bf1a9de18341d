"""Charts of several distributions in one: curves, bars by group, strips of tenths; and the encodings they share."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from genpas_cli.figures.distribution.positions import Bin
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.report.charts.drawing import HEIGHT, ROW, Canvas, Caption, Drawn, Rows, chart
from genpas_cli.report.charts.theme import HELD_OUT, LINE, WIDE_LINE, Look, legend
from genpas_cli.report.markup import Html
from genpas_cli.report.wording import count
from genpas_cli.runtime.text.wording import percent

Looks = Mapping[str, Look]

NamedShares = Sequence[tuple[str, Sequence[float]]]
"""Names with shares in tenths."""

_NAMES, _LONG_NAMES = 110, 190
"""Width in pixels of the names of strategies, and of those with a way of supervision."""
_DECADES = 3.5
"""Number of ticks from which a logarithmic axis shows only powers of ten."""
_WIDE = 60
"""Input length from which the axis is logarithmic."""
STEPS = 9
"""Number of heat colours: `--h0` to `--h8` of the style sheet, weak to strong."""
_STRONG = 5
"""First step on which text needs the light ink."""
ORDINALS = ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 11)))


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
        lines(rows, looks, ("items in the input", "share of pairs"), log=longest > _WIDE),
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
        lines(rows, looks, ("training interactions of the user", "cumulative share of pairs"), log=True),
        "Curves of the cumulative share of pairs by sequence length. Half of the pairs come from sequences of at most: "
        f"{'; '.join(told)}.",
        legend=legend(looks[figures.name] for figures in series if figures.sequence_mass_by_length),
    )  # fmt: skip


def _with_middles(bins: Sequence[Bin]) -> list[tuple[Bin, float]]:
    return [(each, (each.low + each.high) / 2) for each in bins]


def _span(each: Bin) -> str:
    one = each.high == each.low
    return f"{count(each.low)} item{'s' * (each.low != 1)}" if one else f"{count(each.low)} to {count(each.high)} items"


def lines(rows: Rows, looks: Looks, titles: tuple[str, str], *, log: bool) -> Drawn:
    """Return the lines of the series, with points that appear under the mouse."""
    import altair as alt

    looks = looks_in(rows, looks)
    scale: dict[str, Any] = {"type": "log", "nice": False} if log else {"zero": False, "nice": False}
    axis = alt.Axis(grid=False, format="~s", labelOverlap="greedy", tickCount=6)
    if log:
        axis.values = _log_ticks(min(row["x"] for row in rows), max(row["x"] for row in rows))
    base = chart(rows).encode(
        x=alt.X("x:Q", title=titles[0], scale=alt.Scale(**scale), axis=axis),
        y=alt.Y("y:Q", title=titles[1], axis=alt.Axis(format="~%", tickCount=5)),
        color=colours(looks, lines=True),
    )
    lines = base.mark_line(clip=True).encode(
        strokeDash=by_name("strokeDash", looks, [look.dash for look in looks.values()], lines=True),
        strokeWidth=widths(),
    )
    points = base.mark_point(size=90, opacity=0, filled=True).encode(tooltip="words:N")
    return alt.layer(lines, points).properties(height=HEIGHT)


def widths() -> Any:
    """Return the encoding of the line width: a held-out split is drawn wider."""
    import altair as alt

    held_out = alt.when(alt.FieldOneOfPredicate(field="name", oneOf=list(HELD_OUT)))
    return held_out.then(alt.value(WIDE_LINE)).otherwise(alt.value(LINE))


def _log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks 1, 2, 5, 10, ... within a range; over many decades only powers of ten."""
    decades = math.log10(high / low)
    steps = (1, 2, 5) if decades < _DECADES else (1,)
    ticks = (step * 10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
             for step in steps)  # fmt: skip
    return [tick for tick in ticks if low <= tick <= high]


def by_name(channel: str, looks: Looks, values: Sequence[Any], *, lines: bool = False) -> Any:
    """Return the encoding of a channel by series name; its legend is for saved charts, as the page has its own.

    Args:
        channel: the channel.
        looks: the series.
        values: the value of the channel for each series.
        lines: whether the legend shows lines.
    """
    import altair as alt

    classes = {
        "color": alt.Color, "stroke": alt.Stroke, "shape": alt.Shape, "strokeDash": alt.StrokeDash,
    }  # fmt: skip
    symbol: dict[str, Any] = {"symbolType": "stroke", "symbolStrokeWidth": LINE, "symbolSize": 300} if lines else {}
    key = alt.Legend(title=None, orient="bottom", columns=4, **symbol)
    return classes[channel]("name:N", legend=key, scale=alt.Scale(domain=list(looks), range=list(values)))


def colours(looks: Looks, channel: str = "color", *, lines: bool = False) -> Any:
    """Return the encoding of a series by its colour, see `by_name`."""
    return by_name(channel, looks, [look.colour for look in looks.values()], lines=lines)


def positions_of(series: Sequence[StrategyFigures]) -> NamedShares:
    """Return the position of the targets of each strategy that has it, in tenths."""
    return [(each.name, each.target_position_histogram) for each in series if each.target_position_histogram]


def dense_tenths(series: Sequence[StrategyFigures], key: str) -> NamedShares:
    """Return a figure in tenths of the pairs, and of dense supervision, of each strategy that has them."""
    found = [
        (f"{each.name}{way}", getattr(of, key))
        for each in series if each.dense is not None
        for way, of in (("", each), (", per pair", each.dense.per_pair), (", per token", each.dense.per_token))
    ]  # fmt: skip
    return [(name, shares) for name, shares in found if shares]


class TenthsTexts(NamedTuple):
    """The texts of a heat map of tenths."""

    caption: Caption
    axis: str
    words: str
    """Text about one cell, after the name and the share; `{}` is the tenth."""
    summary: str
    """Beginning of the description, followed by the shares of one tenth."""
    summarized: int
    """Index of that tenth."""
    label_limit: int
    """Width of the names in pixels."""


def tenths_map(canvas: Canvas, key: str, shown: NamedShares, texts: TenthsTexts) -> Html:
    """Draw shares by tenth: one row per name, one cell per tenth."""
    import altair as alt

    largest = max(max(shares) for _, shares in shown)
    rows = [
        {"x": tenth, "name": name, "label": f"{100 * share:.0f}", "step": heat_step(share / largest),
         "words": f"{name}: {percent(share)} {texts.words.format(ORDINALS[tenth - 1])}"}
        for name, shares in shown for tenth, share in enumerate(shares, 1)
    ]  # fmt: skip
    names = [name for name, _ in shown]
    base = chart(rows).encode(
        x=alt.X("x:O", title=texts.axis, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=texts.label_limit)), tooltip="words:N",
    )  # fmt: skip
    cells = base.mark_rect(stroke="var(--panel)", strokeWidth=2).encode(fill=heat_fill())
    ink = alt.when(f"datum.step >= {_STRONG}").then(alt.value("var(--on-strong)")).otherwise(alt.value("var(--ink)"))
    labels = base.mark_text(fontSize=11).encode(text="label:N", fill=ink)
    told = "; ".join(f"{name} {percent(shares[texts.summarized])}" for name, shares in shown)
    return canvas.figure(
        key, texts.caption, alt.layer(cells, labels).properties(height=ROW * len(names)), f"{texts.summary}: {told}."
    )


def target_positions(canvas: Canvas, shown: NamedShares, *, dense: bool = False) -> Html:
    """Draw the position of targets, or of supervised positions, in their sequence."""
    what = "supervised positions" if dense else "targets"
    return tenths_map(canvas, "dense-positions" if dense else "positions", shown, TenthsTexts(
        Caption("Where in a sequence a trainer learns" if dense else "Position of the targets",
                f"Percentage of the {what} in each tenth of their user's sequence, oldest on the left. Each row sums "
                "to 100."),
        "tenth of the sequence, oldest first", f"of {what} are in the {{}} tenth of their sequence",
        f"Shares of {what} by their position in the sequence. In the most recent tenth", -1,
        _LONG_NAMES if dense else _NAMES,
    ))  # fmt: skip


def dense_popularity(canvas: Canvas, shown: NamedShares) -> Html:
    """Draw the popularity of the items at supervised positions."""
    return tenths_map(canvas, "dense-popularity", shown, TenthsTexts(
        Caption("Items of the supervised positions, by popularity", "Percentage of the positions in each tenth of the "
                "items, most popular on the left. Each row sums to 100."),
        "tenth of the items, most popular first", "of the positions have an item in the {} tenth of the items",
        "Shares of the supervised positions by the popularity of their item. In the most popular tenth", 0, _LONG_NAMES,
    ))  # fmt: skip


def heat_step(strength: float) -> int:
    """Return the heat-map step of a strength in 0..1; steps are narrower at the weak end."""
    return min(int(STEPS * max(strength, 0.0) ** 0.5), STEPS - 1)


def heat_fill(ends: tuple[str, str] | None = None) -> Any:
    """Return the fill of a heat map's cell by its `step`; `ends` label the scale in the legend of a saved chart."""
    import altair as alt

    scale = alt.Scale(domain=list(range(STEPS)), range=[f"var(--h{step})" for step in range(STEPS)])
    key = None
    if ends is not None:
        weak, strong = map(json.dumps, ends)
        label = f"datum.value == 0 ? {weak} : datum.value == {STEPS - 1} ? {strong} : ''"
        key = alt.Legend(title=None, orient="bottom", symbolType="square", labelExpr=label, columns=STEPS)
    return alt.Fill("step:O", legend=key, scale=scale)


def grouped_bars(rows: Rows, looks: Looks, titles: tuple[str, str], groups: Sequence[str], **y: Any) -> Drawn:
    """Return bars beside each other in each group (`x`), one per series; `y` has the options of the vertical axis."""
    import altair as alt

    shown = looks_in(rows, looks)
    return chart(rows).mark_bar(minBandSize=1).encode(
        x=alt.X("x:N", title=titles[0], sort=list(groups), axis=alt.Axis(labelAngle=0),
                scale=alt.Scale(paddingInner=0.25)),
        xOffset=alt.XOffset("name:N", sort=list(shown)),
        y=alt.Y("y:Q", title=titles[1], **y), color=colours(shown), tooltip="words:N",
    ).properties(height=HEIGHT)  # fmt: skip


def looks_in(rows: Rows, looks: Looks) -> Looks:
    """Return the looks of the series that have rows, so that the legend of a saved chart lists no other."""
    names = {row["name"] for row in rows}
    return {name: look for name, look in looks.items() if name in names}
