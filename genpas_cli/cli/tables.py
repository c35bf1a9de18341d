"""Reports as tables on stdout: in the terminal, and as CSV, Markdown and LaTeX; the better figures are marked."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence

from genpas_cli.cli import console
from genpas_cli.cli.text_tables import MARK, Table
from genpas_cli.figures.figure import Figure, Shown, shown_in
from genpas_cli.figures.results import StatsReport, TuneReport
from genpas_cli.figures.table import DataFigures, StrategyFigures
from genpas_cli.report.wording import best_places
from genpas_cli.runtime.text.wording import counted, percent, time_range
from genpas_cli.training.comparison import ACCURACY, CompareReport

_FOUR_DIGITS = 1000


def print_report(report: StatsReport) -> None:
    """Print the data's figures and the strategies' on stdout."""
    out = console.stdout()
    if report.data is not None:
        for line in _data_lines(report.data):
            out.print(line)
        out.print()
    table = report_table(report)
    console.print_table(table.headings, table.rows)
    marked = f"{MARK} best in row; " if len(report.strategies) > 1 else ""
    out.print(f"{marked}KL in nats; A and D with {_columns(report)[0].similarity}", style="dim")
    if report.fair_draw is not None:
        verdict = "a fair draw" if report.fair_draw.fair else "NOT a fair draw"
        tests = "; ".join(f"{t.step}: {t.test}, p = {t.p_value:.3g}" for t in report.fair_draw.tests)
        out.print(f"{verdict} ({report.fair_draw.draw}): {tests}")
    for note in report.notes:
        console.say(console.escaped(note))


def report_table(report: StatsReport) -> Table:
    """Return the strategies' figures: one row per figure, one column per strategy."""
    columns = _columns(report)
    rows = list(_rows(columns, compared=len(report.strategies) > 1))
    return Table(["", *(figures.name for figures in columns)], rows)


def _columns(report: StatsReport) -> list[StrategyFigures]:
    return ([] if report.measured is None else [report.measured]) + report.strategies


def _data_lines(data: DataFigures) -> list[str]:
    length, split = data.length, data.split
    counts = {"user": data.users, "item": data.items, "interaction": data.interactions}
    lines = [
        f"{', '.join(counted(number, thing) for thing, number in counts.items())}, density {percent(data.density, 4)}",
        f"length {length['min']:g} to {length['max']:g}, median {length['median']:g}, mean {length['mean']:.1f}",
        f"split: {split['train']:,} train, {split['validation']:,} validation, {split['test']:,} test",
    ]
    if data.time_range is not None:
        lines.append(time_range(data.time_range))
    shares = [(figure, getattr(data, figure.key)) for figure in shown_in(DataFigures, Shown.TERMINAL)]
    lines.append(", ".join(f"{each.label} {_written(each, value)}" for each, value in shares if value is not None))
    return lines


def _rows(columns: Sequence[StrategyFigures], *, compared: bool) -> Iterator[list[str]]:
    for figure in shown_in(StrategyFigures, Shown.TERMINAL):
        row = [getattr(each, figure.key) for each in columns]
        if all(value is None for value in row):
            continue
        yield [figure.label, *_marked(figure, row, compared=compared)]
        if Shown.TERMINAL_DRAWS in figure.shown:
            for index, kind in enumerate(("after a balanced draw", "after an independent draw")):
                drawn = [getattr(each.drawn[index], figure.key) if each.drawn else None for each in columns]
                if any(value is not None for value in drawn):
                    yield [f"  {kind}", *_marked(figure, drawn, compared=compared)]


def _marked(figure: Figure, row: Sequence[float | None], *, compared: bool) -> list[str]:
    texts = [_written(figure, value) for value in row]
    return _with_marks(texts, row, figure.better) if compared and figure.better else texts


def _with_marks(texts: Sequence[str], values: Sequence[float | None], better: str) -> list[str]:
    best = best_places(values, better)
    return [text + (MARK if at in best else " ") for at, text in enumerate(texts)]


