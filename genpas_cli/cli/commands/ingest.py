"""`genpas ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.ingest.options import IngestOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.wording import counted, halves, time_range

if TYPE_CHECKING:
    from genpas_cli.ingest.columns.roles import ReadColumns
    from genpas_cli.ingest.report import IngestReport

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Log files, globs, directories, s3://..., gs://..., or - for standard input.",
        show_default=False,
    ),
]

EXAMPLES = """
genpas ingest logs.parquet -o logs.store
genpas ingest tuesday.csv -o shop_days.store --append
genpas ingest 'events/*.csv.gz' -o shop.store --user 'Customer ID' --item StockCode --min-user 5 --min-item 5
zcat ratings.dat.gz | genpas ingest - -o ml.store --user 1 --item 2 --time 4
"""


@command(EXAMPLES)
@with_options(options=IngestOptions)
def ingest(  # noqa: PLR0913  # its parameters are the command's
    sources: Sources,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="STORE", help="The store file to write; required unless --dry-run is "
                                                             "given.",
                     show_default=False),
    ] = None,
    *,
    append: Annotated[
        bool,
        typer.Option("--append", help="Add new interactions to an existing store. Users and items of the store "
                     "keep their numbers, and its cleaning options and split rule apply; the split is recomputed."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print as JSON how the logs would be read, and how much "
                           "memory and disk space this needs; write nothing.")
    ] = False,
    force: Force = False,
    json: Json = False,
    options: IngestOptions,
) -> None:  # fmt: skip
    """Read, clean, sort and split interaction logs, and write them to one DuckDB file (a store).

    The format and the columns are detected from the files; options override the detection.
    """
    from genpas_cli.ingest.dry_run import plan_ingest
    from genpas_cli.ingest.job import ingest as run

    if output is None and (append or not dry_run):
        raise UsageError("--output is missing; it names the store file to write", tip=_example(sources, append=append))
    if dry_run:
        console.print_json(plan_ingest(sources, options, append_to=output if append else None).to_dict())
        return
    assert output is not None, "asked for above"
    with console.progress() as progress:
        report = run(sources, output, options, append=append, force=force, progress=progress)
    if json:
        say_notes(report)
        console.print_json(report.to_dict())
        return
    say_report(report)
    _say_split(report)
    store = console.escaped(report.store)
    following = f"; next: [bold]genpas augment {store}[/bold]" if report.length["max"] > 1 else ""
    console.say(f"\nwrote {store}{following}")


def _say_split(report: IngestReport) -> None:
    split = report.split
    if not split["validation"] + split["test"]:
        return  # as asked by --split none, or said by a note
    only = split["users_in_train_only"]
    unused = report.interactions - split["train"] - split["validation"] - split["test"]
    whose = "user" if report.session_users is None else "session"
    console.say(
        f"interactions for training: {split['train']:,}; held out for validation: {split['validation']:,}; "
        f"held out for test: {split['test']:,}"
        + (f"; held out, but not used as targets: {unused:,}" if unused else "")
        + (f"; {counted(only, whose)} without held-out interactions" if only else "")
    )


def _example(sources: list[str], *, append: bool) -> str:
    from genpas_cli.augment.source_store import default_output

    if append:
        return "Name the store to append to: -o STORE"
    name = "log.store" if sources[0] == "-" else default_output(sources, ".store")
    return f"Name the store, for example: -o {name}"


def _columns(columns: ReadColumns) -> str:
    """Return the columns that are read, by role, and which of them hold lists."""
    read = ", ".join(f"{role} {name}" for role, name in columns.items() if role not in ("keep", "lists") and name)
    lists = ", ".join(columns["lists"])
    return f"{read}; one interaction per element of the lists in {lists}" if lists else read


def say_report(report: IngestReport) -> None:
    """Print the funnel, the figures and the ties of a store."""
    if report.columns is not None:
        console.say(console.escaped(f"columns: {_columns(report.columns)}"))
    width = max(len(step["step"]) for step in report.funnel)
    console.say(f"  {'rows':<{width}} {'dropped':>14} {'left':>14}")
    for step in report.funnel:
        dropped = " " * 14 if step["step"] == "read" else f"{-step['dropped']:>14,}"
        console.say(f"  {step['step']:<{width}} {dropped} {step['kept']:>14,}")
    length = report.length
    console.say(
        f"{counted(report.interactions, 'interaction')} of {_whose(report)} with "
        f"{counted(report.items, 'item')}; history length {length['min']:,} to {length['max']:,}, median "
        f"{halves(length['median'])}"
    )
    if report.rejects:
        console.say(f"bad rows are listed in {console.escaped(report.rejects)}")
    if report.time_range:
        console.say(f"time {time_range(report.time_range)}")
    say_notes(report)


def _whose(report: IngestReport) -> str:
    """Return the number of users, and that of their sessions if they were cut into sessions."""
    if report.session_users is None:
        return counted(report.users, "user")
    return f"{counted(report.session_users, 'user')} in {counted(report.users, 'session')}"


def say_notes(report: IngestReport) -> None:
    """Print notes on how the log was read and ordered, to stderr, with --json too; -q suppresses them."""
    for note in report.notes:
        console.say(f"[yellow]note:[/yellow] {console.escaped(note)}")
