"""Tables for papers: Markdown that GitHub reads, LaTeX that compiles."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from genpas_cli.cli.text_tables import as_latex, as_markdown
from genpas_cli.runtime.results.reports import ShownTable
from tests.support import InProcess, refused

HOSTILE = r"a&b_50%$x#{y}~z^\w|<b>`c`*d*[e] ‖ ± − ∞ α"
TABLE = ShownTable(["", HOSTILE, "b"], [["KL", "0.25*", "0.30 "], ["  after", "–", "1,234 "], [HOSTILE, "x", "y"]])


def test_markdown() -> None:
    lines = as_markdown(ShownTable(["", "a", "b"], [["KL", "0.25*", "0.30 "], ["x|y", "–", "1"]])).splitlines()
    assert lines == ["|  | a | b |", "| --- | ---: | ---: |", "| KL | **0.25** | 0.30 |", r"| x\|y | – | 1 |"]


def test_latex() -> None:
    lines = as_latex(
        ShownTable(["", "a", "b"], [["KL(test ‖ train)", "0.25*", "0.30 "], ["  x_y", "–", "1"]])
    ).splitlines()
    assert lines == [
        r"\begin{tabular}{lrr}", r"\hline", r" & a & b \\", r"\hline",
        r"KL(test $\parallel$ train) & \textbf{0.25} & 0.30 \\", r"\quad x\_y & -- & 1 \\", r"\hline",
        r"\end{tabular}",
    ]  # fmt: skip


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20))
def test_any_name_stays_in_its_cell(name: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(as_markdown(ShownTable(["", name], [["KL", "1"]])))
    assert (html.count("<th"), html.count("<td")) == (3, 2)  # with <thead>


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-base")
def test_latex_compiles(inside: InProcess, store: Path, tmp_path: Path) -> None:
    figures = inside("stats", store, "-s", "multi-target", "-s", "recency:keep=0.8", "--latex").stdout
    search = inside("tune", store, "--alpha", "0,1", "--beta", "0", "--latex").stdout
    tables = [as_latex(TABLE), figures, search]
    body = "\n\n".join(tables)
    document = f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        [shutil.which("pdflatex") or "", "-interaction=nonstopmode", "-halt-on-error", "table.tex"], cwd=tmp_path,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").is_file()


def test_only_one_form_goes_to_stdout(inside: InProcess, store: Path) -> None:
    for command in ("stats", "tune"):
        done = inside(command, store, "--latex", "--json")
        refused(done, 2, "--json and --latex cannot be combined: both write to stdout")


def test_the_browser_opens_the_page(
    inside: InProcess, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    opened: list[str] = []

    def open_(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", open_)
    page = tmp_path / "page.html"
    arguments = ("tune", store, "--alpha", "0,1", "--beta", "0", "--gamma", "0", "--open")
    assert inside(*arguments, "--html", page).returncode == 0
    assert opened == [page.as_uri()]
    assert inside(*arguments).returncode == 0
    assert Path(opened[1].removeprefix("file://")).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    done = inside(*arguments, "--html", page)
    assert (done.returncode, "no browser was found to open" in done.stderr) == (0, True)
