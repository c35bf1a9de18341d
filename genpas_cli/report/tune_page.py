"""The page of `genpas tune`: the winner, maps of the search, and the ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from genpas_cli.figures.results import Configuration, TuneReport
from genpas_cli.report.charts import heatmaps
from genpas_cli.report.charts.drawing import Canvas
from genpas_cli.report.charts.heatmaps import Biases, Mark
from genpas_cli.report.charts.tradeoff import KL, Marked, tradeoff
from genpas_cli.report.markup import Html, join, row, section, table, tag
from genpas_cli.report.page import how_made, write_page
from genpas_cli.report.strategy_tables import definitions
from genpas_cli.report.wording import STRATEGY, count, decimals, exponent, written

_SHOWN = 30
_SELECTIONS = {
    "published": "the published method: the highest A / D among a fixed share of the configurations with the lowest KL",
    "entropy": "KL after a draw, minus 0.1 times the entropy of the pairs",
    "front": "the distance to the best KL and A / D among the configurations near the Pareto front of each γ",
}
_FRONT = "near the front of KL and A / D"
_PUBLISHED = "first by the published method"


def write_tune_page(report: TuneReport, path: Path | None, charts: Path | None = None) -> None:
    """Write the page and save its charts, see `write_page`."""
    write_page(path, f"{report.source}: biases", lambda canvas: _body(report, canvas), charts)


def _body(report: TuneReport, canvas: Canvas) -> Html:
    sections = [_trained(report), _tradeoff(report, canvas), _maps(report, canvas), _ranking(report)]
    return join([_header(report), tag("main", *sections, how_made(report.made_with))])


def _header(report: TuneReport) -> Html:
    biases = "; ".join(
        f"{sign} {', '.join(map(exponent, report.grid[name]))}"
        for sign, name in (("α", "alpha"), ("β", "beta"), ("γ", "gamma"))
    )
    others = f", and {'; '.join(report.strategies)}" if report.strategies else ""
    lives = ["none" if each is None else each for each in report.half_lives]
    others += "" if lives == ["none"] else f"; half-lives {', '.join(lives)}"
    winner = _winner(report)
    figures = (
        ""
        if winner is None
        else f": {KL} {winner.kl:.4f}, {winner.kl_drawn:.4f} after a draw"
        + ("" if winner.alignment_ratio is None else f", A / D {winner.alignment_ratio:.2f}")
    )
    return tag(
        "header",
        tag("p", "genpas tune", class_="kicker"),
        tag("h1", "Biases for ", tag("span", report.source, class_="source")),
        tag("p", "Recommended: ", tag("strong", f"★ {report.winner}"), figures,
            f". Chosen by {_chosen_by(report)}. {_undecided(report)}The test split was not used."),
        tag("div", tag("pre", tag("code", report.command, id="command")), class_="command", tabindex="0"),
        tag("p", f"{count(len(report.configurations))} configurations were tried: {biases}{others}. Figures after a "
            f"draw are for {count(report.pairs)} pairs; similarity of inputs: {report.similarity}.", class_="small"),
        definitions(report.strategies),
    )  # fmt: skip


def _chosen_by(report: TuneReport) -> str:
    selection = _SELECTIONS.get(report.select, report.select)
    if report.trained is None:
        return selection
    return (
        f"the validation accuracy of a trained model, among the first {count(len(report.trained))} configurations by "
        f"{selection}"
    )


def _undecided(report: TuneReport) -> str:
    if not report.undecided:
        return ""
    if report.select == "entropy":
        return f"This figure does not tell apart: {'; '.join(report.undecided)}. "
    return (
        "These figures do not decide γ, because A / D can only be compared for the same γ; the γ nearest to 0 was "
        f"chosen. Best for each γ: {'; '.join(report.undecided)}. "
    )


def _trained(report: TuneReport) -> Html:
    if report.trained is None:
        return Html("")
    rows = [
        row(f"{'★ ' if each.name == report.winner else ''}{each.name}", f"{each.validation:.4f}",
            " ".join(f"{value:.4f}" for value in each.by_seed), class_="best" if each.name == report.winner else None)
        for each in report.trained
    ]  # fmt: skip
    caption = "NDCG@10 on the validation pairs: mean over the seeds, and the value for each seed"
    return section(
        "trained", "Accuracy of trained models", table(["strategy", "NDCG@10", "for each seed"], rows, caption)
    )


def _winner(report: TuneReport) -> Configuration | None:
    return next((each for each in report.configurations if each.name == report.winner), None)


def _marked(report: TuneReport) -> Marked:
    """Return the configurations that are marked, by shape."""
    winner = _winner(report)
    published = [each for each in report.configurations if each.published_rank == 1]
    same = winner is not None and winner in published
    return {
        "ring": (_FRONT, [each for each in report.configurations if each.front_rank is not None]),
        "diamond": (_PUBLISHED, [] if same else published),
        "star": (f"the winner, {_PUBLISHED}" if same else "the winner", [] if winner is None else [winner]),
    }


def _maps(report: TuneReport, canvas: Canvas) -> Html:
    placed = [(place, each) for each in report.configurations if (place := _place(each))]
    exact = {place: each.kl for place, each in placed}
    drawn = {place: each.kl_drawn for place, each in placed}
    kl = heatmaps.measure(KL, decimals(4), "lower", [*exact.values(), *drawn.values()])
    marks = [Mark(shape, text, _places(marked)) for shape, (text, marked) in _marked(report).items()]
    first = [
        _map(canvas, "kl", "KL, exact", exact, kl, marks),
        _map(canvas, "kl-drawn", f"KL after drawing {count(report.pairs)} pairs", drawn, kl, marks),
    ]
    parts = [
        tag("h3", "KL(validation ‖ train) of the targets"),
        tag("p", "One cell per α and β; a darker cell is better, and the colour steps are finer near the best value. "
            "γ does not change the targets. Both maps use the same colours."),
        heatmaps.map_legend(kl, marks),
        tag("div", *first, class_="figures"),
        *_ratio_maps(report, canvas),
    ]  # fmt: skip
    return section("maps", "Maps over α and β", *parts)


def _place(each: Configuration) -> Biases | None:
    """Return the cell of a configuration on a map; None if its kernels are not powers with an α and a β."""
    return None if each.alpha is None or each.beta is None else (each.alpha, each.beta)


def _places(configurations: Iterable[Configuration]) -> list[Biases]:
    return [place for each in configurations if (place := _place(each))]


def _ratio_maps(report: TuneReport, canvas: Canvas) -> Iterator[Html]:
    known = [each for each in report.configurations if each.alignment_ratio is not None]
    if not known:
        return
    ratio = heatmaps.measure("A / D", decimals(2), "higher", [each.alignment_ratio or 0.0 for each in known])
    maps, everywhere = [], []
    for at, gamma in enumerate(report.grid["gamma"]):
        values: dict[Biases, float] = {
            place: each.alignment_ratio or 0.0 for each in known if each.gamma == gamma and (place := _place(each))
        }
        marks = [
            Mark(shape, text, _places(c for c in marked if c.gamma == gamma))
            for shape, (text, marked) in _marked(report).items()
        ]
        everywhere += marks
        if values:
            maps.append(_map(canvas, f"ratio-{at}", f"γ = {exponent(gamma)}", values, ratio, marks))
    yield tag("h3", "A / D of the inputs, for each γ")
    yield tag("p", "How much an input tells about its target, compared with the validation pairs; a darker cell is "
              "better. All maps use the same colours.")  # fmt: skip
    yield heatmaps.map_legend(ratio, everywhere)
    yield tag("div", *maps, class_="figures")


def _map(  # what a map takes
    canvas: Canvas, name: str, heading: str, values: dict[Biases, float], measured: heatmaps.Measure,
    marks: Sequence[Mark],
) -> Html:  # fmt: skip
    drawn = canvas.bare(name, heatmaps.drawn_map(values, measured, marks), heatmaps.described(values, measured),
                        title=heading)  # fmt: skip
    return tag("figure", tag("figcaption", tag("h4", heading)), drawn, heatmaps.as_table(values, measured))


def _tradeoff(report: TuneReport, canvas: Canvas) -> Html:
    known = [each for each in report.configurations if each.alignment_ratio is not None]
    if not known:
        return Html("")
    names = dict.fromkeys([*(f"γ = {exponent(gamma)}" for gamma in report.grid["gamma"]), *map(_inputs, known)])
    facets = {name: [each for each in known if _inputs(each) == name] for name in names}
    return section("tradeoff", "KL against A / D", tradeoff(canvas, facets, _marked(report)))


def _inputs(each: Configuration) -> str:
    """Return the label of its input kernel; A / D compares only within one."""
    return each.name if each.gamma is None else f"γ = {exponent(each.gamma)}"


_COLUMNS: dict[str, Callable[[Configuration], str]] = {
    "strategy": lambda each: each.name,
    "α": lambda each: exponent(each.alpha),
    "β": lambda each: exponent(each.beta),
    "γ": lambda each: exponent(each.gamma),
    KL: lambda each: f"{each.kl:.4f}",
    "KL after a draw": lambda each: f"{each.kl_drawn:.4f}",
    "A": lambda each: written(STRATEGY["alignment"], each.alignment),
    "D": lambda each: written(STRATEGY["discrimination"], each.discrimination),
    "A / D": lambda each: written(STRATEGY["alignment_ratio"], each.alignment_ratio),
    "published": lambda each: "–" if each.published_rank is None else str(each.published_rank),
    "entropy": lambda each: f"{each.pair_entropy:.2f}",
    "front": lambda each: "–" if each.front_rank is None else str(each.front_rank),
    "by entropy": lambda each: str(each.entropy_rank),
}


def _ranking(report: TuneReport) -> Html:
    rows = [
        row(f"{'★ ' if each.name == report.winner else ''}{place}", *(write(each) for write in _COLUMNS.values()),
            class_="best" if each.name == report.winner else None)
        for place, each in enumerate(report.configurations, 1)
    ]  # fmt: skip
    head = ["rank", *_COLUMNS]
    rest = "" if len(rows) <= _SHOWN else tag(
        "details", tag("summary", f"{count(len(rows) - _SHOWN)} more configurations"),
        table(head, rows[_SHOWN:], "The remaining configurations"),
    )  # fmt: skip
    caption = (
        f"Ranked by {_SELECTIONS.get(report.select, report.select)}; – means that this selection excludes the "
        "configuration"
    )
    return section("ranking", "The ranking", table(head, rows[:_SHOWN], caption), rest)
