"""The outputs that `stats`, `tune`, `compare` and `semantic-ids` share: tables on stdout, the page, saved charts."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpas_cli.cli import console
from genpas_cli.runtime.errors import UsageError

if TYPE_CHECKING:
    from genpas_cli.runtime.results.reports import TableReport

Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        help="Also write the report as one HTML file with charts; an existing file is overwritten.",
    ),
]
Open = Annotated[
    bool, typer.Option("--open", help="Open the HTML report in the browser. Without --html, a temporary file is used.")
]
Charts = Annotated[
    Path | None,
    typer.Option("--charts", metavar="DIR", help="Also save every chart of the HTML report in this directory, as SVG, "
                 "PNG and Vega-Lite."),
]  # fmt: skip
Csv = Annotated[bool, typer.Option("--csv", help="Print the figures as CSV on stdout, one row per strategy.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown on stdout.")]
Latex = Annotated[bool, typer.Option("--latex", help="Print the table as LaTeX on stdout.")]

WritePage = Callable[[Any, Path | None, Path | None], None]
"""Writes the page of a report and saves its charts."""


@dataclass(frozen=True)
class Drawings:
    """Where the page and its charts go."""

    html: Path | None
    charts: Path | None
    opened: bool

    @property
    def wanted(self) -> bool:
        """Whether anything is drawn."""
        return self.html is not None or self.charts is not None or self.opened

    def check(self) -> None:
        """Check, before any work is done, that all can be written; for errors see `check_page`."""
        if self.wanted:
            from genpas_cli.report.page import check_page

            check_page(self.html, self.charts)

    def write(self, report: Any, kind: str) -> None:
        """Write the page and the charts of a report, and open the page.

        Args:
            report: the report.
            kind: `stats`, `tune`, `comparison` or `codes`: the page is written by `write_<kind>_page`.
        """
        if not self.wanted:
            return
        page = self.html
        if page is None and self.opened:
            page = Path(tempfile.mkdtemp(prefix="genpas-")) / "report.html"
        write: WritePage = getattr(import_module(f"genpas_cli.report.{kind}_page"), f"write_{kind}_page")
        write(report, page, self.charts)
        for path in (page, self.charts):
            if path is not None:
                console.say(f"wrote {console.escaped(path)}")
        if self.opened and page is not None and not webbrowser.open(page.resolve().as_uri()):
            console.say(f"no browser was found to open {console.escaped(page)}")


@dataclass(frozen=True)
class Printed:
    """In which form the report is printed on stdout; raises UsageError for more than one."""

    json: bool
    csv: bool
    markdown: bool
    latex: bool

    def __post_init__(self) -> None:
        """Check that at most one form is given."""
        given = [f"--{name}" for name, is_given in vars(self).items() if is_given]
        if len(given) > 1:
            raise UsageError(f"{given[0]} and {given[1]} cannot be combined: both write to stdout")

    def print(self, report: TableReport, more: Mapping[str, Any] | None = None) -> bool:
        """Print a report as JSON, CSV, Markdown or LaTeX if that is wanted; return whether it was printed.

        Args:
            report: the report.
            more: keys that the JSON has in addition to those of the report.
        """
        from genpas_cli.cli import tables
        from genpas_cli.cli.text_tables import as_latex, as_markdown

        if self.json:
            console.print_json(report.to_dict() | dict(more or {}))
        elif self.csv:
            tables.print_csv(report)
        elif self.markdown:
            sys.stdout.write(f"{as_markdown(report.shown()[0])}\n")
        elif self.latex:
            sys.stdout.write(f"{as_latex(report.shown()[0])}\n")
        return self.json or self.csv or self.markdown or self.latex
