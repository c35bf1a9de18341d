"""`genpas export`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Force, Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.export.options import ExportOptions
from genpas_cli.runtime.errors import UsageError
from genpas_cli.runtime.text.wording import counted

Pairs = Annotated[
    str,
    typer.Argument(
        metavar="PAIRS", show_default=False,
        help="A pairs directory, local or s3://...; - reads the Arrow stream of augment -o - from standard input. For "
        "splits, lc-rec, p5 and replay, a store.",
    ),
]  # fmt: skip

EXAMPLES = """
genpas export logs.pairs --to recbole -o shop
genpas export logs.pairs --to jsonl --ids raw --split train -o train.jsonl
genpas augment logs.parquet -o - | genpas export - --to jsonl -o - | head -n 2
genpas export logs.pairs --to npz --pad left -o arrays
genpas export logs.store --to splits -o rows
genpas export logs.pairs --to messages --item-info titles.csv -o chat
"""


@command(EXAMPLES)
@with_options(options=ExportOptions)
def export(
    pairs: Pairs,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="OUT", show_default=False,
                     help="Output directory; with --split, the output file; -o - writes to stdout."),
    ],
    *,
    force: Force = False,
    json: Json = False,
    options: ExportOptions,
) -> None:  # fmt: skip
    """Write pairs for another trainer: RecBole, GRID, MiniOneRec, language models, NumPy and more.

    The pairs and their order do not change. Four formats are written from a store instead: splits writes its
    interactions, and lc-rec, p5 and replay write whole sequences.
    """
    from genpas_cli.export import job as jobs

    if output == "-":
        if json or force:
            raise UsageError(
                f"{'--json' if json else '--force'} cannot be used with -o -, which writes the pairs to stdout",
                tip="Write the pairs to a file or directory: -o OUT",
            )
        if options.to == "arrow" and sys.stdout.isatty():
            raise UsageError(
                "--to arrow writes binary data, but stdout is a terminal",
                tip="Pipe the output into another program, or write it to a file: -o FILE",
            )
        with console.progress() as progress:
            stdout = console.binary_stdout()
            jobs.export_stream(pairs, stdout, options, progress=progress)
            stdout.close()
        return
    with console.progress() as progress:
        report = jobs.export(pairs, output, options, force=force, progress=progress)
    if json:
        console.print_json(report.to_dict())
        return
    thing, rows_by_split = (
        ("interaction", report.interactions)
        if report.interactions is not None
        else ("sequence", report.sequences)
        if report.sequences is not None
        else ("pair", report.pairs)
    )
    counts = ", ".join(f"{counted(rows, thing)} for {split}" for split, rows in rows_by_split.items())
    console.say(f"{console.escaped(report.output)} ({report.format}): {counts}, in {report.seconds:.1f} s")
    if report.dropped:
        console.say(f"{counted(report.dropped, 'pair')} dropped: the target or every input item has no semantic id")
    for note in report.notes:
        console.say(console.escaped(note))
