"""Tables as Markdown and LaTeX, for papers and README files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MARK = "*"
"""Marks the better figure, so that it is visible without colour and to screen readers."""

_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    **{each: f"\\{each}" for each in "&%$#_{}"},
    "‖": r"$\parallel$", "±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "×": r"$\times$", "–": "--", "★": r"$\star$",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "→": r"$\to$", "…": r"\dots{}", "[": "{[}",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The first cell of a row names it; a cell that ends with `MARK` has the better figure, and in a row or column with
    such a cell, the others end with a blank."""

    def as_markdown(self) -> str:
        """Return the table in GitHub's Markdown, with the better figures in bold."""
        lines = [_markdown_row(self.headings), "|" + "|".join([" --- ", *(" ---: " for _ in self.headings[1:])]) + "|"]
        return "\n".join([*lines, *(_markdown_row(row) for row in self.rows)])

    def as_latex(self) -> str:
        """Return a `tabular` environment that needs no package, with the better figures in bold."""
        columns = "l" + "r" * (len(self.headings) - 1)
        body = [_latex_row(row) for row in self.rows]
        return "\n".join([
            f"\\begin{{tabular}}{{{columns}}}", "\\hline", _latex_row(self.headings), "\\hline", *body, "\\hline",
            "\\end{tabular}",
        ])  # fmt: skip


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_bold(cell, _markdown(_plain(cell)), "**{}**") for cell in cells) + " |"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_bold(cell, _latex(_plain(cell)), r"\textbf{{{}}}") for cell in cells) + r" \\"


def _plain(cell: str) -> str:
    return cell.removesuffix(MARK).rstrip()


def _bold(cell: str, shown: str, form: str) -> str:
    return form.format(shown) if cell.endswith(MARK) else shown


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", text).replace("\n", " ")


def _latex(text: str) -> str:
    indent = len(text) - len(text.lstrip())
    shown = "".join(_LATEX.get(letter, letter) for letter in text.strip().replace("\n", " "))
    return r"\quad " * bool(indent) + shown
