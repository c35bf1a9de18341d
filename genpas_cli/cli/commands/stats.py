"""`genpas stats`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, Quiet, command
from genpas_cli.cli.commands.augment import Sources
from genpas_cli.cli.parameters import with_options
from genpas_cli.figures.options import StatsOptions
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import CheckFailedError, UsageError
from genpas_cli.runtime.text.wording import counted

if TYPE_CHECKING:
    from genpas_cli.figures.results import StatsReport
    from genpas_cli.figures.rules import Check

EXAMPLES = """
genpas stats logs.parquet
genpas stats logs.store -s multi-target -s 1,0,0 -s 0.5,0,0 --html report.html
genpas stats logs.pairs --store logs.store
genpas stats logs.store --check default --json > figures.json
"""


@command(EXAMPLES)
@with_options(options=StatsOptions, reading=IngestOptions)
def stats(  # noqa: PLR0913  # its parameters are the command's
    sources: Sources,
    *,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="STORE", help="For pairs: the store they were made from. Shows what they "
                     "should be beside what they are, and tests whether they are a fair draw."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML file, charts included.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="RULES", help="Hold the figures against the rules of a TOML file, or against "
                     "genpas's own (default); exit code 5 if one of level fail is broken."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print a row a strategy as CSV on stdout.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    options: StatsOptions,
    reading: IngestOptions,
) -> None:  # fmt: skip
    """Show what cutting rules do to the training pairs, exactly, and how healthy the data is.

    No pair is drawn. SOURCE is a store or logs; or a pairs directory, whose shards are measured.
    """
    from genpas_cli.figures import rules
    from genpas_cli.figures import stats as jobs

    del quiet  # acted on by `command`
    if json and csv:
        raise UsageError("--json and --csv both want stdout")
    gate = None if check is None else rules.read_rules(check)
    if html is not None:
        from genpas_cli.report.page import check_page
        from genpas_cli.report.stats_page import write_stats_page

        check_page(html)
    with console.progress() as progress:
        report = jobs.stats(
            sources, options, ingest_options=reading, store=store, illustrated=html is not None, progress=progress
        )
    checks = [] if gate is None else rules.check(report, gate)
    if html is not None:
        write_stats_page(report, html)
        console.say(f"wrote {console.escaped(html)}")
    _print(report, checks, json=json, csv=csv)
    _say_checks(checks)


def _print(report: StatsReport, checks: list[Check], *, json: bool, csv: bool) -> None:
    from genpas_cli.cli import tables
    from genpas_cli.figures.results import report_as_json

    if json:
        values = report_as_json(report)
        console.print_json(values | ({"checks": [asdict(each) for each in checks]} if checks else {}))
    elif csv:
        tables.print_csv(report)
    else:
        tables.print_report(report)


def _say_checks(checks: list[Check]) -> None:
    for each in checks:
        if each.level == "warn" and not each.held:
            console.say(f"[bold]warn[/bold]: {_broken(each)}")
    failed = [each for each in checks if each.level == "fail" and not each.held]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {counted(len(checks), 'rule')} failed: {'; '.join(map(_broken, failed))}",
            tip="The figures are explained in docs/explanation/figures.md.",
        )
    if checks:
        broken = sum(not each.held for each in checks)
        console.say(f"{counted(len(checks), 'rule')} checked, none failed, {broken} warned")


def _broken(check: Check) -> str:
    return f"{check.rule}, but it is {'missing' if check.value is None else f'{check.value:.4g}'}"
