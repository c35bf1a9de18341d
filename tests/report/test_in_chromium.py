"""The reports in a real browser: everything drawn, nothing said on the console, nothing asked for, at all widths."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genpas_cli.figures.results import StatsReport, TuneReport
from genpas_cli.report.comparison_page import write_comparison_page
from genpas_cli.report.stats_page import write_stats_page
from genpas_cli.report.tune_page import write_tune_page
from genpas_cli.training.comparison import CompareReport
from tests.report.chromium import COMMAND, Browser, running

pytest.importorskip("altair", reason="the extra `report` is not installed")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="no Chromium: apt-get install chromium")

_CHARTS = """
[...document.querySelectorAll(".chart")].map((chart) => ({
  name: chart.firstChild.id, label: chart.getAttribute("aria-label"), svg: chart.querySelectorAll("svg").length,
  marks: chart.querySelectorAll("svg [class*=role-mark] :is(path, text, line, rect)").length,
}))
"""
_INK = "getComputedStyle(document.querySelector('.chart svg text')).fill"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture(scope="session")
def pages(
    tmp_path_factory: pytest.TempPathFactory, stats_report: StatsReport, shards_report: StatsReport,
    tune_report: TuneReport, comparison: CompareReport,
) -> dict[str, Path]:  # fmt: skip
    directory = tmp_path_factory.mktemp("pages")
    pages = {name: directory / f"{name}.html" for name in ("stats", "shards", "tune", "comparison", "infinite")}
    write_stats_page(stats_report, pages["stats"])
    write_stats_page(shards_report, pages["shards"])
    write_tune_page(tune_report, pages["tune"])
    write_comparison_page(comparison, pages["comparison"])
    first, *rest = stats_report.strategies
    infinite = replace(first, kl_test_train=float("inf"))
    write_stats_page(replace(stats_report, strategies=[infinite, *rest]), pages["infinite"])
    return pages


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        *((name, width, scheme) for name in ("stats", "tune") for width in (1200, 360) for scheme in ("light", "dark")),
        ("shards", 360, "light"),
        ("comparison", 360, "light"),
        ("comparison", 1200, "dark"),
        ("infinite", 1200, "dark"),
    ],
)
def test_a_page_draws_without_a_word(
    name: str, width: int, scheme: str, browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    browser.problems.clear()
    browser.requests.clear()
    browser.look(width=width, scheme=scheme)
    browser.open(pages[name])
    assert browser.problems == []
    assert browser.requests == [pages[name].as_uri()]
    charts: list[dict[str, Any]] = browser.evaluate(_CHARTS)
    assert charts
    for chart in charts:
        assert chart["svg"] == 1, chart
        assert chart["marks"] > 0, chart
        assert len(chart["label"]) > 20, chart
    # A page that is too wide makes a phone's view wider than its screen: both must be the screen's.
    assert browser.evaluate("[document.documentElement.scrollWidth, window.innerWidth]") == [width, width]
    browser.screenshot(tmp_path / f"{name}-{width}-{scheme}.png")
    assert (tmp_path / f"{name}-{width}-{scheme}.png").stat().st_size > 50_000


def test_charts_follow_light_and_dark_at_once(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(width=1200, scheme="light")
    browser.open(pages["stats"])
    light = browser.evaluate(_INK)
    browser.look(width=1200, scheme="dark")
    dark = browser.evaluate(_INK)
    assert light != dark
    assert sum(map(int, dark[4:-1].split(","))) > sum(map(int, light[4:-1].split(",")))


def test_charts_follow_the_width(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(width=1200, scheme="light")
    browser.open(pages["stats"])
    browser.look(width=600, scheme="light")
    shown = "document.querySelector('#sequence-lengths svg').getBoundingClientRect().right"
    browser.evaluate(
        f"new Promise((done) => {{const look = () => {shown} < 600 ? done() : setTimeout(look, 20); look();}})"
    )
    assert browser.evaluate("document.documentElement.scrollWidth") == 600


def test_pointing_at_a_cell_says_its_value(browser: Browser, pages: dict[str, Path], stats_report: StatsReport) -> None:
    browser.look(width=1200, scheme="light")
    browser.open(pages["stats"])
    cell = "document.querySelector('#map [class*=role-mark] path')"
    browser.evaluate(f"{cell}.scrollIntoView({{block: 'center'}})")
    x, y = browser.evaluate(f"(() => {{ const b = {cell}.getBoundingClientRect(); return [b.x + 3, b.y + 3] }})()")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.evaluate("new Promise((done) => setTimeout(done, 100))")
    said = browser.evaluate("document.getElementById('tip').textContent")
    assert stats_report.illustrations is not None
    first = stats_report.illustrations.map[0]
    assert said.startswith(f"α {first.alpha:g}, β {first.beta:g}: KL(test ‖ train) {first.kl:.4f}")


# Clicks the three buttons of the first chart; gives what each would download.
_SAVED = """
(async () => {
  const blobs = {}, saved = {};
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { const address = make(blob); blobs[address] = blob; return address; };
  HTMLAnchorElement.prototype.click = function () { saved[this.download] = this.href; };
  for (const button of document.querySelector(".save").querySelectorAll("button")) button.click();
  for (let tries = 0; Object.keys(saved).length < 3 && tries < 500; tries++)
    await new Promise((done) => setTimeout(done, 20));
  for (const [name, address] of Object.entries(saved)) if (address in blobs) saved[name] = await blobs[address].text();
  return saved;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_saved_from_the_page(browser: Browser, pages: dict[str, Path], scheme: str) -> None:
    browser.problems.clear()
    browser.look(width=1200, scheme=scheme)
    browser.open(pages["stats"])
    saved: dict[str, str] = browser.evaluate(_SAVED)
    assert browser.problems == []
    assert set(saved) == {"divergence.svg", "divergence.png", "divergence.vl.json"}
    assert "multi-target</text>" in saved["divergence.svg"]
    spec = json.loads(saved["divergence.vl.json"])
    assert spec["title"]["text"] == "KL(test ‖ train) by popularity of the item"
    assert not any("var(" in saved[name] for name in ("divergence.svg", "divergence.vl.json"))
    assert base64.b64decode(saved["divergence.png"].removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"
