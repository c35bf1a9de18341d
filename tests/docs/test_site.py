"""The documentation site: strictly built, without network access; all its links lead somewhere; its search finds."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from docs.page_runs import ROOT
from tests.report.chromium import COMMAND, Browser, running

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="no Zensical: pip install -e '.[docs]'"),
    pytest.mark.xdist_group("site"),  # one build for all tests
]

CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
HOME = CONFIGURATION["site_url"]

_LINKS = {"a": "href", "img": "src", "link": "href", "script": "src"}


@dataclass
class Page(HTMLParser):
    """What a built page links to and offers as targets."""

    links: list[str] = field(default_factory=list)
    """Targets as written."""
    loaded: list[str] = field(default_factory=list)
    """Those of the links that a browser loads with the page: scripts, style sheets, images."""
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if target := given.get(_LINKS.get(tag, "")):
            self.links.append(target)
            if tag in ("img", "script") or given.get("rel") in ("stylesheet", "icon", "preload"):
                self.loaded.append(target)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the built site."""
    directory = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", directory / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "zensical.toml", directory)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=directory, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / str(CONFIGURATION["site_dir"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """Every page by its URL."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found[urljoin(HOME, path.relative_to(site).as_posix().removesuffix("index.html"))] = page
    return found


def pages_of(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        for target in entry.values() if isinstance(entry, dict) else (entry,):
            if isinstance(target, list):
                yield from pages_of(target)
            elif not target.startswith("https://"):
                yield target


def test_every_page_is_in_the_navigation_once() -> None:
    there = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages_of(CONFIGURATION["nav"])) == sorted(there)


def test_links_anchors_and_images_of_the_site_exist(site: Path, pages: dict[str, Page]) -> None:
    assert len(pages) > len(list(pages_of(CONFIGURATION["nav"])))  # and the page for missing pages
    broken = []
    for address, page in pages.items():
        for target in page.links:
            goal, _, anchor = urljoin(address, target).partition("#")
            if not goal.startswith(HOME):
                continue
            if goal not in pages and not (site / unquote(goal.removeprefix(HOME))).is_file():
                broken.append(f"{address}: {target}")
            elif anchor and goal in pages and unquote(anchor) not in pages[goal].anchors:
                broken.append(f"{address}: {target} (no such anchor)")
    assert broken == []


def test_links_to_other_sites_are_well_formed(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        for target in page.links:
            goal = urlsplit(urljoin(address, target))
            assert goal.scheme == "https", f"{address}: {target}"
            assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", goal.netloc), f"{address}: {target}"
            assert not re.search(r"\s", target), f"{address}: {target}"


def test_a_page_loads_nothing_from_another_site(pages: dict[str, Page]) -> None:
    for address, page in pages.items():
        assert page.loaded
        assert [target for target in page.loaded if not urljoin(address, target).startswith(HOME)] == []


# ------------------------------------------------------------------------------------------------------------- search


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the log of requests out of the output of tests."""


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve a directory on this machine; yields its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def search(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that shows the site's first page with the search open."""
    if COMMAND is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with served(site) as address, running(tmp_path_factory.mktemp("chromium") / "profile") as browser:
        browser.look(width=1200, scheme="light")
        browser.visit(address)
        browser.evaluate("document.querySelector('.md-search__button').click()")
        yield browser


# The search is a dialog below a shadow root; it fills its list of results some time after the last key.
_FIND = """
(async (query) => {
  const find = (selector) => [...document.querySelectorAll("*")].map((e) => e.shadowRoot?.querySelector(selector))
    .find((e) => e);
  const pause = () => new Promise((done) => setTimeout(done, 50));
  const until = Date.now() + 20000;
  while (!find("dialog[open] input") && Date.now() < until) await pause();
  const input = find("dialog[open] input");
  const type = (text) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, text);
    input.dispatchEvent(new InputEvent("input", {bubbles: true, composed: true}));
  };
  const links = () => [...find("dialog[open]").querySelectorAll("a[href*='?h=']")];
  type("");  // else the results of the last query stay for a while
  while (links().length && Date.now() < until) await pause();
  type(query);
  while (!links().length && Date.now() < until) await pause();
  return links().map((a) => a.pathname.slice(1) + a.hash);
})
"""


def test_the_search_finds_the_ten_usual_tasks_by_their_titles(search: Browser) -> None:
    text = (ROOT / "docs" / "how-to" / "ten-usual-tasks.md").read_text(encoding="utf-8")
    tasks = re.findall(r"^## (\d+)\. (.+)$", text, re.MULTILINE)
    assert len(tasks) == 10
    for number, title in tasks:
        found = search.evaluate(f"{_FIND}({title!r})")
        assert any(f"/#{number}-" in result for result in found[:2] if "ten-usual-tasks" in result), (title, found)


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("first rows", "how-to/ten-usual-tasks/"),
        ("training pairs tutorial", "tutorial/"),
        ("choose strategy", "how-to/choose-a-strategy/"),
        ("read report", "how-to/read-the-report/"),
        ("search biases", "how-to/search-the-biases/"),
        ("column names", "how-to/read-an-unusual-log/"),
        ("k-core", "how-to/clean-a-log/"),
        ("split by time", "how-to/hold-out-by-time/"),
        ("recbole", "how-to/train-with-recbole/"),
        ("reproducibility", "explanation/reproducibility/"),
    ],
)
def test_the_search_finds_the_page_of_each_usual_task(query: str, page: str, search: Browser) -> None:
    found = search.evaluate(f"{_FIND}({query!r})")
    assert page in {result.partition("#")[0] for result in found[:3]}, found
