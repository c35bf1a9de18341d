"""The notebooks run, and their committed outputs are the real ones."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from docs.notebook_runs import CellRun, masked, notebooks, refresh_notebook, run_notebook
from docs.page_runs import ROOT

TRAINS = "compare-strategies.ipynb"


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(path, marks=pytest.mark.slow) if path.name == TRAINS else path for path in notebooks()],
    ids=lambda path: path.name,
)
def test_a_notebook_shows_what_happens(notebook: Path, tmp_path: Path) -> None:
    name = notebook.relative_to(ROOT)
    for cell in run_notebook(notebook, tmp_path / "run"):
        assert cell.agrees, f"{name}: {cell.source}\nrefresh it: python docs/generate.py --run {name}\n{cell.real}"


def test_there_are_notebooks_and_every_cell_of_them_was_executed() -> None:
    assert {path.name for path in notebooks()} == {"explore-a-log.ipynb", TRAINS}
    for path in notebooks():
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        shown = [kind for cell in cells for output in cell.outputs for kind in output.get("data", ())]
        assert shown.count("image/svg+xml") >= 3


def written(path: Path, *outputs: str) -> Path:
    """A notebook of one cell with these texts as its outputs."""
    cell = nbformat.v4.new_code_cell("1", id="one", outputs=[nbformat.v4.new_output("stream", text=t) for t in outputs])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def test_an_output_that_differs_is_found_and_refreshed(tmp_path: Path) -> None:
    notebook = written(tmp_path / "a.ipynb", "pairs=3 seconds=0.4")
    (old,) = nbformat.read(notebook, as_version=4).cells
    (same,) = nbformat.read(written(tmp_path / "b.ipynb", "pairs=3 seconds=1.9"), as_version=4).cells
    (other,) = nbformat.read(written(tmp_path / "c.ipynb", "pairs=4 seconds=0.4"), as_version=4).cells
    assert CellRun("1", old.outputs, same.outputs, varies=False).agrees
    assert CellRun("1", old.outputs, other.outputs, varies=True).agrees
    assert not CellRun("1", old.outputs, [], varies=True).agrees
    stale = CellRun("1", old.outputs, other.outputs, varies=False)
    assert not stale.agrees
    assert refresh_notebook(notebook, [stale])
    assert "pairs=4" in notebook.read_text(encoding="utf-8")
    assert not refresh_notebook(notebook, [CellRun("1", other.outputs, other.outputs, varies=False)])


def test_facts_about_the_machine_are_masked() -> None:
    assert masked("seconds=0.12, memory: 1,234") == "seconds=<number>, memory: <number>"
    assert masked("pairs  12") == "pairs  12"