def _written(figure: Figure, value: float | None) -> str:
    return percent(value, figure.digits) if figure.is_share and value is not None else _number(value)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= _FOUR_DIGITS else f"{value:z#.4g}"


def print_csv(report: StatsReport) -> None:
    """Print one CSV row per strategy on stdout, with the figures that are numbers or texts."""
    columns = _columns(report)
    keys = [figure.key for figure in shown_in(StrategyFigures, Shown.CSV)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([getattr(each, key) for key in keys] for each in columns)


def comparison_table(report: CompareReport) -> Table:
    """Return accuracy and figures of the training distribution, one row per strategy."""
    headings = ["", "NDCG@10", "±", "Recall@10", "difference", "validation", "KL", "A / D"]
    rows = []
    for each, test in zip(report.strategies, _marked_row([s.test[ACCURACY] for s in report.strategies]), strict=True):
        gap = each.difference
        rows.append([
            each.name, test, "–" if each.test_deviation is None else f"{each.test_deviation[ACCURACY]:.4f}",
            f"{each.test['recall@10']:.4f}",
            "–" if gap is None else f"{gap.value:+z.4f} ({gap.low:+z.4f} to {gap.high:+z.4f})",
            f"{each.validation[ACCURACY]:.4f}", _number(each.kl_validation_train), _number(each.alignment_ratio),
        ])  # fmt: skip
    return Table(headings, rows)


def print_comparison(report: CompareReport) -> None:
    """Print the table of a comparison on stdout."""
    seeds = counted(len(report.strategies[0].runs), "seed")
    table = comparison_table(report)
    console.print_table(table.headings, table.rows)
    console.stdout().print(
        f"{MARK} best in column; test accuracy, mean of {seeds}, ± standard deviation over seeds; difference in "
        f"NDCG@10 to {report.baseline}, with its 95% interval (bootstrap over users); validation NDCG@10; "
        "KL(validation ‖ train)",
        style="dim",
    )
    differing = {each.name: each.difference for each in report.strategies if each.difference is not None}
    if unclear := [name for name, found in differing.items() if not found.is_distinguishable]:
        console.stdout().print(
            f"not distinguishable from {report.baseline}, as the interval includes 0: {'; '.join(unclear)}"
        )


def _marked_row(values: Sequence[float]) -> list[str]:
    return _with_marks([f"{value:.4f}" for value in values], values, "higher")


_ROWS_SHOWN = 15


def search_table(report: TuneReport, rows_shown: int | None = None) -> Table:
    """Return the configurations of a search, the winner first, and how each selection ranks them."""
    headings = ["strategy", "KL", "KL drawn", "A", "D", "A / D", "front", "published"]
    rows = []
    for row in report.configurations[:rows_shown]:
        figures = (row.kl, row.kl_drawn, row.alignment, row.discrimination, row.alignment_ratio)
        ranks = ("–" if rank is None else str(rank) for rank in (row.front_rank, row.published_rank))
        rows.append([row.name, *(_number(value) for value in figures), *ranks])
    return Table(headings, rows)


def print_search(report: TuneReport) -> None:
    """Print the best configurations of a search on stdout."""
    table = search_table(report, _ROWS_SHOWN)
    console.print_table(table.headings, table.rows)
    left = len(report.configurations) - len(table.rows)
    more = f"; {left:,} more in --json, --csv and --html" if left else ""
    console.stdout().print(
        f"ranked by {report.select}; KL(validation ‖ train) of the targets, exact and after drawing {report.pairs:,} "
        f"pairs (balanced); A and D with {report.similarity}{more}",
        style="dim",
    )


def print_trained(report: TuneReport) -> None:
    """Print the accuracy of the models trained on the first configurations of a search."""
    trained = report.trained or []
    marked = _marked_row([each.validation for each in trained])
    rows = [[each.name, shown, " ".join(f"{value:.4f}" for value in each.by_seed)]
            for each, shown in zip(trained, marked, strict=True)]  # fmt: skip
    console.print_table(["strategy", "validation NDCG@10", "for each seed"], rows)
