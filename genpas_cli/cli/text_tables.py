"""Tables as Markdown and LaTeX, for papers and README files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from genpas_cli.figures.text_tables import MARK
from genpas_cli.runtime.results.reports import ShownTable

_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    **{each: f"\\{each}" for each in "&%$#_{}"},
    "‖": r"$\parallel$", "±": r"$\pm$", "−": "$-$", "∞": r"$\infty$", "×": r"$\times$", "–": "--", "★": r"$\star$",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "→": r"$\to$", "…": r"\dots{}", "[": "{[}",
}  # fmt: skip


def as_markdown(table: ShownTable) -> str:
    """Return a table in GitHub's Markdown, with the better figures in bold."""
    columns = "|".join([" --- ", *(" ---: " for _ in table.headings[1:])])
    return "\n".join([_markdown_row(table.headings), f"|{columns}|", *map(_markdown_row, table.rows)])


def as_latex(table: ShownTable) -> str:
    """Return a table as a `tabular` environment that needs no package, with the better figures in bold."""
    columns = "l" + "r" * (len(table.headings) - 1)
    return "\n".join([
        f"\\begin{{tabular}}{{{columns}}}", "\\hline", _latex_row(table.headings), "\\hline",
        *map(_latex_row, table.rows), "\\hline", "\\end{tabular}",
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
