"""Draws three-steps.svg: the three steps of GenPAS on three short histories, with the real probabilities as bars.

Written by `python docs/generate.py`. Colours follow the reader's light or dark setting inside the picture itself, which
brings its own background, so it is readable on any page; at phone width its text is about 12 pixels high.
"""

from __future__ import annotations

import numpy as np

from genpas_cli.sampling.input_sampling import input_pmf
from genpas_cli.sampling.power_law import PowerLaw
from genpas_cli.sampling.sequence_sampling import SequencePowerLaw

ALPHA, BETA, GAMMA = 1.0, 1.0, -1.0
LENGTHS = (3, 5, 8)
CHOSEN, TARGET, START = 2, 6, 3
"""The draw that is shown: sequence (from 0), target position k and input start j (from 1)."""

WIDTH, CELL, GAP = 420, 30, 5
LEFT, BAR = 20, 44

STYLE = """
  .bg { fill: #ffffff; stroke: #d0d7de } text { fill: #1f2328; font: 15px system-ui, sans-serif }
  .head { font-weight: 600; font-size: 17px } .note { fill: #59636e; font-size: 14px } .cell { fill: #e7ebf0 }
  .bar { fill: #9a6700 } .in { fill: #54aeff } .out { fill: #fb8f44 } .off { opacity: .5 } .on { fill: #0a0d12 }
  @media (prefers-color-scheme: dark) {
    .bg { fill: #0d1117; stroke: #3d444d } text { fill: #f0f6fc } .note { fill: #9198a1 } .cell { fill: #2a313c }
    .bar { fill: #d29922 } .on { fill: #0a0d12 }
  }
"""


def picture() -> str:
    """Return the text of the SVG."""
    drawing = _Drawing()
    drawing.sequences(_sequence_chances())
    drawing.targets(_target_chances())
    drawing.starts(_start_chances())
    drawing.pair()
    return drawing.finish()


def _sequence_chances() -> list[float]:
    histogram = np.bincount(np.array(LENGTHS) - 1)
    weights = SequencePowerLaw(ALPHA).weights(histogram)[np.array(LENGTHS) - 1]
    return [float(weight) for weight in weights / weights.sum()]


def _target_chances() -> list[float]:
    positions = np.arange(1, LENGTHS[CHOSEN] + 1)
    return [float(p) for p in PowerLaw(BETA).pmf(positions - 1, np.int64(LENGTHS[CHOSEN] - 1))]  # type: ignore[arg-type]


def _start_chances() -> list[float]:
    positions = np.arange(1, LENGTHS[CHOSEN] + 1)
    return [float(p) for p in input_pmf(PowerLaw(GAMMA), positions, np.int64(TARGET))]  # type: ignore[arg-type]


def _notes(formula: str, bias: str, value: float, favoured: tuple[str, str]) -> list[str]:
    here = f"{value:g}".replace("-", "−")
    return [f"{formula}, here {bias} = {here}", f"{bias} below 0: {favoured[0]}, 0: all alike, above 0: {favoured[1]}"]


class _Drawing:
    """The picture so far, from top to bottom."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._y = 36

    def _text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        place = f' text-anchor="{anchor}"' if anchor != "start" else ""
        name = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{name}{place}>{text}</text>')

    def _box(self, x: float, y: float, size: tuple[float, float], kind: str) -> None:
        width, height = size
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" rx="3"/>'
        )

    def _cells(self, y: float, kinds: list[str], names: list[str]) -> None:
        for n, (kind, name) in enumerate(zip(kinds, names, strict=True)):
            x = LEFT + n * (CELL + GAP)
            self._box(x, y, (CELL, CELL), kind)
            lit = {"in": "on", "out": "on", "cell off": "off"}.get(kind, "")
            self._text(x + CELL / 2, y + CELL / 2 + 5, name, lit, "middle")

    def _bars(self, chances: list[float]) -> None:
        """Draw a bar above each cell, with its percentage."""
        top = max(chances)
        for n, chance in enumerate(chances):
            if chance == 0:
                continue
            x, height = LEFT + n * (CELL + GAP), BAR * chance / top
            self._box(x + 5, self._y + 16 + BAR - height, (CELL - 10, height), "bar")
            self._text(x + CELL / 2, self._y + 12 + BAR - height, f"{chance:.0%}", "note", "middle")
        self._y += BAR + 22

    def _heading(self, title: str, notes: list[str]) -> None:
        self._text(LEFT, self._y, title, "head")
        for note in notes:
            self._y += 21
            self._text(LEFT, self._y, note, "note")
        self._y += 12

    def sequences(self, chances: list[float]) -> None:
        """Step 1."""
        self._heading("1  Draw a sequence s", _notes("p ∝ (|s| − 1)^α", "α", ALPHA, ("short", "long")))
        for row, (length, chance) in enumerate(zip(LENGTHS, chances, strict=True)):
            y = self._y + row * (CELL + 8)
            kind = "cell" if row == CHOSEN else "cell off"
            self._cells(y, [kind] * length, list("abcdefgh"[:length]) if row == CHOSEN else [""] * length)
            x = LEFT + max(LENGTHS) * (CELL + GAP) + 6
            self._box(x, y + 7, (BAR * chance / max(chances), CELL - 14), "bar")
            self._text(x + BAR * chance / max(chances) + 6, y + CELL / 2 + 5, f"{chance:.0%}", "note")
        self._y += len(LENGTHS) * (CELL + 8) + 32

    def targets(self, chances: list[float]) -> None:
        """Step 2."""
        self._heading("2  Draw its target, position k", _notes("p ∝ (k − 1)^β", "β", BETA, ("early", "recent")))
        self._bars(chances)
        kinds = ["out" if k == TARGET else "cell" for k in range(1, LENGTHS[CHOSEN] + 1)]
        self._cells(self._y, kinds, list("abcdefgh"))
        self._y += CELL + 40

    def starts(self, chances: list[float]) -> None:
        """Step 3."""
        self._heading(
            "3  Draw its input's start, position j",
            _notes("p ∝ j^γ on the positions before k", "γ", GAMMA, ("long inputs", "short")),
        )
        self._bars(chances)
        kinds = ["cell off"] * (START - 1) + ["in"] * (TARGET - START) + ["out"]
        kinds += ["cell off"] * (LENGTHS[CHOSEN] - TARGET)
        self._cells(self._y, kinds, list("abcdefgh"))
        self._y += CELL + 40

    def pair(self) -> None:
        """What comes out."""
        self._text(LEFT, self._y, "One training pair", "head")
        self._y += 14
        letters = "abcdefgh"
        inputs = list(letters[START - 1 : TARGET - 1])
        self._cells(self._y, ["in"] * len(inputs), inputs)
        x = LEFT + len(inputs) * (CELL + GAP)
        self._text(x + 13, self._y + 20, "→", "", "middle")
        self._box(x + 30, self._y, (CELL, CELL), "out")
        self._text(x + 30 + CELL / 2, self._y + CELL / 2 + 5, letters[TARGET - 1], "on", "middle")
        self._y += CELL + 22

    def finish(self) -> str:
        """Return the SVG."""
        title = "The three steps of GenPAS: draw a sequence, its target, and where its input starts"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._y}" width="{WIDTH}" '
            f'height="{self._y}" role="img" aria-label="{title}">\n<title>{title}</title>\n<style>{STYLE}</style>\n'
            f'<rect class="bg" x=".5" y=".5" width="{WIDTH - 1}" height="{self._y - 1}" rx="8"/>\n'
            + "\n".join(self._parts) + "\n</svg>\n"
        )  # fmt: skip
