"""Tables in a terminal of any width: no number is cut, and every column keeps its heading."""

from __future__ import annotations

import re

import pytest

from genpas_cli.cli import console

NAMES = [
    "last-target", "multi-target", "slide-window", "1,0,0", "recency:keep=0.8", "recency:keep=0.8,alpha=1",
    "windows:width=20", "0.5,1,-inf",
]  # fmt: skip
LABELS = ["KL(validation ‖ train)", "  after a balanced draw", "mean input length", "Häufigkeit von allem 物品"]


@pytest.mark.parametrize("strategies", range(1, 9))
@pytest.mark.parametrize("columns", ["20", "40", "60", "80", "200"])
def test_no_number_is_cut_and_no_two_headings_are_alike(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str, strategies: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    numbers = [[f"{row},{column}00.5*" for column in range(strategies)] for row in range(len(LABELS))]
    rows = [[label, *row] for label, row in zip(LABELS, numbers, strict=True)]
    console.print_table(["", *NAMES[:strategies]], rows)
    shown = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    assert max(map(console.cell_width, shown.splitlines())) <= int(columns)
    words = shown.split()
    for row in numbers:
        assert [word for word in words if word in row] == row, "each once, in order"
    # A heading that was folded stands in the lines above the rule of its block, its parts one below the other.
    blocks = re.findall(r"((?:[^─]*\n)+?) *─+ *\n", shown)
    assert sum(sum(map(len, name)) for name in NAMES[:strategies]) == sum(
        len("".join(block.split("\n\n")[-1].split())) for block in _headings(blocks)
    )


def _headings(blocks: list[str]) -> list[str]:
    """Return what stands between the end of the block before and the rule: the headings alone."""
    return [re.split(r"\n *\n", block)[-1] for block in blocks]
