"""Reports as tables in the terminal, and as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import sys

from genpas_cli.cli import console
from genpas_cli.figures.distribution.durations import QUANTILE_WORDS
from genpas_cli.figures.figure import Shown, figures_in, shown_in
from genpas_cli.figures.results import ROWS_SHOWN, SplitReport, StatsReport, TuneReport
from genpas_cli.figures.table import DataFigures
from genpas_cli.figures.text_tables import fair_draw_sentences, written
from genpas_cli.runtime.results.reports import ShownTable, TableReport
from genpas_cli.runtime.text.wording import counted, duration, halves, percent, time_range
from genpas_cli.training.comparison import CompareReport


def print_report(report: StatsReport) -> None:
    """Print the data's figures and the strategies' on stdout."""
    out = console.stdout()
    if report.data is not None:
        for line in _data_lines(report.data):
            out.print(line)
        out.print()
    print_table(report.shown()[0])
    if report.fair_draw is not None:
        out.print()
        out.print(" ".join(fair_draw_sentences(report.fair_draw)))
        console.print_table(
            ["sampling step", "test", "p-value"],
            [(test.step, test.test, f"{test.p_value:.3g}") for test in report.fair_draw.tests],
        )
    for note in report.notes:
        console.say(console.escaped(note))


def print_split(report: SplitReport) -> None:
    """Print the sizes of the parts of a split, and the figures about them, on stdout."""
    sizes, figures = report.shown()
    print_table(sizes)
    console.stdout().print()
    print_table(figures)
    for note in report.notes:
        console.say(console.escaped(note))


def _targets(split: dict[str, int]) -> str:
    return f"{split['validation']:,} validation targets, {split['test']:,} test targets"


def _data_lines(data: DataFigures) -> list[str]:
    length, split = data.length, data.split
    whose = (
        counted(data.users, "user")
        if data.session_users is None
        else f"{counted(data.users, 'session')} of {counted(data.session_users, 'user')}"
    )
    things = f"{counted(data.items, 'item')}, {counted(data.interactions, 'interaction')}"
    median = halves(length["median"])
    lines = [
        f"{whose}, {things}, density {percent(data.density, 4)}",
        f"history length {length['min']:,.0f} to {length['max']:,.0f}, median {median}, mean {length['mean']:,.1f}",
        f"{split['train']:,} training interactions, {_targets(split)}",
    ]
    if data.time_range is not None:
        lines.append(time_range(data.time_range))
        lines += [
            f"{figure.label}: "
            + ", ".join(f"{QUANTILE_WORDS[part]} {duration(value, data.time_unit)}" for part, value in found.items())
            for key, figure in figures_in(DataFigures).items()
            if figure.is_duration and None not in (found := getattr(data, key)).values()
        ]
    cold = data.dropped_cold
    if any(cold.values()):
        lines.append(f"cold targets left out: {cold['validation']:,} validation, {cold['test']:,} test")
    shares = [(figure, getattr(data, figure.key)) for figure in shown_in(DataFigures, Shown.TERMINAL)]
    return lines + [f"{each.label}: {written(each, value)}" for each, value in shares if value is not None]


def print_table(table: ShownTable, *more: str) -> None:
    """Print a table and the lines below it on stdout."""
    console.print_table(table.headings, table.rows)
    for note in (*table.notes, *more):
        console.stdout().print(note, style="dim")


def print_csv(report: TableReport) -> None:
    """Print the rows of a report on stdout, one per strategy, in full precision."""
    columns = report.by_column()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def print_comparison(report: CompareReport) -> None:
    """Print accuracy and the figures of the training distribution on stdout, one row per strategy."""
    print_table(report.shown()[0])


def print_search(report: TuneReport) -> None:
    """Print the best configurations of a search on stdout, the winner first, and how each selection ranks them."""
    left = len(report.configurations) - ROWS_SHOWN
    print_table(report.shown()[0], *([f"{left:,} more in --csv, --json and --html"] if left > 0 else []))


def print_trained(report: TuneReport) -> None:
    """Print the accuracy of the models trained on the first configurations of a search."""
    print_table(report.shown()[1])
