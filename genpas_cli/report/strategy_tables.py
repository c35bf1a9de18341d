"""Tables of the HTML page: strategies side by side, finite draws, measured shards and the tests of a fair draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from genpas_cli.figures.distribution.similarity import parse_similarity
from genpas_cli.figures.figure import Figure, Shown, figures_in, shown_in
from genpas_cli.figures.table import PAIRS, DenseFigures, FairDrawFigures, StrategyFigures, TargetFigures
from genpas_cli.figures.text_tables import comparable, fair_draw_sentences, not_marked
from genpas_cli.report.charts.curves import Looks, colours, looks_in
from genpas_cli.report.charts.drawing import ROW, Canvas, Caption, chart, scale
from genpas_cli.report.charts.theme import mark_legend, swatch
from genpas_cli.report.markup import Html, join, row, table, tag
from genpas_cli.report.wording import best_of, count, exponent, written
from genpas_cli.sampling.strategies import RULES

_DRAWS = {
    "exact": "M0,-1.1L1.1,0L0,1.1L-1.1,0Z",
    "balanced": "M0,-.9A.9,.9,0,1,1,0,.9A.9,.9,0,1,1,0,-.9Z",
    "enumerated": "M-.8,-.8H.8V.8H-.8Z",
    "independent": "M0,-1L1,.8H-1Z",
}
_GROUPS = list(dict.fromkeys(figure.group for figure in figures_in(StrategyFigures).values()))
_ROWS = sorted(shown_in(StrategyFigures, Shown.PAGE), key=lambda figure: _GROUPS.index(figure.group))


def strategy_table(strategies: Sequence[StrategyFigures], looks: Looks) -> Html:
    """Return all figures, one column per strategy, with the better value of each row in bold and starred."""
    head = ["figure", *(join([swatch(looks[each.name]), tag("span", each.name)]) for each in strategies)]
    biases = (f"{exponent(each.alpha)}, {exponent(each.beta)}, {exponent(each.gamma)}" for each in strategies)
    body, group = [row("α, β, γ", *biases)], PAIRS
    for figure in _ROWS:
        if any(getattr(each, figure.key) is not None for each in strategies):
            if figure.group != group:
                group = figure.group
                heading = tag("th", group, colspan=str(len(strategies) + 1), scope="colgroup")
                body.append(tag("tr", heading, class_="group"))
            body.append(_figure_row(figure, strategies))
    reason = not_marked(strategies)
    caption = "Exact figures of the training pairs; ★ best in row" + ("" if reason is None else f"; {reason}")
    named = definitions(each.name for each in strategies)
    return join([table(head, body, caption), named, meanings(strategies[0].similarity)])


_BIASES = (
    "α, β and γ are the biases of the three sampling steps. A larger α favours users with long histories, a larger β "
    "recent targets, and a larger γ short inputs; 0 makes all choices of a step equally likely."
)


def definitions(names: Iterable[str] = ()) -> Html:
    """Return what α, β and γ are, and what each named strategy of some columns does."""
    rules = {name: RULES.get(re.split("[: ]", name)[0]) for name in names}
    listed = [tag("dt", name) + tag("dd", rule.summary) for name, rule in rules.items() if rule is not None]
    named = tag("dl", *map(Html, listed), class_="meanings") if listed else ""
    return join([tag("p", _BIASES, class_="small"), named])


def meanings(similarity: str) -> Html:
    """Return the meaning of each figure, collapsed."""
    compared = parse_similarity(similarity)
    listed = (tag("dt", figure.title) + tag("dd", figure.meaning) for figure in _ROWS if figure.group != PAIRS)
    return tag(
        "details", tag("summary", "What each figure means"), tag("dl", *map(Html, listed), class_="meanings"),
        tag("p", f"Similarity of inputs: {similarity}, the {compared.meaning}; each input is taken as the set of its "
            f"last {compared.window} items. – means that there is no such value."),
    )  # fmt: skip


def _figure_row(figure: Figure, strategies: Sequence[StrategyFigures]) -> Html:
    values = [getattr(each, figure.key) for each in strategies]
    best = best_of(figure, values) if comparable(figure, strategies) else set()
    cells = [
        tag("td", tag("strong", star(), written(figure, value)), class_="best") if at in best
        else tag("td", written(figure, value))
        for at, value in enumerate(values)
    ]  # fmt: skip
    return row(titled(figure), *cells)


def titled(figure: Figure) -> Html:
    """Return the name of a figure with its direction."""
    return join([figure.title, "" if figure.direction is None else tag("small", figure.direction)])


def star() -> Html:
    """Return the mark of the better value, with a text for screen readers."""
    return join([tag("span", "★ ", aria_hidden="true"), tag("span", "best: ", class_="unseen")])


def draws(canvas: Canvas, strategies: Sequence[StrategyFigures], looks: Looks) -> Html:
    """Draw one chart per figure: its value for finite draws next to that of p itself."""
    figures = [
        figure for figure in shown_in(TargetFigures, Shown.PAGE_DRAWS)
        if all(getattr(each, figure.key) is not None for each in strategies)
    ]  # fmt: skip
    kinds = {name: path for name, path in _DRAWS.items()
             if name == "exact" or any(each.draw == name for of in strategies for each in of.drawn)}  # fmt: skip
    shown = [_draw_chart(canvas, figure, strategies, looks, kinds) for figure in figures]
    return tag("div", *shown, class_="figures")


def _draw_chart(
    canvas: Canvas, figure: Figure, strategies: Sequence[StrategyFigures], looks: Looks, kinds: dict[str, str]
) -> Html:
    import altair as alt

    rows: list[dict[str, Any]] = []
    for each in strategies:
        drawn = [("exact", each, ""), *((draw.draw, draw, f" {count(draw.pairs)} pairs") for draw in each.drawn)]
        for kind, of, pairs in drawn:
            value = getattr(of, figure.key)
            words = f"{each.name}, {kind}{pairs}: {figure.title} {written(figure, value)}"
            rows.append({"name": each.name, "kind": kind, "value": value, "words": words})
    names = [each.name for each in strategies]
    base = chart(rows).encode(y=alt.Y("name:N", title=None, sort=names, axis=alt.Axis(labelLimit=110)))
    axis = alt.Axis(tickCount=4, format="~%" if figure.is_share else ",.3~r")
    x = alt.X("value:Q", title=figure.title, scale=scale([row["value"] for row in rows], 10), axis=axis)
    lines = base.mark_rule(color="var(--line)", strokeWidth=3).encode(x=alt.X("min(value):Q"), x2="max(value):Q")
    key = alt.Legend(title=None, orient="bottom", symbolFillColor="transparent", symbolStrokeColor="var(--ink)")
    shape = alt.Shape("kind:N", legend=key, scale=alt.Scale(domain=list(kinds), range=list(kinds.values())))
    # Outlines, with p itself the largest, so that coinciding points stay visible inside each other.
    size = alt.when("datum.kind == 'exact'").then(alt.value(190)).otherwise(alt.value(70))
    points = base.mark_point(strokeWidth=2, opacity=1, fill="transparent").encode(
        x=x, shape=shape, size=size, stroke=colours(looks_in(rows, looks), "stroke"), tooltip="words:N",
    )  # fmt: skip
    return canvas.figure(
        f"draws-{figure.key}", Caption(figure.title, "Exact, and after drawing a finite number of "
                                                     f"pairs{_better(figure)}."),
        alt.layer(lines, points).properties(height=ROW * len(names)), "; ".join(row["words"] for row in rows),
        legend=mark_legend(kinds),
    )  # fmt: skip


def _better(figure: Figure) -> str:
    return "" if figure.direction is None else f"; {figure.direction}"


def dense(strategies: Sequence[StrategyFigures]) -> Html:
    """Return the target figures of the pairs and of dense supervision, one row each."""
    figures = shown_in(TargetFigures, Shown.PAGE_DENSE)
    body = []
    for each in strategies:
        of_ways: list[tuple[str, TargetFigures]] = [("targets of the pairs", each)]
        if each.dense is not None:
            of_ways += [(way.label, getattr(each.dense, way.key)) for way in figures_in(DenseFigures).values()]
        body.append(tag("tr", tag("th", each.name, colspan=str(len(figures) + 1), scope="colgroup"), class_="group"))
        body += [row(name, *(written(figure, getattr(of, figure.key)) for figure in figures)) for name, of in of_ways]
    caption = "Figures of the targets that a trainer learns from"
    return table(["a trainer learns from", *(titled(figure) for figure in figures)], body, caption)


def measured_table(measured: StrategyFigures, should: StrategyFigures | None, draw: str | None) -> Html:
    """Return the figures of the shards next to those of p itself, and to those expected of a draw of this size."""
    drawn = None
    if should is not None:
        drawn = next((each for each in should.drawn if each.draw == draw), should.drawn[0] if should.drawn else None)
    body = []
    for figure in _ROWS:
        values = [getattr(each, figure.key, None) for each in (measured, drawn, should) if each is not None]
        if any(value is not None for value in values):
            body.append(row(titled(figure), *(written(figure, value) for value in values)))
    head = ["figure", "measured in the shards"]
    if should is not None:
        head += ([] if drawn is None else [f"expected after a draw ({drawn.draw})"]) + ["exact"]
    return table(
        head,
        body,
        "Figures measured in the shards" if should is None else "Figures measured in the shards, and expected figures",
    )


def fair_draw(figures: FairDrawFigures) -> Html:
    """Return the verdict on the draw and its tests."""
    (verdict, meaning), mark = fair_draw_sentences(figures), "✓" if figures.fair else "✗"
    body = [row(test.step, test.test, f"{test.statistic:,.4g}", f"{test.p_value:.3g}") for test in figures.tests]
    return join([
        tag("p", tag("strong", f"{mark} {verdict}"), f" {meaning}",
            class_="verdict" if figures.fair else "verdict wrong"),
        table(["step", "test", "statistic", "p-value"], body, "Tests of the three sampling steps"),
    ])  # fmt: skip
