"""`genpas verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from genpas_cli.cli import console
from genpas_cli.cli.app import Json, Quiet, command
from genpas_cli.cli.parameters import with_options
from genpas_cli.runtime.machine import MachineOptions
from genpas_cli.runtime.text.wording import counted

EXAMPLES = """
genpas verify logs.pairs
genpas verify logs.pairs --store logs.store
"""


@command(EXAMPLES)
@with_options(machine=MachineOptions)
def verify(
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="A pairs directory, here or s3://...", show_default=False)
    ],
    *,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="STORE",
            help="The store it was made from: check too that every pair is the slice of its user's sequence that its "
            "positions say, and that nothing held out is in training.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    machine: MachineOptions,
) -> None:
    """Check shards against their manifest: digests, counts, schema, numbers; with the store, every pair."""
    from genpas_cli.augment.verify import verify as run

    del quiet  # acted on by `command`
    with console.progress() as progress:
        report = run(pairs, store=store, machine=machine, progress=progress)
    if json:
        console.print_json(asdict(report))
        return
    console.say(
        f"{counted(report.files, 'file')}, {counted(report.rows, 'pair')}: "
        "digests, counts, schema and numbers agree with the manifest"
    )
    if report.unknown:
        shown = ", ".join(report.unknown[:3]) + (", ..." if len(report.unknown) > 3 else "")  # noqa: PLR2004  # a line
        console.say(
            f"not in the manifest, so not checked: {counted(len(report.unknown), 'file')} ({console.escaped(shown)})"
        )
    if report.slices:
        console.say(
            "every pair is the slice of its user's sequence that its positions say; nothing held out is in training"
        )
    else:
        console.say("not checked: that pairs are what the log holds (--store STORE)")
