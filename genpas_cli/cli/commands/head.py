"""`genpas head`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.ingest.options import IngestOptions

EXAMPLES = """
genpas head logs.parquet
genpas head logs.store --rows 3
genpas head logs.pairs --of validation --json
"""


@command(EXAMPLES)
@with_options(reading=IngestOptions)
def head(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="A pairs directory, a store, or logs.", show_default=False),
    ],
    *,
    rows: Annotated[int, typer.Option("-n", "--rows", metavar="N", help="Number of rows.")] = 10,
    of: Annotated[
        Literal["train", "validation", "test"], typer.Option("--of", help="For a pairs directory: the split to show.")
    ] = "train",
    json: Json = False,
    reading: IngestOptions,
) -> None:
    """Show the first rows of pairs, of a store, or of a log as it would be read.

    Ids of the log are shown in place of numbers where they are known. Of a log, --where and --min-rating select rows;
    options for what ingest does after that, such as --min-user and --split, are refused.
    """
    from genpas_cli.augment.head import head as run
    from genpas_cli.cli import tables

    found = run(sources, rows, of=of, options=reading)
    if json:
        console.print_json(found.to_dict())
        return
    (table,) = found.shown()
    tables.print_table(table)
