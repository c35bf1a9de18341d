"""Every figure of the table is where it says it is, and nowhere else: one that is forgotten somewhere fails here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from genpas_cli.cli import tables
from genpas_cli.figures import table
from genpas_cli.figures.distribution.positions import Bin
from genpas_cli.figures.figure import Figure, Shown, checked_keys, figures_in, shown_in
from genpas_cli.figures.results import StatsReport
from genpas_cli.figures.rules import check, read_rules
from genpas_cli.figures.split_figures import SplitFigures
from genpas_cli.figures.table import (
    DataFigures,
    DenseFigures,
    DrawnFigures,
    FairDrawFigures,
    StrategyFigures,
    SupervisedFigures,
    TargetFigures,
)
from genpas_cli.report.stats_page import write_stats_page
from genpas_cli.runtime.errors import DataError

pytest.importorskip("altair", reason="the extra `report` is not installed")

TERMINAL = Shown.TERMINAL | Shown.TERMINAL_TEXT
PAGE = Shown.PAGE | Shown.PAGE_TEXT
DRAWS = Shown.TERMINAL_DRAWS | Shown.PAGE_DRAWS
DENSE = Shown.TERMINAL_DENSE | Shown.PAGE_DENSE


def other(value: Any) -> Any:  # noqa: C901, PLR0911  # one case for each kind of value
    """Return another value of the same kind, as different as it is written anywhere."""
    match value:
        case None:
            return 12_345
        case bool():
            return not value
        case int():
            return value + 12_345
        case float():
            return 0.4321 if abs(value - 0.4321) > 0.2 else 0.8765
        case "inf" | "-inf":
            return 0.5
        case "containment@10":
            return "recall@5"
        case str():
            return f"other {value}"
        case dict():
            return {part: other(number) for part, number in value.items()}
        case [float(), *_]:
            return [*value[1:], value[0]]
        case [Bin(), *_]:
            return value[:-1]
        case [int(), int()]:
            return [value[0] - 10**8, value[1]]
        case [first, *rest]:
            return [replace(first, statistic=first.statistic + 12_345, p_value=0.4321), *rest]
    raise AssertionError(value)


def in_data(report: StatsReport, key: str) -> StatsReport:
    assert report.data is not None
    return replace(report, data=replace(report.data, **{key: other(getattr(report.data, key))}))


def in_strategy(report: StatsReport, key: str) -> StatsReport:
    first, *rest = report.strategies
    return replace(report, strategies=[replace(first, **{key: other(getattr(first, key))}), *rest])


def in_draw(report: StatsReport, key: str) -> StatsReport:
    first, *rest = report.strategies
    drawn = [first.drawn[0], replace(first.drawn[1], **{key: other(getattr(first.drawn[1], key))})]
    return replace(report, strategies=[replace(first, drawn=drawn), *rest])


def in_dense(report: StatsReport, key: str) -> StatsReport:
    first, *rest = report.strategies
    assert first.dense is not None
    of = replace(first.dense.per_token, **{key: other(getattr(first.dense.per_token, key))})
    return replace(report, strategies=[replace(first, dense=replace(first.dense, per_token=of)), *rest])


def in_verdict(report: StatsReport, key: str) -> StatsReport:
    assert report.fair_draw is not None
    return replace(report, fair_draw=replace(report.fair_draw, **{key: other(getattr(report.fair_draw, key))}))


Change = Callable[[StatsReport, str], StatsReport]
CHANGES: list[tuple[type, Change]] = [
    (DataFigures, in_data), (StrategyFigures, in_strategy), (DrawnFigures, in_draw), (SupervisedFigures, in_dense),
    (FairDrawFigures, in_verdict),
]  # fmt: skip
EVERY = [
    pytest.param(figure, kind, change, id=f"{kind.__name__}-{figure.key}")
    for kind, change in CHANGES
    for figure in figures_in(kind).values()
    if figure.key not in ("drawn", "dense")  # have figures of their own
]


ReportOf = Callable[[type], StatsReport]


@pytest.fixture(scope="module")
def report_of(stats_report: StatsReport, shards_report: StatsReport) -> ReportOf:
    """Return the report that has a kind of figures, cut short: a page is made for every figure."""
    short = replace(stats_report, strategies=stats_report.strategies[:2], illustrations=None)
    return lambda kind: shards_report if kind is FairDrawFigures else short


@pytest.fixture(scope="module")
def page_of(report_of: ReportOf, tmp_path_factory: pytest.TempPathFactory) -> Callable[[type], str]:
    return cache(lambda kind: page(report_of(kind), tmp_path_factory.mktemp("before")))


def page(report: StatsReport, directory: Path) -> str:
    write_stats_page(report, directory / "report.html")
    return (directory / "report.html").read_text(encoding="utf-8")


def places_of(figure: Figure, kind: type) -> Shown:
    """Return where a change of the figure is to be seen; of the figures of a draw, where draws are shown."""
    if kind is DrawnFigures:
        return figure.shown & DRAWS
    if kind is SupervisedFigures:
        return figure.shown & (DENSE | Shown.CSV)
    # The charts of draws and the table of dense supervision show the figure of p too.
    both = figure.shown & (Shown.PAGE_DRAWS | Shown.PAGE_DENSE)
    return figure.shown & ~(DRAWS | DENSE) | (Shown.PAGE_TEXT if both else Shown(0))


@pytest.mark.parametrize(("figure", "kind", "change"), EVERY)
def test_a_figure_is_in_the_terminal_and_in_csv_where_it_says_so(
    figure: Figure, kind: type, change: Change, report_of: ReportOf,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before, places = report_of(kind), places_of(figure, kind)
    after = change(before, figure.key)
    in_terminal = TERMINAL | Shown.TERMINAL_DRAWS | Shown.TERMINAL_DENSE
    for write, place in ((tables.print_report, in_terminal), (tables.print_csv, Shown.CSV)):
        texts = []
        for report in (before, after):
            write(report)
            texts.append(capsys.readouterr().out)
        assert (texts[0] != texts[1]) == bool(places & place), place
        if kind is StrategyFigures and places & place & (Shown.TERMINAL | Shown.CSV):
            name = figure.key if place is Shown.CSV else figure.label
            assert name in texts[0]


@pytest.mark.parametrize(("figure", "kind", "change"), EVERY)
def test_a_figure_is_on_the_page_where_it_says_so(
    figure: Figure, kind: type, change: Change, report_of: ReportOf, page_of: Callable[[type], str], tmp_path: Path
) -> None:  # fmt: skip
    before, places = page_of(kind), places_of(figure, kind)
    after = page(change(report_of(kind), figure.key), tmp_path)
    assert (before != after) == bool(places & (PAGE | Shown.PAGE_DRAWS | Shown.PAGE_DENSE))
    if Shown.PAGE in places:
        assert figure.title in before
        assert figure.meaning in before or figure.fact or figure.group == table.PAIRS


def test_the_json_has_the_figures_of_the_table_and_no_others(
    stats_report: StatsReport, shards_report: StatsReport
) -> None:
    stats, shards = stats_report.to_dict(), shards_report.to_dict()
    assert list(stats["data"]) == list(figures_in(DataFigures))
    for strategy in (*stats["strategies"], shards["measured"]):
        assert list(strategy) == list(figures_in(StrategyFigures))
        assert all(list(drawn) == list(figures_in(DrawnFigures)) for drawn in strategy["drawn"])
        assert list(strategy["dense"]) == list(figures_in(DenseFigures))
        assert all(list(dense) == list(figures_in(SupervisedFigures)) for dense in strategy["dense"].values())
    assert list(shards["fair_draw"]) == list(figures_in(FairDrawFigures))


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        ("data", DataFigures),
        ("every-strategy", StrategyFigures),
        ("shards", StrategyFigures),
        ("shards", FairDrawFigures),
    ],
)
def test_rules_may_use_the_figures_that_say_so(
    rules: str, kind: type, shards_report: StatsReport, tmp_path: Path
) -> None:
    path, allowed = tmp_path / "rules.toml", checked_keys(kind)
    path.write_text(f"[{rules}]\nfail = {[f'{key}? > -1e9' for key in allowed]}\n")
    results = check(shards_report, read_rules(str(path)))
    # Measured pairs have all figures but `inputs_per_target`.
    assert [each.value is None for each in results] == [
        rules == "shards" and key == "inputs_per_target" for key in allowed
    ]
    for key in set(figures_in(kind)) - set(allowed):
        path.write_text(f"[{rules}]\nfail = ['{key} > 0']\n")
        with pytest.raises(DataError, match=f"unknown key '{key}'"):
            read_rules(str(path))


@pytest.mark.parametrize("kind", table.REPORTS)
def test_a_figure_has_words(kind: type) -> None:
    for figure in figures_in(kind).values():
        assert figure.meaning.endswith("."), figure.key
        assert figure.range or Shown.CHECK not in figure.shown, figure.key
    for figure in shown_in(DataFigures, Shown.PAGE):
        assert figure.fact, figure.key


def test_a_figure_of_targets_has_an_expectation_in_a_draw(stats_report: StatsReport) -> None:
    for strategy in stats_report.strategies:
        for drawn in strategy.drawn:
            assert [key for key in figures_in(TargetFigures) if getattr(drawn, key) is None] == []


def test_labels_are_told_apart() -> None:
    for kind in (StrategyFigures, DataFigures, SplitFigures):
        labels = [figure.label for figure in figures_in(kind).values()]
        assert len(set(labels)) == len(labels)


def sources_of_tests() -> str:
    folder = Path(__file__).parents[1]
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("figures/**/*.py")))


@pytest.mark.parametrize("key", sorted({key for kind in table.REPORTS for key in figures_in(kind)}))
def test_the_value_of_a_figure_is_held_against_something(key: str) -> None:
    assert re.search(rf"\b{key}\b", sources_of_tests()), "no test under tests/figures speaks of it"
