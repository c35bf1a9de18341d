"""Figures as tables of texts, for the terminal and for notebooks: figures as rows, strategies as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genpas_cli.figures.figure import Figure, Shown, figures_in, shown_in
from genpas_cli.figures.options import AS_WRITTEN, INDEPENDENT
from genpas_cli.figures.table import DataFigures, DenseFigures, FairDrawFigures, StrategyFigures
from genpas_cli.runtime.results.reports import ShownTable
from genpas_cli.runtime.text.documentation import page
from genpas_cli.runtime.text.wording import best_places, listed, percent

MARK = "*"
"""Marks the better figure, so that it is visible without colour and to screen readers."""

_FOUR_DIGITS = 1000


def strategy_table(measured: StrategyFigures | None, strategies: Sequence[StrategyFigures]) -> ShownTable:
    """Return the figures of measured pairs, if any, and of strategies."""
    columns = ([] if measured is None else [measured]) + list(strategies)
    compared = len(strategies) > 1
    return ShownTable(
        ["", *(figures.name for figures in columns)], list(_rows(columns, compared=compared)),
        list(_notes(columns, compared=compared)),
    )  # fmt: skip


def _notes(columns: Sequence[StrategyFigures], *, compared: bool) -> Iterator[str]:
    """Yield the lines below the table of strategies."""
    marks = f"{MARK} best in row. " if compared else ""
    if any(each.kl_test_train is not None for each in columns):
        yield (
            f"{marks}KL, Jensen–Shannon and total variation compare the distributions of target items; lower is "
            "better. KL and Jensen–Shannon are in nats."
        )
    elif marks:
        yield marks.rstrip()
    if any(each.alignment is not None for each in columns):
        inputs = about_alignment("test", columns[0].similarity)
        yield f"{inputs}." if not compared or (reason := not_marked(columns)) is None else f"{inputs}; {reason}."
    ways = {way: [each.name for each in columns if _draw_of(each) == draw] for draw, way in _WRITTEN.items()}
    if any(ways.values()):
        told = "; ".join(f"for {listed(names)}, {way}" for way, names in ways.items() if names)
        yield f'"{AS_WRITTEN}": {told}.'
    if any(each.dense for each in columns):
        yield (
            '"dense": for a trainer that learns from every position of a pair\'s sequence, where each pair or each '
            "position (token) has the same weight."
        )
    yield f"What each row means: {page('explanation/figures')}"


def about_alignment(held_out: str, similarity: str) -> str:
    """Return what alignment and discrimination are, given the held-out split and how inputs are compared."""
    return (
        f"Alignment A is the mean similarity of training inputs and {held_out} inputs with the same target, and "
        f"discrimination D that with different targets, by {similarity}"
    )


def not_marked(columns: Sequence[StrategyFigures]) -> str | None:
    """Return the reason why the better values of some figures are not marked; None if all are comparable."""
    if all(comparable(figure, columns) for figure in shown_in(StrategyFigures, Shown.TERMINAL)):
        return None
    return (
        "higher A, lower D and higher A / D are better, but only among strategies with the same input bias γ, so no "
        "best value is marked"
    )


_WRITTEN = {
    "enumerated": "each pair is written once, so the value is exact",
    "balanced": "the pairs are a balanced draw, so a single draw differs slightly from this mean",
}
"""Kind of draw → how `augment` writes the pairs by default."""


def _draw_of(figures: StrategyFigures) -> str | None:
    """Return the kind of draw that `augment` would make by default; None for measured pairs."""
    return figures.drawn[0].draw if figures.drawn else None


def data_table(data: DataFigures) -> ShownTable:
    """Return the figures of the data that are single numbers."""
    values = [(figure, getattr(data, figure.key)) for figure in figures_in(DataFigures).values()]
    rows = [(each.label, written(each, value)) for each, value in values if isinstance(value, int | float)]
    return ShownTable(("", "value"), rows)


def _rows(columns: Sequence[StrategyFigures], *, compared: bool) -> Iterator[list[str]]:
    for figure in shown_in(StrategyFigures, Shown.TERMINAL):
        is_compared = compared and comparable(figure, columns)
        row = [getattr(each, figure.key) for each in columns]
        if all(value is None for value in row):
            continue
        yield [figure.label, *_marked(figure, row, compared=is_compared)]
        if Shown.TERMINAL_DRAWS in figure.shown:
            for index, label in enumerate((AS_WRITTEN, INDEPENDENT)):
                drawn = [getattr(each.drawn[index], figure.key) if each.drawn else None for each in columns]
                if any(value is not None for value in drawn):
                    yield [f"  {label}", *_marked(figure, drawn, compared=is_compared)]
        if Shown.TERMINAL_DENSE in figure.shown:
            for way in figures_in(DenseFigures).values():
                dense = [getattr(getattr(each.dense, way.key, None), figure.key, None) for each in columns]
                if any(value is not None for value in dense):
                    yield [f"  {way.label}", *_marked(figure, dense, compared=is_compared)]


def comparable(figure: Figure, columns: Sequence[StrategyFigures]) -> bool:
    """Tell whether the values of a figure can be compared between these strategies."""
    return not figure.within_inputs or len({each.name if each.gamma is None else each.gamma for each in columns}) == 1


def _marked(figure: Figure, row: Sequence[float | None], *, compared: bool) -> list[str]:
    texts = [written(figure, value) for value in row]
    return with_marks(texts, row, figure.better) if compared and figure.better else texts


def with_marks(texts: Sequence[str], values: Sequence[float | None], better: str) -> list[str]:
    """Return texts of values, the better ones marked; `better` is `lower` or `higher`."""
    best = best_places(values, better)
    return [text + (MARK if at in best else " ") for at, text in enumerate(texts)]


def written(figure: Figure, value: float | None) -> str:
    """Return a figure's value with four digits, or as a percentage."""
    return percent(value, figure.digits) if figure.is_share and value is not None else number(value)


def number(value: float | None) -> str:
    """Return a number with four digits; whole numbers in full."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= _FOUR_DIGITS else f"{value:z#.4g}"


def fair_draw_sentences(figures: FairDrawFigures) -> tuple[str, str]:
    """Return the verdict on the draw of some shards, and what it rests on."""
    verdict, found = ("agree", "No test") if figures.fair else ("do not agree", "A test")
    return (
        f"The pairs {verdict} with the strategy in their manifest (draw: {figures.draw}).",
        f"{found} found a difference; a correct draw fails with a probability below one in a million.",
    )
