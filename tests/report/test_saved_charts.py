"""Charts as files: each as SVG, PNG and Vega-Lite, complete without the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from genpas_cli.figures.results import StatsReport, TuneReport
from genpas_cli.report.comparison_page import write_comparison_page
from genpas_cli.report.stats_page import write_stats_page
from genpas_cli.report.tune_page import write_tune_page
from genpas_cli.runtime.errors import UsageError
from genpas_cli.training.comparison import CompareReport

alt = pytest.importorskip("altair", reason="the extra `report` is not installed")


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory, stats_report: StatsReport, tune_report: TuneReport,
    comparison: CompareReport,
) -> dict[str, Path]:  # fmt: skip
    root = tmp_path_factory.mktemp("saved")
    paths = {name: root / name for name in ("stats", "tune", "comparison")}
    write_stats_page(stats_report, root / "stats.html", paths["stats"])
    write_tune_page(tune_report, None, paths["tune"])
    write_comparison_page(comparison, None, paths["comparison"])
    return paths


@pytest.mark.parametrize("name", ["stats", "tune", "comparison"])
def test_every_chart_has_three_files(name: str, saved: dict[str, Path]) -> None:
    charts = {path.name.removesuffix(".vl.json") for path in saved[name].glob("*.vl.json")}
    assert len(charts) > 5
    assert {path.name for path in saved[name].iterdir()} == {
        f"{chart}{ending}" for chart in charts for ending in (".vl.json", ".svg", ".png")
    }
    for chart in charts:
        spec = json.loads((saved[name] / f"{chart}.vl.json").read_text(encoding="utf-8"))
        assert "var(" not in json.dumps(spec)
        assert spec["title"]["text"]
        alt.Chart.from_dict(spec)  # raises if Vega-Lite does not know it
        drawing = ET.parse(saved[name] / f"{chart}.svg").getroot()  # noqa: S314  # our own file
        assert drawing.tag.endswith("svg")
        assert "var(" not in ET.tostring(drawing, encoding="unicode")
        assert (saved[name] / f"{chart}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_saved_chart_names_its_strategies(saved: dict[str, Path], stats_report: StatsReport) -> None:
    for chart in ("divergence", "calendar", "cohorts"):
        texts = set(re.findall(r">([^<>]+)</text>", (saved["stats"] / f"{chart}.svg").read_text(encoding="utf-8")))
        assert {each.name for each in stats_report.strategies} <= texts, chart


def test_a_saved_chart_of_draws_says_what_each_outline_is(saved: dict[str, Path], stats_report: StatsReport) -> None:
    drawing = (saved["stats"] / "draws-kl_test_train.svg").read_text(encoding="utf-8")
    texts = set(re.findall(r">([^<>]+)</text>", drawing))
    assert {"exact", "balanced", "enumerated", "independent", *(each.name for each in stats_report.strategies)} <= texts
    assert "test" not in texts


def test_the_page_has_the_charts_that_are_saved(saved: dict[str, Path]) -> None:
    page = (saved["stats"].parent / "stats.html").read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="charts"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert set(json.loads(data[1])) == {p.name.removesuffix(".vl.json") for p in saved["stats"].glob("*.vl.json")}


def test_saved_charts_are_replaced_and_nothing_else_is(stats_report: StatsReport, tmp_path: Path) -> None:
    write_stats_page(stats_report, None, tmp_path / "charts")
    before = sorted(path.name for path in (tmp_path / "charts").iterdir())
    write_stats_page(stats_report, None, tmp_path / "charts")
    assert sorted(path.name for path in (tmp_path / "charts").iterdir()) == before
    for name, content in (("notes.txt", "mine"), ("mine.vl.json", "{}"), ("mine.vl.json", '{"usermeta": null}')):
        (tmp_path / "charts" / name).write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=f"contains {name}, which is not a chart that genpas saved"):
            write_stats_page(stats_report, None, tmp_path / "charts")
        assert (tmp_path / "charts" / name).read_text(encoding="utf-8") == content
        (tmp_path / "charts" / name).unlink()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="it is not a directory"):
        write_stats_page(stats_report, None, tmp_path / "file")
