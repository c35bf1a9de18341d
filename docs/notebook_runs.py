"""The notebooks in docs/notebooks, executed: their outputs are committed, and compared with the real ones.

A notebook starts in docs/notebooks of a directory with `sample_data/`, as in a checkout. The kinds of the outputs of
each cell and their plain texts are compared, except for what `masked` replaces; pictures are not compared. The output
of a cell with the tag `varies` (such as the accuracy of a model) may have any text.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient

from docs.page_runs import ROOT

NOTEBOOKS = ROOT / "docs" / "notebooks"
SECONDS_PER_CELL = 240
VARIES = "varies"

_MASKS = (
    # Facts about the machine and the run, in a dataclass, a dictionary or a table.
    (re.compile(r"\b(seconds|bytes|memory|threads|temporary)\b(\W{1,60})(?:\d[\d.,]*)?\d"), r"\1\2<number>"),
    (re.compile(r" {2,}"), "  "),  # the width of a column depends on these numbers
)


class CellRun(NamedTuple):
    """The committed and the real outputs of one cell."""

    source: str
    committed: list[Any]
    real: list[Any]
    varies: bool

    @property
    def agrees(self) -> bool:
        """Whether both outputs are the same, except for what may differ."""
        return list(self._shown(self.committed)) == list(self._shown(self.real))

    def _shown(self, outputs: list[Any]) -> Iterator[tuple[str, str]]:
        """Yield the kinds of each output and its plain text."""
        for output in outputs:
            kinds = ",".join(sorted(output.get("data", {})))
            text = output.get("text", output.get("data", {}).get("text/plain", ""))
            yield f"{output.output_type} {kinds}", "" if self.varies or "image/" in kinds else masked(text)


def masked(text: str) -> str:
    """Return a text with what may differ between runs and machines replaced."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def notebooks() -> list[Path]:
    """Return the notebooks whose outputs are checked."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def run_notebook(path: Path, directory: Path) -> list[CellRun]:
    """Execute a notebook in a directory, which is created, and return its cells with code.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    place = directory / "docs" / "notebooks"
    place.mkdir(parents=True)
    shutil.copytree(ROOT / "sample_data", directory / "sample_data")
    committed, executed = (nbformat.read(path, as_version=4) for _ in range(2))
    client = NotebookClient(
        executed, timeout=SECONDS_PER_CELL, kernel_name="python3", record_timing=False,
        resources={"metadata": {"path": str(place)}},
    )  # fmt: skip
    python_path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    # Other tests run at the same time: threads that spin while they wait would take the processor from them.
    client.execute(env={**os.environ, "PYTHONPATH": python_path, "OMP_WAIT_POLICY": "passive"})
    return [
        CellRun(before.source, before.outputs, after.outputs, VARIES in before.metadata.get("tags", ()))
        for before, after in zip(committed.cells, executed.cells, strict=True)
        if before.cell_type == "code"
    ]


def refresh_notebook(path: Path, runs: list[CellRun]) -> bool:
    """Write the real outputs of cells whose committed outputs do not agree; tell whether there were any."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stale = [number for number, run in enumerate(runs) if not run.agrees]
    for number in stale:
        cells[number].outputs = runs[number].real
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })  # fmt: skip
    text = nbformat.writes(notebook) + "\n"
    if text == path.read_text(encoding="utf-8"):
        return False
    path.write_text(text, encoding="utf-8")
    return True
