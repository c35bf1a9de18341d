"""Writes HTML reports: a single file that needs no network and no server."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from genpas_cli.report.charts.drawing import Canvas, runtime
from genpas_cli.report.charts.saved import foreign_charts, save_charts
from genpas_cli.report.markup import Html, join, row, section, table, tag
from genpas_cli.runtime.atomic_output import building, refuse_existing
from genpas_cli.runtime.extras import check_extra
from genpas_cli.runtime.file_names import check_file_name
from genpas_cli.runtime.machine import MadeWith, disk_error
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.text.visible import visible

_GENERATOR = "genpas"
_MARK = f'<meta name="generator" content="{_GENERATOR}">'.encode()
"""The mark by which an existing page of ours is recognized."""


def write_page(path: Path | None, title: str, body: Callable[[Canvas], Html], charts: Path | None = None) -> None:
    """Write a page; a file of that name is replaced when the new one is complete.

    Args:
        path: the file; None writes no page.
        title: of the page.
        body: returns what is on the page, with its charts on the canvas.
        charts: directory in which every chart is also saved, see `save_charts`.

    Raises:
        MachineError: the extra `report` is missing, or the file cannot be written.
    """
    check_extra("an HTML report", "report")
    canvas = Canvas()
    page = _page(title, body(canvas), canvas)
    if charts is not None:
        save_charts(canvas.charts, charts)
    if path is None:
        return
    with building(path, force=True, foreign=_foreign_page, option="--html") as new:
        try:
            new.write_text(page, encoding="utf-8", errors="replace")
        except OSError as error:
            raise disk_error(error, path, option="--html") from error


def check_page(path: Path | None, charts: Path | None = None) -> None:
    """Check, before any work is done, that a page and its charts can be written.

    Raises:
        MachineError: the extra `report` is missing.
        UsageError: something that is not an earlier page or saved charts has this name.
    """
    check_extra("an HTML report", "report")
    if path is not None:
        refuse_existing(path, force=True, foreign=_foreign_page, option="--html")
        check_file_name(path, (".html", ".htm"), "a report is an HTML page", option="--html")
    if charts is not None:
        refuse_existing(charts, force=True, foreign=foreign_charts, option="--charts")


def _foreign_page(path: Path) -> str | None:
    """Tell whether an existing file is one of our pages, see `genpas_cli.runtime.atomic_output.Foreign`."""
    if path.is_symlink() or not path.is_file():
        return "it is not a file"
    with path.open("rb") as file:
        head = file.read(1 << 12)
    return None if not head or _MARK in head else "it is not an HTML report written by genpas"


def _page(title: str, body: Html, canvas: Canvas) -> str:
    scripts = [runtime(), _asset("page.js")]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="generator", content=_GENERATOR),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{_asset('page.css')}</style>"),
    )
    footer = tag(
        "footer",
        tag("p", f"Written by genpas {version('genpas')}. This file works without network access. Method: Lee et al., "
            "“Sequential Data Augmentation for Generative Recommendation”, WSDM 2026, arXiv 2509.13648."),
    )  # fmt: skip
    no_script = tag("noscript", tag("p", "The charts need JavaScript, which is disabled in this browser.",
                                    class_="notes"))  # fmt: skip
    rest = [Html(f"<script>{script}</script>") for script in scripts]
    inside = join(
        [no_script, body, footer, tag("div", id="tip", role="status", hidden=True), canvas.script(), *rest], "\n"
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n{tag("body", inside)}</html>\n'


def how_made(made: MadeWith | None) -> Html:
    """Return the section with the version and the options of a report; "" if they are not known."""
    if made is None:
        return Html("")
    reading = made.options.get("reading") or {}
    options = [*((key, value) for key, value in made.options.items() if key != "reading"), *reading.items()]
    rows = [row(flag_of(key), visible(_written(value))) for key, value in options if _is_set(value)]
    return section(
        "made", "How this report was made", tag("p", f"genpas {made.version}, with these options:"),
        table(["option", "value"], rows, "Options of the figures, and other options that were given"),
    )  # fmt: skip


def _is_set(value: Any) -> bool:
    return value not in (None, False, [], "")


def _written(value: Any) -> str:
    if value is True:
        return "yes"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _policy(scripts: list[str]) -> str:
    """Return a content security policy that allows only the page's two scripts; Vega needs `unsafe-eval`."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:"


def _asset(name: str) -> str:
    return files("genpas_cli.report").joinpath("assets", name).read_text(encoding="utf-8")
