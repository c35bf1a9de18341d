"""`genpas tune`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, Quiet, command
from genpas_cli.cli.augment import Sources
from genpas_cli.cli.parameters import with_options
from genpas_cli.jobs.options import IngestOptions, TuneOptions

EXAMPLES = """
genpas tune logs.parquet
genpas tune logs.store --alpha 0:1:0.25 --beta 0 --gamma 0,1,inf --html tune.html
genpas tune logs.store --select published --json > search.json
"""


@command(EXAMPLES)
@with_options(options=TuneOptions, reading=IngestOptions)
def tune(
    sources: Sources,
    *,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the search as one HTML file with heat maps.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    options: TuneOptions,
    reading: IngestOptions,
) -> None:
    """Search α, β and γ by how near the training pairs come to the validation pairs; nothing is trained.

    The test split is never read.
    """
    from genpas_cli.cli import tables
    from genpas_cli.jobs import tune as jobs

    del quiet  # acted on by `command`
    if html is not None:
        from genpas_cli.report.page import check_report_extra, write_tune_page

        check_report_extra()
    with console.progress() as progress:
        report = jobs.tune(sources, options, ingest_options=reading, progress=progress)
    if html is not None:
        write_tune_page(report, html)
        console.say(f"wrote {console.escaped(html)}")
    if json:
        console.print_json(asdict(report))
        return
    tables.print_search(report)
    console.say(f"draw by the first one: [bold]{console.escaped(report.command)}[/bold]")
