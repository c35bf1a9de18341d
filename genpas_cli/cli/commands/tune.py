"""`genpas tune`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli import report_outputs as outputs
from genpas_cli.cli.app import Force, Json, Resume, command
from genpas_cli.cli.commands.augment import Sources
from genpas_cli.cli.commands.compare import say_run
from genpas_cli.cli.parameters import with_options
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.options import flag_of
from genpas_cli.training.options import RunsOptions, TuneOptions

if TYPE_CHECKING:
    from genpas_cli.figures.results import TuneReport

EXAMPLES = """
genpas tune logs.parquet
genpas tune logs.store --alpha 0:1:0.25 --beta 0 --gamma 0,1,inf --html tune.html
genpas tune logs.store --select published --json > search.json
genpas tune logs.store --train-top 2 --seeds 1 --steps 50 -o tuned.search
"""


@command(EXAMPLES)
@with_options(options=TuneOptions, training=RunsOptions, reading=IngestOptions)
def tune(  # noqa: PLR0913  # its parameters are the command's
    sources: Sources,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="With --train-top: output directory of the trained models. "
                     "Default: NAME.search."),
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
    options: TuneOptions,
    training: RunsOptions,
    reading: IngestOptions,
) -> None:  # fmt: skip
    """Search for biases (α, β and γ) whose training pairs are most similar to the validation pairs.

    KL is the divergence of the validation targets from the training targets. Alignment is the mean similarity of
    validation inputs and training inputs with the same target, discrimination that with different targets. No model is
    trained unless --train-top is given. The test split is never used.
    """
    from genpas_cli.training import tune as jobs

    printed, drawings = outputs.Printed(json, csv, markdown, latex), outputs.Drawings(html, charts, open_)
    drawings.check()
    if options.train_top is None and (given := _unused(output, training, resume=resume, force=force)):
        raise UsageError(
            f"{given} can only be used with --train-top",
            tip="Without --train-top, no model is trained and no directory is written.",
        )
    with console.progress() as progress:
        report = jobs.tune(
            sources, options, ingest_options=reading, training=training, output=output, resume=resume, force=force,
            observe=say_run, progress=progress,
        )  # fmt: skip
    drawings.write(report, "tune")
    if printed.print(report):
        return
    _say_report(report)


def _say_report(report: TuneReport) -> None:
    from genpas_cli.cli import tables

    tables.print_search(report)
    if report.left_out:
        console.say(
            f"--search halving left out {report.left_out:,} configurations that were less promising, or far "
            "from any promising one. To see all: --search all"
        )
    if report.undecided and report.select == "entropy":
        console.say(
            f"KL drawn − 0.1 × entropy does not tell apart: {'; '.join(report.undecided)}. To choose by training: "
            f"--train-top {len(report.undecided)}"
        )
    elif report.undecided:
        console.say(
            "α and β are chosen separately for each γ, by KL and A / D together. These figures cannot choose γ, as "
            "A / D is comparable only for the same γ, so the configuration with the γ nearest to 0 is listed first. "
            f"Best for each γ: {'; '.join(report.undecided)}. "
            f"To choose by training: --train-top {len(report.undecided)}"
        )
    if report.trained is None:
        console.say(f"to draw pairs with the first configuration: [bold]{console.escaped(report.command)}[/bold]")
        return
    tables.print_trained(report)
    console.say(
        "to draw pairs with the best configuration on the validation pairs: "
        f"[bold]{console.escaped(report.command)}[/bold]"
    )
    console.say(f"wrote {console.escaped(report.output)}: pairs, models, search.json")


def _unused(output: str | None, training: RunsOptions, *, resume: bool, force: bool) -> str | None:
    """Return a given flag that has no effect without training; None if there is none."""
    machine = {field.name for field in fields(MachineOptions)}
    given = {
        "--output": output is not None, "--resume": resume, "--force": force,
        **{
            flag_of(field.name): getattr(training, field.name) != field.default
            for field in fields(RunsOptions) if field.name not in machine
        },
    }  # fmt: skip
    return next((flag for flag, is_given in given.items() if is_given), None)
