"""The page of `genpas stats`, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from genpas_cli.figures.illustrations.data import Illustrations
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.figures.text_tables import comparable
from genpas_cli.report.charts import curves, groups, heatmaps, popularity
from genpas_cli.report.charts.drawing import Canvas, Caption
from genpas_cli.report.charts.theme import looks
from genpas_cli.report.charts.user_steps import user_steps
from genpas_cli.report.health import health_panel, held_out_words
from genpas_cli.report.markup import Html, join, section, tag
from genpas_cli.report.page import how_made, write_page
from genpas_cli.report.strategy_tables import (
    definitions,
    dense,
    draws,
    fair_draw,
    meanings,
    measured_table,
    strategy_table,
)
from genpas_cli.report.wording import STRATEGY, best_of, decimals, written


def write_stats_page(report: StatsReport, path: Path | None, charts: Path | None = None) -> None:
    """Write the page and save its charts, see `write_page`."""
    write_page(path, f"{report.source}: training distribution", lambda canvas: _body(report, canvas), charts)


def _body(report: StatsReport, canvas: Canvas) -> Html:
    sections = [
        part
        for part in (_data(report), *_strategies(report, canvas), _left_out(report), how_made(report.made_with))
        if part
    ]
    return join([_header(report), tag("main", *sections)])


def _header(report: StatsReport) -> Html:
    lines = [] if report.data is None else [tag("p", held_out_words(report.data))]
    return tag(
        "header",
        tag("p", "genpas stats", class_="kicker"),
        tag("h1", "Training distribution of ", tag("span", report.source, class_="source")),
        *lines,
        tag("ul", *map(_said, _in_short(report)), class_="short") if report.strategies else "",
    )


def _said(text: Html) -> Html:
    return tag("li", text)


def _in_short(report: StatsReport) -> Iterator[Html]:
    """Yield the summary for a reader who has ten seconds."""
    if report.fair_draw is not None:
        agree = "agree" if report.fair_draw.fair else "do not agree"
        yield join(["These pairs ", tag("strong", agree), " with the strategy in their manifest."])
    if len(report.strategies) < 2:  # noqa: PLR2004  # nothing to compare
        return
    # By the validation set, because a reader will choose by this line.
    held_out = "kl_test_train" if report.strategies[0].kl_validation_train is None else "kl_validation_train"
    against = "test" if held_out == "kl_test_train" else "validation"
    claims = {
        held_out: f"has the training targets most similar to the {against} targets",
        "alignment_ratio": "has the most informative inputs",
        "effective_targets": "has the most diverse targets",
    }
    for key, claim in claims.items():
        if not comparable(STRATEGY[key], report.strategies):
            continue
        values = [getattr(each, key) for each in report.strategies]
        best = sorted(best_of(STRATEGY[key], values))
        if best:
            names = " and ".join(report.strategies[at].name for at in best)
            figure = f"{STRATEGY[key].title} {written(STRATEGY[key], values[best[0]])}"
            yield join(
                [tag("strong", names), f" {claim if len(best) == 1 else claim.replace('has', 'have', 1)} ({figure})."]
            )


def _data(report: StatsReport) -> Html:
    return Html("") if report.data is None else section("data", "The data", health_panel(report.data))


def _strategies(report: StatsReport, canvas: Canvas) -> Iterator[Html]:
    series = _series(report)
    drawn = report.illustrations
    look = looks([*(curve.name for curve in drawn.curves if curve.name in ("test", "validation")),
                  *(each.name for each in series), *(curve.name for curve in drawn.curves),
                  *(each.name for each in drawn.user_steps)] if drawn else [each.name for each in series])  # fmt: skip
    if report.measured is None or len(report.strategies) > 1:
        yield section("strategies", "Comparison of the strategies", strategy_table(report.strategies, look))
    yield _shards(report)
    yield section("targets", "Which items are targets", _figures(_target_charts(report, series, canvas, look)))
    yield section("inputs", "Where the pairs come from", _figures(_pair_charts(report, series, canvas, look)))
    if any(each.dense for each in series):
        yield section(
            "dense", "Dense supervision",
            tag("p", "A trainer with dense supervision counts its loss at every position of a pair's sequence: at each "
                "input item after the first, and at the target. Per pair: each pair has the same weight, divided among "
                "its positions. Per token: each position has the same weight."),
            dense(series), _figures(_dense_charts(series, canvas)),
        )  # fmt: skip
    if any(each.drawn for each in report.strategies):
        yield section(
            "draws", "Figures after drawing a finite number of pairs",
            tag("p", "Some figures differ between the exact distribution and a finite draw: an independent draw "
                "misses some items by chance, a balanced draw misses very few. Enumerated: every pair once."),
            draws(canvas, report.strategies, look),
        )  # fmt: skip
    if drawn is not None and drawn.user_steps:
        yield section("user", "The three sampling steps for one user", user_steps(canvas, drawn, look))


def _series(report: StatsReport) -> list[StrategyFigures]:
    """Return the series of the charts: all strategies, and the shards under a name of their own."""
    if report.measured is None:
        return report.strategies
    return [*report.strategies, replace(report.measured, name="these shards")]


def _shards(report: StatsReport) -> Html:
    if report.measured is None:
        return Html("")
    fair = report.fair_draw
    should = report.strategies[0] if report.strategies else None
    return section(
        "shards", "The shards", "" if fair is None else fair_draw(fair),
        measured_table(report.measured, should, None if fair is None else fair.draw),
        "" if len(report.strategies) > 1 else definitions([report.measured.name]),
        meanings(report.measured.similarity),
    )  # fmt: skip


def _figures(shown: Iterable[Html]) -> Html:
    parts = [part for part in shown if part]
    return tag("div", *parts, class_="figures") if parts else Html("")


def _target_charts(
    report: StatsReport, series: Sequence[StrategyFigures], canvas: Canvas, look: curves.Looks
) -> Iterator[Html]:
    drawn = report.illustrations
    if drawn is not None:
        yield popularity.divergence_parts(canvas, drawn.against, drawn.divergence, look)
        yield popularity.popularity_differences(canvas, drawn.curves, look) or popularity.popularity_curves(
            canvas, drawn.curves, look
        )
    if any(each.popularity_deciles for each in series):
        held_out = None if report.data is None else report.data.test_popularity_deciles
        yield popularity.popularity_tenths(canvas, held_out, series, look)
    if drawn is not None and drawn.calendar is not None:
        yield groups.calendar(canvas, drawn.calendar, look)
    if drawn is not None and drawn.map:
        yield _map(drawn, report.strategies, canvas)


def _map(drawn: Illustrations, strategies: Sequence[StrategyFigures], canvas: Canvas) -> Html:
    values: dict[heatmaps.Biases, float] = {(point.alpha, point.beta): point.kl for point in drawn.map}
    measured = heatmaps.measure(
        STRATEGY[f"kl_{drawn.against}_train"].title, decimals(4), "lower", list(values.values())
    )
    best = min(values, key=values.__getitem__)
    shown = [(each.alpha, each.beta) for each in strategies if (each.alpha, each.beta) in values]
    marks = [
        heatmaps.Mark(
            "ring", "a strategy in the table above", [(a, b) for a, b in shown if a is not None and b is not None]
        ),
        heatmaps.Mark("star", "lowest value in the map", [best]),
    ]
    reading = (
        f"KL({drawn.against} ‖ train) of the targets for each α and β; a darker cell is better. γ does not change "
        "it. The colour steps are finer near the lowest value."
    )
    if drawn.against == "test":
        reading += (
            " Do not choose a strategy by this map, which uses the test set: genpas tune uses the validation set."
        )
    return heatmaps.figure(canvas, "map", Caption("KL by α and β", reading), values, measured, marks)


def _pair_charts(
    report: StatsReport, series: Sequence[StrategyFigures], canvas: Canvas, look: curves.Looks
) -> Iterator[Html]:
    if report.illustrations is not None:
        yield groups.cohorts(canvas, report.illustrations.cohorts, look)
    if any(each.target_position_histogram for each in series):
        yield curves.target_positions(canvas, curves.positions_of(series))
    if any(each.input_length_histogram for each in series):
        yield curves.input_lengths(canvas, series, look)
    if any(each.sequence_mass_by_length for each in series):
        yield curves.sequence_lengths(canvas, series, look)


def _dense_charts(series: Sequence[StrategyFigures], canvas: Canvas) -> Iterator[Html]:
    positions = curves.dense_tenths(series, "target_position_histogram")
    if positions:
        yield curves.target_positions(canvas, positions, dense=True)
    popular = curves.dense_tenths(series, "popularity_deciles")
    if popular:
        yield curves.dense_popularity(canvas, popular)


def _left_out(report: StatsReport) -> Html:
    if not report.notes:
        return Html("")
    return section("left-out", "What is missing, and why", tag("ul", *(tag("li", note) for note in report.notes)))
