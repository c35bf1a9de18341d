"""The page of `genpas semantic-ids`: the quality of the codes, and how often each is used."""

from __future__ import annotations

from pathlib import Path

from genpas_cli.report.charts.curves import lines
from genpas_cli.report.charts.drawing import Canvas, Caption
from genpas_cli.report.charts.theme import legend, looks
from genpas_cli.report.markup import Html, join, row, section, table, tag
from genpas_cli.report.page import how_made, write_page
from genpas_cli.report.wording import count
from genpas_cli.runtime.results.reports import ShownTable
from genpas_cli.runtime.text.wording import percent
from genpas_cli.semantic.job import SemanticIdsReport


def write_codes_page(report: SemanticIdsReport, path: Path | None, charts: Path | None = None) -> None:
    """Write the page and save its chart, see `write_page`."""
    write_page(path, f"{report.source}: semantic ids", lambda canvas: _body(report, canvas), charts)


def _body(report: SemanticIdsReport, canvas: Canvas) -> Html:
    quality, levels = report.shown()
    header = tag(
        "header",
        tag("p", "genpas semantic-ids", class_="kicker"),
        tag("h1", "Semantic ids of ", tag("span", report.source, class_="source")),
        tag("p", f"{count(report.items)} items; {percent(report.unique_share)} have codes that no other item has. "
            f"{percent(report.neighbours_share)} of the nearest neighbours of an item share its first code; of random "
            f"items, {percent(report.random_share)}."),
        tag("p", _without(report)) if report.without_vector else "",
    )  # fmt: skip
    sections = [
        section("quality", "Quality", _table(quality, "Figures of all items")),
        section("levels", "Levels", _table(levels, "Figures of each level"), _frequencies(report, canvas)),
        how_made(report.made_with),
    ]
    return join([header, tag("main", *sections)])


def _without(report: SemanticIdsReport) -> str:
    named, more = ", ".join(report.without_vector_named), report.without_vector > len(report.without_vector_named)
    return (
        f"{count(report.without_vector)} items of the store have no training interaction, so they have no codes: "
        f"{named}{', ...' if more else ''}"
    )


def _table(shown: ShownTable, caption: str) -> Html:
    rows = [row(heading, *cells) for heading, *cells in shown.rows]
    return join([table(list(shown.headings), rows, caption), *(tag("p", note, class_="small") for note in shown.notes)])


def _frequencies(report: SemanticIdsReport, canvas: Canvas) -> Html:
    """Draw the share of items by code, for each level from the most frequent code on."""
    names = [f"level {number}" for number in range(1, len(report.levels) + 1)]
    look = looks(names)
    rows = [
        {"x": rank, "y": items / report.items, "name": name,
         "words": f"{name}: {count(items)} items have its code number {rank} by frequency"}
        for name, level in zip(names, report.levels, strict=True)
        for rank, items in enumerate(level["frequencies"], 1)
    ]  # fmt: skip
    told = "; ".join(
        f"{name} {percent(level['frequencies'][0] / report.items)}"
        for name, level in zip(names, report.levels, strict=True)
    )
    return canvas.figure(
        "frequencies",
        Caption("Share of items by code", "Codes of each level, the most frequent first. A flat curve uses all codes "
                "equally; a steep one wastes most of them."),
        lines(rows, look, ("code, by frequency", "share of items"), log=True),
        f"Curves of the share of items by code. Most frequent code: {told}.",
        legend=legend(look.values()),
    )  # fmt: skip
