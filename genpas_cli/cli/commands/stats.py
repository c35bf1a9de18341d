"""`genpas stats`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpas_cli.cli import console
from genpas_cli.cli import report_outputs as outputs
from genpas_cli.cli.app import Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.figures.options import StatsOptions
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import CheckFailedError, UsageError
from genpas_cli.runtime.machine import machine_options
from genpas_cli.runtime.options import flag_of
from genpas_cli.runtime.text.documentation import page
from genpas_cli.runtime.text.wording import counted

if TYPE_CHECKING:
    from genpas_cli.figures.results import StatsReport
    from genpas_cli.figures.rules import Check, Rule

EXAMPLES = """
genpas stats logs.parquet
genpas stats logs.store -s multi-target -s 1,0,0 -s 0.5,0,0 --html report.html
genpas stats logs.pairs --store logs.store
genpas stats logs.store --check default --json > figures.json
genpas stats --split-of split --check default
"""


@command(EXAMPLES)
@with_options(options=StatsOptions, reading=IngestOptions)
def stats(  # noqa: PLR0913  # its parameters are the command's
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="A store written by genpas ingest, logs in any format that genpas ingest "
                       "reads, or a pairs directory, whose shards are then measured.", show_default=False),
    ] = None,
    *,
    split_of: Annotated[
        Path | None,
        typer.Option("--split-of", metavar="DIR", help="In place of SOURCE: audit a split that any tool has written: "
                     "files train, validation and test, or train, validation_input, validation_target, test_input and "
                     "test_target, in any format that genpas ingest reads."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="STORE", help="With a pairs directory: the store that the pairs were made "
                     "from. Also shows the expected figures, and tests whether the pairs were drawn with the "
                     "probabilities of their strategy."),
    ] = None,
    html: outputs.Html = None,
    charts: outputs.Charts = None,
    open_: outputs.Open = False,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="RULES", help="Check the figures against the rules in a TOML file, or "
                     "against the built-in rules (--check default). A rule in a list 'fail' sets the exit code "
                     "to 5 if it is violated, one in a list 'warn' only prints a warning."),
    ] = None,
    csv: outputs.Csv = False,
    markdown: outputs.Markdown = False,
    latex: outputs.Latex = False,
    json: Json = False,
    options: StatsOptions,
    reading: IngestOptions,
) -> None:  # fmt: skip
    """Compute the exact distribution of the training pairs of each strategy, and check the data.

    If SOURCE is a store or logs, the figures are computed from the formulas, without drawing pairs. If SOURCE is a
    pairs directory, its shards are measured. With --split-of, the rows of a split are checked for leaks instead.
    """
    from genpas_cli.figures import rules
    from genpas_cli.figures import stats as jobs

    printed, drawings = outputs.Printed(json, csv, markdown, latex), outputs.Drawings(html, charts, open_)
    gate = None if check is None else rules.read_rules(check)
    if split_of is not None:
        _refuse_beside_split(sources, options, {
            "--store": store, "--html": html, "--charts": charts, "--open": open_, "--markdown": markdown,
            "--latex": latex,
        })  # fmt: skip
        _audit(split_of, replace(reading, **machine_options(options)), gate, printed)
        return
    if not sources:
        raise UsageError("SOURCE is missing", tip="For example: genpas stats logs.parquet")
    drawings.check()
    with console.progress() as progress:
        report = jobs.stats(
            sources, options, ingest_options=reading, store=store, illustrated=drawings.wanted, progress=progress
        )
    checks = [] if gate is None else rules.check(report, gate)
    drawings.write(report, "stats")
    _print(report, checks, printed)
    _say_checks(checks)


def _refuse_beside_split(sources: list[str] | None, options: StatsOptions, others: Mapping[str, Any]) -> None:
    """Raise UsageError for what a report of pairs can have and the audit of a split cannot."""
    usual, machine = StatsOptions(), machine_options(options)
    of_pairs = {
        flag_of(each.name): getattr(options, each.name) != getattr(usual, each.name)
        for each in fields(options) if each.name not in machine
    }  # fmt: skip
    given = {(sources or ["SOURCE"])[0]: bool(sources), **others, **of_pairs}
    if unused := next((name for name, is_given in given.items() if is_given), None):
        raise UsageError(
            f"{unused} cannot be used with --split-of, which audits the rows of a split", tip=f"Remove {unused}."
        )


def _audit(directory: Path, reading: IngestOptions, gate: list[Rule] | None, printed: outputs.Printed) -> None:
    """Print the audit of a split."""
    from genpas_cli.cli import tables
    from genpas_cli.figures import rules
    from genpas_cli.figures.split_stats import split_stats

    with console.progress() as progress:
        report = split_stats(directory, reading, progress=progress)
    checks = [] if gate is None else rules.check(report, gate)
    if not printed.print(report, {"checks": [asdict(each) for each in checks]} if checks else None):
        tables.print_split(report)
    _say_checks(checks)


def _print(report: StatsReport, checks: list[Check], printed: outputs.Printed) -> None:
    from genpas_cli.cli import tables

    if not printed.print(report, {"checks": [asdict(each) for each in checks]} if checks else None):
        tables.print_report(report)


def _say_checks(checks: list[Check]) -> None:
    for each in checks:
        if each.level == "warn" and not each.held:
            console.say(f"[bold]warning[/bold]: {console.escaped(each.found)}")
    failed = [each for each in checks if each.level == "fail" and not each.held]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {counted(len(checks), 'rule')} failed: {'. '.join(each.found for each in failed)}",
            tip=f"The figures are explained at {page('explanation/figures')}",
        )
    if checks:
        broken = sum(not each.held for each in checks)
        console.say(f"{counted(len(checks), 'rule')} checked: 0 failures, {counted(broken, 'warning')}")
