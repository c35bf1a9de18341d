"""`genpas compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli import report_outputs as outputs
from genpas_cli.cli.app import Force, Json, Resume, command
from genpas_cli.cli.commands.augment import Sources
from genpas_cli.cli.parameters import with_options
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.training.options import CompareOptions

if TYPE_CHECKING:
    from genpas_cli.training.comparison import SeedRun

EXAMPLES = """
genpas compare logs.parquet --steps 50 --seeds 1
genpas compare logs.store -s multi-target -s 1,0,0 --steps 50 --seeds 2 --html comparison.html -o two.comparison
genpas compare logs.store -s 0.5,0,1 --steps 50 --seeds 1 -o one.comparison --resume
"""


@command(EXAMPLES)
@with_options(options=CompareOptions, reading=IngestOptions)
def compare(  # noqa: PLR0913  # its parameters are the command's
    sources: Sources,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="Output directory for pairs and models. Default: "
                     "NAME.comparison in the current directory."),
    ] = None,
    *,
    html: outputs.Html = None,
    charts: outputs.Charts = None,
    open_: outputs.Open = False,
    csv: outputs.Csv = False,
    markdown: outputs.Markdown = False,
    latex: outputs.Latex = False,
    resume: Resume = False,
    force: Force = False,
    json: Json = False,
    options: CompareOptions,
    reading: IngestOptions,
) -> None:  # fmt: skip
    """Train the same model on the pairs of several strategies, and compare its accuracy.

    Every strategy gets the same maximum number of steps and the same held-out pairs. The number of training runs is
    strategies × seeds; --resume continues an interrupted comparison.
    """
    from genpas_cli.cli import tables
    from genpas_cli.training import compare as jobs

    printed, drawings = outputs.Printed(json, csv, markdown, latex), outputs.Drawings(html, charts, open_)
    drawings.check()
    with console.progress() as progress:
        report = jobs.compare(
            sources, output, options, ingest_options=reading, resume=resume, force=force, observe=say_run,
            progress=progress,
        )  # fmt: skip
    drawings.write(report, "comparison")
    if printed.print(report):
        return
    tables.print_comparison(report)
    console.say(f"best strategy on the validation pairs: [bold]{console.escaped(report.winner)}[/bold]")
    console.say(f"wrote {console.escaped(report.output)}: pairs, models, comparison.json")


def say_run(strategy: str, run: SeedRun) -> None:
    """Print the result of one run."""
    console.say(
        f"{console.escaped(strategy)}, seed {run.seed}: validation NDCG@10 {run.validation['ndcg@10']:.4f} at step "
        f"{run.best_step:,} of {run.steps:,}, {run.seconds:,.0f} s"
    )
