"""What the HTML reports say, and that they hold nothing from elsewhere."""

from __future__ import annotations

import errno
import math
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from genpas_cli.figures.figure import Shown, shown_in
from genpas_cli.figures.illustrations.data import Illustrations, PopularityCurve, StepsOfUser
from genpas_cli.figures.results import Configuration, StatsReport, TrainedConfiguration, TuneReport
from genpas_cli.figures.table import StrategyFigures
from genpas_cli.figures.text_tables import comparable, not_marked
from genpas_cli.report.charts.drawing import Canvas
from genpas_cli.report.charts.heatmaps import measure
from genpas_cli.report.charts.popularity import popularity_curves
from genpas_cli.report.charts.theme import looks
from genpas_cli.report.charts.user_steps import user_steps
from genpas_cli.report.comparison_page import write_comparison_page
from genpas_cli.report.health import health_panel
from genpas_cli.report.stats_page import write_stats_page
from genpas_cli.report.tune_page import write_tune_page
from genpas_cli.report.wording import best_of, decimals, written
from genpas_cli.runtime.errors import MachineError
from genpas_cli.sampling.strategies import RULES
from genpas_cli.training.comparison import CompareReport

pytest.importorskip("altair", reason="the extra `report` is not installed")

EVIL = '<script>alert(1)</script> & "it\'s" </title>.parquet'
_VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """A page whose elements nest: its attributes, its tables, its text, and that of scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
        elif tag in self.raw:
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]][-1] += data
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def cells(self, heading: str) -> list[str]:
        """The cells of the first row that begins with this heading."""
        return next(row[1:] for row in self.rows if row and row[0].startswith(heading))


@pytest.fixture
def stats_page(stats_report: StatsReport, tmp_path: Path) -> Page:
    write_stats_page(stats_report, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


@pytest.fixture
def comparison_page(comparison: CompareReport, tmp_path: Path) -> Page:
    write_comparison_page(comparison, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


@pytest.fixture
def tune_page(tune_report: TuneReport, tmp_path: Path) -> Page:
    write_tune_page(tune_report, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


def test_the_page_says_what_biases_strategies_and_similarity_are(stats_page: Page, stats_report: StatsReport) -> None:
    assert "α, β and γ are the biases of the three sampling steps" in stats_page.text
    for name in ("last-target", "multi-target", "slide-window"):
        assert RULES[name].summary in stats_page.text
    for step in ("1 · This user (α)", "2 · Position of the target (β)", "3 · Start of the input (γ)"):
        assert step in stats_page.text
    assert "share of the training input's items that are in the held-out input" in stats_page.text
    assert not_marked(stats_report.strategies) is not None
    assert f"★ best in row; {not_marked(stats_report.strategies)}" in stats_page.text


@pytest.mark.parametrize("name", ["stats_page", "tune_page", "comparison_page"])
def test_nothing_is_loaded_from_elsewhere(name: str, request: pytest.FixtureRequest) -> None:
    page: Page = request.getfixturevalue(name)
    loading = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href", "formaction"}
    assert [found for found in page.attributes if found[1] in loading] == []
    assert not [found for found in page.attributes if found[0] in {"link", "base", "iframe", "object", "embed", "img"}]
    assert not re.search(r"@import|url\(", "".join(page.raw["style"]), re.IGNORECASE)
    policy = next(
        value for tag, name, value in page.attributes if (tag, name) == ("meta", "content") and "src" in value
    )
    assert policy.startswith("default-src 'none';")
    data = next(script for script in page.raw["script"] if script.startswith("{"))
    assert "http" not in data


def test_values_are_those_of_the_report(stats_page: Page, stats_report: StatsReport) -> None:
    assert stats_page.cells("figure") == [each.name for each in stats_report.strategies]
    for figure in shown_in(StrategyFigures, Shown.PAGE):
        values = [getattr(each, figure.key) for each in stats_report.strategies]
        cells = stats_page.cells(figure.title)
        best = best_of(figure, values) if comparable(figure, stats_report.strategies) else set()
        assert [cell.removeprefix("★ best: ") for cell in cells] == [written(figure, value) for value in values]
        assert {at for at, cell in enumerate(cells) if cell.startswith("★")} == best
    assert stats_report.data is not None
    assert f"{stats_report.data.tied_either:.1%}" in stats_page.text
    assert "Note: " in stats_page.text


def test_inputs_are_only_compared_for_the_same_gamma(stats_report: StatsReport, tmp_path: Path) -> None:
    same = replace(stats_report, strategies=[each for each in stats_report.strategies if each.gamma == "-inf"])
    assert len({each.gamma for each in stats_report.strategies}) > 1
    assert len(same.strategies) > 1
    for report, starred in ((stats_report, 0), (same, 1)):
        write_stats_page(report, tmp_path / "report.html")
        page = Page(tmp_path / "report.html")
        assert sum(cell.startswith("★") for cell in page.cells("A / D")) == starred
        assert ("has the most informative inputs" in page.text) == bool(starred)
        shown = next(row for row in report.shown()[0].rows if row[0] == "A / D")
        assert sum(cell.endswith("*") for cell in shown) == starred


def test_tune_shows_its_winner_and_every_configuration(tune_page: Page, tune_report: TuneReport) -> None:
    assert tune_report.command in tune_page.text
    names = [each.name for each in tune_report.configurations]
    ranked = [row for row in tune_page.rows if re.fullmatch(r"(★ )?\d+", row[0]) and row[1] in names]
    assert [row[1] for row in ranked] == names
    assert [row[5] for row in ranked] == [f"{each.kl:.4f}" for each in tune_report.configurations]
    winners = [at for at, row in enumerate(ranked) if row[0].startswith("★")]
    assert [names[at] for at in winners] == [tune_report.winner]


def test_a_search_shows_what_was_trained(tune_report: TuneReport, tmp_path: Path) -> None:
    names = [each.name for each in tune_report.configurations[:2]]
    trained = [TrainedConfiguration(name, 0.1 + at / 10, [0.1, 0.1 + at / 5], [], 500) for at, name in enumerate(names)]
    write_tune_page(replace(tune_report, winner=names[1], trained=trained), tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert [names[0], "0.1000", "0.1000 0.1000"] in page.rows
    assert [f"★ {names[1]}", "0.2000", "0.1000 0.3000"] in page.rows
    assert "among the first 2 configurations by the distance to the best KL and A / D" in page.text


def test_a_comparison_shows_accuracy_differences_and_figures(
    comparison_page: Page, comparison: CompareReport
) -> None:  # fmt: skip
    rows = {row[0]: row[1:] for row in comparison_page.rows}
    shown = [cell.removeprefix("★ best: ").split(" ± ") for cell in rows["NDCG@10"]]
    assert [value for value, _ in shown] == [f"{each.test['ndcg@10']:.4f}" for each in comparison.strategies]
    assert [sd for _, sd in shown] == [
        f"{(each.test_deviation or {})['ndcg@10']:.4f}" for each in comparison.strategies
    ]
    assert sum(cell.startswith("★") for cell in rows["NDCG@10"]) == 1
    for each in comparison.strategies:
        if each.difference is not None:
            low, high = (f"{value:+.4f}" for value in (each.difference.low, each.difference.high))
            clear = "yes" if each.difference.is_distinguishable else f"not distinguishable from {comparison.baseline}"
            assert [each.name, f"{each.difference.value:+.4f}", f"{low} to {high}", clear] in comparison_page.rows
    assert rows["KL(validation ‖ train)"] == [f"{each.kl_validation_train or 0:.4f}" for each in comparison.strategies]
    assert f"★ {comparison.winner}" in comparison_page.text


def test_shards_stand_beside_what_they_should_be(shards_report: StatsReport, tmp_path: Path) -> None:
    write_stats_page(shards_report, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    measured, fair, should = shards_report.measured, shards_report.fair_draw, shards_report.strategies[0]
    assert measured is not None
    assert fair is not None
    drawn = next(each for each in should.drawn if each.draw == fair.draw)
    assert page.cells("KL(test ‖ train)") == [f"{each.kl_test_train:.4f}" for each in (measured, drawn, should)]
    assert "✓ The pairs agree with the strategy in their manifest" in page.text
    for test in fair.tests:
        assert any(row[:2] == [test.step, test.test] for row in page.rows)
    write_stats_page(replace(shards_report, fair_draw=replace(fair, fair=False)), tmp_path / "report.html")
    assert "✗ The pairs do not agree with the strategy in their manifest" in Page(tmp_path / "report.html").text


def test_what_is_missing_is_left_out_with_the_reason(stats_report: StatsReport, tmp_path: Path) -> None:
    bare = [
        replace(each, kl_test_train=None, kl_validation_train=None, kl_train_test=None, js_test_train=None,
                tv_test_train=None, alignment=None, discrimination=None, alignment_ratio=None,
                target_position_histogram=None, popularity_deciles=None, sequence_mass_by_length=None)
        for each in stats_report.strategies
    ]  # fmt: skip
    report = replace(stats_report, data=None, strategies=bare, illustrations=None, notes=("no split: KL is missing",))
    write_stats_page(report, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert "no split: KL is missing" in page.text
    headings = [row[0] for row in page.rows if row]
    assert not [heading for heading in headings if heading.startswith(("KL", "A / D"))]
    assert "Which items are targets" not in page.text


def test_shards_alone_make_a_page(shards_report: StatsReport, tmp_path: Path) -> None:
    write_stats_page(replace(shards_report, data=None, strategies=[], fair_draw=None), tmp_path / "report.html")
    assert "measured in the shards" in Page(tmp_path / "report.html").text


@pytest.mark.parametrize("kind", ["stats", "tune", "comparison"])
def test_names_from_outside_are_text(
    kind: str, stats_report: StatsReport, tune_report: TuneReport, comparison: CompareReport, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    if kind == "stats":
        named = [replace(stats_report.strategies[0], name=EVIL), *stats_report.strategies[1:]]
        write_stats_page(replace(stats_report, source=EVIL, strategies=named, notes=(EVIL,)), path)
    elif kind == "comparison":
        write_comparison_page(replace(comparison, source=EVIL), path)
    else:
        write_tune_page(replace(tune_report, source=EVIL, command=f"genpas augment {EVIL}", winner=EVIL), path)
    page = Page(path)
    assert EVIL in page.text
    assert "<script>alert" not in path.read_text(encoding="utf-8")
    # What draws, what draws it here, and the data.
    assert len(page.raw["script"]) == 3


def test_a_curve_is_described_by_the_most_popular_tenth() -> None:
    curve = PopularityCurve("test", rank=[1, 9, 10, 20, 100], mass=[0.1, 0.25, 0.3, 0.45, 1.0])
    drawn = popularity_curves(Canvas(), [curve], looks(["test"]))
    assert "For the most popular tenth of the items: test 30.0%." in drawn


def test_the_steps_of_a_user_are_described_by_their_highest_bars() -> None:
    steps = StepsOfUser("a", sequence=1.0, target=[0.1, 0.7, 0.2], start=[0.2, 0.5, 0.3])
    drawn = user_steps(
        Canvas(), Illustrations("test", [], [], None, [], [], ["5", "6", "7", "8"], [steps]), looks(["a"])
    )
    assert "probability of each position to be the target, highest at position 3 with 70.0%." in drawn
    assert "probability of each position to be the start of the input, highest at position 2 with 50.0%." in drawn


def test_a_warning_of_the_future_tells_the_share_of_the_test(stats_report: StatsReport) -> None:
    assert stats_report.data is not None
    panel = health_panel(replace(stats_report.data, future_training=0.5, leaked_test=0.25))
    assert "training uses data from the future: 25.0% of test interactions" in panel


def test_the_ends_of_a_map_say_which_is_the_better() -> None:
    values = [0.1, 0.9, math.inf]
    lower, higher = measure("A", decimals(1), "lower", values), measure("A", decimals(1), "higher", values)
    assert lower.ends() == ("0.9 (worst)", "0.1 (best)")
    assert higher.ends() == ("0.1 (worst)", "0.9 (best)")
    assert [(each.step(0.1), each.step(0.9), each.step(math.inf)) for each in (lower, higher)] == [(8, 0, 0), (0, 8, 0)]


def test_infinite_figures_make_no_broken_page(
    stats_report: StatsReport, tune_report: TuneReport, tmp_path: Path
) -> None:
    infinite = [replace(each, kl_test_train=float("inf")) for each in stats_report.strategies]
    write_stats_page(replace(stats_report, strategies=infinite), tmp_path / "stats.html")
    first, *rest = tune_report.configurations
    lost: list[Configuration] = [replace(first, kl=float("inf"), kl_drawn=float("inf")), *rest]
    write_tune_page(replace(tune_report, configurations=lost), tmp_path / "tune.html")
    for name in ("stats.html", "tune.html"):
        data = next(script for script in Page(tmp_path / name).raw["script"] if script.startswith("{"))
        assert not re.search(r"[:\[,](-?Infinity|NaN)\b", data)


def test_a_report_replaces_one_whole_or_not_at_all(
    stats_report: StatsReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "report.html"
    write_stats_page(stats_report, path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MachineError, match="no space left on the disk"):
        write_stats_page(stats_report, path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def test_the_same_report_gives_the_same_bytes(stats_report: StatsReport, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_stats_page(stats_report, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("missing", ["altair", "vl_convert"])
@pytest.mark.parametrize("write", [write_stats_page, write_tune_page])
def test_without_the_extra_the_error_says_what_to_install(
    missing: str, write: Callable[[object, Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "genpas_cli.runtime.extras.find_spec", lambda name: None if name == missing else find_spec(name)
    )
    report = StatsReport("logs", None, []) if write is write_stats_page else None
    with pytest.raises(MachineError, match="needs Altair") as caught:
        write(report or TuneReport("", "front", "", "", 0, "", {}, []), tmp_path / "report.html")
    assert caught.value.tip == "To install: pip install 'genpas[report]'"
    assert list(tmp_path.iterdir()) == []


def test_the_modules_of_pages_import_no_chart_library() -> None:
    pages = ", ".join(f"genpas_cli.report.{name}_page" for name in ("stats", "tune", "comparison"))
    script = f"import sys, {pages}; sys.exit(bool({{'altair', 'vl_convert'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
