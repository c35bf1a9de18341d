"""The page of `genpas compare`: accuracy of each strategy, how it was learned, and the training distribution."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from genpas_cli.report.charts import accuracy
from genpas_cli.report.charts.curves import Looks, by_name, colours
from genpas_cli.report.charts.drawing import HEIGHT, Canvas, Caption, chart, scale
from genpas_cli.report.charts.theme import LINE, legend, looks, swatch
from genpas_cli.report.markup import Html, join, row, section, table, tag
from genpas_cli.report.page import how_made, write_page
from genpas_cli.report.strategy_tables import definitions, star
from genpas_cli.report.wording import STRATEGY, count, exponent, written
from genpas_cli.runtime.text.wording import best_places
from genpas_cli.training.comparison import ACCURACY, Compared, CompareReport

_METRICS = {
    "ndcg@5": "NDCG@5", "ndcg@10": "NDCG@10", "ndcg@20": "NDCG@20", "recall@5": "Recall@5", "recall@10": "Recall@10",
    "recall@20": "Recall@20", "mrr": "MRR",
}  # fmt: skip
_FIGURES = ("kl_validation_train", "kl_test_train", "alignment_ratio", "mean_input_length")


def write_comparison_page(report: CompareReport, path: Path | None, charts: Path | None = None) -> None:
    """Write the page and save its charts, see `write_page`."""
    write_page(path, f"{report.source}: comparison of strategies", lambda canvas: _body(report, canvas), charts)


def _body(report: CompareReport, canvas: Canvas) -> Html:
    look = looks(each.name for each in report.strategies)
    overall = section(
        "accuracy", "Accuracy on the test pairs", accuracy.runs(canvas, report.strategies, report.baseline, look),
        _table(report, look), _differences(report),
    )  # fmt: skip
    groups = section(
        "groups", "Accuracy of groups of test pairs",
        tag("div", accuracy.by_popularity(canvas, report.strategies, look),
            accuracy.by_history(canvas, report.strategies, look), class_="figures"),
    )  # fmt: skip
    learning = section("learning", "Learning curves", _curves(report, canvas, look))
    return join(
        [
            _header(report),
            tag("main", overall, groups, learning, _distribution(report, canvas, look), how_made(report.made_with)),
        ]
    )


def _header(report: CompareReport) -> Html:
    winner = next(each for each in report.strategies if each.name == report.winner)
    runs, model = len(winner.runs), report.model
    return tag(
        "header",
        tag("p", "genpas compare", class_="kicker"),
        tag("h1", "Comparison of strategies for ", tag("span", report.source, class_="source")),
        tag("p", "Best on the validation pairs: ", tag("strong", f"★ {report.winner}"),
            f", with a test NDCG@10 of {winner.test[ACCURACY]:.4f}."),
        tag("p", f"{model['model']}, width {model['dim']}, {model['layers']} layers, at most {count(model['steps'])} "
            f"steps of {count(model['batch_size'])} pairs, {runs} seed{'s' * (runs != 1)}; {_ranking(model)}, "
            + ("including" if model["seen"] == "keep" else "excluding") + " the items of the input.", class_="small"),
    )  # fmt: skip


def _ranking(model: dict[str, Any]) -> str:
    if model["model"] == "sasrec":
        return "full ranking of all items"
    return f"items found by beam search with {count(model['beam'])} code sequences"


def _table(report: CompareReport, look: Looks) -> Html:
    head = ["metric", *(join([swatch(look[each.name]), tag("span", each.name)]) for each in report.strategies)]
    body = [_metric_row(key, title, report.strategies) for key, title in _METRICS.items()]
    caption = "Mean over the seeds ± standard deviation over the seeds; ★ best in row"
    return table(head, body, caption)


def _differences(report: CompareReport) -> Html:
    rows = [
        row(each.name, f"{found.value:+z.4f}", f"{found.low:+z.4f} to {found.high:+z.4f}",
            "yes" if found.is_distinguishable else f"not distinguishable from {report.baseline}")
        for each in report.strategies if (found := each.difference) is not None
    ]  # fmt: skip
    if not rows:
        return Html("")
    caption = (
        f"Difference in NDCG@10 to {report.baseline} on the same test pairs. The interval is from a paired bootstrap "
        "over users; it does not include the variation over seeds"
    )
    return table(["strategy", "difference", "95% interval", "interval excludes 0"], rows, caption)


def _metric_row(key: str, title: str, strategies: list[Compared]) -> Html:
    best = best_places([each.test[key] for each in strategies], "higher")
    cells = []
    for at, each in enumerate(strategies):
        deviation = "" if each.test_deviation is None else f" ± {each.test_deviation[key]:.4f}"
        shown = f"{each.test[key]:.4f}{deviation}"
        cells.append(tag("td", tag("strong", star(), shown), class_="best") if at in best else tag("td", shown))
    return row(title, *cells)


def _curves(report: CompareReport, canvas: Canvas, look: Looks) -> Html:
    import altair as alt

    rows = [
        {"x": step, "y": value, "name": each.name, "run": f"{each.name} {run.seed}",
         "words": f"{each.name}, seed {run.seed}: validation NDCG@10 {value:.4f} after {count(step)} steps"}
        for each in report.strategies for run in each.runs for step, value in run.curve
    ]  # fmt: skip
    base = chart(rows).encode(
        x=alt.X("x:Q", title="steps", axis=alt.Axis(grid=False, format="~s", tickCount=6)),
        y=alt.Y("y:Q", title="validation NDCG@10", axis=alt.Axis(tickCount=5)), color=colours(look),
    )  # fmt: skip
    lines = base.mark_line().encode(
        detail="run:N", strokeDash=by_name("strokeDash", look, [each.dash for each in look.values()])
    )
    points = base.mark_point(size=70, opacity=0, filled=True).encode(tooltip="words:N")
    told = "; ".join(f"{each.name} {each.validation[ACCURACY]:.4f}" for each in report.strategies)
    return canvas.figure(
        "curves", Caption("Learning curves", "Validation accuracy by training step, one line per run. A run stops "
                          "when the accuracy no longer improves; its best model is kept."),
        alt.layer(lines, points).properties(height=HEIGHT), f"Learning curves. Validation NDCG@10 at the end: {told}.",
        legend=legend(look.values()),
    )  # fmt: skip


def _distribution(report: CompareReport, canvas: Canvas, look: Looks) -> Html:
    keys = [key for key in _FIGURES if all(getattr(each, key) is not None for each in report.strategies)]
    drawn = [_against(report, key, canvas, look) for key in keys if key != "kl_test_train"]
    rows: list[tuple[str, Callable[[Any], str]]] = [
        ("α, β, γ", lambda each: f"{exponent(each.alpha)}, {exponent(each.beta)}, {exponent(each.gamma)}"),
        ("Pairs", lambda each: count(each.pairs)),
        *((STRATEGY[key].title, lambda each, key=key: written(STRATEGY[key], getattr(each, key))) for key in _FIGURES),
    ]
    head = ["figure", *(join([swatch(look[each.name]), tag("span", each.name)]) for each in report.strategies)]
    body = [row(title, *(write(each) for each in report.strategies)) for title, write in rows]
    return section(
        "distribution", "Accuracy and training distribution", tag("div", *drawn, class_="figures"),
        table(head, body, "Exact training distribution of each strategy, as in genpas stats"),
        definitions(each.name for each in report.strategies),
    )  # fmt: skip


def _against(report: CompareReport, key: str, canvas: Canvas, look: Looks) -> Html:
    import altair as alt

    figure = STRATEGY[key]
    rows = [
        {"x": value, "y": each.accuracy.value, "low": each.accuracy.low, "high": each.accuracy.high, "name": each.name,
         "words": f"{each.name}: {figure.title} {written(figure, value)}, NDCG@10 {each.accuracy.value:.4f}, 95% "
                  f"interval {each.accuracy.low:.4f} to {each.accuracy.high:.4f}"}
        for each in report.strategies for value in (getattr(each, key),)
    ]  # fmt: skip
    ends = [each[key] for each in rows for key in ("low", "high")]
    base = chart(rows).encode(
        x=alt.X("x:Q", title=figure.title, scale=scale([each["x"] for each in rows], 14), axis=alt.Axis(tickCount=5)),
        color=colours(look),
        tooltip="words:N",
    )
    y = alt.Y("low:Q", title="test NDCG@10", scale=scale(ends, 14), axis=alt.Axis(tickCount=5))
    points = base.mark_point(size=110, filled=True, opacity=1).encode(
        y="y:Q", shape=by_name("shape", look, [each.shape for each in look.values()])
    )
    drawn = alt.layer(base.mark_rule(strokeWidth=LINE).encode(y=y, y2="high"), points)
    direction = "" if figure.direction is None else f"; {figure.direction}"
    return canvas.figure(
        f"against-{key}",
        Caption(f"Accuracy and {figure.title}", f"One point per strategy, with its 95% interval{direction}."),
        drawn.properties(height=HEIGHT), "; ".join(each["words"] for each in rows),
        legend=legend(look.values(), lines=False),
    )  # fmt: skip
